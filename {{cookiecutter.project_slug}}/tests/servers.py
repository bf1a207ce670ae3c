"""Gunicorn, serving the application of ``served.py``."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

TESTS = Path(__file__).parent


class Server:
    """A gunicorn that serves the application, and what it says."""

    def __init__(self, folder, package, *options, **environment):
        self.folder = folder
        self._log = folder / "log"
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "served:create_app()", *options]
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=clean(package) | {"PORT": str(self.port)} | environment,
                stdout=log,
                stderr=log,
            )

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path):
        connection = self.connect()
        try:
            return ask(connection, path)
        finally:
            connection.close()

    def wait(self):
        """Until it answers."""
        for _ in range(300):
            try:
                return self.get("/health/live")
            except ConnectionError:
                assert self.process.poll() is None, self.said()
                time.sleep(0.1)
        raise AssertionError(self.said())

    def said(self):
        return self._log.read_text()


def ask(connection, path):
    """The status, the headers and the data of the answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.headers, json.loads(response.read())


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def clean(package):
    """The environment, without what configures an application, for that of *package*."""
    ours = re.compile(r"FLASK_|PYTHONPATH|SECRET_KEY|DATABASE_|\w+_URL$|WEB_|PORT")
    kept = {name: value for name, value in os.environ.items() if not ours.match(name)}
    path = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    key = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
    return kept | {"FLASK_APP": package, "PYTHONPATH": path, "SECRET_KEY": key}
