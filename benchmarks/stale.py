"""Reading while somebody writes (B11).

A read is stale if it started after a write had returned, and answered with an older version.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from multiprocessing import get_context
from typing import Any

import redis
from flask import Flask

from . import apps
from .measure import table
from .wsgi import Answer
from .wsgi import environ

KEYS, READERS, THREADS = 8, 2, 8
LATENCY = 0.006
"""Seconds that the view takes at most, after it has seen the version."""

_SPAWN = get_context("spawn")


@dataclass
class World:
    """What the processes share: versions as committed, versions as announced, and counters."""

    committed: Any = field(default_factory=lambda: _SPAWN.Array("q", KEYS, lock=False))
    announced: Any = field(default_factory=lambda: _SPAWN.Array("q", KEYS, lock=False))
    reads: Any = field(default_factory=lambda: _SPAWN.Array("q", READERS * THREADS, lock=False))
    stale: Any = field(default_factory=lambda: _SPAWN.Array("q", READERS * THREADS, lock=False))
    writes: Any = field(default_factory=lambda: _SPAWN.Value("q", 0, lock=False))
    over: Any = field(default_factory=lambda: _SPAWN.Value("b", 0, lock=False))


def _ours(app: Flask) -> Callable[[int], object]:
    cache = next(iter(app.extensions["cache"]))
    return lambda id: cache.invalidate("books")


def _flask_caching(app: Flask) -> Callable[[int], object]:
    cache = next(iter(app.extensions["cache"]))
    return lambda id: cache.delete(f"view//books/{id}")


def _dogpile(app: Flask) -> Callable[[int], object]:
    return lambda id: app.region.delete(f"dogpile:/books/{id}?")


ENGINES = {
    "ours, invalidate": (apps.ours, _ours),
    "Flask-Caching, delete": (partial(apps.flask_caching, query_string=False), _flask_caching),
    "dogpile.cache, delete": (apps.dogpile, _dogpile),
}


def run(url: str, reads: int, writes: int) -> None:
    """B11."""
    rows = [_row(url, name, reads, writes) for name in ENGINES]
    heads = ["", "reads", "writes", "stale", "per 1,000 writes", "s"]
    table("B11 stale reads; goal 0", heads, rows)


def _row(url: str, name: str, reads: int, writes: int) -> list[str]:
    with redis.Redis.from_url(url) as server:
        server.flushall()
    world, begun = World(), time.monotonic()
    jobs = [(_read, (world, url, name, number)) for number in range(READERS)]
    jobs.append((_write, (world, url, name)))
    workers = [_SPAWN.Process(target=target, args=args) for target, args in jobs]
    for worker in workers:
        worker.start()
    while sum(world.reads) < reads or world.writes.value < writes:
        time.sleep(0.1)
        assert all(worker.is_alive() for worker in workers), "A reader or the writer failed."
    world.over.value = 1
    for worker in workers:
        worker.join()
    read, stale, written = sum(world.reads), sum(world.stale), world.writes.value
    rate, seconds = stale / written * 1000, time.monotonic() - begun
    return [name, f"{read:,}", f"{written:,}", f"{stale:,}", f"{rate:,.0f}", f"{seconds:.0f}"]


def _app(world: World, url: str, name: str) -> Flask:
    def view(id: int) -> dict[str, int]:
        version = world.committed[id]
        time.sleep(random.uniform(0, LATENCY))
        return {"version": version}

    return ENGINES[name][0](view, url)


def _read(world: World, url: str, name: str, number: int) -> None:
    app = _app(world, url, name)
    Answer(app, environ("/nothing"))  # Flask's first request is slow.

    def read(slot: int) -> None:
        while not world.over.value:
            id = random.randrange(KEYS)
            floor = world.announced[id]
            answer = Answer(app, environ(f"/books/{id}"))
            assert answer.status == "200 OK", answer.status
            world.stale[slot] += json.loads(answer.body)["version"] < floor
            world.reads[slot] += 1

    slots = range(number * THREADS, (number + 1) * THREADS)
    readers = [threading.Thread(target=read, args=(slot,)) for slot in slots]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def _write(world: World, url: str, name: str) -> None:
    app = _app(world, url, name)
    with app.app_context():
        invalidate = ENGINES[name][1](app)
        while not world.over.value:
            id = random.randrange(KEYS)
            version = world.committed[id] + 1
            world.committed[id] = version
            invalidate(id)
            world.announced[id] = version
            world.writes.value += 1
            time.sleep(random.uniform(0.005, 0.03))
