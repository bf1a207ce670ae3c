"""PostgreSQL, which is on another machine: it can be away, slow, or silent."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from time import sleep
from typing import Any

from flask import has_request_context
from psycopg import Error
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import text
from sqlalchemy.exc import DisconnectionError

from ..patience import PatientPool
from .entrance import Entrance

_LIMIT = "statement_timeout"
_TAKE_TURN = text("SELECT pg_try_advisory_xact_lock(hashtext('alembic_version'))")


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


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A connection, while no other process has one from here.

    The lock is held by a second connection. It ends with that one's transaction, so that it works
    through pgbouncer. Those who wait for it have no transaction open meanwhile, because ``CREATE
    INDEX CONCURRENTLY`` would wait for its end.
    """
    with engine.connect() as turn:
        while not turn.scalar(_TAKE_TURN):
            turn.rollback()
            sleep(0.1)
        with engine.connect() as connection:
            yield connection


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
