"""How long a request waits for the database: ``DATABASE_TIMEOUT`` seconds, 1.5 by default.

That is for a free connection or a new one, and then for each answer: a server that is stopped, or
behind a network that swallows everything, sends no error. Outside a request an answer may take its
time, as that to a migration does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

from flask import current_app
from flask import has_request_context
from sqlalchemy import PoolProxiedConnection
from sqlalchemy import QueuePool

_until: ContextVar[float] = ContextVar("until", default=inf)


def left() -> float:
    """Seconds for which to wait for what is asked now."""
    patience = current_app.config["DATABASE_TIMEOUT"] if has_request_context() else inf
    return max(0.0, min(patience, _until.get() - monotonic()))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Wait no longer, whatever is asked meanwhile."""
    token = _until.set(min(_until.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


class PatientPool(QueuePool):
    """Waits once for all: for a connection, for its sign of life, and for one in its place."""

    def connect(self) -> PoolProxiedConnection:
        with at_most(left()):
            return super().connect()
