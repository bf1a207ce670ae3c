import pytest
import redis


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
