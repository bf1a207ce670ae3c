"""In ``Cache-Status``, a response says what the cache did, and if nothing, why."""

import pytest
from carafe.ext.cache import Cache
from flask import abort
from flask import request
from flask import Response
from flask import session

from .apps import app_with


@pytest.fixture
def client():
    cache = Cache()
    app = app_with(cache, CARAFE_CACHE_STATUS_HEADER=True)

    def view(path, answer, **options):
        app.add_url_rule(path, path, cache.cached_view(**options)(answer))

    view("/plain", lambda: "plain")
    view("/session", lambda: str(session.get("id")))
    view("/cookie", lambda: str(request.cookies.get("id")))
    view("/missing", lambda: abort(404))
    view("/made", lambda: ("made", 201))
    view("/unless", lambda: "", unless=lambda: True)
    view("/never", lambda: "", timeout=0)
    view("/private", lambda: Response(headers={"Cache-Control": "private"}))
    view("/setting", lambda: Response(headers={"Set-Cookie": "a=b"}))
    view("/streamed", lambda: iter(["a"]))
    view("/large", lambda: "a" * (2**20 + 1))
    app.add_url_rule("/uncached", view_func=lambda: "")
    return app.test_client()


def status_of(response):
    return response.headers.get("Cache-Status")


def test_a_miss_is_stored_and_then_hit(client):
    assert status_of(client.get("/plain")) == "carafe; fwd=miss; stored"
    assert status_of(client.get("/plain")) == "carafe; hit"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/session", 'fwd=miss; detail="the session was read"'),
        ("/cookie", 'fwd=miss; detail="a cookie was read"'),
        ("/missing", 'fwd=miss; detail="the view raised an error"'),
        ("/made", 'fwd=miss; detail="its status is 201"'),
        ("/unless", 'fwd=bypass; detail="unless is true"'),
        ("/never", 'fwd=bypass; detail="the timeout is 0"'),
        ("/private", 'fwd=miss; detail="Cache-Control is private"'),
        ("/setting", 'fwd=miss; detail="it has the header Set-Cookie"'),
        ("/streamed", 'fwd=miss; detail="it is streamed"'),
        ("/large", 'fwd=miss; detail="it is too large"'),
    ],
)
def test_what_is_not_cached_says_why_each_time(client, path, status):
    for _ in range(2):
        assert status_of(client.get(path)) == f"carafe; {status}"


def test_credentials_and_bodies_go_around(client):
    for options in ({"headers": {"Authorization": "Basic YTpi"}}, {"data": "a"}):
        assert status_of(client.get("/plain", **options)).startswith("carafe; fwd=bypass")


def test_a_view_that_is_not_cached_says_nothing(client):
    assert status_of(client.get("/uncached")) is None


def test_a_cache_that_is_off_says_so():
    app = app_with(CARAFE_CACHE_ENABLED=False, CARAFE_CACHE_STATUS_HEADER=True)
    app.add_url_rule("/", view_func=app.cache.cached_view()(lambda: ""))
    assert status_of(app.test_client().get("/")) == 'carafe; fwd=bypass; detail="the cache is off"'


def test_by_default_nothing_is_said():
    app = app_with()
    app.add_url_rule("/", view_func=app.cache.cached_view()(lambda: ""))
    assert status_of(app.test_client().get("/")) is None


def test_a_backend_that_is_down_says_so():
    app = app_with(
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL="redis://127.0.0.1:1",
        CARAFE_CACHE_STATUS_HEADER=True,
    )
    app.add_url_rule("/", view_func=app.cache.cached_view()(lambda: ""))
    assert "unavailable" in status_of(app.test_client().get("/"))
