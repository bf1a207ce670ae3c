"""PostgreSQL on another machine, which may be unavailable, slow, or silent.

A request waits ``DATABASE_TIMEOUT`` seconds, 1.5 by default: for a free connection or a new one,
and then for each response. The server itself ends a statement that takes longer. A server that is
stopped, or cut off by its network, sends no error, so the client has a deadline too. Outside a
request, for example in a migration, a response may take any time.
"""

import re
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from math import ceil
from math import inf
from threading import Lock
from threading import Thread
from time import monotonic
from time import sleep
from typing import Any

import sqlalchemy as sa
from flask import current_app
from flask import has_request_context
from psycopg import Connection as PsycopgConnection
from psycopg import Error
from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.abc import RV
from psycopg.errors import ConnectionTimeout
from psycopg.pq import Conninfo
from sqlalchemy.exc import OperationalError as SQLAlchemyOperationalError

_OPTIONS = {option.keyword.decode() for option in Conninfo.get_defaults()}
_VALUES = {
    "sslmode": "disable|allow|prefer|require|verify-ca|verify-full",
    **{name: r"-?\d+(\.\d+)?" for name in _OPTIONS if name.endswith("_timeout")},
    **{name: r"-?\d+" for name in _OPTIONS if name.startswith("keepalives")},
}
_TRY_LOCK = sa.text(
    "SELECT pg_try_advisory_xact_lock(hashtext('alembic_version'))"
    " FROM set_config('idle_in_transaction_session_timeout', '0', true)"
)

_DATA_EXCEPTION = "22"
"""The class of errors whose first line quotes a value, too."""

_GRACE = 0.2
"""Seconds in which the server may report by itself that a statement took too long."""

_WAIT_FOR_ANOTHER = 0.1
"""Seconds to wait for another request that tries to connect to a silent server."""

_until: ContextVar[float] = ContextVar("until", default=inf)


def options(seconds: float) -> dict[str, Any]:
    """Return the options of an engine; its pool counts in whole seconds."""
    return {
        "poolclass": DeadlinePool,
        "pool_pre_ping": True,
        "pool_timeout": max(1, int(seconds)),
        # A statement prepared on one connection of pgbouncer is missing on the next one.
        "connect_args": {"prepare_threshold": None},
    }


def bad_options(url: sa.URL) -> set[str]:
    """Return the options in *url* that libpq does not know, or whose value it refuses."""
    return {
        name
        for name, value in url.query.items()
        if name not in _OPTIONS or not re.fullmatch(_VALUES.get(name, "(?s:.*)"), str(value))
    }


def tune(engine: sa.Engine, seconds: float) -> None:
    """Wait at most *seconds* for a connection, and in a request for each response."""
    sa.event.listen(engine, "do_connect", Connector(seconds).connect)
    sa.event.listen(engine, "begin", partial(_on_begin, seconds))
    sa.event.listen(engine, "handle_error", _on_error)


