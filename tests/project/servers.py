"""Gunicorn, serving the application of ``served.py``."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from conftest import create_app
from conftest import MIGRATIONS

HERE = Path(__file__).parent

LONG = 120
"""Seconds. Whatever takes longer hangs; no test depends on how much shorter it takes."""


@pytest.fixture
def serve(tmp_path):
    """Serve the application, as ``serve(*options, **environment)``, until the test ends."""
    shutil.copy(MIGRATIONS.parent / "gunicorn.conf.py", tmp_path)
    with ExitStack() as servers:

        def serve(*options, **environment):
            server = Server(tmp_path, create_app.__module__, *options, **environment)
            return servers.enter_context(server)

        yield serve


class Server:
    """A gunicorn that serves the application from *folder*, and its output."""

    def __init__(self, folder, package, *options, **environment):
        self.folder = folder
        self._output = folder / "out", folder / "err"
        # It inherits a socket that listens already, so nothing else can take its port.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port, number = listening.getsockname()[1], listening.fileno()
            command = [sys.executable, "-m", "gunicorn", f"--bind=fd://{number}"]
            with open(self._output[0], "w") as out, open(self._output[1], "w") as err:
                self.process = subprocess.Popen(
                    [*command, *options, "served:create_app()"],
                    cwd=folder,
                    env=clean(package) | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    pass_fds=[number],
                    start_new_session=True,
                )

    def __enter__(self):
        try:
            assert self.get("/health/live")[0] == 200
        except ConnectionError:  # It has ended, and nothing else has its socket.
            raise AssertionError(self.output()) from None
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(LONG)

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=LONG)

    def get(self, path, headers=None):
        connection = self.connect()
        try:
            return ask(connection, path, headers)
        finally:
            connection.close()

    def printed(self):
        """What it has written to its standard output."""
        return self._output[0].read_text()

    def output(self):
        """What it has written, also to its standard error."""
        return "".join(path.read_text() for path in self._output)


def ask(connection, path, headers=None):
    """The status, the headers and the data of the response."""
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    data = response.read().decode()
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.status, response.headers, json.loads(data) if is_json else data


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(happened):
    """Wait until *happened* returns what is true, and return that."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.02)
    raise AssertionError(f"It did not happen in {LONG} seconds.")


def clean(package):
    """The environment, without what configures an application, for that of *package*."""
    theirs = re.compile(r"FLASK_|PYTHONPATH|SECRET_KEY|DATABASE_|METRICS_|\w+_URL$|WEB_|PORT")
    kept = {name: value for name, value in os.environ.items() if not theirs.match(name)}
    project = MIGRATIONS.parent
    path = os.pathsep.join(map(str, (project / "src", project / "tests", HERE)))
    key = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
    ours = {"FLASK_APP": package, "PYTHONPATH": path, "SECRET_KEY": key}
    return kept | ours | {"DRAIN_SECONDS": "0"}
