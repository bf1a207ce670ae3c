"""Each engine is prepared with the same care, whatever its owner adds."""

import os
import sqlite3
import traceback
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from functools import partial

import pytest
from conftest import create_app
from conftest import db
from conftest import MIGRATIONS
from conftest import schema
from flask_migrate import upgrade
from sqlalchemy import CheckConstraint
from sqlalchemy import Column
from sqlalchemy import DateTime
from sqlalchemy import ForeignKey
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import make_url
from sqlalchemy import MetaData
from sqlalchemy import NullPool
from sqlalchemy import Numeric
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm.exc import DetachedInstanceError
from werkzeug.utils import import_string

Base = import_string(f"{create_app.__module__}.database:Base")
SHOW_LIMIT = text("SHOW statement_timeout")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
    else:
        with schema() as found:
            yield found


def test_engine_options_are_added_to_those_of_the_application(make_app, url):
    given = {"pool_size": 7, "connect_args": {"timeout" if "sqlite" in url else "keepalives": 1}}
    app = make_app(DATABASE_URL=url, SQLALCHEMY_ENGINE_OPTIONS=given)
    with app.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1
        assert db.engine.hide_parameters
        assert db.engine.pool.size() == 7
        assert db.engine.pool._pre_ping == ("postgresql" in url)


@pytest.mark.parametrize("given", [{}, {"SQLALCHEMY_DATABASE_URI": "sqlite:///second.db"}])
def test_the_given_url_wins_over_the_environment_whatever_it_is_called(monkeypatch, given):
    monkeypatch.setenv("FLASK_SQLALCHEMY_DATABASE_URI", "sqlite:///production.db")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///production.db")
    app = create_app({"ENVIRONMENT": "development", "DATABASE_URL": "sqlite:///given.db", **given})
    expected = given.get("SQLALCHEMY_DATABASE_URI", "sqlite:///given.db")
    assert app.config["SQLALCHEMY_DATABASE_URI"] == expected
    other = create_app({"ENVIRONMENT": "development"})
    assert other.config["SQLALCHEMY_DATABASE_URI"] == "sqlite:///production.db"


def test_the_given_redis_wins_over_the_environment(monkeypatch):  # feature: cache
    monkeypatch.setenv("FLASK_CACHE_TYPE", "RedisCache")  # feature: cache
    monkeypatch.setenv("FLASK_CACHE_REDIS_URL", "redis://production/0")  # feature: cache
    for url in (None, "redis://given/0"):  # feature: cache
        app = create_app({"ENVIRONMENT": "development", "REDIS_URL": url})  # feature: cache
        assert app.config.get("CACHE_REDIS_URL") == url  # feature: cache


def test_a_pool_of_another_kind_is_taken(make_app, url):
    app = make_app(DATABASE_URL=url, SQLALCHEMY_ENGINE_OPTIONS={"poolclass": NullPool})
    with app.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1
        assert isinstance(db.engine.pool, NullPool)


