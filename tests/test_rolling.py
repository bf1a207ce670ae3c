"""Replicas are replaced while clients send requests of each kind, and no request fails."""

import os
import re
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import ExitStack
from http.client import HTTPConnection
from threading import Event

import pytest

from .conftest import copied
from .conftest import environment
from .conftest import NONE
from .deployment import compose
from .howto import PAGE
from .howto import sections
from .howto import steps
from .processes import run
from .processes import started
from .terminal import until
from .test_howto import DEPLOY
from .test_proxy import free_everywhere
from .test_proxy import missing
from .test_proxy import Proxy
from .test_story import ask

OLD, NEW = ["127.0.0.2", "127.0.0.3"], ["127.0.0.4", "127.0.0.5"]


@pytest.fixture
def proxy(default, tmp_path):
    with Proxy(default, tmp_path, free_everywhere()).running() as proxy:
        yield proxy


@pytest.fixture
def start(baked, proxy, tmp_path):
    """Start replicas at these addresses, which can be looked up at once, as in Docker."""
    project = copied(baked(NONE), tmp_path)
    variables = environment() | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "DATABASE_TIMEOUT": "30",
        "DRAIN_SECONDS": "1",
        "FLASK_APP": project.package,
        "PYTHONPATH": "src",
        "WEB_CONCURRENCY": "2",
    }
    project.run("flask", "db", "upgrade", **variables)
    replicas = []
    with ExitStack() as stack:

        def start(addresses):
            proxy.dns.addresses = proxy.dns.addresses + addresses
            app = f"{project.package}:create_app()"
            for address in addresses:
                bind = f"--bind={address}:{proxy.replica_port}"
                command = [sys.executable, "-m", "gunicorn", bind, app]
                replica = started(command, cwd=project.path, env=variables)
                replicas.append(stack.enter_context(replica))
            for address in addresses:
                until(lambda address=address: is_ready(address, proxy.replica_port))
            return replicas[-len(addresses) :]

        yield start
        for replica in replicas:
            replica.terminate()


def is_ready(address, port):
    """Whether the replica is ready; an error if it does not answer."""
    try:
        client = connect(address, port)
    except ConnectionRefusedError:
        return False
    client.request("GET", "/health/ready")
    response = client.getresponse()
    response.read()
    client.close()
    return response.status == 200


def connect(address, port):
    """Connect, and keep the connection alive, which gunicorn waits for when it stops."""
    client = HTTPConnection(address, port, timeout=60)
    client.request("GET", "/health/live")
    client.getresponse().read()
    return client


@contextmanager
def traffic(proxy):
    """Send requests of each kind all the time; gives how many had which outcome."""
    seen, stop = Counter(), Event()

    def client(number):
        while not stop.is_set():
            name = {"name": f"{number} {seen.total()}"}
            author = ask(proxy.port, "POST", "/authors", name)
            seen["POST", author.status] += 1
            if author.status == 201:
                path = author.headers["Location"]
                for method, body in [("GET", None), ("PATCH", name), ("DELETE", None)]:
                    seen[method, ask(proxy.port, method, path, body).status] += 1

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(client, number) for number in range(4)]
        try:
            yield seen
        finally:
            stop.set()
        for one in running:
            one.result()


@pytest.mark.slow
@pytest.mark.skipif(missing, reason="needs nginx, on Linux")
def test_replicas_are_replaced_without_a_failed_request(proxy, start):
    old = start(OLD)
    kept_alive = [connect(address, proxy.replica_port) for address in 8 * OLD]
    with traffic(proxy) as seen:
        until(lambda: seen.total() > 100)
        start(NEW)
        before = seen.total()
        until(lambda: seen.total() > before + 100)
        for replica in old:
            replica.send_signal(signal.SIGTERM)
        for replica in old:
            assert replica.wait(60) == 0
        for client in kept_alive:
            client.close()
        before = seen.total()
        until(lambda: seen.total() > before + 100)
        proxy.dns.addresses = NEW
        before = seen.total()
        until(lambda: seen.total() > before + 100)
    assert seen.keys() == {("POST", 201), ("GET", 200), ("PATCH", 200), ("DELETE", 204)}


@pytest.mark.skipif(os.name == "nt", reason="these are lines for a POSIX shell")
@pytest.mark.parametrize("failing", ["build", "run", "up", "nothing"])
def test_a_deployment_ends_at_the_step_that_fails(default, tmp_path, failing):
    """Its steps, with a docker that only prints them: whatever fails, no old replica is stopped."""
    [step] = steps(sections(default.read(PAGE))[DEPLOY])
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*"\ntest "$2" != {failing}\n')
    docker.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run(["sh", "-c", step.text], env=environment() | {"PATH": path})
    build, migrate, start, stop = re.findall("docker (.*?)(?: &&)?\n", step.text)
    expected = {"build": [build], "run": [build, migrate], "up": [build, migrate, start]}
    assert done.stdout.splitlines() == expected.get(failing, [build, migrate, start, stop])
    assert (done.returncode == 0) is (failing == "nothing")


def test_a_deployment_starts_as_many_new_replicas_as_there_are_old_ones(default):
    replicas = compose(default)["services"]["app"]["deploy"]["replicas"]
    [step] = steps(sections(default.read(PAGE))[DEPLOY])
    build, migrate, start, stop = step.text.splitlines()
    assert f" --no-recreate --scale app={2 * replicas} --wait app" in start
    assert "--no-recreate" not in stop and build.startswith("docker compose build app migrate")