@contextmanager
def migrating(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection while no other process migrates.

    A second connection holds the lock until its transaction ends, which works through pgbouncer
    too. A process that waits for the lock has no transaction open, because ``CREATE INDEX
    CONCURRENTLY`` would wait for its end.
    """
    with engine.connect() as lock:
        lock.detach()  # The pool may have but one connection, which the migration needs.
        while not lock.scalar(_TRY_LOCK):
            lock.rollback()
            sleep(0.1)
        with engine.connect() as connection:
            yield connection


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Wait for the server no longer than *seconds* in this block."""
    token = _until.set(min(_until.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def remaining() -> float:
    """Return the seconds that the current request, or block, may wait for a response."""
    seconds = current_app.config["DATABASE_TIMEOUT"] if has_request_context() else inf
    return max(0.0, min(seconds, _until.get() - monotonic()))


def _on_error(context: sa.ExceptionContext) -> None:
    """Reduce an error to its first line, or to its name: the rest quotes values of rows."""
    error, wrapper = context.original_exception, context.sqlalchemy_exception
    if not isinstance(error, Error) or not error.diag.message_primary:
        return
    is_quote = str(error.sqlstate).startswith(_DATA_EXCEPTION)
    message = type(error).__name__ if is_quote else error.diag.message_primary
    error.args = (message,)
    if wrapper is not None:
        wrapper.args = (f"({type(error).__module__}.{type(error).__name__}) {message}",)


def _on_begin(seconds: float, connection: sa.Connection) -> None:
    """In a request or before a deadline, let the server itself end a statement that takes too long.

    The limit ends with the transaction, so no other client of pgbouncer inherits it. It is sent
    together with the BEGIN of the transaction, and costs no round trip of its own.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.seconds = seconds if remaining() < inf else inf
    if driver.seconds == inf:
        return
    try:
        with driver.pipeline():
            driver.execute(f"SET LOCAL statement_timeout TO {ceil(seconds * 1000)}")
    except Error as error:
        raise SQLAlchemyOperationalError("BEGIN", None, error, hide_parameters=True) from error


class DeadlinePool(sa.QueuePool):
    """A pool with one deadline for a connection, its ping, and a replacement if that fails."""

    def connect(self) -> sa.PoolProxiedConnection:
        with deadline(remaining()):
            return super().connect()


class DeadlineConnection(PsycopgConnection[Any]):
    """A connection that is closed when the server does not respond in time."""

    seconds: float = inf
    """How long to wait for a response in this transaction, also after the request has ended."""

    def rollback(self) -> None:
        """Roll back. Without a connection, the server does so by itself."""
        try:
            super().rollback()
        except OperationalError:
            self.close()

    def wait(self, gen: PQGen[RV], *args: Any, **named: Any) -> RV:
        seconds = min(self.seconds, remaining())
        if seconds < inf:
            gen = self._bounded(gen, monotonic() + seconds + _GRACE)
        return super().wait(gen, *args, **named)

    def _bounded(self, gen: PQGen[RV], until: float) -> Generator[Any, Any, RV]:
        """The steps of *gen*, until a deadline; psycopg takes one every 0.1 seconds or sooner."""
        try:
            step = next(gen)
            while True:
                ready = yield step
                if not ready and monotonic() >= until:
                    self.close()
                    raise OperationalError("The server did not respond.")
                step = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result


class Connector:
    """Makes connections. While the server is silent, only one request at a time tries.

    The others are refused: if they waited, they would occupy all threads.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_silent = False
        self._lock = Lock()

    def connect(self, dialect: Any, record: Any, args: Any, named: Any) -> DeadlineConnection:
        """Return a new connection. Raises OperationalError if there is none in time."""
        named = {"connect_timeout": ceil(self._seconds), **named}
        make = partial(DeadlineConnection.connect, *args, **named)
        if not self._is_silent:
            return self._made(make)
        if not self._lock.acquire(timeout=_WAIT_FOR_ANOTHER):
            raise OperationalError("Another request is waiting for the server.")
        try:
            return self._made(make)
        finally:
            self._lock.release()

    def _made(self, make: Callable[[], DeadlineConnection]) -> DeadlineConnection:
        """Return a connection with times in UTC, which is what columns without a zone have."""
        connection = self._connected(make)
        if connection.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
            connection.autocommit = True
            connection.execute("SET timezone TO 'UTC'")  # pgbouncer knows it for each client.
            connection.autocommit = False
        return connection

    def _connected(self, make: Callable[[], DeadlineConnection]) -> DeadlineConnection:
        """Connect in a thread, because the lookup of a name cannot be interrupted."""
        made: Future[DeadlineConnection] = Future()
        Thread(target=_settle, args=(made, make), daemon=True).start()
        try:
            connection = made.result(min(self._seconds, remaining()))
        except (TimeoutError, ConnectionTimeout):  # ours, or the driver's
            self._is_silent = True
            made.add_done_callback(_close)
            raise OperationalError("The server did not accept a connection.") from None
        self._is_silent = False
        return connection


def _settle(made: Future[DeadlineConnection], make: Callable[[], DeadlineConnection]) -> None:
    try:
        made.set_result(make())
    except Exception as error:  # The thread that waits for it raises it.
        made.set_exception(error)


def _close(made: Future[DeadlineConnection]) -> None:
    if made.exception() is None:
        made.result().close()
