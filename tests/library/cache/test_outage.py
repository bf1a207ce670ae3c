import socket
import threading
from contextlib import contextmanager
from contextlib import suppress
from itertools import count

import pytest
import redis
from carafe.ext.cache import availability
from carafe.ext.cache.redis import RedisCache
from carafe.ext.cache.views import views_of

from .servers import HASTY
from .servers import PATIENT
from .servers import stopped
from .servers import until

pytestmark = pytest.mark.usefixtures("impatient")


def state(app):
    with app.app_context():
        return app.cache.stats()["state"]


@pytest.fixture
def app(make_app, on_redis):
    return make_app(**on_redis)


@pytest.fixture
def refused(app, on_redis):
    """Set something on the server for a while."""
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:

        @contextmanager
        def refused(name, value):
            before = server.config_get(name)[name]
            server.config_set(name, value)
            try:
                yield
            finally:
                server.config_set(name, before)

        yield refused


def test_a_redis_that_is_not_there_fails_no_request(make_app, tmp_path, caplog):
    app = make_app(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"unix://{tmp_path}/nobody")
    client = app.test_client()
    assert [client.get("/books").json["run"] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert client.post("/books").status_code == 201
    assert len(caplog.records) == 1
    assert "The cache does not respond" in caplog.text
    with app.app_context():
        assert app.cache.stats() == {"state": "unavailable", "hits": 0, "misses": 0, "pending": 2}
        assert not app.cache.is_up()


def test_flask_cachings_own_methods_answer_with_nothing(make_app, tmp_path):
    app = make_app(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"unix://{tmp_path}/nobody")

    @app.cache.memoize()
    def memoized():
        return next(app.runs)

    with app.app_context():
        for _ in range(3):
            assert app.cache.get("a") is None
            assert app.cache.get_many("a", "b") == [None, None]
            assert app.cache.get_dict("a") == {}
            assert not app.cache.set("a", 1) and not app.cache.add("a", 1)
            assert not app.cache.has("a") and not app.cache.delete("a")
            assert not app.cache.set_many({"a": 1}) and not app.cache.delete_many("a")
        assert app.cache.clear() is False
        assert memoized() != memoized()


def test_a_redis_that_stops_is_tried_twice_and_then_left_alone(make_app, on_redis, monkeypatch):
    app = make_app(**{**on_redis, "CACHE_OPTIONS": HASTY})
    tried, ask = [], RedisCache.get_many
    threads = {threading.get_ident()}  # The thread that waits for its return tries, too.
    monkeypatch.setattr(
        RedisCache,
        "get_many",
        lambda self, *keys: (tried.append(threading.get_ident()), ask(self, *keys))[1],
    )
    client = app.test_client()
    client.get("/books")
    with stopped(on_redis["CACHE_REDIS_URL"]):
        assert client.get("/books").json["run"] == 2
        assert state(app) == "unavailable"
        for _ in range(20):
            assert client.get("/books").status_code == 200
        assert sum(thread in threads for thread in tried) == 1 + 2
    until(lambda: state(app) == "up")
    assert client.get("/books").json == client.get("/books").json


@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_write_during_an_outage_is_seen_after_it(make_app, on_redis, method):
    app, other = (make_app(**{**on_redis, "CACHE_OPTIONS": HASTY}) for _ in range(2))
    client, other = app.test_client(), other.test_client()
    kept = client.get("/books").json
    assert other.get("/books").json == kept
    with stopped(on_redis["CACHE_REDIS_URL"]):
        getattr(client, method)("/books")
        assert client.get("/books").json != kept
        with app.app_context():
            assert app.cache.stats()["pending"] == 2
    until(lambda: state(app) == "up")
    assert client.get("/books").json != kept
    with app.app_context():
        assert app.cache.stats()["pending"] == 0
    until(lambda: state(other.application) == "up")
    assert other.get("/books").json == client.get("/books").json


def test_what_is_deleted_during_an_outage_is_gone_after_it(make_app, on_redis):
    app = make_app(**{**on_redis, "CACHE_OPTIONS": HASTY})
    runs = count()

    @app.cache.memoize()
    def run(number):
        return next(runs)

    with app.app_context():
        first = run(1), run(2)
        app.cache.set("plain", 1)
        app.cache.set("many", 1)
    with stopped(on_redis["CACHE_REDIS_URL"]), app.app_context():
        app.cache.delete("plain")
        assert app.cache.clear_keys("many") is False
        assert app.cache.invalidate("books") is False
        app.cache.delete_memoized(run, 1)
    until(lambda: state(app) == "up")
    with app.app_context():
        assert app.cache.get_many("plain", "many") == [None, None]
        assert run(1) not in first
        assert app.cache.clear_keys("many") is True


def test_a_value_that_redis_cannot_store_is_no_outage(make_app, on_redis):
    app = make_app(**on_redis)
    with app.app_context():
        app.cache.set("plain", 1, timeout=True)
    assert state(app) == "up"


def test_a_full_redis_answers_what_it_has_and_forgets_what_was_written(app, refused, caplog):
    client = app.test_client()
    book = client.get("/books").json
    with refused("maxmemory", 1):
        assert client.get("/books").json == book
        for _ in range(3):
            assert client.get("/shelves").status_code == 200
        assert client.post("/books").status_code == 201
        assert client.get("/books").json != book
        with app.app_context():
            assert not app.cache.is_up()
    assert len(caplog.records) == 1
    assert "The cache refuses" in caplog.text
    with app.app_context():
        assert app.cache.is_up()
    assert state(app) == "up"


@pytest.mark.parametrize("is_down", [False, True])
def test_a_value_that_is_not_stored_leaves_no_older_one(app, refused, is_down):
    memoized = app.cache.memoize()(lambda: next(app.runs))
    with app.app_context():
        app.cache.set_many({"a": "old", "b": "old"})
        first = memoized()
        with refused("maxmemory", 1):
            views_of(app).availability.is_open = is_down
            assert app.cache.set("a", "new") is False
            assert app.cache.set_many({"b": "new"}) == []
            app.cache.delete_memoized(memoized)
        until(lambda: state(app) == "up")
        assert app.cache.get_many("a", "b") == [None, None]
        assert memoized() != first


def test_more_is_removed_after_an_outage_than_one_command_may_remove(app, monkeypatch):
    monkeypatch.setattr(availability, "MAX_UNLINKED", 2)
    with app.app_context():
        app.cache.set_many(dict.fromkeys("abcde", 1))
        views_of(app).availability.add_pending("abcde")
        until(lambda: state(app) == "up")
        assert app.cache.get_many(*"abcde") == [None] * 5


def test_a_redis_that_takes_no_writes_is_not_read_after_one(app, refused):
    client = app.test_client()
    book = client.get("/books").json
    with refused("min-replicas-to-write", 1):
        assert client.get("/books").json == book
        assert client.post("/books").status_code == 201
        assert client.get("/books").json != book
        assert state(app) == "unavailable"
    until(lambda: state(app) == "up")
    assert client.get("/books").json == client.get("/books").json != book


def test_a_redis_that_wants_a_password_fails_no_request(make_app, app, on_redis, refused):
    with refused("requirepass", "secret"):
        client = make_app(**on_redis).test_client()
        assert client.get("/books").status_code == 200
        assert client.post("/books").status_code == 201
        # The connection that sets this back knows the password already.


def test_a_connection_that_ended_is_replaced_within_the_request(app, on_redis):
    client = app.test_client()
    book = client.get("/books").json
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        server.client_kill_filter(_type="normal", skipme=True)
    assert client.get("/books").json == book
    assert state(app) == "up"


def test_a_replica_is_not_read_after_a_write(app, on_redis):
    client = app.test_client()
    book = client.get("/books").json
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        server.replicaof("127.0.0.1", 1)
        try:
            assert client.get("/books").json == book
            assert client.get("/shelves").status_code == 200
            assert client.post("/books").status_code == 201
            assert client.get("/books").json != book
        finally:
            server.replicaof("NO", "ONE")
    until(lambda: state(app) == "up")
    assert client.get("/books").json == client.get("/books").json != book


def test_a_pool_without_connections_is_not_waited_for(make_app, on_redis):
    app = make_app(**{**on_redis, "CACHE_OPTIONS": {**PATIENT, "max_connections": 1}})
    client = app.test_client()
    pool = app.extensions["cache"][app.cache]._write_client.connection_pool
    taken = pool.get_connection()
    try:
        with app.app_context():
            assert app.cache.get("a") is None
        assert client.get("/books").json == client.get("/books").json
    finally:
        pool.release(taken)


@pytest.mark.parametrize(
    "says",
    [
        "HTTP/1.1 400 Bad Request",
        "-LOADING Redis is loading the dataset in memory",
        "-MASTERDOWN Link with MASTER is down",
        "-MISCONF Redis is configured to save RDB snapshots",
        "-NOAUTH Authentication required.",
        "-ERR max number of clients reached",
    ],
)
def test_a_server_that_only_says_no_fails_no_request(make_app, says, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=say, args=[listener, f"{says}\r\n"], daemon=True).start()
        app = make_app(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"redis://127.0.0.1:{port}")
        client = app.test_client()
        assert [client.get("/books").json["run"] for _ in range(5)] == [1, 2, 3, 4, 5]
        assert client.post("/books").status_code == 201
        assert state(app) == "unavailable"
    assert len(caplog.records) == 1


def say(listener, line):
    """Answer each question with one line."""
    with suppress(OSError):
        while True:
            threading.Thread(target=answer, args=[listener.accept()[0], line], daemon=True).start()


def answer(connection, line):
    with connection, suppress(OSError):
        while asked := connection.recv(4096):
            connection.sendall(line.encode() * asked.count(b"*"))
