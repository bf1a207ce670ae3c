"""What it costs to be somebody, and to log it (B1, B2, B3, B7, B18).

``python -m benchmarks.requests`` runs it all.
"""

import argparse
from collections.abc import Callable
from typing import Any

import redis
from flask import Flask

from . import apps
from . import people
from .measure import added
from .measure import compare
from .measure import versus
from .server import Counter
from .server import private_server
from .wsgi import Answer
from .wsgi import caller
from .wsgi import environ

BARE = "bare Flask, /ping"
BATCH = 100
"""Requests after which the log is flushed, so that its thread's work counts."""


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(prog="benchmarks.requests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: a first look")
    rounds = 15 if parser.parse_args().quick else 101
    _compare_logs(rounds)
    with private_server() as url, redis.Redis.from_url(url) as server:
        compositions = {
            "ours": people.ours(),
            "ours, Redis": people.ours(url),
            "eager": people.eager(),
            "eager, Redis": people.eager(url),
        }
        cookies = {name: _logged_in(app) for name, (app, _) in compositions.items()}
        strangers = dict.fromkeys(cookies, "")
        for title, path, who, goal in (
            ("B1  anonymous", "/ping", strangers, "≤ 1.00"),
            ("B2  logged in, where nobody asks who", "/ping", cookies, "≤ 1.00"),
            ("B3  logged in, guarded", "/guarded", cookies, "≤ 4.5 with a select"),
            ("B7  logged in, guarded and cached", "/cached", cookies, "1 round trip with Redis"),
        ):
            calls = {name: _asking(compositions[name][0], path, who[name]) for name in who}
            bare = caller(apps.bare(lambda **_: {}), environ("/ping"))
            times = compare(title, {BARE: bare, **calls}, rounds)
            versus("ours / bare Flask", times["ours"], times[BARE], goal)
            for name, (_, queries) in compositions.items():
                _print_asked(name, calls[name], queries, Counter(server))


def _compare_logs(rounds: int) -> None:
    quiet, loud = apps.logged("quiet", BATCH, False), apps.logged("loud", BATCH, True)
    requests = {"no line": _times(quiet, "/ping", BATCH), "lines": _times(loud, "/ping", BATCH)}
    times = compare(f"B18  {BATCH} requests, in the access log as JSON", requests, rounds)
    added("one access line", times["lines"], times["no line"], BATCH, "≤ 40 µs")
    request = {"no record": _times(quiet, "/ping", 1), "records": _times(quiet, "/records", 1)}
    times = compare(f"B18  a request that logs {BATCH} records as JSON", request, rounds)
    added("one record", times["records"], times["no record"], BATCH, "≤ 40 µs")


def _times(app: Flask, path: str, count: int) -> Callable[[], None]:
    call = caller(app, environ(path, "page=2"))
    (handler,) = app.extensions["carafe.logger"].handlers

    def requests() -> None:
        for _ in range(count):
            call()
        handler.flush()

    return requests


def _asking(app: Flask, path: str, cookie: str) -> Any:
    call = caller(app, environ(path, **({"COOKIE": cookie} if cookie else {})))
    assert call().status == "200 OK"
    return call


def _logged_in(app: Flask) -> str:
    answer = Answer(app, environ("/login", method="POST"))
    return answer.header("Set-Cookie").partition(";")[0]


def _print_asked(name: str, call: Any, queries: people.Queries, server: Counter) -> None:
    queries.count = 0
    headers = {header for header, _ in call().headers} & {"Set-Cookie", "Vary"}
    asked = f"{queries.count} queries; Redis: {server.per_call(call)}"
    print(f"  {name}: {asked}; {', '.join(sorted(headers)) or 'no headers'}")


if __name__ == "__main__":
    main()
