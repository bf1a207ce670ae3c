"""The database: SQLite in a file, or PostgreSQL by ``DATABASE_URL``.

.. code-block:: python

    class Shelf(Timestamps, Base):
        __tablename__ = "shelves"
        id: Mapped[int] = mapped_column(primary_key=True)

A request has a transaction of its own, which is rolled back at its end unless it was committed. On
SQLite, a request whose method is not safe takes the single write lock before it reads, so that no
update is lost; everything else reads without a lock. Other code that reads and then
writes, such as a job, a command or a GET, needs the decorator ``writes``.

See ``column_types`` for times, decimals and JSON. ``SQLALCHEMY_ENGINE_OPTIONS`` are added to those
set here, and each engine of ``SQLALCHEMY_BINDS`` is treated as the first one; a model names its own
as ``__bind_key__``, and migrations leave it to ``db.create_all("<key>")``. A child process uses no
connection of its parent.
"""

import enum
import os
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from datetime import UTC
from functools import wraps
from types import ModuleType
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import TypeVar
from weakref import WeakSet

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from flask import Flask
from flask import has_app_context
from flask import has_request_context  # feature: cache
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import lazyload
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import registry
from sqlalchemy.orm import SessionTransaction

from . import column_types
from . import postgresql
from . import sqlite
from .carafe.app import as_sync
from .carafe.reads import current_request  # feature: cache
from .carafe.reads import environ_of  # feature: cache
from .carafe.reads import WROTE  # feature: cache
from .postgresql import deadline as deadline
from .settings import project_folder

Row = TypeVar("Row")
Function = TypeVar("Function", bound=Callable[..., Any])

MAX_PROBE_SECONDS = 0.6
"""Seconds that the database has to respond to a health check."""

_DIALECTS: dict[str, ModuleType] = {"postgresql": postgresql, "sqlite": sqlite}
UNAVAILABLE = "The database is unavailable."
UNMIGRATED = 'Migrations are missing: run "flask db upgrade".'

_PROBES = "database.probes"
_REVISIONS = "database.revisions"
_WROTE, _SET = "wrote", "set"
_READING = re.compile(
    r"[\s(]*(?:SELECT|VALUES|WITH(?!.*\b(?:INSERT|UPDATE|DELETE|MERGE)\b)"
    r"|BEGIN|EXPLAIN|PRAGMA|RELEASE|ROLLBACK|SAVEPOINT|SET|SHOW)\b",
    re.IGNORECASE | re.DOTALL,
)
"""The statements that change nothing."""

_SETTING = re.compile(r"^[\s(]*SET\b|\bset_config\s*\(", re.IGNORECASE)
"""The statements that change what later ones of their transaction see."""


class _Bindable:
    """A model with a ``__bind_key__`` has its table in that database of ``SQLALCHEMY_BINDS``."""

    metadata: ClassVar[sa.MetaData]

    def __init_subclass__(cls, **named: Any) -> None:
        if hasattr(cls, "__bind_key__"):
            cls.metadata = db._make_metadata(cls.__bind_key__)
        super().__init_subclass__(**named)


class Base(_Bindable, DeclarativeBase):
    """The base of models. An enum is stored as text, which needs no type on PostgreSQL."""

    registry = registry(
        type_annotation_map={
            datetime: sa.DateTime(timezone=True),
            enum.Enum: sa.Enum(enum.Enum, native_enum=False, validate_strings=True),
            Literal: sa.Enum(enum.Enum, native_enum=False, validate_strings=True),
        }
    )
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _now(context: Any) -> datetime:
    """The time of a statement: the same for all of its rows and columns."""
    now: datetime = vars(context).setdefault("now", datetime.now(UTC))
    return now


class Timestamps:
    """When a row was added, and when a column of the same table was last changed."""

    created_at: Mapped[datetime] = mapped_column(default=_now)
    updated_at: Mapped[datetime] = mapped_column(default=_now, onupdate=_now)


class Database(SQLAlchemy):
    """Flask-SQLAlchemy's database, with a connection for migrations."""

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """Yield a connection for ``migrations/env.py`` while no other process migrates."""
        with _dialect(self.engine).migrating(self.engine) as connection:
            yield connection


db = Database(model_class=Base, engine_options={"hide_parameters": True})
migrate = Migrate(db=db)
column_types.track(Base)
column_types.track(db.Model)


