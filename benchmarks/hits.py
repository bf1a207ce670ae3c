"""One request at a time: hits (B4, B5), conditional requests (B6), guards (B7) and misses (B8)."""

import json
from itertools import count
from typing import Any

import redis
from flask import Flask

from . import apps
from .measure import compare
from .measure import versus
from .server import Counter
from .wsgi import Answer
from .wsgi import caller
from .wsgi import caller_of_many
from .wsgi import environ

QUERY = "page=1&limit=20&sort=title"


def on_redis(url: str, rounds: int) -> None:
    """B4."""
    for size in (apps.SMALL, apps.LARGE):
        view, body = apps.of_books(size), _body(size)
        calls = {
            "bare Flask, /ping": caller(apps.bare(view), environ("/ping")),
            "limit: finished response, raw MGET": _hit(apps.limit(body, url)),
            "ours": _hit(apps.ours(view, url)),
            "Flask-Caching": _hit(apps.flask_caching(view, url)),
            "dogpile.cache": _hit(apps.dogpile(view, url)),
            "wrapped again for each request": _hit(apps.wrapped_again(view, url)),
            "bare Flask, uncached": _hit(apps.bare(view)),
        }
        times = compare(f"B4  hit on Redis, {_kB(body)}", calls, rounds)
        ours, least = times["ours"], "≥ 2.5" if size == apps.SMALL else "≥ 8"
        versus("ours / limit", ours, times["limit: finished response, raw MGET"], "≤ 1.25")
        versus("Flask-Caching / ours", times["Flask-Caching"], ours, least)
        with redis.Redis.from_url(url) as server:
            print(f"  a hit of ours asks: {Counter(server).per_call(calls['ours'])}; goal 1; 1")
            server.flushall()


def in_memory(rounds: int) -> None:
    """B5."""
    for size in (apps.SMALL, apps.LARGE):
        view, body = apps.of_books(size), _body(size)
        calls = {
            "bare Flask, /ping": caller(apps.bare(view), environ("/ping")),
            "limit: finished response": _hit(apps.limit(body)),
            "ours": _hit(apps.ours(view)),
            "Flask-Caching": _hit(apps.flask_caching(view)),
        }
        times = compare(f"B5  hit in memory, {_kB(body)}", calls, rounds)
        versus("ours / bare Flask", times["ours"], times["bare Flask, /ping"], "≤ 0.75")


def conditional(url: str, rounds: int) -> None:
    """B6."""
    view = apps.of_books(apps.SMALL)
    for where, at in {"Redis": url, "memory": None}.items():
        ours, theirs = apps.ours(view, at), apps.flask_caching_with_etag(view, at)
        calls = {
            "bare Flask, /ping": caller(apps.bare(view), environ("/ping")),
            "ours, 200": _hit(ours),
            "ours, 304": _not_modified(ours),
            "Flask-Caching + add_etag, 200": _hit(theirs),
            "Flask-Caching + add_etag, 304": _not_modified(theirs),
        }
        times = compare(f"B6  304 from {where}, 2 kB", calls, rounds)
        versus("ours, 304 / 200", times["ours, 304"], times["ours, 200"], "≤ 1.05")


def guarded(url: str, rounds: int) -> None:
    """B7."""
    view = apps.of_books(apps.SMALL)
    there, here = apps.ours_guarded(view, url), apps.ours_guarded(view)
    calls = {
        "bare Flask, /ping": caller(apps.bare(view), environ("/ping")),
        "ours on Redis, guarded": _hit(there, COOKIE=_logged_in(there)),
        "ours in memory, guarded": _hit(here, COOKIE=_logged_in(here)),
        "ours in memory, open": _hit(apps.ours(view)),
    }
    compare("B7  guarded and cached, logged in, 2 kB", calls, rounds)
    with redis.Redis.from_url(url) as server:
        asked = Counter(server).per_call(calls["ours on Redis, guarded"])
        print(f"  a guarded hit asks: {asked}; goal 1; 1")
        server.flushall()


def misses(url: str, rounds: int) -> None:
    """B8."""
    view = apps.of_books(apps.SMALL)
    calls = {
        "bare Flask, uncached": _missing(apps.bare(view)),
        "ours": _missing(apps.ours(view, url)),
        "Flask-Caching": _missing(apps.flask_caching(view, url)),
    }
    times = compare("B8  miss on Redis, 2 kB: a new path each time", calls, rounds)
    versus("ours / Flask-Caching", times["ours"], times["Flask-Caching"], "≤ 1.00")
    with redis.Redis.from_url(url) as server:
        for name in ("ours", "Flask-Caching"):
            print(f"  a miss of {name} asks: {Counter(server).per_call(calls[name])}")
        server.flushall()


def _hit(app: Flask, **headers: str) -> Any:
    call = caller(app, environ("/books", QUERY, **headers))
    first, second = call(), call()
    assert first.status == second.status == "200 OK", second.status
    assert json.loads(first.body) == json.loads(second.body)
    return call


def _not_modified(app: Flask) -> Any:
    etag = _hit(app)().header("ETag")
    call = caller(app, environ("/books", QUERY, IF_NONE_MATCH=etag))
    assert (call().status[:3], call().body) == ("304", b"")
    return call


def _missing(app: Flask) -> Any:
    call = caller_of_many(app, (f"/books/{number}" for number in count()))
    assert call().status == "200 OK"
    return call


def _logged_in(app: Flask) -> str:
    answer = Answer(app, environ("/login/1", method="POST"))
    return answer.header("Set-Cookie").partition(";")[0]


def _body(size: int) -> bytes:
    return json.dumps(apps.books(size)).encode()


def _kB(body: bytes) -> str:
    return f"{len(body) / 1000:.0f} kB"
