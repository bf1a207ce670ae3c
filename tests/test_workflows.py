"""The workflows of the template, and of a project, are pinned and grant no more than they need."""

import re
import shutil
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

from . import processes
from .conftest import environment
from .conftest import TEMPLATE
from .deployment import run
from .deployment import WORKFLOW

ELSEWHERE = {"uv audit --locked": "it asks a server for known vulnerabilities"}
"""Steps of a project's workflow that need more than a package registry."""

DATABASE = "postgresql://postgres@localhost/postgres"
"""What the workflow migrates; here only a schema of it."""


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
    for check in ("ruff format --check", "ruff check", "mypy", "deptry .", "pytest"):
        assert f"uv run {check}" in commands
    assert "uv run flask db upgrade && uv run flask db check" in commands
    assert "uv audit --locked" in commands
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert jobs["test"]["services"].keys() == {"postgres"}


def test_a_projects_workflow_tries_the_newest_versions_weekly(project):
    plan = yaml.safe_load(project.read(WORKFLOW))
    assert plan[True]["schedule"]
    commands = [step.get("run") for step in plan["jobs"]["newest"]["steps"]]
    assert commands[-2:] == ["uv sync --upgrade", "uv run pytest"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_first_push_is_green(checkout, only_here):
    jobs = yaml.safe_load(checkout.joinpath(WORKFLOW).read_text(encoding="utf-8"))["jobs"]
    for job in (jobs["check"], jobs["test"]):
        for step in job["steps"]:
            if "run" in step and step["run"] not in ELSEWHERE:
                given = only_here | job.get("env", {}) | step.get("env", {})
                if reachable(step.get("env", {}).get("DATABASE_URL")):
                    done = processes.run(["bash", "-e", "-c", step["run"]], cwd=checkout, env=given)
                    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-20_000:]


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


@pytest.fixture
def checkout(bake, tmp_path, only_here):
    """What a runner checks out of the first push of somebody who followed the README."""
    path = bake().path
    for command in (
        ["uv", "lock", "--quiet"],  # as the first `uv run` does
        ["git", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "-c", "user.name=Me", "-c", "user.email=me@example.com", "commit", "-qm", "First"],
        ["git", "clone", "--quiet", path, tmp_path / "checkout"],
    ):
        processes.run(command, cwd=path, env=only_here, check=True)
    return tmp_path / "checkout"


@pytest.fixture
def only_here():
    """The environment of a job; what it writes into PostgreSQL goes into a schema of its own."""
    theirs = ("PG", "PYTEST_", "REDIS_URL", "TEST_", "VIRTUAL_ENV")
    kept = {name: value for name, value in environment().items() if not name.startswith(theirs)}
    kept |= {"CI": "true", "GITHUB_ACTIONS": "true", "UV_PYTHON": sys.executable}
    yield kept | {"PGOPTIONS": "-csearch_path=first_push"}
    if reachable(DATABASE):
        with psycopg.connect(DATABASE, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS first_push CASCADE")


def reachable(url):
    """Whether the server is here; a step that names none runs in any case."""
    if url is None:
        return True
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS first_push")
    except psycopg.OperationalError:
        return False
    return True
