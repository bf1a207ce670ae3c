"""Invalidating namespaces among many other keys (B9)."""

import time
from collections.abc import Callable

import redis

from . import apps
from .measure import Spread
from .measure import table
from .server import Counter

_FILL = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    redis.call("SET", "ours:others:view:/" .. number, "x")
end
"""
_PREFIX = "ours:books:view:"


def run(url: str, sizes: list[int], repeats: int) -> None:
    """B9."""
    app = apps.ours(apps.of_books(1), url)
    server = redis.Redis.from_url(url)
    with app.app_context():
        cache = next(iter(app.extensions["cache"]))
        methods = {
            "ours, 1 namespace": lambda: cache.invalidate("books"),
            "ours, 3 namespaces": lambda: cache.invalidate("books", "shelves", "authors"),
            "KEYS and DEL, 1 prefix": lambda: _sweep(server),
        }
        for size in sizes:
            server.flushall()
            _fill(server, size)
            rows = [_row(server, *method, repeats) for method in methods.items()]
            title = f"B9  invalidate 100 entries among {size:,} others; goal 1 command, flat"
            table(title, ["", "median ms", "p25-p75", "asks"], rows)
    server.flushall()
    server.close()


def _row(server: redis.Redis, name: str, method: Callable[[], None], repeats: int) -> list[str]:
    method()  # Connecting is not what is compared.
    seconds = [_seconds(server, method) for _ in range(repeats)]
    spread = Spread.of([second * 1000 for second in seconds])
    _make(server)
    asks = Counter(server).per_call(method, 1)
    return [name, f"{spread.median:.2f}", f"{spread.p25:.2f}-{spread.p75:.2f}", asks]


def _seconds(server: redis.Redis, method: Callable[[], None]) -> float:
    _make(server)
    start = time.perf_counter()
    method()
    return time.perf_counter() - start


def _make(server: redis.Redis) -> None:
    server.mset({f"{_PREFIX}/{number}": "x" for number in range(100)})


def _sweep(server: redis.Redis) -> None:
    if found := server.keys(f"{_PREFIX}*"):
        server.delete(*found)


def _fill(server: redis.Redis, size: int) -> None:
    fill = server.register_script(_FILL)
    for start in range(0, size, 10_000):
        fill(args=[start + 1, min(start + 10_000, size)])
