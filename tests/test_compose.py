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
        for name in (volume.split(":")[0] for volume in service.get("volumes", ())):
            is_file = name.startswith(".") and (project.path / name).is_file()
            assert is_file or name in plan["volumes"]
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
    assert instructions(project, "EXPOSE") == re.findall(
        r"set \$api http://app:(\d+);", project.read("nginx.conf")
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
        assert service["read_only"] is True and "tmpfs" in service
        assert "mem_limit" in service and service["logging"]["options"]["max-file"]
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


def test_the_api_is_no_superuser_of_its_database(project):
    plan = compose(project)["services"]
    user = re.match("postgresql://([a-z]+)@", plan["app"]["environment"]["DATABASE_URL"])[1]
    given = plan["postgres"]["environment"]
    assert "POSTGRES_USER" not in given  # whom the image makes a superuser
    assert f"CREATE ROLE {user} LOGIN PASSWORD" in given["INIT"]
    assert f"CREATE DATABASE {user} OWNER {user};" in given["INIT"]
    assert "ALTER ROLE postgres PASSWORD NULL;" in given["INIT"]


def test_compose_hands_every_setting_to_the_application(project):
    given = compose(project)["services"]["app"]["environment"]
    settings = fields(project) - {"FLASK_ENVIRONMENT"}  # production, when nothing says so
    assert given.keys() == settings | {"PGPASSWORD", "WEB_CONCURRENCY", "DRAIN_SECONDS"}


def test_compose_runs_two_replicas_behind_a_proxy_that_looks_them_up_again(project):
    assert compose(project)["services"]["app"]["deploy"] == {"replicas": 2}
    assert re.search("resolver 127.0.0.11 valid=1s;", project.read("nginx.conf"))


def test_the_proxy_has_problems_where_it_would_show_pages(project):
    rules = project.read("nginx.conf")
    codes = re.search(r"error_page ([\d ]+) /@problem;", rules)[1].split()
    reasons = dict(re.findall(r'^ +(\d{3}|default) +"(.*)";$', rules, re.MULTILINE))
    assert {"400", "408", "413", "414", "502", "503", "504"} <= {*codes}
    for code in {*codes, "431"}:
        phrase = HTTPStatus(int(code)).phrase
        newer = {"413": "Content Too Large", "414": "URI Too Long"}  # RFC 9110
        assert reasons.get(code, reasons["default"]) == newer.get(code, phrase)
    problem, same = re.findall("return 200 '(.*)';", rules)
    assert problem == same
    filled = problem.replace("$reason", "Bad Gateway").replace("$status", "502")
    about = {"type": "about:blank", "title": "Bad Gateway", "status": 502}
    assert json.loads(filled) == {**about, "request_id": "$id"}
    assert "default_type application/problem+json;" in rules


def test_the_proxy_sends_no_write_twice(project):
    rules = project.read("nginx.conf")
    assert re.findall("proxy_next_upstream (.*);", rules) == ["error timeout"]
    [methods] = re.findall(r"map \$request_method \$method_to_choose_by {(.*?)}", rules, re.DOTALL)
    assert methods.split() == ["default", "POST;", "GET", "GET;", "HEAD", "HEAD;"]


def test_the_proxy_waits_for_slow_clients_in_place_of_the_application(project):
    rules = project.read("nginx.conf")
    for line in (
        *("client_header_timeout 10s", "client_body_timeout 10s", "send_timeout 10s"),
        *("proxy_request_buffering on", "proxy_buffering on"),
    ):
        assert f"{line};" in rules


def test_the_proxy_writes_only_where_its_read_only_container_lets_it(project):
    proxy, rules = compose(project)["services"]["proxy"], project.read("nginx.conf")
    assert proxy["read_only"] and proxy["tmpfs"] == ["/tmp:size=128m,mode=1777"]
    folders = dict(re.findall("^ *(.*)_temp_path (/.*?)/", rules, re.MULTILINE))
    assert folders.keys() == {"client_body", "proxy", "fastcgi", "scgi", "uwsgi"}
    assert {*folders.values(), *re.findall("pid (/.*?)/", rules)} == {"/tmp"}


def test_the_proxy_is_not_killed_for_what_it_holds_for_clients(default):
    proxy = compose(default)["services"]["proxy"]
    [size] = re.findall(r"size=(\d+)m", proxy["tmpfs"][0])
    assert int(size) * 2 <= int(proxy["mem_limit"].removesuffix("m"))
    assert re.findall("listen .*;", default.read("nginx.conf")) == [
        "listen 8000 backlog=4096;",
        "listen unix:/tmp/choose.sock backlog=4096;",
    ]


def test_the_address_and_the_scheme_of_a_client_reach_the_application(project):
    rules = project.read("nginx.conf")
    assert "X-Forwarded-For $proxy_add_x_forwarded_for;" in rules
    assert "X-Forwarded-Proto $scheme_of_client;" in rules and "Host $http_host;" in rules
    environment = compose(project)["services"]["app"]["environment"]
    assert environment["PROXY_HOPS"] == "${PROXY_HOPS:-1}"


def test_redis_forgets_all_when_it_stops_and_the_oldest_when_it_is_full(default):
    command = compose(default)["services"]["redis"]["command"]
    assert command[:3] == ["redis-server", "--save", ""]
    assert command[-2:] == ["--maxmemory-policy", "allkeys-lru"]
