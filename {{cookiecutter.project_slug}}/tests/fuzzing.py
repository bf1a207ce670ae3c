"""Schemathesis, with all that it checks, against a server: ``LONG_RUN=1 pytest -k long_run``."""

import json  # feature: auth
import os
import subprocess
import sys
from http.client import HTTPConnection  # feature: auth
from pathlib import Path

import pytest

CONFIG = Path(__file__).with_name("schemathesis.toml")

long_run = pytest.mark.skipif("LONG_RUN" not in os.environ, reason="LONG_RUN is not set")
UNLIMITED = "--limit-request-line=0"
"""For gunicorn, whose own answer to a long address is none of those that are described."""

seeds = pytest.mark.parametrize("seed", [1, 2, 3, 4])

CREDENTIALS = {"email": "ada@example.com", "password": "correct horse"}  # feature: auth
ENDING_LOGINS = ["login.login.delete", "logins.item.delete"]  # feature: auth


def fuzz(serving, port, seed):
    """Ask for everything that is described, 500 times, and in all orders that make sense."""
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"]
    command += [f"http://127.0.0.1:{port}/openapi.json", f"--seed={seed}", "--max-examples=500"]
    command += [f"--header=Cookie: {log_in(serving, port)}"]  # feature: auth
    command += [f"--exclude-operation-id={name}" for name in ENDING_LOGINS]  # feature: auth
    done = subprocess.run(command, cwd=serving.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "ERROR" not in serving.log.read_text()


def log_in(serving, port):  # feature: auth
    """The cookie of somebody who may do everything."""  # feature: auth
    user, password = CREDENTIALS.values()  # feature: auth
    roles = ["--role=admin", "--role=editor"]  # feature: auth
    serving.flask("users", "create", user, f"--password={password}", *roles)  # feature: auth
    connection = HTTPConnection("127.0.0.1", port)  # feature: auth
    body, headers = json.dumps(CREDENTIALS), {"Content-Type": "application/json"}  # feature: auth
    connection.request("POST", "/login", body, headers)  # feature: auth
    cookie = connection.getresponse().headers["Set-Cookie"]  # feature: auth
    connection.close()  # feature: auth
    return cookie.partition(";")[0]  # feature: auth
