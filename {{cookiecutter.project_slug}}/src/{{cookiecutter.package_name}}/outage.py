"""A database that is away: the answer is a 503 that says when to ask again.

It is away if it cannot be reached, does not answer in time, or is shutting down, and if SQLite's
file is locked by another process or cannot be read or written. Nothing else changes, and nothing
has to be started again: the first request that finds it back is served.
"""

import sqlite3

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Response

from .carafe import logger
from .carafe.errors import problem

RETRY_AFTER = 5
"""Seconds."""

_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


def init_app(app: Flask) -> None:
    """Answer for *app* while its database is away."""
    app.register_error_handler(DBAPIError, on_error)
    app.register_error_handler(PoolTimeout, on_error)


def on_error(error: SQLAlchemyError) -> Response:
    """The response, if it is that; else the error goes on."""
    if not is_away(error):
        raise error
    logger.warning("The database is away: %s", type(getattr(error, "orig", error)).__name__)
    return problem(ServiceUnavailable("The database is away.", retry_after=RETRY_AFTER))


def is_away(error: SQLAlchemyError) -> bool:
    """Whether *error* tells of the database, and not of a statement."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE
    return isinstance(error, OperationalError)
