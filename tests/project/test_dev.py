"""``flask dev`` in a folder of its own, with a copy of the code and a ``.env``."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from http.client import HTTPException
from urllib.parse import urlsplit

import pytest
from conftest import create_app
from conftest import MIGRATIONS
from servers import clean
from servers import free_port

PACKAGE = create_app.__module__
LOCALHOST = sorted({found[4][0] for found in socket.getaddrinfo("localhost", None)})
DOTENV = "FLASK_ENVIRONMENT=development\nSECRET_KEY=a key for tests\n"
JOB = f"""
from {PACKAGE} import create_app

app = create_app()
print(app.config["ENVIRONMENT"], app.test_client().get("/health/ready").status_code)
"""


@pytest.fixture
def folder(tmp_path):
    """A project that nobody has started yet."""
    for name in ("src", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__", "tests")
        shutil.copytree(MIGRATIONS.parent / name, tmp_path / name, ignore=ignored)
    (tmp_path / ".env").write_text(DOTENV)
    return tmp_path


def environment(folder, port):
    kept = clean(PACKAGE) | {"PORT": str(port), "PYTHONPATH": str(folder / "src")}
    return {name: kept[name] for name in kept.keys() - {"SECRET_KEY"}} | {"PYTHONUNBUFFERED": "1"}


def run(folder, *command, port=5000):
    """What the command, run in the folder, prints, and its exit code."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(MIGRATIONS.parent, port),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    return done.stdout, done.returncode


@contextmanager
def serving(folder):
    """Where ``flask dev`` serves it."""
    port = free_port()
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "flask", "dev"],
            cwd=folder,
            env=environment(folder, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield f"http://localhost:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait(60)


def get(url, status=200):
    """The body, as soon as the answer has this status."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        try:
            connection.request("GET", urlsplit(url).path)
            response = connection.getresponse()
            body = response.read()
            if response.status == status:
                return body
        except (OSError, HTTPException):  # as while the server is replaced
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer with {status}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
def test_one_command_prepares_fills_and_serves_and_outlives_a_mistake(folder):
    with serving(folder) as url:
        assert json.loads(get(f"{url}/health/ready"))["status"] == "ok"
        printed = (folder / "log").read_text()
        assert f"curl {url}/" in printed
        assert "admin@example.com with the password" in printed  # feature: auth
        assert (folder / "instance/app.db").exists()
        code = folder / "src" / PACKAGE / "health.py"
        right = code.read_text()
        code.write_text(f"{right}\ndef broken(:\n")
        get(f"{url}/health/live", status=500)
        assert "SyntaxError" in (folder / "log").read_text()
        code.write_text(right)
        assert get(f"{url}/health/live")


@pytest.mark.parametrize("address", LOCALHOST)
def test_a_port_that_is_taken_is_said_first(folder, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as other:
        port = other.getsockname()[1]
        said, code = run(folder, "-m", "flask", "dev", port=port)
    assert code == 1
    assert said.startswith("Error:") and f"flask dev --port {port + 1}" in said
    assert not (folder / "instance/app.db").exists()


@pytest.mark.parametrize("place", [".", "jobs"])
def test_a_script_reads_the_dotenv_of_the_project(folder, place):
    (folder / "jobs").mkdir()
    (folder / "job.py").write_text(JOB)
    assert run(folder, "-m", "flask", "db", "upgrade")[1] == 0
    said, code = run(folder / place, str(folder / "job.py"))
    assert (said, code) == ("development 200\n", 0)
