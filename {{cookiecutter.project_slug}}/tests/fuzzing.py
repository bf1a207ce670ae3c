"""Schemathesis, with all that it checks, against gunicorn: ``LONG_RUN=1 pytest -k long_run``."""

import json  # feature: auth
import os
import subprocess
import sys
from pathlib import Path

import pytest
from accounts import make_user  # feature: auth
from accounts import PASSWORD  # feature: auth
from conftest import MIGRATIONS
from flask_migrate import upgrade

CONFIG = Path(__file__).with_name("schemathesis.toml")

UNLIMITED = "--limit-request-line=0"
"""For gunicorn, whose own answer to a long address is none of those that are described."""

ENDING_LOGINS = ["login.login.delete", "logins.item.delete"]  # feature: auth

long_run = pytest.mark.skipif("LONG_RUN" not in os.environ, reason="LONG_RUN is not set")
seeds = pytest.mark.parametrize("seed", [1, 2, 3, 4])


def migrate(app):
    """Prepare its database."""
    with app.app_context():
        upgrade(str(MIGRATIONS))
    make_user(app, "admin", "editor")  # feature: auth


def fuzz(server, seed):
    """Ask for everything that is described, 500 times, and in all orders that make sense."""
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"]
    command += [f"http://127.0.0.1:{server.port}/openapi.json"]
    command += [f"--seed={seed}", "--max-examples=500"]
    command += [f"--header=Cookie: {log_in(server)}"]  # feature: auth
    command += [f"--exclude-operation-id={name}" for name in ENDING_LOGINS]  # feature: auth
    done = subprocess.run(command, cwd=server.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "ERROR" not in server.said()


def log_in(server):  # feature: auth
    """The cookie of a login."""  # feature: auth
    connection = server.connect()  # feature: auth
    body = json.dumps({"email": "ada@example.com", "password": PASSWORD})  # feature: auth
    headers = {"Content-Type": "application/json"}  # feature: auth
    connection.request("POST", "/login", body, headers)  # feature: auth
    cookie = connection.getresponse().headers["Set-Cookie"]  # feature: auth
    connection.close()  # feature: auth
    return cookie.partition(";")[0]  # feature: auth
