import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing import get_context

import pytest
import redis
from carafe.ext.cache import Cache
from carafe.ext.cache.single_flight import LEASE_SECONDS
from flask import abort
from flask import request

from .apps import app_with

PATIENCE = 300
"""Seconds that a busy machine may need, to start a process for example."""


def ask_at_once(app, paths, **kwargs):
    """The answers to *paths*, all asked for at the same moment."""
    barrier = threading.Barrier(len(paths))

    def ask(path):
        client = app.test_client()
        barrier.wait(PATIENCE)
        return client.get(path, **kwargs)

    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(ask, paths))


@pytest.fixture
def slow(app):
    """A cached view that takes its time: ``slow(answer)`` is the list of its runs."""

    def slow(answer):
        runs = []

        @app.get("/slow")
        @app.cache.cached_view()
        def view():
            runs.append(run := len(runs) + 1)
            time.sleep(0.2)
            return answer(run)

        return runs

    return slow


def test_threads_that_want_the_same_answer_make_it_once(app, slow):
    runs = slow(lambda run: {"run": run})
    answers = ask_at_once(app, ["/slow"] * 64)
    assert len(runs) == 1
    assert {answer.json["run"] for answer in answers} == {1}


def test_an_answer_made_between_a_look_and_a_flight_is_not_made_again(make_app, backend):
    def ask_first():
        if not answers:
            answers.append(None)
            answers[0] = app.test_client().get("/once").json

    answers = []
    app = make_app(Cache(before_miss=ask_first), **backend)
    runs = count(1)

    @app.get("/once")
    @app.cache.cached_view()
    def once():
        return {"run": next(runs)}

    answers.append(app.test_client().get("/once").json)
    assert answers == [{"run": 1}, {"run": 1}]


def test_threads_that_want_different_answers_do_not_wait(app, slow):
    runs = slow(lambda run: {"path": request.full_path})
    paths = [f"/slow?a={number}" for number in range(8)]
    answers = ask_at_once(app, paths)
    assert len(runs) == 8
    assert [answer.json["path"] for answer in answers] == paths


def test_an_answer_for_one_is_given_to_no_follower(app, slow):
    runs = slow(lambda run: {"run": run, "name": request.cookies.get("name")})
    answers = ask_at_once(app, ["/slow"] * 8)
    assert len(runs) == len({answer.json["run"] for answer in answers}) == 8


def test_nobody_waits_twice_for_an_answer_that_is_not_theirs(app):
    together = []

    @app.get("/mine")
    @app.cache.cached_view()
    def mine():
        for barrier in together:
            barrier.wait(PATIENCE)
        return {"name": request.cookies.get("name")}

    app.test_client().get("/mine")
    together.append(threading.Barrier(8))
    statuses = [answer.status_code for answer in ask_at_once(app, ["/mine"] * 8)]
    assert statuses == [200] * 8


def test_a_response_for_one_client_leaves_the_other_paths_as_they_are(app):
    runs = []

    @app.get("/slow/<name>")
    @app.cache.cached_view()
    def slow(name):
        runs.append(name)
        time.sleep(0.1)
        return {"name": request.cookies.get("name") if name == "mine" else name}

    app.test_client().get("/slow/mine")
    ask_at_once(app, ["/slow/ours"] * 8)
    assert runs == ["mine", "ours"]


def test_a_leader_that_fails_fails_alone(app, slow):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def answer(run):
        if run == 1:
            raise RuntimeError("the first")
        if run == 2:
            abort(404)
        return {"run": run}

    slow(answer)
    statuses = sorted(answer.status_code for answer in ask_at_once(app, ["/slow"] * 8))
    assert statuses == [200] * 6 + [404, 500]
    assert app.test_client().get("/slow").status_code == 200


def test_who_starts_after_a_write_does_not_follow_who_started_before(app, client):
    started, finish = threading.Event(), threading.Event()
    runs = []

    @app.get("/slow")
    @app.cache.cached_view(namespace="BookView")
    def slow():
        runs.append(run := len(runs) + 1)
        if run == 1:
            started.set()
            assert finish.wait(PATIENCE)
        return {"run": run}

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: app.test_client().get("/slow"))
        assert started.wait(PATIENCE)
        client.post("/books")
        second = threads.submit(lambda: app.test_client().get("/slow"))
        time.sleep(0.3)
        finish.set()
        assert first.result().json == {"run": 1}
        assert second.result().json == {"run": 2}
    assert client.get("/slow").json != {"run": 1}


def test_followers_of_a_variant_get_their_own(app):
    @app.get("/language")
    @app.cache.cached_view()
    def language():
        time.sleep(0.1)
        return {"language": request.headers.get("Accept-Language")}

    def ask(name):
        return app.test_client().get("/language", headers={"Accept-Language": name}).json

    names = ["fr", "en"] * 8
    with ThreadPoolExecutor(len(names)) as threads:
        assert [answer["language"] for answer in threads.map(ask, names)] == names


def add_slow_view(app, started=None):
    """A view that says which process made its answer, and counts its runs on the server."""

    @app.get("/slow")
    @app.cache.cached_view()
    def slow():
        app.cache.server.incr(f"{app.config['CACHE_KEY_PREFIX']}runs")
        if started is not None:
            started.set()
            time.sleep(PATIENCE)
        time.sleep(0.2)
        return {"process": os.getpid()}

    return app


def ask_in_a_process(config, barrier, answers):
    app = add_slow_view(app_with(**config))
    barrier.wait(PATIENCE)
    for answer in ask_at_once(app, ["/slow"] * 16):
        answers.put(answer.json["process"])


def lead_in_a_process(config, started):
    add_slow_view(app_with(**config), started).test_client().get("/slow")


@pytest.mark.slow
def test_processes_that_want_the_same_answer_make_it_once(on_redis):
    spawn = get_context("spawn")
    barrier, answers = spawn.Barrier(4), spawn.Queue()
    processes = [
        spawn.Process(target=ask_in_a_process, args=(on_redis, barrier, answers), daemon=True)
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    given = [answers.get(timeout=PATIENCE) for _ in range(64)]
    for process in processes:
        process.join(PATIENCE)
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        assert server.get(f"{on_redis['CACHE_KEY_PREFIX']}runs") == b"1"
    assert len(set(given)) == 1


@pytest.mark.slow
def test_a_leader_that_is_killed_is_replaced(make_app, on_redis):
    spawn = get_context("spawn")
    started = spawn.Event()
    leader = spawn.Process(target=lead_in_a_process, args=(on_redis, started), daemon=True)
    leader.start()
    assert started.wait(PATIENCE)
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server:
        [lease] = server.scan_iter(f"{on_redis['CACHE_KEY_PREFIX']}*#*")
        assert 0 < server.pttl(lease) <= LEASE_SECONDS * 1000
    leader.kill()
    leader.join(PATIENCE)
    client = add_slow_view(make_app(**on_redis)).test_client()
    assert client.get("/slow").json == {"process": os.getpid()}
