"""What is read of a request, in whatever way and wherever, decides who gets its response."""

from itertools import count

import pytest
from carafe import FlaskCarafe
from carafe.ext.cache import Cache
from carafe.reads import READ_BY
from flask import Blueprint
from flask import Flask
from flask import g
from flask import request
from flask import session
from flask import url_for
from flask.views import MethodView
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
from werkzeug.routing import BaseConverter
from werkzeug.utils import cached_property

WAYS = {
    "session": lambda: session.get("name"),
    "session as a dict": lambda: dict(session).get("name"),
    "cookies": lambda: request.cookies.get("session"),
    "cookie header": lambda: request.headers.get("Cookie"),
    "all headers": lambda: sorted(map(str, request.headers)),
    "header names": lambda: sorted(request.headers.keys()),
    "environ": lambda: request.environ.get("HTTP_COOKIE"),
    "address": lambda: request.remote_addr,
    "route": lambda: str(request.access_route),
    "host": lambda: request.host,
    "host URL": lambda: request.host_url,
    "URL": lambda: request.url,
    "root URL": lambda: request.url_root,
    "scheme": lambda: request.scheme,
    "is secure": lambda: request.is_secure,
    "script root": lambda: request.script_root,
    "link": lambda: url_for("static", filename="a"),
    "absolute link": lambda: url_for("static", filename="a", _external=True),
    "language": lambda: str(request.accept_languages),
    "language header": lambda: request.headers.get("Accept-Language"),
    "languages": lambda: request.headers.getlist("Accept-Language"),
    "has language": lambda: "Accept-Language" in request.headers,
    "agent": lambda: str(request.user_agent),
    "content type": lambda: request.mimetype,
    "arguments": lambda: request.args.to_dict(),
    "ignored argument": lambda: request.args.get("utm"),
    "full path": lambda: request.full_path,
    "values": lambda: request.values.to_dict(),
}
"""How code can read what differs from client to client."""

ANYWHERE = ("hook", "preprocessor", "blueprint", "decorator", "converter", "view", "twice")

KEY = "a key for tests"


def cookie_of(name):
    """The cookie of a session that holds *name*."""
    app = Flask("sessions")
    app.secret_key = KEY
    return f"session={app.session_interface.get_signing_serializer(app).dumps({'name': name})}"


BASES = ["http://a.example", "https://a.example", "http://B.example", "http://a.example/v2"]
HEADERS = {
    "Cookie": [cookie_of("ada"), cookie_of("bob")],
    "Accept-Language": ["fr", "en"],
    "User-Agent": ["x", "y"],
    "Content-Type": ["text/plain"],
}
QUERIES = ["", "a=1", "utm=1", "utm=2&a=1"]
ADDRESSES = ["192.0.2.1", "192.0.2.2"]

CLIENTS = strategies.fixed_dictionaries(
    {
        "base_url": strategies.sampled_from(BASES),
        "query_string": strategies.sampled_from(QUERIES),
        "environ_base": strategies.fixed_dictionaries(
            {"REMOTE_ADDR": strategies.sampled_from(ADDRESSES)}
        ),
        "headers": strategies.fixed_dictionaries(
            {}, optional={name: strategies.sampled_from(HEADERS[name]) for name in HEADERS}
        ),
    }
)

EACH_BY_ITSELF = [
    {},
    *({"base_url": base} for base in BASES),
    *({"query_string": query} for query in QUERIES),
    *({"environ_base": {"REMOTE_ADDR": address}} for address in ADDRESSES),
    *({"headers": {name: value}} for name in HEADERS for value in HEADERS[name]),
]
"""Clients that differ in one thing."""


