import time
from datetime import timedelta
from itertools import product
from math import inf
from math import nan
from types import SimpleNamespace

import pytest
from carafe.ext.cache import Cache
from carafe.ext.cache import memory
from carafe.operation import operation
from flask import request
from flask.views import MethodView
from flask_classful import FlaskView
from pydantic import BaseModel


def test_a_second_request_is_answered_from_the_cache(client, run):
    assert run("/books") == run("/books")
    first, second = client.get("/books"), client.get("/books")
    assert first.data == second.data
    assert first.headers == second.headers


def test_each_path_and_query_has_its_own_answer(run):
    runs = [run(path) for path in ("/books", "/books?a=1", "/books?a=2", "/shelves")]
    assert len(set(runs)) == 4
    assert run("/books?a=1") == runs[1]


def test_the_order_of_arguments_makes_no_difference_and_that_of_values_does(run):
    assert run("/books?a=1&b=2") == run("/books?b=2&a=1")
    assert run("/books?a=1&a=2") != run("/books?a=2&a=1")


@pytest.mark.parametrize(
    ("included", "same", "different"),
    [
        (True, ("?", "?"), ("?", "?a=1")),
        (False, ("?", "?a=1"), None),
        (["a"], ("?a=1", "?a=1&b=2"), ("?a=1", "?a=2")),
    ],
)
def test_the_arguments_that_count_can_be_chosen(app, client, included, same, different):
    @app.get("/chosen")
    @app.cache.cached_view(include_request_args=included)
    def chosen():
        return {"run": next(app.runs)}

    one, other = (client.get(f"/chosen{query}").json for query in same)
    assert one == other
    if different:
        one, other = (client.get(f"/chosen{query}").json for query in different)
        assert one != other


def test_ignored_arguments_make_no_difference(make_app, backend):
    app = make_app(**backend, CARAFE_CACHE_IGNORED_REQUEST_ARGS=["utm"])
    client = app.test_client()
    assert client.get("/books").json["run"] == client.get("/books?utm=1").json["run"]


def test_a_function_view_and_its_route_variables(app, client):
    @app.get("/echo/<path>/<namespace>")
    @app.cache.cached_view()
    def echo(path, namespace):
        return {"run": next(app.runs), "path": path, "namespace": namespace}

    first = client.get("/echo/a/b").json
    assert first["path"] == "a"
    assert client.get("/echo/a/b").json == first
    assert client.get("/echo/a/c").json != first


def test_a_classful_view_is_answered_and_invalidated(app, client):
    class ShopView(FlaskView):
        default_methods = ["GET", "POST"]

        @app.cache.cached_view()
        def index(self):
            return {"run": next(app.runs)}

        def post(self):
            return {}

    ShopView.register(app)
    first = client.get("/shop/").json
    assert client.get("/shop/").json == first
    client.post("/shop/")
    assert client.get("/shop/").json != first


def test_an_async_view_is_answered(app, client):
    @app.get("/async")
    @app.cache.cached_view()
    async def view():
        return {"run": next(app.runs)}

    assert client.get("/async").json == client.get("/async").json


def test_only_get_and_head_touch_the_cache(app, client):
    @app.route("/all", methods=["GET", "POST", "DELETE"])
    @app.cache.cached_view()
    def all_methods():
        return {"run": next(app.runs)}

    kept = client.get("/all").json
    assert client.post("/all").json != client.post("/all").json
    assert client.delete("/all").json != kept
    assert client.get("/all").json == client.get("/all").json != kept


def test_head_is_answered_like_get_and_keeps_nothing(client, run):
    client.head("/books")
    first = run("/books")
    assert first == 2
    assert client.head("/books").headers["Content-Type"] == "application/json"
    assert run("/books") == first
    assert run("/shelves") == first + 1


@pytest.mark.parametrize("answer", [True, 1, "yes"])
def test_unless_goes_around_the_cache(app, client, answer):
    @app.get("/unless")
    @app.cache.cached_view(unless=lambda: answer if "fresh" in request.args else 0)
    def view():
        return {"run": next(app.runs)}

    assert client.get("/unless").json == client.get("/unless").json
    assert client.get("/unless?fresh").json != client.get("/unless?fresh").json


def test_a_namespace_can_be_given_or_declared_in_three_ways(app, client):
    class Named(MethodView):
        cache_namespace = "named"

        @app.cache.cached_view()
        def get(self):
            return {}

    class Asked(Named):
        @classmethod
        def cache_namespace(cls):
            return "asked"

    app.add_url_rule("/named", view_func=Named.as_view("named"))
    app.add_url_rule("/asked", view_func=Asked.as_view("asked"))
    given = app.cache.cached_view(namespace="given")(lambda: {})
    app.add_url_rule("/given", view_func=given, endpoint="given")
    with app.app_context():
        for name in ("named", "asked", "given"):
            assert app.cache.get(f"{name}:view:/{name}") is None
            client.get(f"/{name}")
            assert app.cache.get(f"{name}:view:/{name}") is not None