def init_app(app: Flask) -> None:
    """Prepare the databases of *app*; connections are opened when they are first used.

    Raises ValueError for an invalid setting, such as a URL with an unknown option.
    """
    config, seconds = app.config, app.config["DATABASE_TIMEOUT"]
    given = _mapping("SQLALCHEMY_ENGINE_OPTIONS", config.get("SQLALCHEMY_ENGINE_OPTIONS") or {})
    binds = _mapping("SQLALCHEMY_BINDS", config.get("SQLALCHEMY_BINDS") or {})
    url = config["SQLALCHEMY_DATABASE_URI"]
    config["SQLALCHEMY_ENGINE_OPTIONS"] = options = _options("DATABASE_URL", url, given, seconds)
    config["SQLALCHEMY_BINDS"] = {
        name: _options_of_bind(f"SQLALCHEMY_BINDS {name!r}", bind, seconds)
        for name, bind in binds.items()
    }
    db.init_app(app)
    migrate.init_app(app, directory=project_folder() / "migrations")
    with app.app_context():
        engines = db.engines
    app.extensions[_PROBES] = {
        key: _probe(engines[key], given, min(seconds, MAX_PROBE_SECONDS))
        for key, given in {None: options, **config["SQLALCHEMY_BINDS"]}.items()
    }
    for engine in engines.values():
        _tune(engine, seconds)
        column_types.use_on(engine)
        sa.event.listen(engine, "before_cursor_execute", _on_statement)
        _engines.add(engine)


def _probe(engine: sa.Engine, options: Mapping[str, Any], seconds: float) -> sa.Engine:
    """An engine that checks the health of *engine*, however busy its connections are."""
    given = {name: options[name] for name in ("connect_args", "creator") if name in options}
    probe = sa.create_engine(engine.url, poolclass=sa.NullPool, hide_parameters=True, **given)
    _tune(probe, seconds)
    return probe


def _tune(engine: sa.Engine, seconds: float) -> None:
    if engine.dialect.name in _DIALECTS:
        _dialect(engine).tune(engine, seconds)


def _options_of_bind(name: str, bind: Any, seconds: float) -> dict[str, Any]:
    given = bind if isinstance(bind, Mapping) else {"url": bind}
    return _options(name, given.get("url"), given, seconds)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f'{name}: expected a JSON object, for example {{"name": "value"}}.')
    return value


