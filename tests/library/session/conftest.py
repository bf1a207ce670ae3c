import time
from time import time as real_time

import pytest

from .apps import make_app


@pytest.fixture
def client():
    return make_app().test_client()


@pytest.fixture
def travel(monkeypatch):
    """Sign and check as if so many seconds from now."""

    def to(seconds):
        now = real_time() + seconds
        monkeypatch.setattr(time, "time", lambda: now)

    return to
