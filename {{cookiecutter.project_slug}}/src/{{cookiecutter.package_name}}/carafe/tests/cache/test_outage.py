import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress

import pytest
import redis

from ...ext.cache import breaker
from ...ext.cache import redis_backend
from ...ext.cache.connections import Connections


@contextmanager
def stopped(url):
    """A server that takes connections and says nothing."""
    with redis.Redis.from_url(url) as client:
        process = client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(breaker, "INTERVAL", 0.1)


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


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
    assert "The cache does not answer" in caplog.text
    with app.app_context():
        assert app.cache.stats() == {"state": "away", "hits": 0, "misses": 0, "owed": 2}
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


def test_a_redis_that_stops_is_asked_twice_and_then_left_alone(app, on_redis):
    client = app.test_client()
    client.get("/books")
    with stopped(on_redis["CACHE_REDIS_URL"]):
        started = time.monotonic()
        assert client.get("/books").json["run"] == 2
        first = time.monotonic() - started
        assert state(app) == "away"
        started = time.monotonic()
        for _ in range(20):
            assert client.get("/books").status_code == 200
        assert time.monotonic() - started < first
    until(lambda: state(app) == "up")
    assert client.get("/books").json["run"] == 1


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_write_during_an_outage_is_seen_after_it(app, make_app, on_redis, method):
    client, other = app.test_client(), make_app(**on_redis).test_client()
    kept = client.get("/books").json
    assert other.get("/books").json == kept
    with stopped(on_redis["CACHE_REDIS_URL"]):
        getattr(client, method)("/books")
        assert client.get("/books").json != kept
        with app.app_context():
            assert app.cache.stats()["owed"] == 2
    until(lambda: state(app) == "up")
    assert client.get("/books").json != kept
    with app.app_context():
        assert app.cache.stats()["owed"] == 0
    until(lambda: state(other.application) == "up")
    assert other.get("/books").json == client.get("/books").json


def test_what_is_owed_while_the_rest_is_settled_is_settled_too():
    settled = []

    def settle(keys):
        settled.append(keys)
        if len(settled) == 1:
            found.owe(["later"])
        return True

    found = breaker.Breaker(settle)
    found.owe(["a"])
    until(lambda: not found.is_open)
    assert settled == [{"a"}, {"later"}]
    assert found.owed == 0


def test_a_breaker_closes_only_when_asked_in_vain_no_more():
    answers = [False, False, True]
    found = breaker.Breaker(lambda keys: answers.pop(0))
    found.fail()
    assert not found.is_open
    found.succeed()
    found.fail()
    assert not found.is_open
    found.fail()
    assert found.is_open
    until(lambda: not found.is_open)
    assert answers == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_breaker_that_was_open_before_a_fork_closes_after_it():
    is_back = []
    found = breaker.Breaker(lambda keys: bool(is_back))
    found.fail()
    found.fail()
    child = os.fork()
    if child == 0:
        is_back.append(1)
        end = time.monotonic() + 10
        while found.is_open and time.monotonic() < end:
            time.sleep(0.01)
        os._exit(found.is_open)
    assert os.waitpid(child, 0)[1] == 0


def test_a_full_redis_answers_what_it_has_and_forgets_what_was_written(app, refused, caplog):
    client = app.test_client()
    book = client.get("/books").json
    with refused("maxmemory", 1):
        assert client.get("/books").json == book
        for _ in range(3):
            assert client.get("/shelves").status_code == 200
        assert state(app) == "refusing"
        assert client.post("/books").status_code == 201
        assert client.get("/books").json != book
        with app.app_context():
            assert not app.cache.is_up()
    assert len(caplog.records) == 1
    assert "The cache refuses" in caplog.text
    with app.app_context():
        assert app.cache.is_up()
    assert state(app) == "up"


def test_a_redis_that_takes_no_writes_is_not_read_after_one(app, refused):
    client = app.test_client()
    book = client.get("/books").json
    with refused("min-replicas-to-write", 1):
        assert client.get("/books").json == book
        assert client.post("/books").status_code == 201
        assert client.get("/books").json != book
        assert state(app) == "away"
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


class Careless(redis.UnixDomainSocketConnection):
    """A connection that stays open after a failure, as one of Sentinel's does."""

    def read_response(self, *args, **kwargs):
        return super().read_response(*args, **{**kwargs, "disconnect_on_error": False})


def test_a_reply_never_meets_the_wrong_question(redis_url):
    options = {"path": redis_url.removeprefix("unix://"), **redis_backend.OPTIONS}
    pool = redis.ConnectionPool(connection_class=Careless, **options)
    connections = Connections(pool)
    connections.ask(("SET", "a", "A"), ("SET", "b", "B"))
    with stopped(redis_url), pytest.raises(redis.TimeoutError):
        connections.ask(("GET", "a"))
    assert connections.ask(("GET", "b"), ("GET", "a")) == [b"B", b"A"]
    with pytest.raises(redis.ResponseError):
        connections.ask(("GET", "a"), ("NONSENSE",), ("GET", "b"))
    assert connections.ask(("GET", "b")) == [b"B"]
    connections.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_shares_no_connection(redis_url):
    connections = Connections(redis.Redis.from_url(redis_url).connection_pool)
    ours = connections.ask(("CLIENT", "ID"))
    child = os.fork()
    if child == 0:
        os._exit(connections.ask(("CLIENT", "ID")) == ours)
    assert os.waitpid(child, 0)[1] == 0
    assert connections.ask(("CLIENT", "ID")) == ours
    connections.close()


def test_closing_ends_the_connections_of_every_thread(redis_url):
    with redis.Redis.from_url(redis_url) as server:
        connections = Connections(server.connection_pool)
        with ThreadPoolExecutor(2) as pool:
            barrier = threading.Barrier(2)
            ours = {
                number
                for [number] in pool.map(
                    lambda _: (barrier.wait(), connections.ask(("CLIENT", "ID")))[1], range(2)
                )
            }
            assert len(ours) == 2
            connections.close()
            assert not ours & {int(each["id"]) for each in server.client_list()}


def test_a_server_that_speaks_nonsense_fails_no_request(make_app):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=speak_nonsense, args=[listener], daemon=True).start()
        app = make_app(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"redis://127.0.0.1:{port}")
        client = app.test_client()
        assert [client.get("/books").status_code for _ in range(5)] == [200] * 5
        assert client.post("/books").status_code == 201
    assert state(app) == "away"


def speak_nonsense(listener):
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