def test_the_health_check_connects_as_the_owner_does(make_app, tmp_path):
    creator = partial(sqlite3.connect, tmp_path / "test.db", check_same_thread=False)
    url, options = f"sqlite:///{tmp_path}/nowhere/test.db", {"creator": creator}
    app = make_app(DATABASE_URL=url, SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        upgrade(str(MIGRATIONS))
    assert app.test_client().get("/health/ready").status_code == 200


@pytest.mark.parametrize(("folder", "status"), [(".", 200), ("nowhere", 503)])
def test_the_health_check_connects_to_each_bind(make_app, tmp_path, folder, status):
    binds = {"other": f"sqlite:///{tmp_path}/{folder}/other.db"}
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db", SQLALCHEMY_BINDS=binds)
    with app.app_context():
        upgrade(str(MIGRATIONS))
    assert app.test_client().get("/health/ready").status_code == status


@pytest.mark.parametrize("as_dict", [False, True], ids=["text", "dict"])
def test_a_bind_is_treated_as_the_first_engine(make_app, tmp_path, as_dict):
    other = f"sqlite:///{tmp_path}/other.db"
    app = make_app(SQLALCHEMY_BINDS={"other": {"url": other, "echo": False} if as_dict else other})
    times = Table("times", MetaData(), Column("time", DateTime(timezone=True)))
    with app.app_context(), db.engines["other"].begin() as connection:
        assert connection.engine.hide_parameters
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        times.create(connection)
        connection.execute(times.insert().values(time=datetime(2026, 11, 26, 12)))
        assert connection.scalar(select(times)).tzinfo == UTC


@pytest.mark.parametrize("base", [Base, db.Model])
def test_a_model_has_its_table_in_the_database_of_its_bind(make_app, tmp_path, base):
    key = f"bind_of_{base.__name__.lower()}"
    mixin = type("Mixin", (), {"__bind_key__": key})
    body = {"__tablename__": key, "id": mapped_column(Integer, primary_key=True)}
    model = type(f"In{base.__name__}", (mixin, base), body)
    app = make_app(SQLALCHEMY_BINDS={key: f"sqlite:///{tmp_path}/other.db"})
    with app.app_context():
        db.create_all(key)
        db.session.add(model())
        db.session.commit()
        with db.engines[key].connect() as other:
            assert other.scalar(text(f"SELECT id FROM {key}")) == 1
    assert key not in db.metadata.tables


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"DATABASE_URL": "sqlite:///app.db?nonsense=1"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://localhost/app?nonsense=1"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h/a?sslmode=require&nonsense=1"}, "DATABASE_URL"),
        ({"SQLALCHEMY_BINDS": {"logs": "postgresql://h/a?nonsense=1"}}, "'logs'"),
        ({"SQLALCHEMY_BINDS": {"logs": {"url": "sqlite:///b.db?nonsense=1"}}}, "'logs'"),
    ],
)
def test_a_url_with_an_unknown_option_refuses_the_start(make_app, config, name):
    with pytest.raises(
        ValueError, match=f"{name} has unknown or invalid options. Correct nonsense"
    ):
        make_app(**config)


@pytest.mark.parametrize(
    ("option", "good"),
    [
        ("sqlite:///app.db?timeout=abc", "sqlite:///app.db?timeout=2.5"),
        ("postgresql://h/a?connect_timeout=abc", "postgresql://h/a?connect_timeout=3"),
        ("postgresql://h/a?sslmode=requird", "postgresql://h/a?sslmode=require"),
        ("postgresql://h/a?keepalives_idle=5s", "postgresql://h/a?options=-csearch_path%3Da"),
    ],
)
def test_an_option_with_a_value_that_is_refused_fails_at_start(make_app, option, good):
    make_app(DATABASE_URL=good)
    name = option.partition("?")[2].partition("=")[0]
    with pytest.raises(ValueError, match=f"DATABASE_URL has .* Correct {name}.$"):
        make_app(DATABASE_URL=option)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"DATABASE_URL": "postgresql://host:pa/app"}, "DATABASE_URL: expected the URL"),
        ({"SQLALCHEMY_BINDS": {"logs": "pa"}}, "SQLALCHEMY_BINDS 'logs': expected the URL"),
        ({"SQLALCHEMY_BINDS": {"logs": {}}}, "SQLALCHEMY_BINDS 'logs': expected the URL"),
        ({"SQLALCHEMY_BINDS": ["pa"]}, "SQLALCHEMY_BINDS: expected a JSON"),
        ({"SQLALCHEMY_ENGINE_OPTIONS": ["pa"]}, "SQLALCHEMY_ENGINE_OPTIONS: expected a JSON"),
        ({"SQLALCHEMY_ENGINE_OPTIONS": {"connect_args": "pa"}}, "connect_args of DATABASE_URL: "),
    ],
)
def test_what_is_no_url_and_no_options_refuses_the_start_and_is_not_shown(
    make_app, config, expected
):
    with pytest.raises(ValueError, match=expected) as error:
        make_app(**config)
    assert "'pa'" not in str(error.value)


