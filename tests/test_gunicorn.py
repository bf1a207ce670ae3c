"""gunicorn runs the application as the environment says."""

import json
import os
import shutil
import sys

import pytest

from .conftest import copied
from .deployment import compose
from .deployment import run

on_unix = pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")


@pytest.fixture
def running(default, tmp_path):
    """A copy of the project, in which things may run and leave files."""
    return copied(default, tmp_path)


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
    assert found["control_socket_disable"] is True and found["forwarder_headers"] == ""
    assert not {"accesslog", "forwarded_allow_ips"} & found.keys()

    (tmp_path / ".env").write_text("PORT=9000\nWEB_CONCURRENCY=3\n")
    found = settings(tmp_path, WEB_CONCURRENCY="5")
    assert (found["bind"], found["workers"]) == ("0.0.0.0:9000", 5)


def test_gunicorn_lets_requests_finish_before_compose_kills_it(default):
    found = settings(default.path)
    assert found["DRAIN_SECONDS"] == 5
    assert compose(default)["services"]["app"]["stop_grace_period"] == "30s"
    assert found["DRAIN_SECONDS"] + 1 + found["graceful_timeout"] < 30


@on_unix
def test_gunicorn_accepts_its_settings_and_finds_the_application(running):
    done = check(running)
    assert (done.returncode, done.stderr) == (0, "")


@on_unix
def test_an_example_copied_as_it_is_does_not_start(running):
    shutil.copy(running.path / ".env.example", running.path / ".env")
    done = check(running)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr and "change-me" not in done.stderr


def check(project):
    application = f"{project.package}:create_app()"
    command = [sys.executable, "-m", "gunicorn", "--check-config", application]
    return run(*command, cwd=project.path, PYTHONPATH="src")
