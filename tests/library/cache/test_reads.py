"""What is read of a request, in whatever way and wherever, decides who gets its response."""

import asyncio
from contextvars import ContextVar
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from itertools import count
from threading import Event
from threading import Thread
from time import sleep

import pytest
from carafe import FlaskCarafe
from carafe import reads
from carafe.ext import session as session_extension
from carafe.ext.cache import Cache
from carafe.operation import operation
from carafe.reads import READ_BY
from flask import Blueprint
from flask import Flask
from flask import g
from flask import render_template_string
from flask import request
from flask import session
from flask import url_for
from flask.views import MethodView
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
from pydantic import BaseModel
from pydantic import ConfigDict
from werkzeug.datastructures import Headers
from werkzeug.local import Local
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
    "environ of the headers": lambda: request.headers.environ.get("HTTP_COOKIE"),
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
    "changed since": lambda: str(request.if_modified_since),
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
    "If-Modified-Since": ["Wed, 21 Oct 2026 07:28:00 GMT"],
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


def each_sees_its_own(app):
    """Assert that ada and bob get what is theirs, twice."""
    for name in ("ada", "bob") * 2:
        client = app.test_client(use_cookies=False)
        headers = {"Cookie": f"name={name}", "X-Name": name}
        assert client.get("/it", headers=headers).json == {"name": name}


class ReadsAtFirst(FlaskCarafe.request_class):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.name = self.headers["X-Name"]


class ReadsEnviron(FlaskCarafe.request_class):
    def __init__(self, environ, *args, **kwargs):
        super().__init__(environ, *args, **kwargs)
        self.name = environ["HTTP_X_NAME"]


class ReadsCookies(FlaskCarafe.request_class):
    @property
    def name(self):
        return self.accept_languages

    @property
    def accept_languages(self):
        return self.cookies["name"]

    @cached_property
    def args(self):
        return {"name": self.cookies["name"]}


@pytest.mark.parametrize(
    ("request_class", "read"),
    [
        (ReadsAtFirst, lambda: request.name),
        (ReadsEnviron, lambda: request.name),
        (ReadsCookies, lambda: request.name),
        (ReadsCookies, lambda: request.args["name"]),
    ],
)
def test_what_a_request_class_of_an_owner_reads_is_recorded(app, request_class, read):
    app.request_class = request_class

    @app.get("/it")
    @app.cache.cached_view()
    def it():
        return {"name": read()}

    each_sees_its_own(app)


@pytest.mark.parametrize("kind", [FlaskCarafe.request_class, ReadsAtFirst])
def test_an_owner_may_make_a_request_of_the_same_class(app, kind):
    app.request_class = kind

    @app.get("/it")
    @app.cache.cached_view()
    def it():
        kind = type(request._get_current_object())
        return {"name": kind(request.environ).cookies["name"]}

    each_sees_its_own(app)


def test_headers_that_a_hook_replaced_are_those_that_a_view_sees(app):
    @app.before_request
    def replace():
        request.headers = Headers({"X-Replaced": request.cookies["name"]})

    @app.get("/it")
    @app.cache.cached_view()
    def it():
        return {"name": request.headers["X-Replaced"]}

    each_sees_its_own(app)


@pytest.mark.parametrize("way", ["cookie", "session", "header"])
@pytest.mark.parametrize("decorate", ["memoize", "cached_view"])
def test_threads_of_one_request_hide_nothing_from_each_other(app, way, decorate):
    read = {
        "cookie": lambda: request.cookies["name"],
        "session": lambda: session.get("name"),
        "header": lambda: request.headers["X-Name"],
    }[way]
    begun, ended = (Event(), Event()), Event()

    @app.cache.memoize()
    def find(number):
        begun[number].set()
        if number == 0:
            begun[1].wait(5)
            return None
        ended.wait(5)
        return read() if decorate == "memoize" else None

    def find_in_turn(number):
        if number:
            begun[0].wait(5)
        found = find(number)
        if number == 0:
            ended.set()
        return found

    @app.get("/it")
    @app.cache.cached_view()
    async def it():
        _, found = await asyncio.gather(*(asyncio.to_thread(find_in_turn, each) for each in (0, 1)))
        return {"name": found if decorate == "memoize" else read()}

    for name in ("ada", "bob") * 2:
        client = app.test_client(use_cookies=False)
        headers = {"X-Name": name, "Cookie": f"name={name}; {cookie_of(name)}"}
        assert client.get("/it", headers=headers).json == {"name": name}


