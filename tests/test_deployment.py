"""What carries a project to other machines agrees with itself and with the project.

Files are read; gunicorn and the image's own health check are run. No image is built here and no
container started: that needs Docker, and is what the job `image` of both workflows is for.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import yaml

from .conftest import environment
from .conftest import Project
from .conftest import TEMPLATE

WORKFLOW = ".github/workflows/ci.yml"
IMAGE = re.compile(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)*(@sha256:[0-9a-f]{64})?")
on_unix = pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")


@pytest.fixture
def running(default, tmp_path):
    """A copy of the project, in which things may run and leave files."""
    return Project(shutil.copytree(default.path, tmp_path / "running"), default.answers)


def run(*command, cwd=None, **variables):
    return subprocess.run(
        command, cwd=cwd, env=environment() | variables, capture_output=True, text=True, timeout=60
    )


# The image


def instructions(project, name):
    """The arguments of each such instruction in the Dockerfile."""
    text = project.read("Dockerfile").replace("\\\n", "")
    return re.findall(f"^{name} (.*)$", text, re.MULTILINE)


def test_the_image_copies_only_what_exists_and_may_enter(project):
    ignored = project.read(".dockerignore").splitlines()
    assert "*" in ignored
    copies = [copy.split() for copy in instructions(project, "COPY")]
    assert len(copies) > 4
    for *sources, _ in (copy for copy in copies if not copy[0].startswith("--from=")):
        for source in sources:
            assert f"!{source}" in ignored
            assert (project.path / source).exists() or source == "uv.lock"  # made by the first sync


def test_neither_secrets_nor_a_database_enter_the_image_or_git(project):
    entering = re.findall("^!(.*)$", project.read(".dockerignore"), re.MULTILINE)
    assert entering and not [name for name in entering if name.startswith((".", "instance"))]
    assert {".env", ".env.*", "/instance/"} <= set(project.read(".gitignore").splitlines())
    assert not re.search("SECRET|PASSWORD", project.read("Dockerfile"))


def test_the_image_is_made_of_one_by_digest_and_of_its_own_stages(project):
    (image, base), *others = (line.split(" AS ") for line in instructions(project, "FROM"))
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", image)
    assert {origin for origin, *_ in others} == {base}
    stages = {stage for _, *names in others for stage in names}
    copied = [copy.split()[0] for copy in instructions(project, "COPY")]
    assert {one.removeprefix("--from=") for one in copied if one.startswith("--from=")} == stages


def test_the_image_is_built_by_an_exact_version_of_uv(project):
    assert re.search(r"pip install uv==\d+\.\d+\.\d+$", project.read("Dockerfile"), re.MULTILINE)


def test_the_image_starts_the_application_without_root_and_without_a_shell(project):
    assert instructions(project, "USER") == ["10001:10001"]
    [command] = instructions(project, "CMD")
    assert json.loads(command) == ["gunicorn", f"{project.package}:create_app()"]
    assert f"FLASK_APP={project.package} " in project.read("Dockerfile")
    assert project.read(".flaskenv") == f"FLASK_APP={project.package}\n"


def test_every_health_check_asks_for_a_path_that_is_served(project):
    served = re.findall('add_url_rule."(.*?)"', project.read(f"src/{project.package}/health.py"))
    for name in ("Dockerfile", "compose.yaml", WORKFLOW):
        asked = set(re.findall(r"/health/\w*", project.read(name)))
        assert asked and asked <= set(served), name


def test_every_health_check_asks_by_the_same_name(project):
    assert "'http://localhost:'" in instructions(project, "HEALTHCHECK")[0]
    plan = compose(project)
    assert " hdr Host localhost\n" in plan["configs"]["haproxy"]["content"]
    assert "--header=Host:localhost" in plan["services"]["proxy"]["healthcheck"]["test"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_image_is_healthy_while_the_api_says_that_it_lives(default, status, healthy):
    asked = []

    class API(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    [check] = instructions(default, "HEALTHCHECK")
    command, *code = json.loads(check.partition("CMD ")[2])
    assert command == "python"
    with HTTPServer(("127.0.0.1", 0), API) as server:
        Thread(target=server.handle_request, daemon=True).start()
        done = run(sys.executable, *code, PORT=str(server.server_port))
    assert asked == ["/health/live"]
    assert (done.returncode == 0) is healthy


# gunicorn


def settings(folder, **variables):
    """What gunicorn.conf.py sets, with these variables in the environment."""
    code = "import json, runpy; print(json.dumps(runpy.run_path('gunicorn.conf.py'), default=str))"
    done = run(sys.executable, "-c", code, cwd=folder, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_gunicorn_is_set_up_by_the_environment_and_by_dotenv(default, tmp_path, monkeypatch):
    for name in ("PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(default.path / "gunicorn.conf.py", tmp_path)
    found = settings(tmp_path)
    assert (found["bind"], found["workers"]) == ("0.0.0.0:8000", 2)
    assert (found["worker_class"], found["threads"]) == ("gthread", 8)
    assert found["control_socket_disable"] is True
    assert not {"accesslog", "forwarded_allow_ips"} & found.keys()

    (tmp_path / ".env").write_text("PORT=9000\nWEB_CONCURRENCY=3\n")
    found = settings(tmp_path, WEB_CONCURRENCY="5")
    assert (found["bind"], found["workers"]) == ("0.0.0.0:9000", 5)


def test_gunicorn_lets_requests_finish_before_compose_kills_it(default):
    grace = settings(default.path)["graceful_timeout"]
    assert compose(default)["services"]["app"]["stop_grace_period"] == "30s" and grace < 30


@on_unix
def test_gunicorn_accepts_its_settings_and_finds_the_application(running):
    done = check(running)
    assert (done.returncode, done.stderr) == (0, "")


def check(project):
    application = f"{project.package}:create_app()"
    command = [sys.executable, "-m", "gunicorn", "--check-config", application]
    return run(*command, cwd=project.path, PYTHONPATH="src")


# Docker Compose


def compose(project):
    return yaml.safe_load(project.read("compose.yaml"))


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


# The environment


def test_the_example_names_exactly_the_variables_that_something_reads(project):
    example = set(re.findall("^([A-Z_]+)=", project.read(".env.example"), re.MULTILINE))
    server = set(re.findall(r"environ\.get\(.([A-Z_]+)", project.read("gunicorn.conf.py")))
    containers = set(re.findall(r"\$\{([A-Z_]+)", project.read("compose.yaml")))
    assert example == fields(project) | server | containers


def fields(project):
    """What settings.py takes from the environment: the names of its models' fields."""
    tree = ast.parse(project.read(f"src/{project.package}/settings.py"))
    models = [model for model in tree.body if isinstance(model, ast.ClassDef)]
    lines = [line for model in models for line in model.body if isinstance(line, ast.AnnAssign)]
    names = {line.target.id.upper() for line in lines}
    return {"FLASK_ENVIRONMENT" if name == "ENVIRONMENT" else name for name in names}


