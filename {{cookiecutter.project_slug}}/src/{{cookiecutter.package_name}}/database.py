"""The database: SQLite in a file, or PostgreSQL by ``DATABASE_URL``."""

from typing import Any

from flask import current_app
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import create_engine
from sqlalchemy import Engine
from sqlalchemy import make_url
from sqlalchemy import MetaData
from sqlalchemy import NullPool
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from werkzeug.utils import import_string

from .patience import at_most

_PROBE = "database.probe"

LONGEST_PROBE = 0.6
"""Seconds that the database has to show that it is up."""


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
    seconds = app.config["DATABASE_TIMEOUT"]
    dialect = _dialect(app.config["SQLALCHEMY_DATABASE_URI"])
    given = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = dialect.options(seconds) | given
    db.init_app(app)
    migrate.init_app(app)
    with app.app_context():
        app.extensions[_PROBE] = probe = create_engine(db.engine.url, poolclass=NullPool)
        dialect.tune(db.engine, seconds)
    dialect.tune(probe, min(seconds, LONGEST_PROBE))


def is_up() -> bool:
    """Whether the database answers a connection of its own, however busy the others are."""
    probe: Engine = current_app.extensions[_PROBE]
    try:
        with at_most(LONGEST_PROBE), probe.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _dialect(url: str) -> Any:
    """The module for it."""
    return import_string(f"{__package__}.{make_url(url).get_backend_name()}")
