"""PostgreSQL, which is on another machine: it can be away, slow, or silent."""

from collections.abc import Callable
from collections.abc import Generator
from concurrent.futures import Future
from functools import partial
from math import ceil
from math import inf
from threading import Thread
from time import monotonic
from typing import Any

from flask import has_request_context
from psycopg import Connection
from psycopg import Error
from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.abc import RV
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from .patience import left
from .patience import PatientPool

_GRACE = 0.2
"""Seconds in which the server may say itself that a statement took too long."""

_LIMIT = "statement_timeout"


def options(seconds: float) -> dict[str, Any]:
    """How to make an engine; its pool counts in whole seconds."""
    return {
        "poolclass": PatientPool,
        "pool_pre_ping": True,
        "pool_timeout": max(1, int(seconds)),
    }


def tune(engine: Engine, seconds: float) -> None:
    """Let nobody wait longer for a connection, and no request for an answer."""
    event.listen(engine, "do_connect", partial(_on_connect, seconds))
    event.listen(engine, "checkout", partial(_on_checkout, seconds))


def _on_connect(
    seconds: float, dialect: Any, record: Any, args: Any, named: Any
) -> "PatientConnection":
    """A new connection, made by a thread, because the look-up of a name cannot be hurried."""
    named.setdefault("connect_timeout", ceil(seconds))
    made: Future[PatientConnection] = Future()
    make = partial(PatientConnection.connect, *args, **named)
    Thread(target=_settle, args=(made, make), daemon=True).start()
    try:
        return made.result(min(seconds, left()))
    except TimeoutError:
        made.add_done_callback(_close)
        raise OperationalError("The server did not let us in.") from None


def _settle(made: "Future[PatientConnection]", make: "Callable[[], PatientConnection]") -> None:
    try:
        made.set_result(make())
    except Exception as error:  # The thread that waits for it raises it.
        made.set_exception(error)


def _close(made: "Future[PatientConnection]") -> None:
    if made.exception() is None:
        made.result().close()


def _on_checkout(seconds: float, connection: Any, record: Any, proxy: Any) -> None:
    """In a request, the server itself ends a statement that takes too long."""
    limit = ceil(seconds * 1000) if has_request_context() else "DEFAULT"
    if record.info.get(_LIMIT, "DEFAULT") == limit:
        return
    try:
        connection.execute(f"SET {_LIMIT} TO {limit}")
        connection.commit()
    except Error as error:
        raise DisconnectionError from error
    record.info[_LIMIT] = limit


class PatientConnection(Connection[Any]):
    """A connection that is closed when the server does not answer in time."""

    def wait(self, gen: PQGen[RV], *args: Any, **named: Any) -> RV:
        seconds = left()
        if seconds < inf:
            gen = self._bounded(gen, monotonic() + seconds + _GRACE)
        return super().wait(gen, *args, **named)

    def _bounded(self, gen: PQGen[RV], until: float) -> Generator[Any, Any, RV]:
        """The same steps, which psycopg asks for every 0.1 seconds though nothing has come."""
        try:
            step = next(gen)
            while True:
                ready = yield step
                if not ready and monotonic() >= until:
                    self.close()
                    raise OperationalError("The server did not answer.")
                step = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result
