from datetime import datetime
from datetime import timedelta
from datetime import UTC
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import redis
from carafe.ext.cache import after_post
from carafe.ext.cache import Cache
from carafe.ext.cache.serializer import Serializer
from flask import abort
from flask import Flask
from flask import g
from flask import request
from flask import session
from flask_caching import Cache as FlaskCache
from markupsafe import Markup
from pydantic import BaseModel
from pydantic import SecretStr

VALUES = [
    0,
    -7,
    2**70,
    1.5,
    True,
    "text",
    "",
    b"bytes",
    [1, "a", None],
    ("a", 1),
    {"a": {"b": (1,)}},
    UUID(int=7),
    datetime(2026, 1, 2, tzinfo=UTC),
    None,
    {1: Decimal("9.90"), (1, 2): {3}},
    frozenset([timedelta(days=-1, microseconds=1)]),
    Markup("<b>"),
]
CORRUPT = [
    b"",
    b"12",
    b"hello",
    b"!\x80\x04N.",
    b"b",
    b"b{}",
    b"b{}\n",
    b"e",
    b"e{}\n",
    b'e{"token":"t"}\n',
    b"j{",
    b'j{" r": 1}',
    b"s\xff",
]


def test_it_is_flask_cachings_cache(app):
    assert isinstance(app.cache, FlaskCache)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_they_were(app, value):
    with app.app_context():
        app.cache.set("key", value)
        assert app.cache.get("key") == value
        assert type(app.cache.get("key")) is type(value)


def test_a_value_is_a_copy(app):
    given = {"a": [1]}
    with app.app_context():
        app.cache.set("value", given)
        given["a"].append(2)
        app.cache.get("value")["a"].append(3)
        assert app.cache.get("value") == {"a": [1]}


def test_flask_cachings_decorators_work(app, client):
    @app.get("/cached")
    @app.cache.cached()
    def cached():
        return {"run": next(app.runs)}, 201

    @app.get("/response")
    @app.cache.cached()
    def response():
        return app.response_class(str(next(app.runs)), 202, {"X-Pen": "1"})

    @app.cache.memoize()
    def memoized(a):
        return [a, next(app.runs)]

    first = client.get("/cached")
    assert (first.status_code, first.json) == (201, client.get("/cached").json)
    first, second = client.get("/response"), client.get("/response")
    assert (second.data, second.status_code, second.headers["X-Pen"]) == (first.data, 202, "1")
    with app.app_context():
        assert memoized(1) == memoized(1)
        app.cache.delete_memoized(memoized)
        assert memoized(1) != memoized(2)


def test_flask_cachings_decorator_locks_nobody_out(app, client, caplog):
    runs = []

    @app.get("/locked")
    @app.cache.cached()
    def locked():
        runs.append(1)
        return {} if len(runs) > 1 else abort(401)

    assert [client.get("/locked").status_code for _ in range(2)] == [401, 200]
    assert caplog.text == ""


@pytest.mark.parametrize("planted", CORRUPT)
def test_a_corrupt_entry_is_a_miss_and_is_overwritten(make_app, on_redis, planted):
    client = make_app(**on_redis).test_client()
    client.get("/books")
    key = f"{on_redis['CACHE_KEY_PREFIX']}BookView:view:/books"
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        server.set(key, planted)
        assert client.get("/books").json["run"] == 2
        assert server.get(key) != planted
    assert client.get("/books").json["run"] == 2


@pytest.mark.parametrize("planted", CORRUPT)
def test_a_corrupt_token_is_replaced(make_app, on_redis, planted):
    client = make_app(**on_redis).test_client()
    key = f"{on_redis['CACHE_KEY_PREFIX']}BookView:token"
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        server.set(key, planted)
        assert client.get("/books").json == client.get("/books").json
        client.post("/books")
        assert server.get(key) != planted


@pytest.mark.parametrize("line", ["b", "b\\r\\nC: d", "b\\u0000"])
def test_a_planted_header_cannot_break_out(line):
    packed = f'e{{"token":"t","made":1,"headers":[["A","{line}"]]}}\n'.encode()
    assert (Serializer().loads(packed) is None) is (line != "b")


def test_client_server_and_enabled(app, backend):
    with app.app_context():
        assert app.cache.enabled is True
        assert app.cache.client is app.cache.cache
        is_redis = backend["CACHE_TYPE"] == "RedisCache"
        assert isinstance(app.cache.server, redis.Redis) is is_redis
        assert (app.cache.server is None) is not is_redis


def test_simple_cache_is_the_default(make_app):
    app = make_app()
    with app.app_context():
        assert type(app.extensions["cache"][app.cache]).__name__ == "SimpleCache"


def test_redis_can_be_named_by_host_port_and_db(make_app):
    app = make_app(
        CACHE_TYPE="RedisCache", CACHE_REDIS_HOST="h", CACHE_REDIS_PORT=1, CACHE_REDIS_DB=2
    )
    with app.app_context():
        options = app.cache.server.connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == ("h", 1, 2)
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.08


