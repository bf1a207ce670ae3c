import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from conftest import create_app
from conftest import MIGRATIONS


@pytest.fixture
def address(tmp_path):
    """Where ``flask dev`` serves an empty folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "migrations").symlink_to(MIGRATIONS, target_is_directory=True)
    command = [sys.executable, "-m", "flask", "--app", create_app.__module__, "dev"]
    environment = {
        **os.environ,
        "PORT": str(port),
        "FLASK_ENVIRONMENT": "development",
        "PYTHONPATH": str(MIGRATIONS.parent / "src"),
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": "a key for tests",
    }
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)  # feature: cache
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        yield f"http://127.0.0.1:{port}"
        os.killpg(server.pid, 15)
        server.wait(60)


@pytest.mark.slow
def test_one_command_prepares_fills_and_serves(address, tmp_path):
    books = json.loads(_get(f"{address}/books"))
    assert "Frankenstein" in [book["title"] for book in books["items"]]
    printed = (tmp_path / "log").read_text()
    assert f"curl {address}/books" in printed
    assert "admin@example.com with the password" in printed  # feature: auth
    assert (tmp_path / "instance" / "app.db").exists()


def test_started_again_it_leaves_the_database_to_requests(make_app, tmp_path, monkeypatch):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/app.db")
    free = []

    def serve(*_, **__):
        other = sqlite3.connect(tmp_path / "app.db", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.close()
        free.append(True)

    monkeypatch.chdir(MIGRATIONS.parent)
    monkeypatch.setattr(f"{create_app.__module__}.commands.run_simple", serve)
    for _ in range(2):
        app.test_cli_runner().invoke(args=["dev"], catch_exceptions=False)
    assert free == [True, True]


def test_it_refuses_to_be_the_server_in_production():
    app = create_app({"SECRET_KEY": "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"})
    refused = app.test_cli_runner().invoke(args=["dev"])
    assert refused.exit_code != 0
    assert "gunicorn" in refused.output


def _get(url):
    for _ in range(300):
        try:
            with urlopen(url, timeout=60) as response:
                return response.read()
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")
