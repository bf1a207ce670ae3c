"""The database: SQLite in a file, or PostgreSQL by ``DATABASE_URL``.

.. code-block:: python

    class Shelf(Base):
        __tablename__ = "shelves"
        id: Mapped[int] = mapped_column(primary_key=True)

A request has a transaction of its own, which is rolled back at its end unless it was committed. On
SQLite, a request that may write (any but GET and HEAD) takes the single write lock before it reads,
so that no update is lost; everything else reads without a lock. Other code that reads first and
then writes, such as a job, a command or a GET, needs the decorator ``writes``.

``Mapped[datetime]`` is a time in UTC: other time zones are converted, and a time without one is
taken for UTC. A ``Numeric`` is a decimal on SQLite, too, exact to 15 digits. Values that are out of
range raise OverflowError.
"""

import enum
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import UTC
from decimal import Decimal
from decimal import ROUND_HALF_UP
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
from sqlalchemy import Dialect
from sqlalchemy import Engine
from sqlalchemy import Enum
from sqlalchemy import event
from sqlalchemy import inspect
from sqlalchemy import make_url
from sqlalchemy import MetaData
from sqlalchemy import NullPool
from sqlalchemy import Numeric
from sqlalchemy import text
from sqlalchemy import TIMESTAMP
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import registry
from sqlalchemy.orm import SessionTransaction

from . import postgresql
from . import sqlite
from .carafe.app import as_sync
from .settings import project_folder

Function = TypeVar("Function", bound=Callable[..., Any])
Processor = Callable[[Any], Any]

MAX_PROBE_SECONDS = 0.6
"""Seconds that the database has to respond to a health check."""

_DIALECTS: dict[str, ModuleType] = {"postgresql": postgresql, "sqlite": sqlite}
UNAVAILABLE = "The database is unavailable."
UNMIGRATED = 'Migrations are missing: run "flask db upgrade".'

_PROBE = "database.probe"
_REVISIONS = "database.revisions"
_WROTE = "wrote"


class Base(DeclarativeBase):
    """The base of models. An enum is stored as text, which needs no type on PostgreSQL."""

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
    """Flask-SQLAlchemy's database, with a connection for migrations."""

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection for ``migrations/env.py``, while no other process migrates."""
        with _dialect(self.engine).migrating(self.engine) as connection:
            yield connection


db = Database(model_class=Base)
migrate = Migrate(db=db)


def init_app(app: Flask) -> None:
    """Prepare the database of *app*, which is connected to when it is used."""
    seconds = app.config["DATABASE_TIMEOUT"]
    dialect = _DIALECTS[make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name()]
    given = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = dialect.options(seconds) | given
    db.init_app(app)
    migrate.init_app(app, directory=project_folder() / "migrations")
    with app.app_context():
        app.extensions[_PROBE] = probe = create_engine(db.engine.url, poolclass=NullPool)
        dialect.tune(db.engine, seconds)
        _use_column_types(db.engine)
    dialect.tune(probe, min(seconds, MAX_PROBE_SECONDS))


def writes(function: Function) -> Function:
    """Let *function* read and then write on SQLite, without lost updates.

    It is for code that SQLite does not know to be a writer: a view for GET, a command, a job. It
    waits for the write lock before the first read, at most ``DATABASE_TIMEOUT`` seconds, as a POST
    does. Rows that were loaded before are read again, so use none of them in the function.
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
    """End the transaction, so that the next query reads anew; False if it has changes."""
    session = db.session
    if session.new or session.dirty or session.deleted or session.info.get(_WROTE):
        return False
    session.rollback()
    return True


def fault() -> str | None:
    """Return why the database cannot serve requests, ``UNAVAILABLE`` or ``UNMIGRATED``, or None.

    The check has its own connection, however busy the others are.
    """
    try:
        with _probing() as connection:
            return UNMIGRATED if _lacks_migrations(connection) else None
    except SQLAlchemyError:
        return UNAVAILABLE


def _lacks_migrations(connection: Connection) -> bool:
    """Whether ``flask db upgrade`` is due; not if the database is newer than the code."""
    found: set[str] = set()
    if inspect(connection).has_table("alembic_version"):
        found.update(connection.scalars(text("SELECT version_num FROM alembic_version")))
    wanted, known = _revisions()
    return found != wanted and found <= known


def _revisions() -> tuple[set[str], set[str]]:
    """The newest revisions in the folder ``migrations``, and all of them; read once."""
    if _REVISIONS not in current_app.extensions:
        try:
            script = ScriptDirectory.from_config(migrate.get_config())
        except CommandError:  # There is no folder.
            return set(), set()
        revisions = set(script.get_heads()), {each.revision for each in script.walk_revisions()}
        current_app.extensions[_REVISIONS] = revisions
    found: tuple[set[str], set[str]] = current_app.extensions[_REVISIONS]
    return found


@contextmanager
def _probing() -> Iterator[Connection]:
    probe: Engine = current_app.extensions[_PROBE]
    with postgresql.deadline(MAX_PROBE_SECONDS), probe.connect() as connection:
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
    """Forget the writes when the outermost transaction ends; a savepoint ends nothing."""
    if transaction.parent is None:
        session.info.pop(_WROTE, None)


def _use_column_types(engine: Engine) -> None:
    """Store times in UTC, and decimals exactly on SQLite, too."""
    specs: dict[Any, Any] = dict(engine.dialect.colspecs)
    for kind in (DateTime, TIMESTAMP):
        specs[kind] = type("UTC", (_UTCDateTime, specs.get(kind, kind)), {})
    if engine.dialect.name == "sqlite":
        specs[Numeric] = _ExactNumeric
    engine.dialect.colspecs = specs


class _UTCDateTime(DateTime):
    """A time in UTC."""

    def bind_processor(self, dialect: Dialect) -> Processor | None:
        return self._in_utc(super().bind_processor(dialect), is_result=False)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        return self._in_utc(super().result_processor(dialect, coltype), is_result=True)

    def _in_utc(self, process: Processor | None, is_result: bool) -> Processor | None:
        if not self.timezone:
            return process
        run = process or (lambda value: value)
        if is_result:
            return lambda value: _utc(run(value))
        return lambda value: run(_utc(value))


def _utc(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _ExactNumeric(Numeric[Any]):
    """A decimal, which is given to SQLite as text and stored as a number."""

    def bind_processor(self, dialect: Dialect) -> Processor:
        return lambda value: None if value is None else str(self._rounded(Decimal(value)))

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        kind = Decimal if self.asdecimal else float
        return lambda value: None if value is None else kind(self._rounded(Decimal(str(value))))

    def _rounded(self, value: Decimal) -> Decimal:
        """*value*, rounded as PostgreSQL does it."""
        if self.scale is None or not value.is_finite():
            return value
        if self.precision is not None and value.adjusted() >= self.precision:
            raise OverflowError("The number has too many digits.")
        rounded = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP)
        if self.precision is not None and rounded.adjusted() >= self.precision - self.scale:
            raise OverflowError("The number has too many digits.")
        return rounded
