"""What a database depends on, and how that fails."""

import socket
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import suppress
from socketserver import BaseRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event
from threading import Thread

import psycopg
import pytest
from conftest import db
from conftest import MIGRATIONS
from conftest import schema
from flask_migrate import upgrade
from sqlalchemy import make_url


@pytest.fixture(params=["sqlite", "postgresql"])
def fragile(request, make_app, tmp_path):
    """A migrated application, and a way to take its database away for a while."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            disk = Disk(tmp_path / "disk")
            url, away = f"sqlite:///{disk.path}/test.db", disk.away
        else:
            network = stack.enter_context(Network(stack.enter_context(schema())))
            url, away = network.url, network.down
        app = make_app(DATABASE_URL=url)
        with app.app_context():
            upgrade(str(MIGRATIONS))
            db.engine.dispose()
        yield app, away
        with app.app_context():
            db.engine.dispose()


class Disk:
    """A folder, which can be unmounted."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    @contextmanager
    def away(self):
        hidden = self.path.rename(f"{self.path}.hidden")
        try:
            yield
        finally:
            hidden.rename(self.path)


class Network(ThreadingTCPServer):
    """A proxy for the server at *url*, which can refuse connections, or forward nothing.

    ``count`` is how many connections it has accepted.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, url):
        super().__init__(("127.0.0.1", 0), Connection)
        with psycopg.connect(url) as connection:  # It knows the defaults of the environment.
            self.target = connection.info.host, connection.info.port
        direct = make_url(url).difference_update_query(["host", "hostaddr", "port"])
        proxied = direct.set(host="127.0.0.1", port=self.server_address[1])
        self.url = proxied.render_as_string(hide_password=False)
        self.is_up, self.sockets, self.count = True, set(), 0
        self.speaks = Event()
        self.speaks.set()
        self._thread = Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    @contextmanager
    def down(self):
        self.is_up = False
        for one in self.sockets.copy():
            cut(one)
        try:
            yield
        finally:
            self.is_up = True

    @contextmanager
    def silent(self):
        self.speaks.clear()
        try:
            yield
        finally:
            self.speaks.set()

    def verify_request(self, request, client_address):
        self.count += 1
        return True


class Connection(BaseRequestHandler):
    def handle(self):
        if not self.server.is_up:
            return
        with connected(*self.server.target) as there:
            self.server.sockets |= {there, self.request}
            back = Thread(target=self.carry, args=(there, self.request))
            back.start()
            self.carry(self.request, there)
            back.join()
            self.server.sockets -= {there, self.request}

    def carry(self, source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                self.server.speaks.wait()
                target.sendall(data)
        cut(target)


def connected(host, port):
    """A socket to PostgreSQL, whose host may be a folder with a Unix socket."""
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    there = socket.socket(socket.AF_UNIX)
    there.connect(f"{host}/.s.PGSQL.{port}")
    return there


def cut(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
