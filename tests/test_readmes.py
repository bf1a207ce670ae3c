"""The commands of the READMEs work as they are written, without git, Docker or a server."""

import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from . import test_update
from .conftest import CACHES
from .conftest import environment
from .conftest import TEMPLATE
from .processes import run
from .terminal import run_typed
from .terminal import typed
from .terminal import until
from .test_files import FILES
from .test_story import ask
from .test_story import free_port

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these are lines for a POSIX shell")

FIRST_SCREEN = ["uv run flask dev", "uv run pytest"]
WITHOUT_UV = ["pip install -e . --group dev", "flask dev", "pytest"]
MIGRATE = (
    'uv run flask db migrate -m "add shelves" && uv run ruff format && uv run flask db upgrade'
)
TIDY = "uv run ruff check --fix && uv run ruff format"
SBOM = "uv export --locked --no-dev --format cyclonedx1.5"
WHEELS = "pip install --only-binary :all: --no-binary flask-principal ."
USER = "flask users create ada@example.com --role editor"
PASSWORD_PROMPTS = ["Password: ", "Repeat for confirmation: "]
CHECK = "flask check-deploy"
UPGRADE = "flask db upgrade"
GUNICORN = 'gunicorn "my_api:create_app()"'
DEMO = "python -m pip install tox && tox -e demo"

HERE = {
    *(*FIRST_SCREEN, *WITHOUT_UV, MIGRATE, TIDY, SBOM, WHEELS, USER, CHECK, UPGRADE, GUNICORN),
    DEMO,
}
ELSEWHERE = {
    "uvx pre-commit install": "each hook is run",
    "docker compose up --build": "the workflow of a project starts it",
    **dict.fromkeys([test_update.LINK, test_update.UPDATE, test_update.CHANGE], "test_update.py"),
    "cookiecutter gh:org/carafe-template": "every test that bakes",
    "cruft create https://github.com/org/carafe-template": "test_update.py",
    "python -m pip install tox && tox": "it runs this test",
    "cruft update -y": "test_update.py",
}

COMMAND = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:cookiecutter|cruft|docker|flask|gunicorn|pip|pytest|python|uvx?)(?: .*)?"
)
KEY = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"


def test_every_command_of_the_readmes_is_run(default):
    texts = [default.read("README.md"), (TEMPLATE / "README.md").read_text(encoding="utf-8")]
    found = {command for text in texts for command in commands(text)}
    environments = {command for command in found if command.startswith("tox -e")}
    known = HERE | ELSEWHERE.keys()
    assert found - environments <= known
    page = re.sub(r"(?ms)^```.*?^```", "", default.read("docs/howto.md"))
    assert known <= found | {*commands(page)}


def test_every_environment_that_the_readme_names_is_there():
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    config = (TEMPLATE / "tox.ini").read_text(encoding="utf-8")
    for name in ",".join(re.findall(r"^    tox -e (\S+)", readme, re.MULTILINE)).split(","):
        assert f"[testenv:{name}]" in config


def test_each_hook_of_a_commit_passes_on_a_new_project(default):
    config = yaml.safe_load(default.read(".pre-commit-config.yaml"))
    python_files = sorted(default.path.rglob("*.py"))
    [hooks] = [repository["hooks"] for repository in config["repos"]]
    assert [hook["id"] for hook in hooks] == ["ruff-check", "ruff-format", "mypy", "deptry"]
    for hook in hooks:
        tool = hook["entry"].removeprefix("uv run ").split()
        files = python_files if hook.get("pass_filenames", True) else []
        run([sys.executable, "-m", *tool, *files], cwd=default.path, env=environment(), check=True)
    assert default.files() == FILES


def test_the_first_screen_with_uv(newcomer):
    with newcomer.serving(FIRST_SCREEN[0]) as ask:
        assert ask("GET", "/authors").json["items"]
    newcomer.run(FIRST_SCREEN[1], PYTEST_ADDOPTS="tests/test_start.py tests/test_books.py")
    assert '"name": "flask-principal"' in newcomer.run(SBOM)


def test_the_first_screen_without_uv(newcomer):
    newcomer.make_environment()
    newcomer.run(WITHOUT_UV[0])
    with newcomer.serving(WITHOUT_UV[1]) as ask:
        assert ask("GET", "/authors").json["items"]
    newcomer.run(WITHOUT_UV[2], PYTEST_ADDOPTS="tests/test_start.py tests/test_books.py")


