"""PostgreSQL, which is on another machine: it can be away, slow, or silent."""

from functools import partial
from math import ceil
from typing import Any

from flask import has_request_context
from psycopg import Error
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from ..patience import PatientPool
from .entrance import Entrance

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
    event.listen(engine, "do_connect", Entrance(seconds).connect)
    event.listen(engine, "checkout", partial(_on_checkout, seconds))


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