def test_a_request_limits_its_statements_and_nothing_after_it(make_app):
    with schema() as url:
        app = make_app(DATABASE_URL=url, DATABASE_TIMEOUT=7)

        @app.get("/limit")
        def limit():
            first = db.session.scalar(SHOW_LIMIT)
            db.session.commit()
            return [first, db.session.scalar(SHOW_LIMIT)]

        backend = "SELECT pg_backend_pid()"
        with app.app_context():
            pid = db.session.scalar(text(backend))
        assert app.test_client().get("/limit").json == ["7s", "7s"]
        with app.app_context():
            assert db.session.scalar(text(backend)) == pid
            assert db.session.scalar(SHOW_LIMIT) == "0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_leaves_the_connections_to_its_parent(make_app, url):
    app = make_app(DATABASE_URL=url)
    with app.app_context():
        db.session.execute(text("CREATE TABLE numbers (number INTEGER)"))
        db.session.execute(text("INSERT INTO numbers VALUES (1)"))
        db.session.commit()
        assert db.session.scalar(text("SELECT number FROM numbers")) == 1
        own = db.session.connection().connection.driver_connection
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                other = db.session.connection().connection.driver_connection
                is_right = db.session.scalar(text("SELECT number FROM numbers")) == 1
                db.session.remove()
                code = 0 if is_right and other is not own else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert db.session.connection().connection.driver_connection is own
        assert db.session.scalar(text("SELECT number FROM numbers")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_reads_nothing_through_the_objects_of_its_parent(make_app, url):
    columns = {
        "id": mapped_column(Integer, primary_key=True),
        "text": mapped_column(String(9), deferred=True),
    }
    name = f"Number{make_url(url).get_backend_name()}"
    Number = type(name, (db.Model,), {"__tablename__": "test_numbers", **columns})  # noqa: N806
    with make_app(DATABASE_URL=url).app_context():
        Number.__table__.create(db.engine)
        db.session.add(Number(id=1, text="one"))
        db.session.commit()
        number = db.session.scalars(select(Number)).one()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                number.text  # noqa: B018 - It would be read through the parent's connection.
            except DetachedInstanceError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert number.text == "one"
        db.session.rollback()
        Number.__table__.drop(db.engine)
    db.metadata.remove(Number.__table__)


def test_the_server_has_the_time_of_utc(make_app):
    with schema() as url:
        zone = make_url(url).update_query_dict({"options": "-c timezone=America/New_York"})
        with make_app(DATABASE_URL=zone.render_as_string(hide_password=False)).app_context():
            now = db.session.scalar(text("SELECT CAST(now() AS timestamp)"))
            assert abs(now - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=5)


SECRET = "zq-4711-qz"

metadata = MetaData()
parents = Table("parents", metadata, Column("id", Integer, primary_key=True))
rows = Table(
    "rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), unique=True),
    Column("count", Integer, CheckConstraint("count >= 0")),
    Column("price", Numeric(10, 2)),
    Column("needed", Integer, nullable=False, default=1),
    Column("parent_id", ForeignKey("parents.id")),
)


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("INSERT INTO rows (name, needed) VALUES (:value, 1)", SECRET),
        ("INSERT INTO rows (name) VALUES (:value)", f"{SECRET}-too"),
        ("INSERT INTO rows (needed, parent_id) VALUES (1, :value)", 1847110947),
        ("INSERT INTO rows (needed, count) VALUES (1, :value)", -1847110947),
        ("SELECT CAST(:value AS integer) / 0", SECRET),
        ("SELECT CAST(:value AS timestamptz)", f"{SECRET}\nx"),
        ("UPDATE rows SET price = CAST(:value AS text)", SECRET),
    ],
)
def test_no_error_quotes_a_value(make_app, url, statement, value):
    """Not in a traceback either, nor in what an error tracker makes of an exception."""
    is_postgresql = "postgresql" in url
    if not is_postgresql and not statement.startswith("INSERT"):
        pytest.skip("SQLite takes any value")
    with make_app(DATABASE_URL=url).app_context():
        metadata.create_all(db.engine)
        db.session.execute(insert(parents).values(id=1))
        db.session.execute(insert(rows).values(name=SECRET, parent_id=1))
        db.session.commit()
        with pytest.raises(StatementError) as caught:
            db.session.execute(text(statement), {"value": value})
        db.session.rollback()
    error = caught.value
    for text_of in (*traceback.format_exception(error), repr(error), str(error.orig), error.orig):
        assert SECRET not in repr(text_of) and "1847110947" not in repr(text_of)
    if is_postgresql and statement.startswith("INSERT"):
        assert "violates" in str(error) and "violates" in str(error.orig)