def test_the_prefix_and_the_default_timeout_are_configured(make_app, on_redis):
    app = make_app(**{**on_redis, "CACHE_KEY_PREFIX": "[odd]*:", "CACHE_DEFAULT_TIMEOUT": 50})
    app.test_client().get("/books")
    with app.app_context():
        assert 40 < app.cache.server.ttl("[odd]*:BookView:view:/books") <= 50
        app.cache.clear()
        assert app.cache.server.exists("[odd]*:BookView:view:/books") == 0


def test_disabled_everything_is_inert(make_app):
    app = make_app(CARAFE_CACHE_ENABLED=False, CACHE_TYPE="RedisCache")

    @app.cache.memoize()
    def memoized():
        return next(app.runs)

    @app.get("/async")
    @app.cache.cached_view()
    async def view():
        return {}

    client = app.test_client()
    assert client.get("/books").json["run"] == 1
    assert client.post("/books").status_code == 201
    assert client.get("/books").json["run"] == 2
    assert client.get("/async").status_code == 200
    with app.app_context():
        assert app.cache.enabled is False
        assert app.cache.server is None
        app.cache.set("a", 1)
        assert app.cache.get("a") is None
        assert memoized() != memoized()
        assert app.cache.clear() and app.cache.clear_keys("a") and app.cache.clear_prefixes("a")
        app.cache.invalidate("a")


def test_a_cache_can_be_switched_off_and_on(app, client, run):
    memoized = app.cache.memoize()(lambda: next(app.runs))
    keyed = app.cache.cached(key_prefix="keyed")(lambda: next(app.runs))
    with app.app_context():
        cache = app.cache
        cache.set_many({"kept": 1, "deleted": 1, "unlinked": 1})
        books, shelves, before = run("/books"), run("/shelves"), (memoized(), keyed())

        app.config["CARAFE_CACHE_ENABLED"] = False
        assert (cache.enabled, cache.stats()) == (False, {"state": "off"})
        assert len({books, run("/books"), run("/books")}) == 3
        assert len({*before, memoized(), memoized(), keyed(), keyed()}) == 6
        cache.set("new", 1)
        assert (cache.get("new"), cache.get("kept"), cache.has("kept")) == (None, None, False)
        assert cache.get_many("new", "kept") == [None, None]
        cache.delete("deleted")
        cache.clear_keys("unlinked")

        app.config["CARAFE_CACHE_ENABLED"] = True
        assert (cache.enabled, cache.stats()["state"]) == (True, "up")
        assert cache.get_many("new", "kept", "deleted", "unlinked") == [1, 1, None, None]
        assert (run("/books"), run("/shelves")) == (books, shelves)
        assert (memoized(), keyed()) == before


@pytest.mark.parametrize("write", ["request", "signal", "clear", "prefix", "delete_memoized"])
def test_what_is_written_while_a_cache_is_off_is_not_stale_afterwards(app, client, run, write):
    memoized = app.cache.memoize()(lambda: next(app.runs))
    with app.app_context():
        books, value = run("/books"), memoized()
        app.config["CARAFE_CACHE_ENABLED"] = False
        {
            "request": lambda: client.post("/books"),
            "signal": lambda: after_post.send(app.views["BookView"]),
            "clear": app.cache.clear,
            "prefix": lambda: app.cache.clear_prefixes("BookView"),
            "delete_memoized": lambda: app.cache.delete_memoized(memoized),
        }[write]()
        app.config["CARAFE_CACHE_ENABLED"] = True
        assert (run("/books") == books) is (write == "delete_memoized")
        assert (memoized() == value) is (write not in {"clear", "delete_memoized"})


def test_a_function_view_that_writes_while_a_cache_is_off_invalidates(app, client):
    @app.route("/pen", methods=["GET", "POST"])
    @app.cache.cached_view()
    def pen():
        return {"run": next(app.runs)}

    first = client.get("/pen").json
    app.config["CARAFE_CACHE_ENABLED"] = False
    client.post("/pen")
    app.config["CARAFE_CACHE_ENABLED"] = True
    assert client.get("/pen").json != first


def test_an_app_that_started_with_its_cache_off_stays_so(make_app, backend):
    app = make_app(**backend, CARAFE_CACHE_ENABLED=False)
    app.config["CARAFE_CACHE_ENABLED"] = True
    client = app.test_client()
    assert client.get("/books").json != client.get("/books").json
    with app.app_context():
        assert (app.cache.enabled, app.cache.stats()) == (False, {"state": "off"})


def test_a_view_that_raises_runs_once(app, client):
    runs = []

    @app.get("/raise")
    @app.cache.cached_view()
    def view():
        runs.append(1)
        raise OSError("not the cache's")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert client.get("/raise").status_code == 500
    assert len(runs) == 1


