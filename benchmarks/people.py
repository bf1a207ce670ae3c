"""Applications in which somebody is logged in: ours, and the usual composition."""

from typing import Any

from carafe import FlaskCarafe
from carafe.ext import csrf
from carafe.ext import session
from carafe.ext.auth import Auth
from carafe.ext.cache import Cache
from carafe.ext.logger import Logger
from flask import Flask
from flask import session as flask_session
from flask_caching import Cache as FlaskCache
from flask_principal import Identity
from flask_principal import identity_changed
from flask_principal import identity_loaded
from flask_principal import Permission
from flask_principal import Principal
from flask_principal import RoleNeed
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import create_engine
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.pool import StaticPool

from .apps import config_for


class Base(DeclarativeBase):
    """The one table."""


class User(Base):
    """Somebody."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str]


class Queries:
    """Counts what a database is asked."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "before_cursor_execute", self._on_execute)

    def _on_execute(self, *_: Any) -> None:
        self.count += 1


def ours(url: str | None = None) -> tuple[Flask, Queries]:
    """All four extensions, and a user who costs one select."""
    app, engine = FlaskCarafe("ours"), _engine()
    app.secret_key = "a key for benchmarks"
    cache = Cache()
    auth = Auth(_Selecting(engine))
    csrf.init_app(app)
    session.init_app(app)
    auth.init_app(app)
    cache.init_app(app, config_for("ours:", url))
    Logger().init_app(app)
    guard = auth.require.editor()
    _serve(app, guard(_view), guard(cache.cached_view()(_view)), lambda: auth.login(1))
    return app, Queries(engine)


def eager(url: str | None = None) -> tuple[Flask, Queries]:
    """Flask's permanent session, Flask-Caching, and Flask-Principal's user for each request."""
    app = Flask("eager")
    app.config.update(SECRET_KEY="a key for benchmarks", SQLALCHEMY_DATABASE_URI="sqlite://")
    db = SQLAlchemy(app, model_class=Base)
    Principal(app)

    @app.before_request
    def keep() -> None:
        flask_session.permanent = True

    @identity_loaded.connect_via(app)
    def load(sender: Flask, identity: Identity) -> None:
        if identity.id is not None and (user := db.session.get(User, identity.id)):
            identity.provides.add(RoleNeed(user.role))

    with app.app_context():
        _fill(db.engine)
        queries = Queries(db.engine)
    guard = Permission(RoleNeed("editor")).require(403)
    cached = FlaskCache(app, config=config_for("eager:", url)).cached(query_string=True)
    _serve(
        app,
        guard(_view),
        guard(cached(_view)),
        lambda: identity_changed.send(app, identity=Identity(1)),
    )
    app.kept = load  # The signal would forget it.
    return app, queries


class _Selecting:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._role = select(User.role)

    def identify(self, identity: Identity) -> Identity | None:
        role = self._select(identity.id)
        identity.provides.add(RoleNeed(role))
        return identity if role else None

    def _select(self, id: int) -> str | None:
        with self._engine.connect() as connection:
            return connection.scalar(self._role.where(User.id == id))


def _view() -> dict[str, str]:
    return {"ping": "pong"}


def _serve(app: Flask, guarded: Any, cached: Any, log_in: Any) -> None:
    app.add_url_rule("/ping", "ping", _view)
    app.add_url_rule("/guarded", "guarded", guarded)
    app.add_url_rule("/cached", "cached", cached)
    app.add_url_rule("/login", "login", lambda: log_in() and {} or {}, methods=["POST"])


def _engine() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    _fill(engine)
    return engine


def _fill(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(User.__table__.insert().values(id=1, role="editor"))