LOCAL, VARIABLE = Local(), ContextVar("name", default=None)
LEFT = {
    "Local": (lambda name: setattr(LOCAL, "name", name), lambda _: LOCAL.name),
    "context variable": (VARIABLE.set, lambda _: VARIABLE.get()),
    "argument": (lambda name: request.view_args.update(name=name), lambda values: values["name"]),
    "attribute": (lambda name: setattr(request, "name", name), lambda _: request.name),
}


@pytest.mark.parametrize("way", LEFT)
def test_what_a_guard_leaves_for_the_view_makes_it_personal(app, way):
    leave, find = LEFT[way]

    @app.before_request
    def guard():
        with reads.deciding():
            leave(request.cookies["name"])

    @app.get("/it")
    @app.cache.cached_view()
    def it(**values):
        return {"name": find(values)}

    each_sees_its_own(app)


def test_a_guard_that_leaves_nothing_leaves_the_view_shared(app):
    @app.before_request
    def guard():
        with reads.deciding():
            assert request.cookies["name"]

    @app.get("/it/<name>")
    @app.cache.cached_view()
    def it(name):
        return {"run": next(app.runs)}

    for name in ("ada", "bob"):
        client = app.test_client(use_cookies=False)
        assert client.get("/it/a", headers={"Cookie": f"name={name}"}).json == {"run": 1}


@pytest.mark.parametrize("call", ["positional", "by name", "function"])
def test_a_view_that_other_code_calls_is_not_mistaken_for_that_of_the_url(app, call):
    class BookView(MethodView):
        @app.cache.cached_view()
        def get(self, id=0):
            return {"id": id}

    @app.cache.cached_view()
    def book(id):
        return {"id": id}

    calls = {
        "positional": lambda id: BookView().get(id),
        "by name": lambda id: BookView().get(id=id),
        "function": book,
    }

    @app.get("/shelves/<id>")
    def shelf(id):
        return [calls[call](number) for number in (1, 2, 3)]

    client = app.test_client()
    for _ in range(2):
        assert client.get("/shelves/7").json == [{"id": 1}, {"id": 2}, {"id": 3}]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_view_never_sees_the_arguments_that_do_not_count(app, method, headers):
    seen = []

    @app.get("/it")
    @app.cache.cached_view(include_request_args=["page"])
    def it():
        seen.append(request.args.to_dict())
        return seen[-1]

    app.test_client().open("/it?page=2&utm=1", method=method, headers=headers)
    assert seen == [{"page": "2"}]


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: int = 1


@pytest.mark.parametrize("counted", [True, False, ["page"]])
def test_an_argument_that_does_not_count_is_refused_whoever_asks(app, counted):
    @app.get("/it")
    @app.cache.cached_view(include_request_args=counted)
    @operation()
    def it(query: Query) -> dict[str, int]:
        return {}

    client = app.test_client()
    for headers in ({}, {}, {"Authorization": "Basic eDp5"}, {"Cookie": "a=b"}):
        assert client.get("/it?page=2", headers=headers).status_code == 200
        assert client.get("/it?page=2&utm=1", headers=headers).status_code == 422


@pytest.mark.parametrize(("seconds", "is_hit"), [(-60, False), (60, True)])
def test_a_response_that_has_expired_is_not_cached(app, seconds, is_hit):
    @app.get("/it")
    @app.cache.cached_view()
    def it():
        response = app.make_response({"run": next(app.runs)})
        response.expires = datetime.now(UTC) + timedelta(seconds=seconds)
        return response

    client = app.test_client()
    assert (client.get("/it").json == client.get("/it").json) is is_hit


def test_a_path_on_one_subdomain_is_not_that_without_one(app):
    app.config["SERVER_NAME"] = "example.com"
    api = Blueprint("api", __name__, subdomain="api")
    for place, name in ((app, "main"), (api, "api")):
        view = app.cache.cached_view(namespace="index")(lambda name=name: {"name": name})
        place.add_url_rule("/it", "index", view)
    app.register_blueprint(api)
    for _ in range(2):
        for base, name in (("http://example.com", "main"), ("http://api.example.com", "api")):
            assert app.test_client().get("/it", base_url=base).json == {"name": name}


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


