"""Reading while somebody writes, and Redis and the processes are killed, frozen and restarted.

    python -m benchmarks.outages [--reads 300000] [--writes 3000]

A read is stale if it started after a write had returned, and answered with an older version. It
counts if it started later than one second after the last return of Redis. Each read has the cookie
of a login, and another process ends logins: no read that starts afterwards may be answered.
"""

import argparse
import itertools
import json
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from multiprocessing import get_context
from typing import Any

from . import apps
from .measure import table
from .server import free_port
from .server import wait_for
from .wsgi import Answer
from .wsgi import environ

KEYS, READERS, THREADS = 8, 2, 4
SLOTS = READERS * THREADS
"""Clients, each with a login of its own."""
FREEZES = (0.3, 2.0, 20.0)
"""Seconds that Redis is stopped for."""
CALM = 1.0
"""Seconds after a return from which on nothing may be stale."""

_SPAWN = get_context("spawn")


@dataclass
class World:
    """What the processes share: versions as committed and as announced, who is logged in, the
    peace, counters."""

    committed: Any = field(default_factory=lambda: _SPAWN.Array("q", KEYS, lock=False))
    announced: Any = field(default_factory=lambda: _SPAWN.Array("q", KEYS, lock=False))
    logins: Any = field(default_factory=lambda: _SPAWN.Array("q", SLOTS, lock=False))
    calm_from: Any = field(default_factory=lambda: _SPAWN.Value("d", 0, lock=False))
    reads: Any = field(default_factory=lambda: _SPAWN.Array("q", SLOTS, lock=False))
    excused: Any = field(default_factory=lambda: _SPAWN.Array("q", SLOTS, lock=False))
    stale: Any = field(default_factory=lambda: _SPAWN.Array("q", SLOTS, lock=False))
    accepted: Any = field(default_factory=lambda: _SPAWN.Array("q", SLOTS, lock=False))
    logouts: Any = field(default_factory=lambda: _SPAWN.Value("q", 0, lock=False))
    writes: Any = field(default_factory=lambda: _SPAWN.Value("q", 0, lock=False))
    over: Any = field(default_factory=lambda: _SPAWN.Value("b", 0, lock=False))


def main() -> None:
    """Run until there were enough reads and writes, and print what was stale."""
    parser = argparse.ArgumentParser(prog="benchmarks.outages", description=__doc__)
    parser.add_argument("--reads", type=int, default=300_000)
    parser.add_argument("--writes", type=int, default=3_000)
    given = parser.parse_args()
    world, port = World(), free_port()
    troubles: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(port, folder)
        workers = [Worker(_read, world, redis.url, number) for number in range(READERS)]
        workers.append(Worker(_write, world, redis.url))
        freezes = itertools.cycle(FREEZES)
        try:
            while sum(world.reads) < given.reads or world.writes.value < given.writes:
                time.sleep(random.uniform(2, 4))
                name = random.choice(["freeze", "kill Redis", "kill a worker", "both"])
                troubles[name] = troubles.get(name, 0) + 1
                if name == "kill a worker":
                    random.choice(workers).replace()
                    continue
                with _trouble(world):
                    redis.freeze(next(freezes)) if name == "freeze" else redis.restart()
                    if name == "both":
                        random.choice(workers).replace()
        finally:
            world.over.value = 1
            for worker in workers:
                worker.process.join()
            redis.process.kill()
            redis.process.wait()
    told = [f"{number} × {name}" for name, number in sorted(troubles.items())]
    heads = ["reads", "writes", f"stale later than {CALM:g} s", "stale before"]
    counts = [sum(world.reads), world.writes.value, sum(world.stale), sum(world.excused)]
    heads += ["logouts", "cookies accepted afterwards", "troubles"]
    counts += [world.logouts.value, sum(world.accepted)]
    table("Outages; goal 0", heads, [[*(f"{each:,}" for each in counts), ", ".join(told)]])


class Redis:
    """A server that is frozen, and killed and started anew."""

    def __init__(self, port: int, folder: str) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        binary = shutil.which("redis-server")
        assert binary, "There is no redis-server. Install Redis."
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        self._command = [binary, *options]
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for(self.url)

    def freeze(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.process.kill()
        self.process.wait()
        time.sleep(random.uniform(0, 2))
        self._start()


class Worker:
    """A process that is killed, and replaced by another one."""

    def __init__(self, target: Any, *args: Any) -> None:
        self._made = target, args
        self._start()

    def _start(self) -> None:
        target, args = self._made
        self.process = _SPAWN.Process(target=target, args=args)
        self.process.start()

    def replace(self) -> None:
        self.process.kill()
        self.process.join()
        self._start()


@contextmanager
def _trouble(world: World) -> Iterator[None]:
    world.calm_from.value = float("inf")
    yield
    world.calm_from.value = time.monotonic() + CALM


def _read(world: World, url: str, number: int) -> None:
    app = _app(world, url)

    def read(slot: int) -> None:
        login, cookie = 0, ""
        while not world.over.value:
            id, start = random.randrange(KEYS), time.monotonic()
            was_calm, floor = start > world.calm_from.value, world.announced[id]
            is_out = world.logins[slot] != login or not login
            answer = Answer(app, environ(f"/books/{id}", COOKIE=cookie))
            if answer.status[:3] == "401":
                login = world.logins[slot] = login + 1
                entry = Answer(app, environ(f"/login/{login * SLOTS + slot}", method="POST"))
                cookie = entry.header("Set-Cookie").partition(";")[0]
                continue
            version = json.loads(answer.body)["version"]
            is_calm = was_calm and start > world.calm_from.value
            world.reads[slot] += 1
            world.accepted[slot] += is_out
            world.stale[slot] += version < floor and is_calm
            world.excused[slot] += version < floor and not is_calm

    slots = range(number * THREADS, (number + 1) * THREADS)
    threads = [threading.Thread(target=read, args=[slot]) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write(world: World, url: str) -> None:
    app = _app(world, url)
    [cache] = app.extensions["cache"]
    with app.app_context():
        while not world.over.value:
            id = random.randrange(KEYS)
            version = world.committed[id] = world.committed[id] + 1
            cache.invalidate("books")
            world.announced[id] = version
            world.writes.value += 1
            world.logins[random.randrange(SLOTS)] = 0
            world.logouts.value += 1
            time.sleep(random.uniform(0.005, 0.03))


class _Provider:
    """Knows a login until it is ended: a row of a table, read for each request."""

    def __init__(self, world: World) -> None:
        self._world = world

    def identify(self, identity: Any) -> Any:
        login, slot = divmod(identity.id, SLOTS)
        return identity if self._world.logins[slot] == login else None


def _app(world: World, url: str) -> Any:
    def view(id: int) -> dict[str, int]:
        version = world.committed[id]
        time.sleep(random.uniform(0, 0.006))
        return {"version": version}

    return apps.ours_guarded(view, url, _Provider(world))


if __name__ == "__main__":
    main()
