from uuid import uuid4

import pytest

from .servers import behind_sentinel
from .servers import needs_redis
from .servers import PATIENT
from .servers import until

pytestmark = [needs_redis, pytest.mark.slow]


@pytest.fixture
def servers(tmp_path):
    with behind_sentinel(tmp_path) as servers:
        yield servers


@pytest.fixture(params=["url", "setting"])
def on_sentinel(request, servers):
    sentinels = servers[2]
    common = {"CACHE_KEY_PREFIX": f"test-{uuid4()}:", "CACHE_OPTIONS": PATIENT}
    if request.param == "url":
        where = ",".join(each.address for each in sentinels)
        url = f"redis+sentinel://{where}/mymaster/0"
        return {**common, "CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url}
    where = [("127.0.0.1", each.port) for each in sentinels]
    return {**common, "CACHE_TYPE": "RedisSentinelCache", "CACHE_REDIS_SENTINELS": where}


@pytest.fixture
def app(make_app, on_sentinel):
    return make_app(**on_sentinel)


def test_what_was_written_is_read_from_the_primary(app, client, run, servers):
    primary, replica, _ = servers
    for server in (primary, replica):
        server.ask("CONFIG RESETSTAT")
    for number in range(300):
        with app.app_context():
            app.cache.set("number", number)
            assert app.cache.get("number") == number
            assert app.cache.get_many("number") == [number]
        book = run("/books")
        client.post("/books")
        assert run("/books") > book
    assert primary.ask("INFO", "commandstats")["cmdstat_mget"]["calls"] > 300
    assert not {"cmdstat_mget", "cmdstat_get"} & set(replica.ask("INFO", "commandstats"))


def goes_on(client, run):
    """A write is seen at once."""
    book = run("/books")
    assert client.post("/books").status_code == 201
    assert run("/books") > book
    return True


def test_requests_go_on_while_the_replica_takes_over(app, client, run, servers):
    primary, replica, _ = servers
    book = run("/books")
    assert run("/books") == book
    primary.process.kill()
    until(lambda: goes_on(client, run) and replica.ask("INFO", "replication")["role"] == "master")
    until(lambda: run("/books") == run("/books"))
    for _ in range(20):
        goes_on(client, run)
    assert replica.ask("INFO", "commandstats")["cmdstat_mget"]["calls"] > 20