def test_a_second_init_app_is_refused(app):
    with pytest.raises(RuntimeError, match="Call init_app once"):
        app.cache.init_app(app)


def test_an_app_without_a_cache_says_so():
    with Flask("none").app_context(), pytest.raises(RuntimeError, match="has no cache"):
        _ = Cache().enabled


def test_a_second_app_changes_nothing_for_the_first(make_app, tmp_path):
    cache = Cache()
    first = make_app(cache, CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"unix://{tmp_path}/nobody")
    make_app(cache, DEBUG=True)

    @first.get("/plain")
    @cache.cached()
    def plain():
        return {}

    assert first.test_client().get("/plain").status_code == 200


def test_an_unknown_backend_fails_at_start():
    app = Flask("unknown")
    app.config["CACHE_TYPE"] = "NoSuchCache"
    with pytest.raises(ValueError, match="CACHE_TYPE 'NoSuchCache' cannot cache views"):
        Cache().init_app(app)


def test_set_can_be_called_with_names(app):
    with app.app_context():
        app.cache.set(key="named", value=SimpleNamespace(a=1).__dict__)
        assert app.cache.get("named") == {"a": 1}


def test_a_function_that_reads_its_request_is_not_cached(app):
    @app.before_request
    def leave():
        g.name = request.args.get("name")

    ways = [lambda: request.args.get("name"), lambda: g.name, lambda: session.get("name")]
    paths = []
    for number, read in enumerate(ways):
        function = lambda read=read: [read(), next(app.runs)]  # noqa: E731
        keep = app.cache.cached(key_prefix=f"key {number}")
        for kind, cached in (("m", app.cache.memoize()(function)), ("c", keep(function))):
            paths.append(f"/{kind}{number}")
            app.add_url_rule(paths[-1], paths[-1], lambda cached=cached: {"is": cached()})
    client = app.test_client()
    for path in paths:
        first, second = (client.get(f"{path}?name={name}").json["is"] for name in "ab")
        assert (first[0], second[0]) in {("a", "b"), (None, None)}
        assert first[1] != second[1]


@pytest.mark.parametrize("debug", [False, True])
def test_an_abort_of_a_function_is_raised_and_not_stored(app, client, caplog, debug):
    app.debug = debug
    runs = []

    @app.get("/it")
    @app.cache.cached(key_prefix="aborts first")
    def it():
        runs.append(1)
        return {} if len(runs) > 1 else abort(404)

    assert [client.get("/it").status_code for _ in range(2)] == [404, 200]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_a_function_of_its_arguments_is_cached_for_a_view_that_read_the_session(app):
    @app.cache.memoize()
    def memoized(name):
        return next(app.runs)

    @app.get("/it")
    def it():
        return {"run": memoized(session.get("name"))}

    client = app.test_client()
    assert client.get("/it").json == client.get("/it").json


class Unnamed:
    def __init__(self, run):
        self.run = run

    def method(self):
        return self.run


class Masked(BaseModel):
    token: SecretStr


@pytest.mark.parametrize("make", [Unnamed, lambda number: [Unnamed(number)], None])
def test_arguments_that_cannot_be_told_apart_are_not_cached(app, make):
    make = make or (lambda number: Masked(token=str(number)))
    memoized = app.cache.memoize()(lambda argument: next(app.runs))
    method = app.cache.memoize()(Unnamed.method)
    with app.app_context():
        assert len({memoized(make(number)) for number in range(50)}) == 50
        assert [method(Unnamed(number)) for number in range(50)] == [*range(50)]
        app.debug = True
        with pytest.raises(TypeError, match="Pass an id instead"):
            memoized(make(1))


def test_a_function_is_not_cached_while_its_transaction_is_not_settled(app):
    cache, answers = Cache(is_settled=lambda: answers.pop(0)), [False, True, True]
    other = Flask("settled")
    cache.init_app(other)
    memoized = cache.memoize()(lambda: next(app.runs))
    with other.app_context():
        assert [memoized() for _ in range(4)] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    "options", [{"query_string": True, "key_prefix": "a%s"}, {"key_prefix": "%s"}]
)
def test_a_view_with_a_key_of_its_own_is_refused(app, options):
    with pytest.raises(ValueError, match="Use cached_view"):
        app.cache.cached(**options)


ODD = [object(), {"a": object()}, [1j], type("Text", (str,), {})("a")]
ODD.append(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))


@pytest.mark.parametrize("value", ODD)
def test_what_would_not_come_back_is_a_type_error(app, value):
    @app.cache.memoize()
    def memoized():
        return value

    with app.app_context():
        with pytest.raises(TypeError, match="would not come back"):
            app.cache.set("key", [value])
        with pytest.raises(TypeError, match="would not come back"):
            memoized()
