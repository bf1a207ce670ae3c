"""Real servers for a while: a Redis Cluster and Redis behind Sentinel."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis

REDIS = shutil.which("redis-server")
PATIENT = {"socket_timeout": 60, "socket_connect_timeout": 60}
"""``CACHE_OPTIONS`` of a server that is waited for: a busy machine is not an outage."""
HASTY = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
"""``CACHE_OPTIONS`` of a server that will be silent."""

SLOTS = [(0, 5460), (5461, 10922), (10923, 16383)]

needs_redis = pytest.mark.skipif(REDIS is None, reason="no redis-server is installed")


@dataclass(frozen=True)
class Server:
    """A process that listens on a port of 127.0.0.1."""

    port: int
    process: subprocess.Popen

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, *command):
        with redis.Redis(port=self.port, socket_timeout=60, decode_responses=True) as client:
            return client.execute_command(*command)

    @contextmanager
    def stopped(self):
        """Meanwhile it takes connections and says nothing."""
        with _stopped(self.process.pid):
            yield


@contextmanager
def stopped(url):
    """The Redis at *url* takes connections meanwhile, and says nothing."""
    with redis.Redis.from_url(url) as client:
        process = client.info("server")["process_id"]
    with _stopped(process):
        yield


@contextmanager
def cluster(path):
    """Three nodes that share the slots."""
    ports = free_ports(6)
    with ExitStack() as stack:
        nodes = []
        for index in range(3):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
            bus = ["--cluster-port", str(ports[3 + index])]
            nodes.append(stack.enter_context(_redis(path, ports[index], *options, *bus)))
        for index, node in enumerate(nodes):
            node.ask("CLUSTER SET-CONFIG-EPOCH", index + 1)
            node.ask("CLUSTER ADDSLOTSRANGE", *SLOTS[index])
        for index, node in enumerate(nodes[1:], 1):
            nodes[0].ask("CLUSTER MEET", "127.0.0.1", node.port, ports[3 + index])
        until(lambda: all(map(_knows_all_slots, nodes)))
        yield nodes


@contextmanager
def behind_sentinel(path):
    """A primary, its replica, and two sentinels that replace it by the replica in 2 seconds."""
    ports = free_ports(4)
    with ExitStack() as stack:
        primary = stack.enter_context(_redis(path, ports[0]))
        follow = ["--replicaof", f"127.0.0.1 {ports[0]}"]
        replica = stack.enter_context(_redis(path, ports[1], *follow))
        until(lambda: replica.ask("INFO", "replication")["master_link_status"] == "up")
        # One of them starts a failover and the other agrees: two that start need longer.
        sentinels = [
            stack.enter_context(_sentinel(path, port, ports[0], quorum))
            for port, quorum in zip(ports[2:], [1, 3], strict=True)
        ]
        until(lambda: all(map(_knows_all_servers, sentinels)))
        yield primary, replica, sentinels


def free_ports(count):
    """Ports that nobody has now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(condition):
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def _stopped(process):
    os.kill(process, signal.SIGSTOP)
    os.waitpid(process, os.WUNTRACED)  # It may answer a little longer.
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _redis(path, port, *options):
    home = path / str(port)
    home.mkdir()
    common = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(home), "--save", ""]
    return _running(port, REDIS, *common, "--repl-diskless-sync-delay", "0", *options)


def _sentinel(path, port, watched, quorum):
    home = path / str(port)
    home.mkdir()
    (home / "sentinel.conf").write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\n"
        f"sentinel monitor mymaster 127.0.0.1 {watched} {quorum}\n"
        "sentinel down-after-milliseconds mymaster 500\n"
        "sentinel failover-timeout mymaster 2000\n"
    )
    return _running(port, REDIS, str(home / "sentinel.conf"), "--sentinel")


@contextmanager
def _running(port, *command):
    out = subprocess.DEVNULL
    streams = {"stdout": out, "stderr": out}
    with subprocess.Popen(command, stdin=out, start_new_session=True, **streams) as process:
        try:
            until(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None, f"{command[0]} ended at once"
            yield Server(port, process)
        finally:
            process.kill()


def _listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _knows_all_slots(node):
    state = node.ask("CLUSTER INFO")["cluster_state"]
    return state == "ok" and len(node.ask("CLUSTER SLOTS")) == len(SLOTS)


def _knows_all_servers(sentinel):
    replicas = sentinel.ask("SENTINEL REPLICAS", "mymaster")
    return len(replicas) == 1 and len(sentinel.ask("SENTINEL SENTINELS", "mymaster")) == 1
