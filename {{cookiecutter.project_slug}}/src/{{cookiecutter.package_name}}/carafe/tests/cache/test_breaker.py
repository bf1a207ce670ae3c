import os
import time

import pytest

from ...ext.cache import breaker
from .servers import until

pytestmark = pytest.mark.usefixtures("impatient")


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
    assert settled == [{"a"}, {"later"}, set()]
    assert found.owed == 0


def test_a_breaker_closes_only_when_asked_in_vain_no_more():
    answers = [False, False, True, True]
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


def test_a_breaker_leaves_other_processes_the_time_to_settle_what_they_owe():
    answers = [True, False, True, True]
    found = breaker.Breaker(lambda keys: answers.pop(0))
    found.owe(["a"])
    until(lambda: not found.is_open)
    assert answers == []


def test_a_breaker_waits_longer_for_others_than_they_take(monkeypatch):
    monkeypatch.setattr(breaker, "INTERVAL", 600)  # Its thread does not try meanwhile.
    found = breaker.Breaker(lambda keys: True)
    found.owe(["a"])
    assert found.try_once() > breaker.INTERVAL
    assert found.is_open
    assert found.try_once() == 0
    assert not found.is_open


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
        end = time.monotonic() + 60
        while found.is_open and time.monotonic() < end:
            time.sleep(0.01)
        os._exit(found.is_open)
    assert os.waitpid(child, 0)[1] == 0
