"""SQLite, made to behave like a server.

A write-ahead log lets readers read while one connection writes. A transaction that may write takes
the write lock at its start: of two that read and then write, the second waits for the first
instead of losing its update. One that only reads takes no lock, so an open shell blocks nobody.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from math import ceil
from random import uniform
from time import monotonic
from time import sleep
from typing import Any

import sqlalchemy as sa
from alembic.util import CommandError
from flask import g
from flask import has_request_context
from sqlalchemy.exc import StatementError

from .carafe.reads import current_request
from .carafe.reads import environ_of
from .carafe.request import SAFE_METHODS

MAX_MIGRATION_SECONDS = 600
"""How long a migration waits for another one."""

_OPTIONS = {
    *("cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout", "uri")
}
_MAX_PAUSE = 0.005
"""Seconds until a connection that waits for the write lock tries again."""

_LOCK_WITHIN = "lock_within"
"""The execution option of a connection that takes the write lock, and waits so many seconds."""

_CONTEXT = "sqlite.context"
"""The key in the environ of the ``g`` of the context that takes the lock for a request. Other
contexts within it, such as those of its threads, take none: they would wait for the request."""

_is_writing: ContextVar[bool] = ContextVar("is_writing", default=False)


def options(seconds: float) -> dict[str, Any]:
    """Return the options of an engine: SQLite needs none."""
    return {}


def bad_options(url: sa.URL) -> set[str]:
    """Return the options in *url* that the driver does not know, or a timeout that is no number.

    A URI may have SQLite's, too.
    """
    unknown = set() if "uri" in url.query else set(url.query) - _OPTIONS
    is_number = re.fullmatch(r"\d+(\.\d+)?", str(url.query.get("timeout", 0)))
    return unknown if is_number else {*unknown, "timeout"}


def tune(engine: sa.Engine, seconds: float) -> None:
    """Wait at most *seconds* for a lock of another connection."""
    sa.event.listen(engine, "connect", partial(_on_connect, seconds))
    sa.event.listen(engine, "begin", partial(_on_begin, seconds))
    sa.event.listen(engine, "handle_error", _on_error)


@contextmanager
def writing() -> Iterator[None]:
    """Take the write lock at the start of each transaction that begins in this context."""
    token = _is_writing.set(True)
    try:
        yield
    finally:
        _is_writing.reset(token)


@contextmanager
def migrating(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection in one transaction, at whose end foreign keys are checked.

    Most changes of a table are made by copying it and dropping the old one. While foreign keys
    are enforced, that deletes the rows which refer to it, or is refused.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # without effect in a transaction
        try:
            with connection.execution_options(**{_LOCK_WITHIN: MAX_MIGRATION_SECONDS}).begin():
                yield connection
                _check_foreign_keys(connection)
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def _check_foreign_keys(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    tables = sorted({f"{child} (to {parent})" for child, _, parent, _ in broken})
    if tables:
        raise CommandError(
            f"After this migration {len(broken)} rows would refer to rows that do not exist: "
            f"{', '.join(tables)}. Delete or change them in the migration. Nothing was changed."
        )


def _on_connect(seconds: float, connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is sent below, not by the driver.
    _wait_within(connection, seconds)
    # If two processes open a new file at once, SQLite refuses one of them without waiting.
    _execute_in_time(connection, "PRAGMA journal_mode = WAL", monotonic() + seconds)
    # If that failed, the first of these raises the error.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _wait_within(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {ceil(seconds * 1000)}")


def _on_begin(seconds: float, connection: sa.Connection) -> None:
    within = connection.get_execution_options().get(_LOCK_WITHIN, seconds if may_write() else 0)
    if not within:
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    _wait_within(driver, 0)
    try:
        # SQLite itself would retry less and less often, and let others go first.
        if not _execute_in_time(driver, "BEGIN IMMEDIATE", monotonic() + within):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # This raises SQLAlchemy's error.
    finally:
        _wait_within(driver, seconds)


def may_write() -> bool:
    """Return whether a transaction that begins now takes the write lock."""
    if _is_writing.get() or not has_request_context():
        return _is_writing.get()
    environ, context = environ_of(current_request()), g._get_current_object()
    is_first = environ.setdefault(_CONTEXT, context) is context
    return is_first and environ["REQUEST_METHOD"] not in SAFE_METHODS


def _execute_in_time(connection: sqlite3.Connection, statement: str, until: float) -> bool:
    """Execute a statement that needs a lock; return False if it is not released in time."""
    while monotonic() < until:
        try:
            connection.execute(statement)
            return True
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                return False
        sleep(uniform(0, _MAX_PAUSE))
    return False


def _on_error(context: sa.ExceptionContext) -> None:
    """Wrap the driver's error for a number beyond 64 bits, as SQLAlchemy wraps other errors."""
    error = context.original_exception
    if isinstance(error, OverflowError):
        raise StatementError("A number has more than 64 bits.", context.statement, None, error)
