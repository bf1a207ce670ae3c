"""compose.yaml agrees with itself and with the project."""

import json
import re
from http import HTTPStatus
from urllib.parse import urlsplit

from .deployment import compose
from .deployment import fields
from .deployment import instructions

IMAGE = re.compile(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)*(@sha256:[0-9a-f]{64})?")


def test_compose_names_nothing_that_is_not_there(project):
    plan = compose(project)
    for service in plan["services"].values():
        assert plan["networks"].keys() >= set(service["networks"])
        assert plan["volumes"].keys() >= {name.split(":")[0] for name in service.get("volumes", ())}
        assert plan["configs"].keys() >= {one["source"] for one in service.get("configs", ())}
        for name, how in service.get("depends_on", {}).items():
            needed = plan["services"][name]
            ends = how == {"condition": "service_completed_successfully"}
            lasts = how == {"condition": "service_healthy"}
            assert ends if needed["restart"] == "no" else lasts
            assert "healthcheck" in needed or "build" in needed  # the image brings its own


def test_compose_leads_the_application_to_servers_that_it_can_reach(project):
    services = compose(project)["services"]
    values = services["app"]["environment"].values()
    urls = [value for value in values if value and "://" in value]
    assert len(urls) == len(services.keys() & {"postgres", "redis"})
    for url in urls:
        server = services[urlsplit(url).hostname]
        assert set(server["networks"]) & set(services["app"]["networks"])
    rules = compose(project)["configs"]["haproxy"]["content"]
    assert instructions(project, "EXPOSE") == re.findall(
        r"server-template app \d+ app:(\d+)", rules
    )
    assert set(services["proxy"]["networks"]) & set(services["app"]["networks"])


def test_compose_starts_exactly_what_was_asked_for(project):
    services = compose(project)["services"]
    redis = {"redis"} if project.answers["use_cache"] else set()
    assert services.keys() == {"proxy", "app", "migrate", "postgres"} | redis
    assert services["app"]["depends_on"].keys() == {"migrate"} | redis
    assert ("REDIS_URL" in services["app"]["environment"]) is bool(redis)
    assert services["app"]["environment"] == services["migrate"]["environment"]


def test_compose_gives_no_container_more_than_it_needs(project):
    plan = compose(project)
    for name, service in plan["services"].items():
        assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("read_only") is (None if "configs" in service else True)
        assert "tmpfs" in service or "read_only" not in service
        assert ("ports" in service) is (name == "proxy")
        assert "build" in service or IMAGE.fullmatch(service["image"])
    assert plan["networks"]["data"] == {"internal": True}
    assert plan["services"]["postgres"]["networks"] == ["data"]


def test_no_container_starts_anything_by_a_shell(project):
    for service in compose(project)["services"].values():
        assert isinstance(service.get("command", []), list)
        check = service.get("healthcheck", {"disable": True})
        assert check == {"disable": True} or check["test"][0] == "CMD"


def test_compose_holds_no_secret_and_says_which_one_it_misses(project):
    for service in compose(project)["services"].values():
        for name, value in service.get("environment", {}).items():
            if value and re.search("SECRET|PASSWORD|TOKEN", name):
                assert re.fullmatch(r"\$\{([A-Z_]+):\?put \1 in \.env\}", value)
            assert not re.search("://[^/]*:[^/]*@", value or "")


def test_compose_hands_every_setting_to_the_application(project):
    given = compose(project)["services"]["app"]["environment"]
    settings = fields(project) - {"FLASK_ENVIRONMENT"}  # production, when nothing says so
    assert given.keys() == settings | {"PGPASSWORD", "WEB_CONCURRENCY"}


def test_compose_runs_two_copies_and_asks_each_whether_it_is_ready(project):
    plan = compose(project)
    rules = plan["configs"]["haproxy"]["content"]
    assert plan["services"]["app"]["deploy"] == {"replicas": 2}
    assert "uri /health/ready" in rules and "app:8000 check" in rules


def test_the_proxy_has_problems_where_it_would_show_pages(project):
    rules = compose(project)["configs"]["haproxy"]["content"]
    problem = "http-error status (.*) content-type application/problem.json string '(.*)'"
    found = {int(status): json.loads(text) for status, text in re.findall(problem, rules)}
    assert found.keys() == {400, 408, 502, 503, 504}
    for status, text in found.items():
        title = HTTPStatus(status).phrase
        assert text == {"type": "about:blank", "title": title, "status": status}


def test_the_proxy_asks_another_copy_for_a_read_and_for_nothing_else(project):
    rules = compose(project)["configs"]["haproxy"]["content"]
    assert "option redispatch" in rules and "retry-on conn-failure empty-response\n" in rules
    assert "http-request disable-l7-retry unless METH_GET\n" in rules


def test_the_proxy_waits_for_slow_clients_in_place_of_the_application(project):
    rules = compose(project)["configs"]["haproxy"]["content"]
    assert "option http-buffer-request\n" in rules and "timeout http-request 10s\n" in rules


def test_redis_forgets_all_when_it_stops_and_the_oldest_when_it_is_full(default):
    command = compose(default)["services"]["redis"]["command"]
    assert command[:3] == ["redis-server", "--save", ""]
    assert command[-2:] == ["--maxmemory-policy", "allkeys-lru"]
