"""The same view, answered by each of the caches that are compared."""

import functools
import random
import socket
import time
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis
from carafe import FlaskCarafe
from carafe import security
from carafe.ext import session
from carafe.ext.auth import Auth
from carafe.ext.cache import Cache
from carafe.ext.logger import Logger
from dogpile.cache import make_region
from flask import Flask
from flask import request
from flask import Response
from flask_caching import Cache as FlaskCache

View = Callable[..., Any]

SMALL, LARGE = 16, 360
"""Books in a body of 2 kB and of 46 kB."""


def books(count: int) -> dict[str, Any]:
    """A page of a list."""
    book = {"author": "Ursula K. Le Guin", "year": 1974, "price": 12.5, "tags": ["utopia", "sf"]}
    items = [{"id": id, "title": f"Book number {id}", **book} for id in range(count)]
    return {"items": items, "page": 1, "total": 4321}


def of_books(count: int) -> View:
    """A view of that page."""
    page = books(count)
    return lambda **_: page


def bare(view: View) -> Flask:
    """Flask alone: ``/ping`` is 1.00, and ``/books`` is the view without a cache."""
    app = Flask("bare")
    app.add_url_rule("/ping", "ping", lambda: {"ping": "pong"})
    return _serving(app, view)


def ours(view: View, url: str | None = None, **config: Any) -> Flask:
    """Carafe's ``cached_view``."""
    app = FlaskCarafe("ours")
    cache = Cache()
    cache.init_app(app, config_for("ours:", url) | config)
    return _serving(app, cache.cached_view(namespace="books")(view))


def ours_guarded(view: View, url: str | None = None, provider: Any = None) -> Flask:
    """The same behind a guard, with a login; *provider* knows everybody by default."""
    app = FlaskCarafe("guarded")
    app.secret_key = "a key for benchmarks"
    cache = Cache()
    auth = Auth(provider or _Provider())
    session.init_app(app)
    auth.init_app(app)
    cache.init_app(app, config_for("guarded:", url))
    app.add_url_rule("/login/<int:id>", "login", lambda id: auth.login(id) or {}, methods=["POST"])
    return _serving(app, auth.require.login()(cache.cached_view(namespace="books")(view)))


def logged(name: str, count: int, has_access_log: bool) -> Flask:
    """An app that logs JSON; ``/records`` logs *count* records."""
    app = Flask(name)
    app.config.update(
        CARAFE_LOGGER_STREAM_ENABLED=True,
        CARAFE_LOGGER_STREAM_FORMAT="json",
        ACCESS_LOG=has_access_log,
    )
    security.init_app(app)
    Logger(app)

    def records() -> dict[str, str]:
        for _ in range(count):
            app.logger.info("Sold %s pens.", 3)
        return {"ping": "pong"}

    app.add_url_rule("/ping", "ping", lambda: {"ping": "pong"})
    app.add_url_rule("/records", "records", records)
    return app


def flask_caching(view: View, url: str | None = None, query_string: bool = True) -> Flask:
    """Flask-Caching's ``cached``."""
    app = Flask("flask_caching")
    cache = FlaskCache(app, config=config_for("flask-caching:", url))
    return _serving(app, cache.cached(query_string=query_string)(view))


def flask_caching_with_etag(view: View, url: str | None = None) -> Flask:
    """The same, answering conditional requests the way Werkzeug documents it."""
    app = flask_caching(view, url)

    @app.after_request
    def make_conditional(response: Response) -> Response:
        response.add_etag()
        return response.make_conditional(request)

    return app


def wrapped_again(view: View, url: str) -> Flask:
    """Flask-Caching wrapped around the view anew for each request, with a key made by hand."""
    app = Flask("wrapped")
    cache = FlaskCache(app, config=config_for("wrapped:", url))

    @functools.wraps(view)
    def call(**kwargs: Any) -> Any:
        arguments = "&".join(f"{key}={value}" for key, value in sorted(request.args.items(True)))
        key = f"books:view:{request.path}?{arguments}"
        return cache.cached(timeout=300, key_prefix=key)(view)(**kwargs)

    return _serving(app, call)


def dogpile(view: View, url: str, **arguments: Any) -> Flask:
    """dogpile.cache's ``get_or_create`` in the view."""
    app = Flask("dogpile")
    app.region = make_region().configure(
        "dogpile.cache.redis", expiration_time=300, arguments={"url": url, **arguments}
    )

    def call(**kwargs: Any) -> Any:
        key = f"dogpile:{request.full_path}"
        return app.region.get_or_create(key, functools.partial(view, **kwargs))

    return _serving(app, call)


def limit(body: bytes, url: str | None = None) -> Flask:
    """What Flask itself costs with a finished response, and one bare question to Redis."""
    app = Flask("limit")
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    read = _reader(url, body) if url else lambda: body
    return _serving(app, lambda: Finished(headers, read()))


class Finished(Response):
    """A response with nothing left to work out."""

    def __init__(self, headers: list[tuple[str, str]], body: bytes) -> None:
        self._finished = headers, body

    def __call__(self, environ: Any, start_response: Any) -> Any:
        headers, body = self._finished
        start_response("200 OK", headers)
        return [body]


def config_for(prefix: str, url: str | None) -> dict[str, Any]:
    """Flask-Caching's settings: the Redis at *url*, or memory."""
    # Flask-Caching warns of SimpleCache when many threads use it; here one does.
    warnings.filterwarnings("ignore", module="flask_caching")
    where = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url} if url else {}
    return {"CACHE_TYPE": "SimpleCache", "CACHE_KEY_PREFIX": prefix, **where}


class _Provider:
    def identify(self, identity: Any) -> Any:
        return identity


def work_for(seconds: float) -> View:
    """A view that takes that long."""

    def view(**_: Any) -> dict[str, Any]:
        time.sleep(seconds)
        return {"answer": random.random()}

    return view


def _serving(app: Flask, view: View) -> Flask:
    app.add_url_rule("/books", "books", view)
    app.add_url_rule("/books/<int:id>", "book", view)
    return app


def _reader(url: str, body: bytes) -> Callable[[], bytes]:
    with redis.Redis.from_url(url) as server:
        server.mset({"limit:entry": body, "limit:token": "0" * 32})
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    question = hiredis.pack_command(("MGET", "limit:entry", "limit:token"))
    replies = hiredis.Reader()

    def read() -> bytes:
        connection.sendall(question)
        while (reply := replies.gets()) is False:
            replies.feed(connection.recv(65536))
        return reply[0]

    return read