@pytest.mark.parametrize("way", ["client", "context"])
def test_what_a_request_around_another_has_left_in_g_is_not_shared(app, way):
    def name():
        if "name" not in g:
            g.name = request.cookies.get("name")
        return g.name

    @app.get("/it")
    @app.cache.cached_view()
    def it():
        return {"name": name()}

    @app.get("/batch")
    def batch():
        name()
        if way == "client":
            return app.test_client().get("/it").json
        with app.test_request_context("/it"):
            return app.full_dispatch_request()

    client = app.test_client(use_cookies=False)
    for cookie in ("ada", "bob"):
        assert client.get("/it").json == {"name": None}
        assert client.get("/batch", headers={"Cookie": f"name={cookie}"}).json == {"name": cookie}


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("link", ["_external=True", "_external=True, _scheme=''"])
def test_a_link_with_a_host_is_that_of_the_request(is_early, link):
    app = FlaskCarafe("app")
    if is_early:
        app.jinja_env.filters["shout"] = str.upper
    cache = Cache()
    cache.init_app(app)

    @app.get("/rendered")
    @cache.cached_view()
    def rendered():
        return render_template_string("{{ url_for('rendered', " + link + ") }}")

    @app.get("/built")
    @cache.cached_view()
    def built():
        return url_for("built", _external=True, _scheme="")

    for host in ("a.example", "b.example"):
        for path in ("/rendered", "/built"):
            assert f"//{host}{path}" in app.test_client().get(path, headers={"Host": host}).text


OF_THE_PATH = {
    "path": lambda: request.path,
    "variables": lambda: request.view_args["number"],
    "rule": lambda: request.url_rule.rule,
    "endpoint": lambda: request.endpoint,
    "blueprint": lambda: request.blueprint,
    "method": lambda: request.method,
    "root": lambda: request.script_root,
    "link": lambda: url_for("it", number=1),
    "full path": lambda: request.full_path,
}


@pytest.mark.parametrize("decorate", ["memoize", "cached"])
@pytest.mark.parametrize("way", OF_THE_PATH)
def test_a_function_that_reads_where_the_request_went_is_not_cached(app, decorate, way):
    keep = app.cache.memoize() if decorate == "memoize" else app.cache.cached(key_prefix="all")
    cached = keep(lambda: str(OF_THE_PATH[way]()))
    bp = Blueprint("bp", __name__)

    @bp.get("/other/<number>")
    def other(number):
        return [cached(), str(OF_THE_PATH[way]())]

    app.add_url_rule("/it/<number>", "it", other, methods=["GET", "POST"])
    app.register_blueprint(bp)
    client = app.test_client()
    for url in ("/it/1", "/it/2", "/other/1"):
        for base_url in ("http://localhost", "http://localhost/v2"):
            for method in ("GET", "POST") if url.startswith("/it") else ("GET",):
                found, expected = client.open(url, base_url=base_url, method=method).json
                assert found == expected


def test_what_a_hook_read_before_a_write_is_not_cached_after_it():
    app, text, writers = FlaskCarafe("app"), ["old"], []
    app.config["CARAFE_CACHE_STATUS_HEADER"] = True
    app.cache = Cache(app, before_miss=lambda: True)

    class It(MethodView):
        @app.cache.cached_view()
        def get(self):
            return {"text": g.text}

        def put(self):
            text[0] = "new"
            return {}

    @app.before_request
    def read():
        g.text = text[0]
        if writers:
            writer = writers.pop()
            writer.start()
            writer.join()

    app.add_url_rule("/it", view_func=It.as_view("it"))
    client = app.test_client()
    assert [client.get("/it").json["text"] for _ in range(3)] == ["old"] * 3
    writers.append(Thread(target=lambda: app.test_client().put("/it")))
    assert client.get("/it").json == {"text": "old"}
    sleep(0.002)  # In the millisecond of the write nothing is cached yet.
    assert [client.get("/it").json["text"] for _ in range(3)] == ["new"] * 3
    assert client.get("/it").headers["Cache-Status"] == "carafe; hit"


def test_a_session_that_is_opened_by_hand_is_read(app):
    session_extension.init_app(app)

    @app.post("/name/<name>")
    def name(name):
        session["name"] = name
        return {}

    @app.get("/it")
    @app.cache.cached_view()
    def it():
        return {"name": app.session_interface.open_session(app, request).get("name")}

    ada, stranger = app.test_client(), app.test_client()
    ada.post("/name/ada")
    assert ada.get("/it").json == {"name": "ada"}
    assert stranger.get("/it").json == {"name": None}


def test_unless_takes_no_arguments(app):
    for decorator in (app.cache.cached_view, app.cache.cached):
        with pytest.raises(ValueError, match="unless has arguments"):
            decorator(unless=lambda function, *args, **kwargs: True)


def test_what_unless_reads_does_not_count(app):
    @app.get("/it")
    @app.cache.cached_view(unless=lambda: "name" in session)
    def it():
        return {"run": next(app.runs)}

    stranger, ada = (app.test_client(use_cookies=False) for _ in range(2))
    assert [stranger.get("/it").json["run"] for _ in range(2)] == [1, 1]
    headers = {"Cookie": cookie_of("ada")}
    assert [ada.get("/it", headers=headers).json["run"] for _ in range(2)] == [2, 3]
    assert stranger.get("/it").json == {"run": 1}
