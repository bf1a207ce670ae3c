"""The circuit breaker, in front of a backend that does what the test says."""

import os
import threading
import time
from itertools import count
from types import SimpleNamespace

import pytest
from carafe.ext.cache import availability
from carafe.ext.cache.availability import Availability
from carafe.ext.cache.availability import Unavailable

from .servers import until

pytestmark = pytest.mark.usefixtures("impatient")


class Backend(SimpleNamespace):
    """Fails while *is_away*, and notes what was invalidated."""

    failures = (OSError,)
    refusals = ()
    is_away = True

    def get_many(self, *keys):
        if self.is_away:
            raise OSError
        return [None] * len(keys)

    def unlink(self, *keys):
        self.get_many()
        self.invalidated.append(set(keys))
        self.on_invalidate()


@pytest.fixture
def backend():
    return Backend(invalidated=[], on_invalidate=lambda: None)


@pytest.fixture
def breaker(backend):
    return Availability(backend)


@pytest.fixture
def tick(monkeypatch):
    """The next moment of a clock that the breaker reads, too."""
    moments = count(2_000_000_000)
    clock = SimpleNamespace(**{**vars(time), "time": lambda: next(moments)})
    monkeypatch.setattr(availability, "time", clock)
    monkeypatch.setattr(availability, "_distrusted_until", [0.0])
    return clock.time


def is_up(breaker):
    return not breaker.is_open


def fail(breaker):
    with pytest.raises(Unavailable):
        breaker.run(breaker.backend.get_many, "a")


def test_it_opens_at_once_and_closes_as_soon_as_the_backend_answers(breaker, backend):
    fail(breaker)
    assert not is_up(breaker)
    backend.is_away = False
    fail(breaker)  # Nobody asks until the thread did.
    until(lambda: is_up(breaker))
    assert breaker.run(backend.get_many, "a") == [None]


def test_it_closes_while_writes_go_on_and_settles_each(breaker, backend):
    written, is_over = set(), threading.Event()

    def write():
        while not is_over.is_set():
            written.add(key := f"key {len(written)}")
            breaker.invalidate([key])
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    until(lambda: len(written) > 50)
    backend.is_away = False
    until(lambda: is_up(breaker))
    is_over.set()
    writer.join()
    until(lambda: not breaker.pending)
    assert set.union(*backend.invalidated) == written


def test_what_becomes_pending_while_the_rest_is_settled_is_settled_before_it_closes(
    breaker, backend
):
    def write_once():
        backend.on_invalidate = lambda: None
        with breaker._lock:
            breaker.pending.add("later")

    backend.on_invalidate = write_once
    breaker.invalidate(["a"])
    backend.is_away = False
    until(lambda: is_up(breaker))
    assert backend.invalidated == [{"a"}, {"later"}]


def test_nothing_from_before_the_return_is_trusted(breaker, backend, tick):
    before = tick()
    assert breaker.trusted_since < before
    fail(breaker)
    backend.is_away = False
    until(lambda: is_up(breaker))
    assert breaker.trusted_since > before


def test_nothing_from_before_a_write_that_is_pending_is_trusted_by_anyone(breaker, backend, tick):
    others, before = Availability(backend), tick()
    breaker.invalidate(["a"])
    assert others.trusted_since > before
    assert Availability(backend).trusted_since > before


def test_a_thread_that_cannot_start_is_tried_again(breaker, backend, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        fail(breaker)
        breaker.invalidate(["a"])
        fail(breaker)
    backend.is_away = False
    assert not is_up(breaker)
    fail(breaker)
    until(lambda: is_up(breaker))
    assert backend.invalidated == [{"a"}]


def test_what_was_counted_is_not_counted_twice(breaker, backend):
    tried = []

    def count():
        tried.append(1)
        raise OSError

    with pytest.raises(Unavailable):
        breaker.run(count, repeatable=False)
    assert len(tried) == 1 and is_up(breaker)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_breaker_that_was_open_before_a_fork_closes_after_it(breaker, backend):
    fail(breaker)
    child = os.fork()
    if child == 0:
        backend.is_away, end = False, time.monotonic() + 60
        while not is_up(breaker) and time.monotonic() < end:
            breaker.invalidate(["a"])  # as a request does
            time.sleep(0.01)
        os._exit(not is_up(breaker))
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_workers_of_one_server_distrust_together(breaker):
    before = breaker.trusted_since
    child = os.fork()
    if child == 0:
        breaker.invalidate(["a"])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert breaker.trusted_since > before
