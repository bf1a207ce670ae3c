from functools import partial
from itertools import count

import pytest
import redis
from flask import request


@pytest.fixture
def filled(app):
    with app.app_context():
        for key in ("a1", "a2", "b1", "[a]1"):
            app.cache.set(key, key)
        yield app.cache


def left(cache):
    return {key for key in ("a1", "a2", "b1", "[a]1") if cache.get(key)}


def test_by_key(filled):
    filled.clear_keys("a1", "b1", "missing")
    assert left(filled) == {"a2", "[a]1"}
    filled.clear(keys=["a2"])
    assert left(filled) == {"[a]1"}


@pytest.mark.parametrize("read", [lambda: request.headers.get("X-A"), lambda: request.host])
def test_a_key_stands_for_all_that_vary_by_a_header(app, read):
    @app.get("/read")
    @app.cache.cached_view(namespace="read")
    def view():
        return {"read": read(), "run": next(runs)}

    runs, client = count(1), app.test_client()
    first = client.get("/read").json
    assert client.get("/read").json == first
    with app.app_context():
        assert app.cache.clear_keys("read:view:/read")
    assert client.get("/read").json != first


def test_everything(filled):
    filled.clear()
    assert left(filled) == set()


def test_nothing_named_removes_nothing(filled):
    filled.clear_keys()
    filled.clear_prefixes()
    filled.clear(prefixes=[])
    filled.clear(keys=[])
    assert len(left(filled)) == 4


def test_by_prefix(filled, backend):
    filled.clear_prefixes("[a]", "b")
    assert left(filled) == {"a1", "a2"}
    filled.clear(prefixes=["a1"], keys=["a2"])
    assert left(filled) == set()


def test_a_namespace_is_a_prefix_of_its_answers(make_app, on_redis):
    for config in ({}, on_redis):
        app = make_app(**config)
        client = app.test_client()
        book, shelf = client.get("/books").json, client.get("/shelves").json
        with app.app_context():
            app.cache.clear_prefixes("BookView:")
        assert client.get("/books").json != book
        assert client.get("/shelves").json == shelf


@pytest.mark.parametrize("namespace", ["my books", "bücher", "books@v1", "a|b", "a+b", "a:b"])
@pytest.mark.parametrize("path", ["/it", "/a@b.org", "/é", "/a b", "/a:b"])
def test_a_name_is_given_as_it_is_written(make_app, on_redis, namespace, path):
    key, runs = f"{namespace}:view:{path}", count()
    for settings in ({}, on_redis):
        app = make_app(**settings)
        options = app.cache.cached_view(namespace=namespace)
        app.add_url_rule("/<name>", "view", options(lambda name: {"run": next(runs)}))
        client = app.test_client()
        for url, clear in (
            (path, partial(app.cache.clear_prefixes, namespace)),
            (path, partial(app.cache.clear, prefixes=[namespace])),
            (path, partial(app.cache.clear_keys, key)),
            (f"{path}?b=2&a=x@y", partial(app.cache.clear, keys=[f"{key}?b=2&a=x@y"])),
        ):
            before = client.get(url).json
            assert client.get(url).json == before
            with app.app_context():
                assert clear()
            assert client.get(url).json != before


@pytest.mark.parametrize(
    "clear",
    [
        lambda cache: cache.clear("books"),
        lambda cache: cache.clear(keys="books"),
        lambda cache: cache.clear_prefixes(["books"]),
        lambda cache: cache.clear_keys(["books"]),
    ],
)
def test_a_text_is_no_list_and_a_list_is_no_text(filled, clear):
    with pytest.raises(TypeError, match="expected a list of texts"):
        clear(filled)


@pytest.mark.parametrize("prefix", ["", "app[prod]:", "a*:"])
def test_redis_keeps_what_is_not_ours_and_is_never_blocked(make_app, on_redis, prefix):
    app = make_app(**{**on_redis, "CACHE_KEY_PREFIX": prefix})
    client = app.test_client()
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        server.set("celery-queue", 1)
        server.config_resetstat()
        first = client.get("/books").json
        client.post("/shelves")
        with app.app_context():
            app.cache.clear()
        assert client.get("/books").json != first
        assert server.exists("celery-queue")
        stats = server.info("commandstats")
    assert not {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_flushall"} & set(stats)
