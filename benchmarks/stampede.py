"""Many who ask at once for what nobody has yet (B10), and one who dies while making it."""

import statistics
import threading
import time
from functools import partial
from multiprocessing import get_context
from typing import Any

import redis
from carafe.ext.cache.single_flight import LEASE_SECONDS

from . import apps
from .measure import table
from .wsgi import Answer
from .wsgi import environ

BODY = 0.2
"""Seconds that the view takes."""

_LOCKED = {"distributed_lock": True, "thread_local_lock": False, "lock_timeout": LEASE_SECONDS}
ENGINES = {
    "ours": apps.ours,
    "Flask-Caching": apps.flask_caching,
    "dogpile.cache, lock of the process": apps.dogpile,
    "dogpile.cache, lock in Redis": partial(apps.dogpile, **_LOCKED),
}
_SPAWN = get_context("spawn")


def run(url: str, repeats: int) -> None:
    """B10."""
    server = redis.Redis.from_url(url)
    for processes, threads in ((1, 64), (4, 16)):
        rows = [_row(server, url, name, processes, threads, repeats) for name in ENGINES]
        who = f"{processes} process{'es' if processes > 1 else ''} × {threads} threads"
        title = f"B10 cold key, {BODY * 1000:.0f} ms body, {who}; goal 1 and ≤ {BODY * 1600:.0f}"
        table(title, ["", "computed", "median ms", "slowest ms"], rows)
    rows = [
        [name, "  ".join(f"{_after_a_death(server, url, name):.0f}" for _ in range(repeats))]
        for name in ("ours", "dogpile.cache, lock in Redis")
    ]
    goal = LEASE_SECONDS * 1000 + 50
    table(
        f"B10 leader killed, lease {LEASE_SECONDS} s; goal ≤ {goal} ms",
        ["", "ms until a value"],
        rows,
    )
    server.close()


def _row(
    server: redis.Redis, url: str, name: str, processes: int, threads: int, repeats: int
) -> list[str]:
    computed, latencies = [], []
    for _ in range(repeats):
        server.flushall()
        latencies += _stampede(url, name, processes, threads)
        computed.append(int(server.get("computed")))
    each = " ".join(map(str, computed))
    return [name, each, f"{statistics.median(latencies) * 1e3:.0f}", f"{max(latencies) * 1e3:.0f}"]


def _stampede(url: str, name: str, processes: int, threads: int) -> list[float]:
    start, queue = _SPAWN.Barrier(processes), _SPAWN.Queue()
    args = (url, name, threads, start, queue)
    workers = [_SPAWN.Process(target=_ask_at_once, args=args) for _ in range(processes)]
    for worker in workers:
        worker.start()
    latencies = [latency for _ in workers for latency in queue.get(timeout=60)]
    for worker in workers:
        worker.join()
    return latencies


def _ask_at_once(url: str, name: str, threads: int, start: Any, queue: Any) -> None:
    server = redis.Redis.from_url(url)
    app = ENGINES[name](_counted(server), url)
    Answer(app, environ("/nothing"))  # Flask's first request is slow.
    server.ping()
    latencies: list[float] = []
    ready = threading.Barrier(threads + 1)

    def ask() -> None:
        ready.wait()
        begun = time.perf_counter()
        assert Answer(app, environ("/books")).status == "200 OK"
        latencies.append(time.perf_counter() - begun)

    askers = [threading.Thread(target=ask) for _ in range(threads)]
    for asker in askers:
        asker.start()
    start.wait()
    ready.wait()
    for asker in askers:
        asker.join()
    queue.put(latencies)


def _counted(server: redis.Redis) -> apps.View:
    work = apps.work_for(BODY)

    def view(**_: Any) -> Any:
        server.incr("computed")
        return work()

    return view


def _after_a_death(server: redis.Redis, url: str, name: str) -> float:
    """Milliseconds from when the leader started until another process has a value."""
    server.flushall()
    started, queue = _SPAWN.Value("d", 0.0), _SPAWN.Queue()
    follower = _SPAWN.Process(target=_follow, args=(url, name, started, queue))
    follower.start()
    queue.get(timeout=60)
    leader = _SPAWN.Process(target=_lead, args=(url, name, started))
    leader.start()
    while not started.value:
        time.sleep(0.001)
    leader.kill()
    had = queue.get(timeout=60)
    follower.join()
    return (had - started.value) * 1000


def _lead(url: str, name: str, started: Any) -> None:
    def view(**_: Any) -> None:
        started.value = time.monotonic()
        time.sleep(60)

    Answer(ENGINES[name](view, url), environ("/books"))


def _follow(url: str, name: str, started: Any, queue: Any) -> None:
    app = ENGINES[name](apps.work_for(0), url)
    Answer(app, environ("/nothing"))
    queue.put("ready")
    while not started.value:
        time.sleep(0.001)
    assert Answer(app, environ("/books")).status == "200 OK"
    queue.put(time.monotonic())
