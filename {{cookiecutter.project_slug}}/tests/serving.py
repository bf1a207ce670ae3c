"""The application behind a real gunicorn, in production, with a database of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

from conftest import create_app
from conftest import MIGRATIONS

PACKAGE = create_app.__module__
KEY = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"


class Serving:
    """A folder to run commands and gunicorn in, with *settings* in the environment."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.log = folder / "log"
        shutil.copy(MIGRATIONS.parent / "gunicorn.conf.py", folder)  # away from .env
        self.environment = {
            **os.environ,
            "FLASK_APP": PACKAGE,
            "FLASK_ENVIRONMENT": "production",
            "PYTHONPATH": str(MIGRATIONS.parent / "src"),
            "SECRET_KEY": KEY,
            "DATABASE_URL": f"sqlite:///{folder}/app.db",
            **settings,
        }

    def flask(self, *arguments):
        """Run a command of the application."""
        command = [sys.executable, "-m", "flask", *arguments]
        subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True
        )

    @contextmanager
    def gunicorn(self, *options):
        """Serve meanwhile, at a port."""
        self.flask("db", "upgrade", "--directory", str(MIGRATIONS))
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", *options]
        with self.log.open("w") as log:
            server = subprocess.Popen(
                [*command, f"{PACKAGE}:create_app()"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(port, server):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("gunicorn does not listen")
