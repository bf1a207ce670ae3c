"""What ``carafe.ext.cache`` costs, beside what else there is: ``python -m benchmarks.cache``.

Prints tables, and fails nothing by the clock.
"""

import argparse
import os
import platform
from pathlib import Path

import redis

from . import hits
from . import invalidate
from . import stale
from . import stampede
from .server import private_server
from .server import version_of


def main() -> None:
    """Run all, or those that are named."""
    parser = argparse.ArgumentParser(prog="benchmarks.cache", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: a first look")
    parser.add_argument("only", nargs="*", metavar="ROW", help="B4 to B11; all of them by default")
    given = parser.parse_args()
    with private_server() as url:
        rows = _rows(url, given.quick)
        if unknown := set(given.only) - set(rows):
            parser.error(f"There is no {', '.join(sorted(unknown))}. There are {', '.join(rows)}.")
        print(_machine(url))
        for name in given.only or rows:
            rows[name]()


def _rows(url: str, quick: bool) -> dict:
    rounds, repeats = (15, 2) if quick else (101, 5)
    sizes = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000]
    reads, writes = (20_000, 200) if quick else (200_000, 1_500)
    return {
        "B4": lambda: hits.on_redis(url, rounds),
        "B5": lambda: hits.in_memory(rounds),
        "B6": lambda: hits.conditional(url, rounds),
        "B7": lambda: hits.guarded(url, rounds),
        "B8": lambda: hits.misses(url, rounds),
        "B9": lambda: invalidate.run(url, sizes, repeats),
        "B10": lambda: stampede.run(url, repeats),
        "B11": lambda: stale.run(url, reads, writes),
    }


def _machine(url: str) -> str:
    with redis.Redis.from_url(url) as server:
        version = version_of(server)
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {version}"


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