def _options(name: str, url: Any, given: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The options of an engine for *url*, called *name* in errors; those *given* win."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        example = "postgresql://user:password@host/name"
        raise ValueError(f"{name}: expected the URL of a database, such as {example}.") from None
    dialect = _DIALECTS.get(parsed.get_backend_name())
    if dialect is None:
        return dict(given)
    if bad := dialect.bad_options(parsed):
        raise ValueError(
            f"{name} has unknown or invalid options. Correct {', '.join(sorted(bad))}."
        )
    ours = dialect.options(seconds)
    if "poolclass" in given:
        ours = {key: value for key, value in ours.items() if not key.startswith("pool")}
    arguments = _mapping(f"connect_args of {name}", given.get("connect_args") or {})
    arguments = {**ours.get("connect_args", {}), **arguments}
    return {**ours, **given, "connect_args": arguments}


_engines: WeakSet[sa.Engine] = WeakSet()
_of_the_parent: list[object] = []


def _leave_to_the_parent() -> None:
    """Drop the parent's connections in a child process without closing them."""
    scopes = db.session.registry.registry
    for scope in scopes.values():
        scope.expunge_all()  # What a loaded object needs would be read there.
    _of_the_parent.extend(scopes.values())
    scopes.clear()
    for engine in _engines:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def writes(function: Function) -> Function:
    """Let *function* read and then write on SQLite, without lost updates.

    Use it for a command, a job, or a view for GET that writes. Like a POST, the function waits for
    the write lock before its first read, for at most ``DATABASE_TIMEOUT`` seconds. Load rows in the
    function: those that were loaded before are expired. At its end, the lock is released, unless
    there are changes to commit; if it raises, they are rolled back. Within a request that writes,
    or another such function, it is a part of what that one does.
    """
    run = as_sync(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if sqlite.may_write() or not has_app_context():
            with sqlite.writing():
                return run(*args, **kwargs)
        with sqlite.writing():
            end_snapshot()
            try:
                returned = run(*args, **kwargs)
            except BaseException:  # Also of a worker that is interrupted; it is raised again.
                db.session.rollback()
                raise
            end_snapshot()
            return returned

    return call  # type: ignore[return-value]


def lock_or_404(model: type[Row], id: Any) -> Row:
    """Return the row with this primary key, locked until the end of the transaction; or abort.

    What was loaded before it was locked may be old by now, also by a join of the same statement, so
    that all is read again when it is used.
    """
    db.session.flush()
    db.session.expire_all()
    return db.get_or_404(model, id, options=[lazyload("*")], with_for_update=True)


def is_settled() -> bool:
    """Return whether others see what the current transaction sees: it has no changes.

    False also if something is in ``db.session.info``, such as the tenant whose rows are read, or
    was set for the transaction.
    """
    return not (_has_changes() or _SET in db.session.info)


def _has_changes() -> bool:
    session = db.session()
    is_marked = session.info.keys() - {_SET}
    return bool(session.new or session.dirty or session.deleted or is_marked)


def end_snapshot() -> bool | None:
    """Let the next query read anew; False if the transaction has changes, or is not ours to end.

    Without a snapshot the transaction goes on, with what ``set_config`` set for it. Returns True if
    something may have been read in it, and None if nothing was.
    """
    session = db.session()
    is_begun = session.in_nested_transaction() or session._trans_context_manager is not None
    if is_begun or _has_changes():  # A block, as in ``with db.session.begin()``, ends it.
        return False
    if not session.in_transaction():
        return None
    if not _has_snapshot():
        session.expire_all()
    elif _SET in session.info:
        return False
    else:
        session.rollback()
    return True


def _has_snapshot() -> bool:
    """Return whether a query sees what the first one saw: not on PostgreSQL, unless it is set."""
    if {engine.dialect.name for engine in db.engines.values()} != {"postgresql"}:
        return True
    try:
        level = db.session.scalar(sa.text("SHOW transaction_isolation"))
    except SQLAlchemyError:  # An earlier statement failed.
        return True
    return bool(level != "read committed")


def fault() -> str | None:
    """Return why a database cannot serve requests, ``UNAVAILABLE`` or ``UNMIGRATED``, or None."""
    probes: dict[str | None, sa.Engine] = current_app.extensions[_PROBES]
    try:
        with deadline(MAX_PROBE_SECONDS):
            for key, probe in probes.items():
                with probe.connect() as connection:
                    if key is None and _lacks_migrations(connection):
                        return UNMIGRATED
    except SQLAlchemyError:
        return UNAVAILABLE
    return None


def _lacks_migrations(connection: sa.Connection) -> bool:
    """Return whether ``flask db upgrade`` is due; False if the database is newer than the code."""
    found: set[str] = set()
    if sa.inspect(connection).has_table("alembic_version"):
        found.update(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))
    wanted, known = _revisions()
    return found != wanted and found <= known


def _revisions() -> tuple[set[str], set[str]]:
    """The newest revisions in the folder ``migrations``, and all of them; read once."""
    if _REVISIONS not in current_app.extensions:
        try:
            script = ScriptDirectory.from_config(migrate.get_config())
        except CommandError:  # There is no folder.
            return set(), set()
        heads = script.get_heads(consider_depends_on=True)
        revisions = set(heads), {each.revision for each in script.walk_revisions()}
        current_app.extensions[_REVISIONS] = revisions
    found: tuple[set[str], set[str]] = current_app.extensions[_REVISIONS]
    return found


def _dialect(engine: sa.Engine) -> ModuleType:
    return _DIALECTS[engine.dialect.name]


def _on_statement(connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
    mark = _SET if _READING.match(statement) else _WROTE
    is_marked = mark == _WROTE or _SETTING.search(statement)
    if mark == _WROTE and has_request_context():  # feature: cache
        environ_of(current_request())[WROTE] = True
    if is_marked and has_app_context() and db.session().in_transaction():
        db.session.info[mark] = True


@sa.event.listens_for(db.session, "after_transaction_end")
def _on_end(session: Any, transaction: SessionTransaction) -> None:
    """Forget the marks when the outermost transaction ends; a savepoint ends nothing."""
    if transaction.parent is None:
        session.info.pop(_WROTE, None)
        session.info.pop(_SET, None)