def app_that_reads(read, where):
    """An app whose view returns what was read there, or somewhere before."""
    app = FlaskCarafe("reads", static_folder="nowhere")
    app.config.update(SECRET_KEY=KEY, CARAFE_CACHE_IGNORED_REQUEST_ARGS=["utm"])
    cache = Cache()
    cache.init_app(app)
    runs, bp = count(1), Blueprint("bp", __name__)

    def leave(*_):
        g.read = read()

    if where == "hook":
        app.before_request(leave)
    elif where == "preprocessor":
        app.url_value_preprocessor(leave)
    elif where == "blueprint":
        bp.before_request(leave)

    class Converter(BaseConverter):
        def to_python(self, value):
            return read() if where == "converter" else value

    def decorated(view):
        def call(**values):
            if where in {"decorator", "twice"}:
                leave()
            return view(**values)

        return call

    app.url_map.converters["read"] = Converter

    @cache.cached_view()
    def view(value):
        found = g.get("read", value)
        return {"run": next(runs), "read": read() if where in {"view", "twice"} else found}

    bp.add_url_rule("/it/<read:value>", "it", decorated(view))

    app.register_blueprint(bp)
    return app


@pytest.mark.parametrize("where", ANYWHERE)
@pytest.mark.parametrize("way", WAYS)
def test_no_client_gets_the_response_of_another(way, where):
    check(way, where, EACH_BY_ITSELF)


@settings(max_examples=100, deadline=None)
@given(
    strategies.sampled_from([*WAYS]),
    strategies.sampled_from(ANYWHERE),
    strategies.lists(CLIENTS, min_size=2, max_size=6),
)
def test_no_client_gets_the_response_of_another_whatever_comes_together(way, where, clients):
    check(way, where, clients)


def check(way, where, clients):
    """Ask for each client twice; it must see what it sees of an application of its own."""
    app = app_that_reads(WAYS[way], where)
    for client in [*clients, *clients]:
        alone = app_that_reads(WAYS[way], where)
        found, expected = (
            each.test_client(use_cookies=False).get("/it/x", **client).json["read"]
            for each in (app, alone)
        )
        assert found == expected, client


def test_every_attribute_that_keeps_what_it_computed_is_recorded():
    kept = {
        name
        for each in FlaskCarafe.request_class.__mro__
        for name, value in vars(each).items()
        if isinstance(value, cached_property)
    }
    assert kept <= READ_BY.keys()


@pytest.fixture
def app():
    app = FlaskCarafe("app", subdomain_matching=True)
    app.config.update(SECRET_KEY="a key for tests", CARAFE_CACHE_STATUS_HEADER=True)
    app.cache = Cache()
    app.cache.init_app(app)
    app.runs = count(1)
    return app


def test_a_path_on_two_subdomains_has_two_responses(app):
    app.config["SERVER_NAME"] = "example.com"

    @app.get("/it", subdomain="<name>")
    @app.cache.cached_view()
    def it(name):
        return {"name": name}

    client = app.test_client()
    for _ in range(2):
        for name in ("a", "b"):
            response = client.get("/it", base_url=f"http://{name}.example.com")
            assert response.json == {"name": name}
    assert response.headers["Cache-Status"] == "carafe; hit"


def test_a_cached_view_inside_another_one_is_not_mistaken_for_it(app):
    class Base(MethodView):
        @app.cache.cached_view()
        def get(self):
            return {"is": "base"}

    class Derived(Base):
        @app.cache.cached_view()
        def get(self):
            return {"is": "derived", "of": super().get()}

    app.add_url_rule("/it", view_func=Derived.as_view("it"))
    client = app.test_client()
    first = client.get("/it").json
    assert first["is"] == "derived" and client.get("/it").json == first


def test_in_memory_is_not_for_several_processes(app):
    @app.get("/it")
    @app.cache.cached_view()
    def it():
        return {"run": next(app.runs)}

    client = app.test_client()
    first, second = (client.get("/it", multiprocess=True) for _ in range(2))
    assert first.json != second.json
    assert "several processes" in first.headers["Cache-Status"]


@pytest.mark.parametrize("type_", ["FileSystemCache", "MemcachedCache", "UWSGICache", "Nonsense"])
def test_a_backend_that_cannot_invalidate_is_refused_at_start(type_):
    app = Flask("refused")
    app.config["CACHE_TYPE"] = type_
    with pytest.raises(ValueError, match="cannot cache views"):
        Cache().init_app(app)
