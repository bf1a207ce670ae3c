from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import db
from conftest import MIGRATIONS
from flask_migrate import check
from flask_migrate import downgrade
from flask_migrate import upgrade
from sqlalchemy import inspect
from sqlalchemy import text


def test_the_models_and_the_migrations_agree(migrated):
    with migrated.app_context():
        check(str(MIGRATIONS))


def test_the_migrations_can_be_taken_back(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))
        downgrade(str(MIGRATIONS), "base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


@pytest.fixture
def counter(make_app, tmp_path):
    """An app whose ``POST /count`` reads a number, and then writes the next one."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/count.db")

    @app.post("/count")
    def count():
        number = db.session.scalar(text("SELECT number FROM counter"))
        db.session.execute(text("UPDATE counter SET number = :next"), {"next": number + 1})
        db.session.commit()
        return {}

    @app.get("/count")
    def show():
        return {"number": db.session.scalar(text("SELECT number FROM counter"))}

    with app.app_context():
        db.session.execute(text("CREATE TABLE counter (number INTEGER)"))
        db.session.execute(text("INSERT INTO counter VALUES (0)"))
        db.session.commit()
    return app


def test_sqlite_loses_no_update_and_refuses_none(counter):
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(counter.test_client().post, "/count") for _ in range(200)]
        assert {request.result().status_code for request in sent} == {200}
    assert counter.test_client().get("/count").json == {"number": 200}


def test_sqlite_lets_readers_read_while_one_writes(counter):
    with ThreadPoolExecutor(1) as elsewhere, counter.app_context():
        db.session.execute(text("UPDATE counter SET number = 7"))
        read = elsewhere.submit(counter.test_client().get, "/count")
        assert read.result().json == {"number": 0}
        db.session.commit()
    assert counter.test_client().get("/count").json == {"number": 7}


def test_sqlite_keeps_its_promises_to_other_tables(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_what_a_test_writes_is_taken_back(app, writer):
    writer.post("/authors", {"name": "Nobody"})
    with app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM authors")) == 1


def test_and_the_next_test_finds_nothing(app):
    with app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM authors")) == 0
