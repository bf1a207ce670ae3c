from functools import wraps
from itertools import count
from types import SimpleNamespace

import pytest
import redis
from flask.views import MethodView

from ...ext.cache import memo

NAMESPACE = "people"


@pytest.fixture
def remembering(make_app, on_redis):
    """An app of its own, and what it remembers under a key."""

    def remembering(**config):
        app, runs = make_app(**{**on_redis, **config}), count(1)

        def remember(key="ada", make=lambda: next(runs)):
            with app.app_context():
                return app.cache.remember(NAMESPACE, key, make)

        app.remember = remember
        return app

    return remembering


def test_a_value_is_made_once_for_each_key(remembering):
    app = remembering()
    assert [app.remember(key) for key in ("ada", "bob", "ada", "bob")] == [1, 2, 1, 2]


def test_namespaces_have_keys_of_their_own(remembering):
    app = remembering()
    with app.app_context():
        for name in ("people", "places", "people", "places"):
            assert app.cache.remember(name, "ada", lambda name=name: [name]) == [name]
        assert app.cache.remember("people", "ada", list) == ["people"]


def test_a_value_is_made_again_when_its_namespace_became_invalid_anywhere(remembering):
    here, there = remembering(), remembering()
    assert (here.remember(), there.remember()) == (1, 1)
    for app in (here, there):
        with app.app_context():
            app.cache.invalidate(NAMESPACE)
        assert here.remember() == here.remember()
        assert there.remember() == there.remember()
    assert (here.remember(), there.remember()) == (3, 3)


def test_what_became_invalid_while_it_was_made_is_not_kept(remembering):
    app = remembering()

    def make():
        app.cache.invalidate(NAMESPACE)
        return "old"

    assert app.remember(make=make) == "old"
    assert app.remember() == 1


def test_a_lost_token_never_brings_a_value_back(remembering):
    app = remembering()
    app.remember()
    with app.app_context():
        app.cache.clear()
    assert app.remember() == 2


def test_none_is_not_kept(remembering):
    app = remembering()
    assert app.remember(make=lambda: None) is None
    assert app.remember() == 1


def test_a_value_lives_for_a_minute(remembering, monkeypatch):
    app, now = remembering(), [0.0]
    monkeypatch.setattr(memo, "time", SimpleNamespace(monotonic=lambda: now[0]))
    seen = []
    for now[0] in (0, memo.LONGEST - 1, memo.LONGEST):
        seen.append(app.remember())
    assert seen == [1, 1, 2]


def test_there_is_a_bound_to_what_is_kept(remembering, monkeypatch):
    monkeypatch.setattr(memo, "_MANY", 2)
    app = remembering()
    for key in "abc":
        app.remember(key)
    assert app.remember("c") == 3
    assert app.remember("a") == 4


@pytest.mark.parametrize(
    "config",
    [{"CARAFE_CACHE_ENABLED": False}, {"CACHE_TYPE": "SimpleCache", "CACHE_OPTIONS": {}}],
    ids=["off", "in memory"],
)
def test_nothing_is_kept_that_another_process_could_not_make_invalid(remembering, config):
    app = remembering(**config)
    assert [app.remember(), app.remember()] == [1, 2]


def test_without_a_server_a_value_is_made_each_time(remembering, tmp_path):
    app = remembering(CACHE_REDIS_URL=f"unix://{tmp_path}/nobody")
    assert [app.remember() for _ in range(4)] == [1, 2, 3, 4]


@pytest.fixture
def guarded(remembering):
    """An app whose views ask for something remembered before the cache."""
    app = remembering()

    def guard(view):
        @wraps(view)
        def call(*args, **kwargs):
            app.cache.remember(NAMESPACE, "ada", lambda: 1)
            return view(*args, **kwargs)

        return call

    @app.get("/function/<number>")
    @guard
    @app.cache.cached_view(include_request_args=["page"])
    def function(number):
        return {"run": next(app.runs)}

    class Guarded(MethodView):
        @guard
        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

        @guard
        def post(self):
            return {}

    @app.get("/unless")
    @guard
    @app.cache.cached_view(unless=lambda: next(app.runs) and False)
    def unless():
        return {"run": next(app.runs)}

    app.add_url_rule("/method", view_func=Guarded.as_view("method"))
    return app


@pytest.fixture
def asked(on_redis):
    """What the server was asked since."""
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:

        def asked():
            found = server.info("commandstats")
            server.config_resetstat()
            calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}
            return {name: number for name, number in calls.items() if name in {"get", "mget"}}

        yield asked


@pytest.mark.parametrize("path", ["/function/1", "/function/1?page=2&other=3", "/method"])
def test_it_is_read_together_with_the_answer_of_the_view(guarded, asked, path):
    client = guarded.test_client()
    first = client.get(path)
    asked()
    again = client.get(path)
    assert asked() == {"mget": 1}
    assert again.json == first.json


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_is_read_early_is_not_older_than_the_request(guarded, method):
    client = guarded.test_client()
    first = client.get("/method").json
    client.post("/method")
    getattr(client, method)("/method")
    assert client.get("/method").json != first


def test_what_is_read_for_one_view_is_no_answer_of_another(guarded):
    @guarded.cache.cached_view()
    def first():
        return {"name": "first"}

    @guarded.cache.cached_view()
    def second():
        return {"name": "second"}

    @guarded.get("/both")
    @wraps(first)
    def both():
        guarded.cache.remember(NAMESPACE, "ada", lambda: 1)
        return [second().get_json(), first().get_json()]

    client = guarded.test_client()
    for _ in range(3):
        assert client.get("/both").json == [{"name": "second"}, {"name": "first"}]


def test_what_is_read_early_is_an_answer_once(guarded):
    @guarded.cache.cached_view()
    def inner():
        return {"run": next(guarded.runs)}

    @guarded.get("/twice")
    @wraps(inner)
    def twice():
        guarded.cache.remember(NAMESPACE, "ada", lambda: 1)
        before = inner().get_json()
        guarded.cache.invalidate("inner")
        return [before, inner().get_json()]

    client = guarded.test_client()
    for _ in range(2):
        before, after = client.get("/twice").json
        assert before != after


def test_what_is_asked_before_a_view_is_not_asked_twice(guarded):
    client = guarded.test_client()
    assert [client.get("/unless").json["run"] for _ in range(2)] == [2, 2]
    assert next(guarded.runs) == 4
