from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import db
from conftest import MIGRATIONS
from conftest import rolled_back
from flask_migrate import check
from flask_migrate import downgrade
from sqlalchemy import Column
from sqlalchemy import insert
from sqlalchemy import inspect
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import select
from sqlalchemy import Table
from sqlalchemy import text
from sqlalchemy import update


def test_the_models_and_the_migrations_agree(migrated):
    with migrated.app_context():
        check(str(MIGRATIONS))


def test_every_migration_can_be_reverted(lasting):
    with lasting.app_context():
        downgrade(str(MIGRATIONS), "base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


@pytest.fixture
def counter(lasting):
    """An app whose ``POST /count`` reads a number, and then writes the next one."""
    count = Table("count", MetaData(), Column("number", Integer))

    @lasting.post("/count")
    def increase():
        number = db.session.scalar(select(count.c.number).with_for_update())
        db.session.execute(update(count).values(number=number + 1))
        db.session.commit()
        return {}

    @lasting.get("/count")
    def show():
        return {"number": db.session.scalar(select(count.c.number))}

    with lasting.app_context():
        count.create(db.engine)
        db.session.execute(insert(count).values(number=0))
        db.session.commit()
    return lasting


def test_no_update_is_lost_and_none_refused(counter):
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(counter.test_client().post, "/count") for _ in range(600)]
        assert {request.result().status_code for request in sent} == {200}
    assert counter.test_client().get("/count").json == {"number": 600}


def test_readers_read_while_one_writes(counter):
    with ThreadPoolExecutor(1) as elsewhere, counter.app_context():
        db.session.execute(text("UPDATE count SET number = 7"))
        read = elsewhere.submit(counter.test_client().get, "/count")
        assert read.result().json == {"number": 0}
        db.session.commit()
    assert counter.test_client().get("/count").json == {"number": 7}


def test_sqlite_checks_foreign_keys_and_has_a_write_ahead_log(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_what_a_test_writes_is_rolled_back(counter):
    client = counter.test_client()
    with rolled_back(counter):
        assert client.post("/count").status_code == 200
        assert client.get("/count").json == {"number": 1}
    assert client.get("/count").json == {"number": 0}