@pytest.mark.parametrize(
    "timeout", [-1, -0.5, True, "60", 10**9, inf, -inf, nan, timedelta(milliseconds=-5)]
)
def test_a_timeout_that_means_nothing_fails_at_start(timeout):
    with pytest.raises(ValueError, match="timeout is not a number of seconds to cache for"):
        Cache().cached_view(timeout)


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(0.5, 1), (1.5, 2), (2, 2), (timedelta(milliseconds=5), 1), (0.0, 0)]
)
def test_a_timeout_is_rounded_up_to_seconds(timeout, seconds):
    assert Cache().cached_view(timeout).seconds == seconds
    assert Cache().cached(timeout).seconds == seconds


def test_half_a_second_is_long_enough_for_a_second_request(app, client):
    @app.get("/half")
    @app.cache.cached_view(0.5)
    def half():
        return {"run": next(app.runs)}

    with app.app_context():
        numbers = app.cache.memoize(0.5)(lambda: next(app.runs))
        keyed = app.cache.cached(timeout=0.5, key_prefix="half")(lambda: next(app.runs))
        for function in (lambda: client.get("/half").json, numbers, keyed):
            end = time.monotonic() + 10
            while function() != function():  # The second may end between the two.
                assert time.monotonic() < end


def test_a_timeout_of_zero_keeps_nothing(app, client):
    @app.get("/never")
    @app.cache.cached_view(0)
    def never():
        return {"run": next(app.runs)}

    assert client.get("/never").json != client.get("/never").json


def test_an_answer_ends_with_its_timeout(make_app, on_redis):
    app = make_app(**on_redis)

    @app.get("/short")
    @app.cache.cached_view(timedelta(seconds=70))
    def short():
        return {}

    app.test_client().get("/short")
    app.test_client().get("/books")
    with app.app_context():
        prefix = on_redis["CACHE_KEY_PREFIX"]
        assert 60 < app.cache.server.ttl(f"{prefix}short:view:/short") <= 70
        assert 265 < app.cache.server.ttl(f"{prefix}BookView:view:/books") <= 300


def test_an_answer_in_memory_ends_with_its_timeout(make_app, monkeypatch):
    app = make_app(CACHE_DEFAULT_TIMEOUT=50)
    client = app.test_client()
    first = client.get("/books").json
    assert client.get("/books").json == first
    later = time.time() + 51
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: later))
    assert client.get("/books").json != first


def test_a_hit_is_one_round_trip(make_app, on_redis):
    client = make_app(**on_redis).test_client()
    client.get("/books")
    server = client.application.cache
    with client.application.app_context():
        before = server.server.info("commandstats")
        client.get("/books")
        after = server.server.info("commandstats")
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert {name for name, number in calls.items() if number} == {"cmdstat_mget", "cmdstat_info"}
    assert calls["cmdstat_mget"] == 1


def test_what_was_read_before_a_miss_is_closed_first(make_app, backend):
    order = []
    app = make_app(Cache(before_miss=lambda: order.append("closed")), **backend)

    @app.get("/ordered")
    @app.cache.cached_view()
    def ordered():
        order.append("ran")
        return {}

    app.test_client().get("/ordered")
    app.test_client().get("/ordered")
    assert order == ["closed", "ran"]


@pytest.mark.parametrize("closed", [True, None, False])
def test_an_answer_is_kept_unless_what_was_read_cannot_be_closed(make_app, backend, closed):
    app = make_app(Cache(before_miss=lambda: closed), **backend)
    client = app.test_client()
    is_kept = client.get("/books").json == client.get("/books").json
    assert is_kept is (closed is not False)


class Search(BaseModel):
    name: str = ""
    page: int = 1


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("kind", ["function", "method", "class"])
def test_a_view_with_a_query_model_caches_by_its_arguments_and_refuses_others(app, kind, method):
    runs, cached = [], app.cache.cached_view(namespace="found")

    class View(MethodView):
        decorators = [cached] if kind == "class" else []

        @operation()
        def get(self, query: Search) -> int:
            runs.append(query.name)
            return len(runs)

        if kind == "method":
            get = cached(get)

    @operation()
    def view(query: Search) -> int:
        runs.append(query.name)
        return len(runs)

    app.add_url_rule("/found", view_func=cached(view) if kind == "function" else View.as_view("v"))
    client = app.test_client()
    send = getattr(client, method)
    for query in ("", "name=a", "page=2&name=a"):
        assert client.get(f"/found?{query}").status_code == 200
    for query in ("", "name=a", "name=a&page=2"):
        assert send(f"/found?{query}").status_code == 200
    assert runs == ["", "a", "a"]
    for query in ("nmae=a", "name=a&utm=1", "name=a&name=a", "=", "name=a&page=x"):
        assert send(f"/found?{query}").status_code == 422, query
    assert runs == ["", "a", "a"]


def test_an_argument_that_is_ignored_is_refused_by_a_query_model_all_the_same(app):
    @app.get("/found")
    @app.cache.cached_view(include_request_args=["name"])
    @operation()
    def found(query: Search) -> str:
        return query.name

    client = app.test_client()
    for _ in range(2):
        assert client.get("/found?name=a").json == "a"
        for send, wrong in product((client.get, client.head), ("nmae=b", "nmae=", "nmae")):
            assert send(f"/found?name=a&{wrong}").status_code == 422
