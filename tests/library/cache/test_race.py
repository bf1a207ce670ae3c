"""A read that starts after a write returned never answers with what was there before it."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from flask.views import MethodView

from .apps import app_with

pytestmark = pytest.mark.slow

NUMBERS, READERS, WRITES = 4, 4, 150
PATIENCE = 300
"""Seconds that a busy machine may need to start a process."""


def add_views(app, versions):
    """Views of *versions*, which are the database; they take their time after they looked."""

    class NumberView(MethodView):
        @app.cache.cached_view()
        def get(self, number):
            version = versions[number]
            time.sleep(random.uniform(0, 0.004))
            return {"version": version}

        def put(self, number):
            versions[number] += 1
            return {}

    app.add_url_rule("/numbers/<int:number>", view_func=NumberView.as_view("number"))
    return app


def write(app, versions, returned, done):
    """Write one number after the other, and say which version of it has returned."""
    client = app.test_client()
    for turn in range(WRITES):
        number = turn % NUMBERS
        client.put(f"/numbers/{number}")
        returned[number] = versions[number]
        time.sleep(random.uniform(0, 0.01))
    done.value = True


def read(app, returned, done):
    """How many reads were older than what had returned before them, and how many there were."""
    client = app.test_client()
    stale = reads = 0
    while not done.value:
        number = random.randrange(NUMBERS)
        floor = returned[number]
        stale += client.get(f"/numbers/{number}").json["version"] < floor
        reads += 1
    return stale, reads


def read_in_threads(app, *shared):
    """The same of several threads, and how many of the reads were hits."""
    with ThreadPoolExecutor(READERS) as threads:
        readers = [threads.submit(read, app, *shared) for _ in range(READERS)]
        stale, reads = zip(*(reader.result() for reader in readers), strict=True)
    with app.app_context():
        return sum(stale), sum(reads), app.cache.stats()["hits"]


def read_in_a_process(config, versions, shared, is_ready, results):
    app = add_views(app_with(**config), versions)
    is_ready.wait(PATIENCE)
    results.put(read_in_threads(app, *shared))


def check(stale, reads, hits):
    assert stale == 0
    assert 0 < hits < reads


def test_no_thread_reads_what_was_there_before_a_write(make_app, backend):
    context = get_context("spawn")
    versions, returned = [0] * NUMBERS, [0] * NUMBERS
    done = context.Value("b", False, lock=False)
    app = add_views(make_app(**backend), versions)
    with ThreadPoolExecutor(1) as threads:
        results = threads.submit(read_in_threads, app, returned, done)
        write(app, versions, returned, done)
        check(*results.result())


def test_no_process_reads_what_was_there_before_a_write(make_app, on_redis):
    spawn = get_context("spawn")
    versions, returned = (spawn.Array("q", NUMBERS, lock=False) for _ in range(2))
    done = spawn.Value("b", False, lock=False)
    is_ready, results = spawn.Barrier(3), spawn.Queue()
    for _ in range(2):
        spawn.Process(
            target=read_in_a_process,
            args=(on_redis, versions, (returned, done), is_ready, results),
            daemon=True,
        ).start()
    app = add_views(make_app(**on_redis), versions)
    is_ready.wait(PATIENCE)
    write(app, versions, returned, done)
    for _ in range(2):
        check(*results.get(timeout=PATIENCE))
