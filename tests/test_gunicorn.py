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
    assert found["secure_scheme_headers"] == {}  # PROXY_HOPS alone says which scheme counts.
    assert not {"accesslog", "forwarded_allow_ips"} & found.keys()

    assert settings(tmp_path, PORT="", WEB_CONCURRENCY="", DRAIN_SECONDS="")["workers"] == 2

    (tmp_path / ".env").write_text("PORT=9000\nWEB_CONCURRENCY=3\n")
    found = settings(tmp_path, WEB_CONCURRENCY="5")
    assert (found["bind"], found["workers"]) == ("0.0.0.0:9000", 5)
    assert settings(tmp_path, FLASK_SKIP_DOTENV="1")["bind"] == "0.0.0.0:8000"


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


WSGI = {
    "an app": "from my_api import create_app\napp = create_app()\n",
    "mounted": "from my_api import create_app\n"
    "from werkzeug.exceptions import NotFound\n"
    "from werkzeug.middleware.dispatcher import DispatcherMiddleware\n"
    "app = DispatcherMiddleware(NotFound(), {'/svc': create_app()})\n",
}


@on_unix
@pytest.mark.parametrize("module", WSGI.values(), ids=WSGI)
def test_a_module_of_ones_own_may_make_the_application(running, module):
    """Its app starts in a worker, with what gunicorn.conf.py gives it, and reports a drain."""
    (running.path / "wsgi.py").write_text(module)
    code = (
        "import runpy, sys; from types import SimpleNamespace as Server; import wsgi\n"
        "conf = runpy.run_path('gunicorn.conf.py')\n"
        "conf['on_starting'](server := Server(app=Server(app_uri='wsgi:app')))\n"
        "worker = Server(app=Server(), alive=True, wsgi=wsgi.app)\n"
        "conf['post_fork'](server, worker)\n"
        "conf['post_worker_init'](worker)\n"
        "server.draining[0] = True\n"
        "app = getattr(wsgi.app, 'mounts', {'/svc': wsgi.app})['/svc']\n"
        "print(app.test_client().get('/health/ready').json['detail'])\n"
    )
    done = run(sys.executable, "-c", code, cwd=running.path, PYTHONPATH="src:.")
    assert "The server is shutting down." in done.stdout, done.stderr


def check(project):
    application = f"{project.package}:create_app()"
    command = [sys.executable, "-m", "gunicorn", "--check-config", application]
    return run(*command, cwd=project.path, PYTHONPATH="src")