def test_the_example_holds_no_secret(project):
    name = "[A-Z_]*(?:SECRET|PASSWORD|TOKEN)[A-Z_]*"
    values = re.findall(f"^{name}=(.*)$", project.read(".env.example"), re.MULTILINE)
    assert len(values) == 4 and set(values) == {"change-me", "[]", ""}


@on_unix
def test_an_example_copied_as_it_is_does_not_start(running):
    shutil.copy(running.path / ".env.example", running.path / ".env")
    done = check(running)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr and "change-me" not in done.stderr


# GitHub


@pytest.fixture(params=["template", "project"])
def github(request, default):
    """The folder .github of the template, and that of a project."""
    return (TEMPLATE if request.param == "template" else default.path) / ".github"


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_workflows_run_pinned_actions_only(github):
    used = re.findall("uses: (.*)", (github / "workflows/ci.yml").read_text(encoding="utf-8"))
    pinned = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert used and all(map(pinned.fullmatch, used))


def test_workflows_grant_each_job_what_it_needs_and_no_more(github):
    plan = load(github / "workflows/ci.yml")
    assert plan["permissions"] == {}
    assert plan["concurrency"]["cancel-in-progress"] is True
    allowed = {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert plan[True].keys() <= allowed  # YAML 1.1 reads `on` as true
    for job in plan["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_template_and_its_projects_pin_the_same_versions(default):
    files = [TEMPLATE / WORKFLOW, default.path / WORKFLOW, default.path / "compose.yaml"]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    pins = set(re.findall(r"(?:uses|image): ([^@:\n]+)([@:].*)", text))
    names = [name for name, _ in pins]
    assert {"actions/checkout", "postgres", "redis"} <= set(names)
    assert len(names) == len(set(names)), sorted(pins)


def test_a_projects_workflow_checks_what_its_owner_would(project):
    jobs = yaml.safe_load(project.read(WORKFLOW))["jobs"]
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    for check in ("ruff format --check", "ruff check", "mypy", "deptry .", 'pytest -m ""'):
        assert f"uv run {check}" in commands
    assert "uv run flask db upgrade && uv run flask db check" in commands
    assert "uv audit --locked" in commands
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    redis = {"redis"} if project.answers["use_cache"] else set()
    assert jobs["test"]["services"].keys() == {"postgres"} | redis


def test_a_projects_workflow_tries_the_newest_versions_weekly(project):
    plan = yaml.safe_load(project.read(WORKFLOW))
    assert plan[True]["schedule"]
    commands = [step.get("run") for step in plan["jobs"]["newest"]["steps"]]
    assert commands[-2:] == ["uv sync --upgrade", 'uv run pytest -m ""']


def test_the_templates_workflow_runs_the_readmes_command_on_three_systems():
    plan = load(TEMPLATE / WORKFLOW)
    command = "python -m pip install tox && tox"
    assert command in (TEMPLATE / "README.md").read_text(encoding="utf-8")
    systems = set()
    for job in plan["jobs"].values():
        if command in [step.get("run") for step in job["steps"]]:
            systems.update(job["strategy"]["matrix"].get("system", [job["runs-on"]]))
    assert {system.split("-")[0] for system in systems} == {"ubuntu", "macos", "windows"}
    assert plan[True]["schedule"]


def test_updates_come_weekly_and_a_week_late(github):
    updates = load(github / "dependabot.yml")["updates"]
    followed = {update["package-ecosystem"] for update in updates}
    assert followed | {"uv"} == {"uv", "github-actions", "docker", "docker-compose"}
    for update in updates:
        assert update["schedule"] == {"interval": "weekly"} and update["groups"]
        assert update["cooldown"] == {"default-days": 7}


def test_zizmor_finds_nothing(github):
    zizmor = shutil.which("zizmor", path=Path(sys.executable).parent)
    if zizmor is None:
        pytest.skip("zizmor is not installed beside this Python")
    done = run(zizmor, "--offline", str(github))
    assert done.returncode == 0, done.stdout + done.stderr
