"""The database: SQLite in a file, or PostgreSQL by ``DATABASE_URL``.

.. code-block:: python

    class Shelf(Base):
        __tablename__ = "shelves"
        id: Mapped[int] = mapped_column(primary_key=True)

A request has a transaction of its own, which ends with the request unless it was committed. On
SQLite, a request that may write (any but GET and HEAD) takes the one write lock before it reads,
so that no update is lost; everything else reads without a lock. What else reads first and then
writes, such as a job, a command or a GET, says so with the decorator ``writes``.
"""

import enum
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from types import ModuleType
from typing import Any
from typing import Literal
from typing import TypeVar

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from flask import Flask
from flask import has_app_context
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection
from sqlalchemy import create_engine
from sqlalchemy import DateTime
from sqlalchemy import Engine
from sqlalchemy import Enum
from sqlalchemy import event
from sqlalchemy import inspect
from sqlalchemy import make_url
from sqlalchemy import MetaData
from sqlalchemy import NullPool
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import registry
from sqlalchemy.orm import SessionTransaction

from . import column_types
from . import postgresql
from . import sqlite
from .carafe.app import as_sync
from .settings import project_folder

Function = TypeVar("Function", bound=Callable[..., Any])

LONGEST_PROBE = 0.6
"""Seconds that the database has to show that it is up."""

_DIALECTS: dict[str, ModuleType] = {"postgresql": postgresql, "sqlite": sqlite}
UNAVAILABLE = "The database is unavailable."
UNMIGRATED = 'Migrations are missing: run "flask db upgrade".'

_PROBE = "database.probe"
_REVISIONS = "database.revisions"
_WROTE = "wrote"


class Base(DeclarativeBase):
    """What models inherit from. An enum is stored as text, which needs no type on PostgreSQL."""

    registry = registry(
        type_annotation_map={
            datetime: DateTime(timezone=True),
            enum.Enum: Enum(enum.Enum, native_enum=False),
            Literal: Enum(enum.Enum, native_enum=False),
        }
    )
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database(SQLAlchemy):
    """Flask-SQLAlchemy's, with a connection for migrations."""

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection for ``migrations/env.py``, while no other process migrates."""
        with _dialect(self.engine).migrating(self.engine) as connection:
            yield connection


db = Database(model_class=Base)
migrate = Migrate(db=db)


def init_app(app: Flask) -> None:
    """Connect *app* to its database, lazily."""
    seconds = app.config["DATABASE_TIMEOUT"]
    dialect = _DIALECTS[make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name()]
    given = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = dialect.options(seconds) | given
    db.init_app(app)
    migrate.init_app(app, directory=project_folder() / "migrations")
    with app.app_context():
        app.extensions[_PROBE] = probe = create_engine(db.engine.url, poolclass=NullPool)
        dialect.tune(db.engine, seconds)
        column_types.install(db.engine)
    dialect.tune(probe, min(seconds, LONGEST_PROBE))


def writes(function: Function) -> Function:
    """Let *function* read and then write without losing an update, or being refused, on SQLite.

    It is for what SQLite cannot know to be a writer: a view for GET, a command, a job. Before the
    first read it waits for the write lock, for ``DATABASE_TIMEOUT`` seconds at most, as a POST
    does. What was read before is read again, so keep no row from outside of the function.
    """
    run = as_sync(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if has_app_context():
            end_snapshot()
        with sqlite.writing():
            return run(*args, **kwargs)

    return call  # type: ignore[return-value]


def end_snapshot() -> bool:
    """End the transaction, so that the next query reads afresh; False if it has to write first."""
    session = db.session
    if session.new or session.dirty or session.deleted or session.info.get(_WROTE):
        return False
    session.rollback()
    return True


def fault() -> str | None:
    """Why the database cannot serve requests: ``UNAVAILABLE``, ``UNMIGRATED``, or None if it can.

    It is asked on a connection of its own, however busy the others are.
    """
    try:
        with _probing() as connection:
            return UNMIGRATED if _lacks_migrations(connection) else None
    except SQLAlchemyError:
        return UNAVAILABLE


def _lacks_migrations(connection: Connection) -> bool:
    """Whether ``flask db upgrade`` has something to do; not if the database is newer than we."""
    found: set[str] = set()
    if inspect(connection).has_table("alembic_version"):
        found.update(connection.scalars(text("SELECT version_num FROM alembic_version")))
    wanted, known = _revisions()
    return found != wanted and found <= known


def _revisions() -> tuple[set[str], set[str]]:
    """The newest revisions in the folder ``migrations``, and all of them; read once for an app."""
    if _REVISIONS not in current_app.extensions:
        try:
            script = ScriptDirectory.from_config(migrate.get_config())
        except CommandError:  # The folder is not here, so nobody can tell.
            return set(), set()
        revisions = set(script.get_heads()), {each.revision for each in script.walk_revisions()}
        current_app.extensions[_REVISIONS] = revisions
    found: tuple[set[str], set[str]] = current_app.extensions[_REVISIONS]
    return found


@contextmanager
def _probing() -> Iterator[Connection]:
    probe: Engine = current_app.extensions[_PROBE]
    with postgresql.deadline(LONGEST_PROBE), probe.connect() as connection:
        yield connection


def _dialect(engine: Engine) -> ModuleType:
    return _DIALECTS[engine.dialect.name]


@event.listens_for(db.session, "after_flush")
def _on_flush(session: Any, context: Any) -> None:
    session.info[_WROTE] = True


@event.listens_for(db.session, "do_orm_execute")
def _on_execute(execution: Any) -> None:
    if execution.is_insert or execution.is_update or execution.is_delete:
        execution.session.info[_WROTE] = True


@event.listens_for(db.session, "after_transaction_end")
def _on_end(session: Any, transaction: SessionTransaction) -> None:
    """A savepoint that ends, or rolls back, does not end what was written before it."""
    if transaction.parent is None:
        session.info.pop(_WROTE, None)
