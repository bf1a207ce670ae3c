"""The image holds what the application needs and nothing else, and says whether it is healthy.

None is built here: that needs Docker, and is what the job `image` of both workflows is for.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from threading import Thread

import pytest

from .deployment import compose
from .deployment import instructions
from .deployment import run
from .deployment import WORKFLOW
from .test_compose import IMAGE


def test_the_image_copies_only_what_exists_and_may_enter(project):
    ignored = project.read(".dockerignore").splitlines()
    assert "*" in ignored
    copies = [copy.removeprefix("--chmod=a+rX ").split() for copy in instructions(project, "COPY")]
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
    assert others[-1] == [base]
    stages = {stage for origin, *names in others if origin == base for stage in names}
    copied = [copy.split()[0] for copy in instructions(project, "COPY")]
    assert {one.removeprefix("--from=") for one in copied if one.startswith("--from=")} == stages
    services = {stage: origin for origin, *names in others if origin != base for stage in names}
    assert all(map(IMAGE.fullmatch, services.values()))
    builds = [service.get("build", ".") for service in compose(project)["services"].values()]
    assert services.keys() == {build["target"] for build in builds if build != "."}


def test_a_changed_line_of_source_leaves_the_dependencies_alone(project):
    steps = re.findall("^(?:COPY|RUN) .*", project.read("Dockerfile"), re.MULTILINE)
    copied = [number for number, step in enumerate(steps) if step.endswith(" src ./src")]
    assert copied == [len(steps) - 2] and steps[-1] == "RUN python -m compileall -q src"
    assert "COPY --from=build /app/.venv ./.venv" in steps
    assert "PYTHONPATH=/app/src " in project.read("Dockerfile")


def test_what_the_image_has_of_python_is_compiled(project):
    assert "compile_dir(os.path.dirname(os.__file__)" in instructions(project, "RUN")[0]
    assert "UV_COMPILE_BYTECODE=1 " in project.read("Dockerfile")


def test_the_image_is_built_by_an_exact_version_of_uv(project):
    assert re.search(r"pip install uv==\d+\.\d+\.\d+$", project.read("Dockerfile"), re.MULTILINE)


def test_the_image_starts_the_application_without_root_and_without_a_shell(project):
    assert instructions(project, "USER") == ["10001:10001"]
    [command] = instructions(project, "CMD")
    assert json.loads(command) == ["gunicorn", f"{project.package}:create_app()"]
    assert f"FLASK_APP={project.package} " in project.read("Dockerfile")
    assert project.read(".flaskenv") == f"FLASK_APP={project.package}\n"


def test_every_health_check_asks_for_a_path_that_is_served(project):
    served = re.findall('bp.get."(.*?)"', project.read(f"src/{project.package}/health.py"))
    for name in ("Dockerfile", "compose.yaml", WORKFLOW):
        asked = set(re.findall(r"/health/\w*", project.read(name)))
        assert asked and asked <= set(served), name


def test_every_health_check_asks_by_the_same_name(project):
    assert "HTTPConnection('localhost'," in instructions(project, "HEALTHCHECK")[0]
    assert "--header=Host:localhost" in compose(project)["services"]["proxy"]["healthcheck"]["test"]


def test_no_health_check_goes_through_a_proxy_of_the_environment(project):
    assert "urllib" not in instructions(project, "HEALTHCHECK")[0]
    test = compose(project)["services"]["proxy"]["healthcheck"]["test"]
    assert test[test.index("-Y") + 1] == "off"


def test_the_image_can_read_its_files_whatever_mode_they_were_checked_out_with(project):
    copies = instructions(project, "COPY")
    assert all(copy.startswith(("--chmod=a+rX ", "--from=build ")) for copy in copies)


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
