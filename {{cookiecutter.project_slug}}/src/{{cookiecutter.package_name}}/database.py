"""The database: SQLite in a file, or PostgreSQL by ``DATABASE_URL``.

SQLite is told to keep a write-ahead log, so that readers never wait, and to take its write lock
at the start of a transaction that may write: of two that read and then write, the second waits
for the first instead of losing its update.
"""

from sqlite3 import Connection as SQLiteConnection
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import MetaData
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class Base(DeclarativeBase):
    """What models inherit from."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
migrate = Migrate(db=db)


def init_app(app: Flask) -> None:
    """Connect *app* to its database, lazily."""
    db.init_app(app)
    migrate.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _tune_sqlite(db.engine)


def is_up() -> bool:
    """Whether the database answers."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def _tune_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_connect(connection: SQLiteConnection, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is said below, not by the driver.
    for pragma in (
        "busy_timeout = 5000",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    only_reads = has_request_context() and request.method in SAFE_METHODS
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")
