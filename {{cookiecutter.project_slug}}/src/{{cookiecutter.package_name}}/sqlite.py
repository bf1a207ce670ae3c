"""SQLite, told to behave like a server.

It keeps a write-ahead log, so that readers never wait, and takes its write lock at the start of a
transaction that may write: of two that read and then write, the second waits for the first instead
of losing its update.
"""

from functools import partial
from math import ceil
from sqlite3 import Connection as SQLiteConnection
from typing import Any

from flask import has_request_context
from flask import request
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import event

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


def options(seconds: float) -> dict[str, Any]:
    """How to make an engine: as ever."""
    return {}


def tune(engine: Engine, seconds: float) -> None:
    """Let nobody wait longer for the lock of another."""
    event.listen(engine, "connect", partial(_on_connect, seconds))
    event.listen(engine, "begin", _on_begin)


def _on_connect(seconds: float, connection: SQLiteConnection, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is said below, not by the driver.
    for pragma in (
        f"busy_timeout = {ceil(seconds * 1000)}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    only_reads = has_request_context() and request.method in SAFE_METHODS
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")
