import time

import pytest
from itsdangerous.timed import TimestampSigner

from .apps import make_app


@pytest.fixture
def client():
    return make_app().test_client()


@pytest.fixture
def travel(monkeypatch):
    """Sign and check as if so many seconds from now."""

    def to(seconds):
        now = time.time() + seconds
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(now))

    return to
