"""SQLite, told to behave like a server.

It keeps a write-ahead log, so that readers never wait, and takes its write lock at the start of a
transaction that may write: of two that read and then write, the second waits for the first instead
of losing its update.
"""

import sqlite3
from functools import partial
from math import ceil
from random import uniform
from time import monotonic
from time import sleep
from typing import Any

from flask import has_request_context
from flask import request
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import event

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}

_PAUSE = 0.005
"""Seconds, at most, until one who waits for the write lock looks again."""


def options(seconds: float) -> dict[str, Any]:
    """How to make an engine: as ever."""
    return {}


def tune(engine: Engine, seconds: float) -> None:
    """Let nobody wait longer for the lock of another."""
    event.listen(engine, "connect", partial(_on_connect, seconds))
    event.listen(engine, "begin", partial(_on_begin, seconds))


def _on_connect(seconds: float, connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is said below, not by the driver.
    _wait_within(connection, seconds)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _wait_within(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {ceil(seconds * 1000)}")


def _on_begin(seconds: float, connection: Connection) -> None:
    if has_request_context() and request.method in SAFE_METHODS:
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    _wait_within(driver, 0)
    try:
        if not _take_lock(driver, monotonic() + seconds):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Its error is one of SQLAlchemy.
    finally:
        _wait_within(driver, seconds)


def _take_lock(connection: sqlite3.Connection, until: float) -> bool:
    """Begin to write. SQLite itself would look ever more seldom, and serve others before."""
    while monotonic() < until:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return True
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                return False
        sleep(uniform(0, _PAUSE))
    return False