def test_running_it_for_real(newcomer):
    newcomer.make_environment()
    newcomer.run(WHEELS)
    production = {"FLASK_ENVIRONMENT": "production", "SECRET_KEY": KEY}
    production["DATABASE_URL"] = f"sqlite:///{newcomer.path}/production.db"
    production["REDIS_URL"] = "redis://localhost:6379/15"  # It may be down.
    newcomer.run(UPGRADE, **production)
    assert newcomer.run(CHECK, **production, fails=1).startswith("PROXY_HOPS: ")
    production |= {"PROXY_HOPS": "0", "WEB_CONCURRENCY": "1"}
    assert newcomer.run(CHECK, **production) == ""
    newcomer.run(USER, answers=dict.fromkeys(PASSWORD_PROMPTS, "correct horse"), **production)
    with newcomer.serving(GUNICORN, **production) as ask:
        body = {"email": "ada@example.com", "password": "correct horse"}
        assert ask("POST", "/login", body).json["roles"] == ["editor"]


def test_the_demo(tmp_path, newest):
    left_out = shutil.ignore_patterns(".git", ".tox", *CACHES)
    newcomer = Newcomer(shutil.copytree(TEMPLATE, tmp_path / "template", ignore=left_out), newest)
    newcomer.make_environment()
    with newcomer.serving(DEMO) as ask:
        assert ask("GET", "/books").json["items"]


def pythons():
    """The oldest and the newest Python here, or the only one."""
    found = []
    for minor in range(11, 15):
        if shutil.which(name := f"python3.{minor}"):
            asked = [name, "-c", "import sys; print(sys.executable)"]
            done = run(asked)
            found += [done.stdout.strip()] if done.returncode == 0 else []
    return list(dict.fromkeys([found[0], found[-1]])) if found else [sys.executable]


@pytest.fixture(scope="session")
def newest():
    return pythons()[-1]


@pytest.fixture(params=pythons(), ids=lambda path: Path(path).name)
def newcomer(request, bake):
    """Somebody with a new project and that Python."""
    return Newcomer(bake().path, request.param)


class Newcomer:
    """Types lines into a shell that finds Python, uv, and the project's own environment."""

    def __init__(self, path, python):
        self.path = path
        self._python = python
        tools = path.parent / "tools"
        tools.mkdir()
        (tools / "uv").symlink_to(shutil.which("uv"))
        ours = ("PG", "PYTHONPYCACHE", "REDIS", "TEST_", "TOX", "VIRTUAL_ENV")
        kept = {k: v for k, v in environment().items() if not k.startswith(ours)}
        self._environment = kept | {
            "PATH": f"{path / '.venv/bin'}:{tools}:/bin",
            "PIP_NO_COMPILE": "1",
            "TEST_DATABASE_URL": "postgresql://127.0.0.1:1/none",
            "UV_PYTHON": self._python,
        }

    def make_environment(self):
        """What a README calls a virtual environment, with the newest pip."""
        run([self._python, "-m", "venv", self.path / ".venv"], check=True)
        self.run("python -m pip install --quiet --upgrade pip")

    def run(self, line, *, answers=None, fails=0, **variables):
        """Type a line, answer its prompts, and return what it prints."""
        options = {"answers": answers, "fails": fails, "cwd": self.path}
        return run_typed(line, **options, env=self._environment | variables)

    @contextmanager
    def serving(self, line, **variables):
        """Type a line that serves, send it requests, and press Control-C."""
        port = free_port()
        variables |= {"PORT": str(port)}
        with typed(line, cwd=self.path, env=self._environment | variables) as terminal:
            until(lambda: not terminal.is_running or is_served(port))
            assert terminal.is_running, terminal.screen
            yield lambda *request: ask(port, *request)
            terminal.interrupt()


def is_served(port):
    try:
        return ask(port, "GET", "/health/live")
    except OSError:
        return False


def commands(text):
    """The commands in a text: lines of its blocks, and what stands between backticks."""
    lines = re.findall(r"^    (.*)$", text, re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^    .*$", "", text, flags=re.MULTILINE))
    for line in [*lines, *spans]:
        command = re.sub(r"\s+#.*$", "", line).strip()
        if COMMAND.fullmatch(command) or command.startswith("tox -e"):
            yield re.sub(r"^(tox -e \S+).*", r"\1", command)
