"""What a database lives on, and how that goes away."""

import socket
from contextlib import contextmanager
from contextlib import suppress
from socketserver import BaseRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event
from threading import Thread

from sqlalchemy import make_url


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
    """Between us and the server at *url*: it can refuse, or fall silent without any error."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, url):
        super().__init__(("127.0.0.1", 0), Connection)
        self.target = make_url(url)
        self.url = self.target.set(port=self.server_address[1]).render_as_string(False)
        self.is_up, self.sockets = True, set()
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


class Connection(BaseRequestHandler):
    def handle(self):
        if not self.server.is_up:
            return
        target = self.server.target
        with socket.create_connection((target.host, target.port)) as there:
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


def cut(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
