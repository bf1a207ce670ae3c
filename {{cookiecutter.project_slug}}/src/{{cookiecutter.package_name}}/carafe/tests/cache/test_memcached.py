import os
import pickle
from uuid import uuid4

import pytest

from ...ext.cache import memcached_backend
from .servers import memcached
from .servers import needs_memcached
from .servers import until

pytestmark = [needs_memcached, pytest.mark.usefixtures("impatient")]

ODD_KEYS = ["a b\r\n", "k" * 20_000, "ключ", "\udc80", "\x00", "a" * 250]
VALUES = [0, -7, 2**70, "", "text", "é", b"", b"\x00\xff", b"7", None, True, 1.5, (1, [2])]


class Planted:
    """Who unpickles it makes a directory."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def server():
    with memcached() as server:
        yield server


@pytest.fixture(params=["pylibmc", "memcache"])
def library(request, monkeypatch):
    found = pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    for name in {"pylibmc", "memcache"} - {request.param}:
        monkeypatch.setattr(memcached_backend, name, None)
    return found


@pytest.fixture
def app(make_app, server, library):
    return make_app(
        CACHE_TYPE="MemcachedCache",
        CACHE_MEMCACHED_SERVERS=[server.address],
        CACHE_KEY_PREFIX=f"test-{uuid4()}:",
    )


@pytest.fixture
def cache(app):
    with app.app_context():
        yield app.cache


@pytest.fixture
def plain(library, server):
    """A client that pickles."""
    client = library.Client([server.address])
    yield client
    client.disconnect_all()


def test_the_second_answer_comes_from_memcached(client, run):
    first = run("/books?a=1")
    assert run("/books?a=1") == first
    assert client.get("/books?a=1").headers["Age"] is not None


def test_a_write_invalidates_its_own_views_and_its_cascade(client, run):
    book, shelf, viewer = run("/books"), run("/shelves"), run("/viewers")
    assert client.post("/books").status_code == 201
    assert run("/books") > book and run("/shelves") > shelf
    assert run("/viewers") == viewer


def test_all_who_ask_get_one_token(cache):
    assert cache.client.agree("a:token", "first", 60) == "first"
    assert cache.client.agree("a:token", "second", 60) == "first"


def test_a_lease_is_taken_once_until_it_is_given_back(cache):
    cache.set("a", 1)
    assert cache.client.lease("lease", 60, "a", "b") == (True, [1, None])
    assert cache.client.lease("lease", 60, "a") == (False, [1])
    cache.client.release("lease", {"b": b"2"}, 60)
    assert cache.client.lease("lease", 60, "b") == (True, [b"2"])


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_any_text_is_a_key(cache, key):
    assert cache.get(key) is None and not cache.delete(key)
    assert cache.set(key, 1)
    assert cache.get(key) == 1 and cache.has(key)
    assert cache.get_many(key, "other", key) == [1, None, 1]
    assert cache.set_many({key: 2}) == [key]
    assert cache.client.inc(key) == 3 and cache.client.dec(key) == 2
    cache.unlink(key)
    assert cache.get_dict(key) == {key: None}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_shares_no_client(app, cache):
    backend = app.extensions["cache"][app.cache]
    with backend._reserved() as ours:
        child = os.fork()
        if child == 0:
            with backend._reserved() as own:
                os._exit(own is ours)
    assert os.waitpid(child, 0)[1] == 0


def test_prefixes_keep_long_keys_apart(make_app, app, server):
    other = make_app(
        CACHE_TYPE="MemcachedCache",
        CACHE_MEMCACHED_SERVERS=[server.address],
        CACHE_KEY_PREFIX="other:",
    )
    with app.app_context():
        app.cache.set("k" * 300, 1)
    with other.app_context():
        assert other.cache.get("k" * 300) is None


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(cache, value):
    assert cache.set("set", value) and cache.add("add", value)
    assert cache.set_many({"many": value}) == ["many"]
    for found in [*cache.get_many("set", "add", "many"), cache.get("set")]:
        assert (type(found), found) == (type(value), value)
    assert not cache.add("add", "another")


def test_a_value_that_is_too_large_is_not_kept_and_nothing_fails(cache):
    for _ in range(3):
        assert not cache.set("large", b"x" * 2_000_000)
        assert not cache.add("large", b"x" * 2_000_000)
    assert cache.get("large") is None
    assert cache.stats()["state"] == "up"


def test_counting_starts_at_nothing(cache):
    assert cache.client.inc("up", 5) == 5 and cache.client.inc("up") == 6
    assert cache.client.dec("down", 5) == -5 and cache.client.inc("down", 2) == -3
    assert cache.get_many("up", "down") == [6, -3]


def test_what_is_removed_is_gone(cache):
    cache.set_many({"a": 1, "b": 2, "c": 3})
    assert cache.delete("a") and cache.delete_many("b") == ["b"]
    assert cache.get_many("a", "b", "c") == [None, None, 3]
    cache.clear()
    assert cache.get("c") is None


def test_a_planted_pickle_is_a_miss_and_never_runs(app, cache, plain, tmp_path):
    trap = tmp_path / "made"
    pickle.loads(pickle.dumps(Planted(tmp_path / "works")))
    assert (tmp_path / "works").exists()
    plain.set(f"{app.config['CACHE_KEY_PREFIX']}a", Planted(trap))
    assert cache.get("a") is None
    assert cache.get_many("a", "b") == [None, None]
    assert not trap.exists()


@pytest.mark.parametrize("planted", [True, "text", 12, 1.5, b"bxyz"], ids=repr)
def test_a_planted_value_fails_nothing(app, cache, plain, planted):
    plain.set(f"{app.config['CACHE_KEY_PREFIX']}a", planted)
    assert cache.get("a") == (b"xyz" if planted == b"bxyz" else None)


def test_a_memcached_that_says_nothing_fails_no_request_and_heals(app, client, run, server):
    book = run("/books")
    assert run("/books") == book
    with server.stopped():
        assert client.post("/books").status_code == 201
        assert [client.get("/books").status_code for _ in range(5)] == [200] * 5
        with app.app_context():
            assert app.cache.stats()["state"] == "away"
    seen = set()
    until(lambda: run("/books") in seen or seen.add(run("/books")))
    assert book not in seen


def test_a_memcached_that_is_not_there_fails_no_request(make_app, library):
    with memcached() as server:
        address = server.address
        app = make_app(CACHE_TYPE="MemcachedCache", CACHE_MEMCACHED_SERVERS=[address])
        client = app.test_client()
        first = client.get("/books").json
        assert client.get("/books").json == first
    assert client.post("/books").status_code == 201
    assert client.get("/books").json != first
    with app.app_context():
        assert app.cache.stats()["state"] == "away"
        assert app.cache.get("a") is None and not app.cache.set("a", 1)


def test_without_a_library_the_app_says_what_to_install(make_app, monkeypatch):
    monkeypatch.setattr(memcached_backend, "pylibmc", None)
    monkeypatch.setattr(memcached_backend, "memcache", None)
    with pytest.raises(RuntimeError, match=r"Install pylibmc\."):
        make_app(CACHE_TYPE="MemcachedCache")
