"""Errors of the database as problem documents, for whatever a view did not check itself.

====== ===========================================================================================
503    The database is unreachable, slow, shutting down or read-only; SQLite's file cannot be read
       or written, or is locked by another process; PostgreSQL could not wait for other requests,
       as in a deadlock; or migrations are missing.
409    A constraint is violated: a value must be unique, or another row refers to this one. Or a row
       was changed or deleted by another request in the meantime.
422    A value is out of the range of its column.
====== ===========================================================================================

No value is shown or logged. Nothing has to be restarted after a 503: requests are served as soon as
the database is available.
"""

import sqlite3
from decimal import InvalidOperation
from typing import Any

from flask import Flask
from sqlalchemy.exc import DataError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import Conflict
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from .carafe import logger
from .carafe.errors import problem
from .database import db
from .database import fault
from .database import UNAVAILABLE
from .database import UNMIGRATED

RETRY_AFTER = 5
"""Seconds."""

CONFLICT = "This conflicts with existing data."
LOCKED = "The database is locked by another process."
CONTENDED = "Other requests were changing the same rows."

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNUSABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}

_BAD_VALUES = {"22001", "22003", "22007", "22008", "22021", "22P02", "22P05", None}
"""PostgreSQL's codes for values that do not fit; psycopg refuses some without a code."""

_TOO_LONG = "54000"
"""PostgreSQL's code for a value that is too long for an index."""

_CONTENTION = {"40001", "40P01", "55P03"}
"""PostgreSQL's codes for a transaction that has to be tried again, and for a lock that is held."""

_READ_ONLY = "25006"
"""PostgreSQL's code for a server that takes no writes, such as a former primary."""


def init_app(app: Flask) -> None:
    """Respond to errors of the database of *app*."""
    for kind in (ObjectDeletedError, PoolTimeout, StaleDataError, StatementError):
        app.register_error_handler(kind, on_error)
    app.register_error_handler(AssertionError, on_assertion)


def on_assertion(error: AssertionError) -> Response:
    """Return the response if the key of a deleted row is in that of another, or raise it again."""
    if not str(error).startswith("Dependency rule"):
        raise error
    db.session.rollback()
    return problem(Conflict(CONFLICT))


def on_error(error: SQLAlchemyError) -> Response:
    """Return the response for *error*, or raise it again if it is a mistake in the code."""
    db.session.rollback()
    if isinstance(error, ObjectDeletedError | StaleDataError):
        return problem(Conflict("This was changed by another request."))
    if isinstance(error, IntegrityError):
        logger.warning("A constraint was violated: %s", _constraint(error.orig))
        return problem(Conflict(CONFLICT))
    if _is_out_of_range(error):
        logger.warning("A value did not fit its column.")
        return problem(UnprocessableEntity("A value is out of range."))
    if (reason := _unavailable(error)) is not None:
        logger.warning("%s %s", reason, _hint(error))
        return problem(_try_later(reason))
    if fault() == UNMIGRATED:
        logger.error(UNMIGRATED, exc_info=error)
        return problem(_try_later(UNMIGRATED))
    raise error


on_error.__problems__ = {503}  # type: ignore[attr-defined]
on_error.__problems_of_writes__ = {409}  # type: ignore[attr-defined]


def _try_later(detail: str) -> HTTPException:
    return ServiceUnavailable(detail, retry_after=RETRY_AFTER)


def _constraint(error: Any) -> str:
    """The name of the violated constraint, without any value."""
    if isinstance(error, sqlite3.Error):
        return str(error)
    return str(error.diag.constraint_name or error.diag.column_name or type(error).__name__)


def _is_out_of_range(error: Any) -> bool:
    if not isinstance(error, StatementError):
        return False
    code = getattr(error.orig, "sqlstate", None)
    if isinstance(error, DataError):
        return code in _BAD_VALUES
    is_in_no_enum = type(error.orig) is LookupError
    return (
        code == _TOO_LONG
        or is_in_no_enum
        or isinstance(error.orig, OverflowError | InvalidOperation)
    )


def _unavailable(error: SQLAlchemyError) -> str | None:
    """Why the database is unavailable, or None if the statement was wrong."""
    if isinstance(error, PoolTimeout) or getattr(error, "connection_invalidated", False):
        return UNAVAILABLE
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlite_errorcode", None)
    if code is None:
        state = getattr(original, "sqlstate", None)
        if state in _CONTENTION:
            return CONTENDED
        is_read_only = state == _READ_ONLY
        return UNAVAILABLE if is_read_only or isinstance(error, OperationalError) else None
    if code & 0xFF in _LOCKED:
        return LOCKED
    return UNAVAILABLE if code & 0xFF in _UNUSABLE else None


def _hint(error: SQLAlchemyError) -> str:
    """The cause, for the log."""
    if getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return 'A row was read, then changed elsewhere, then written: see "writes" in database.py.'
    return f"({type(getattr(error, 'orig', error)).__name__})"
