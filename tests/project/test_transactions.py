"""No update is lost and no writer refused, on SQLite as on PostgreSQL; readers block nobody."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest
from conftest import create_app
from conftest import db
from conftest import rolled_back
from flask import copy_current_request_context
from sqlalchemy import Column
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import select
from sqlalchemy import Table
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from werkzeug.utils import import_string

writes = import_string(f"{create_app.__module__}.database:writes")


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


def test_the_threads_of_a_request_that_writes_may_read(counter):
    @counter.post("/threads")
    def read_in_threads():
        def read():
            return db.session.scalar(text("SELECT number FROM count"))

        read()
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(copy_current_request_context(read)) for _ in range(2)]
            found = [job.result() for job in jobs]
        with counter.app_context():
            return {"found": [*found, read()]}

    assert counter.test_client().post("/threads").json == {"found": [0, 0, 0]}


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


def test_code_of_a_test_has_the_engine_and_a_second_database_is_rolled_back(make_app, tmp_path):
    binds = {"stats": f"sqlite:///{tmp_path}/stats.db"}
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db", SQLALCHEMY_BINDS=binds)
    hits = Table("hits", db._make_metadata("stats"), Column("number", Integer))
    with app.app_context():
        hits.create(stats := db.engines["stats"])
        db.session.remove()
        for _ in range(2):
            with rolled_back(app):
                db.session.execute(insert(hits).values(number=1))
                db.session.commit()
                found = db.session.scalars(select(hits.c.number), bind_arguments={"bind": stats})
                assert found.all() == [1]
                with db.engine.connect() as connection:
                    assert connection.scalar(text("SELECT 1")) == 1
                db.session.remove()
    hits.metadata.remove(hits)


@pytest.fixture
def counting(make_app, tmp_path):
    """A client of ``/count``, which adds one to a number in SQLite; GET pauses before it writes."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db", DATABASE_TIMEOUT=60)
    count = Table("count", MetaData(), Column("number", Integer))
    app.has_read, app.may_write = Event(), Event()
    app.may_write.set()

    def increase():
        number = db.session.scalar(select(count.c.number))
        app.has_read.set()
        app.may_write.wait(60)
        db.session.execute(update(count).values(number=number + 1))
        db.session.commit()
        return {"number": number + 1}

    @app.before_request
    def read():
        db.session.scalar(select(count.c.number))

    app.add_url_rule("/forgotten", view_func=increase, endpoint="forgotten")
    app.add_url_rule("/count", view_func=writes(increase), methods=["GET", "POST"])
    app.add_url_rule("/read", view_func=lambda: str(db.session.scalar(select(count))))
    with app.app_context():
        count.create(db.engine)
        db.session.execute(insert(count).values(number=0))
        db.session.commit()
        app.increase = writes(increase)
    return app


def test_a_reader_that_stays_open_stops_nobody(counting):
    with counting.app_context():
        db.session.execute(text("SELECT * FROM count"))
        with ThreadPoolExecutor(1) as elsewhere:
            done = elsewhere.submit(counting.test_client().post, "/count")
            assert done.result(60).status_code == 200


def test_what_says_that_it_writes_waits_its_turn(counting):
    def job():
        with counting.app_context():
            counting.increase()
        return 200

    def get():
        return counting.test_client().get("/count").status_code

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(one) for one in [job, get] * 100]
        assert {each.result() for each in done} == {200}
    assert counting.test_client().get("/read").text == "200"


@pytest.mark.parametrize("outer", ["request", "writes"])
def test_within_what_writes_another_one_does_not_end_it(counter, outer):
    audit = writes(lambda: db.session.scalar(text("SELECT number FROM count")))

    def spend():
        lock = "FOR UPDATE" if db.engine.dialect.name == "postgresql" else ""
        number = db.session.scalar(text(f"SELECT number FROM count {lock}"))
        audit()
        db.session.execute(text("UPDATE count SET number = :new"), {"new": number + 1})
        db.session.commit()
        return {}

    method = "POST" if outer == "request" else "GET"
    view = spend if outer == "request" else writes(spend)
    counter.add_url_rule("/spend", view_func=view, methods=[method], endpoint="spend")
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(counter.test_client().open, "/spend", method=method) for _ in range(40)]
        assert {request.result().status_code for request in sent} == {200}
    assert counter.test_client().get("/count").json == {"number": 40}


@pytest.mark.parametrize("statement", ["SELECT 1", "UPDATE count SET number = 7; SELECT"])
def test_the_write_lock_is_released_at_the_end_without_a_commit(counting, statement):
    def job():
        for each in statement.split(";"):
            db.session.execute(text(each))

    with counting.app_context(), ThreadPoolExecutor(1) as elsewhere:
        with suppress(OperationalError):
            writes(job)()
        done = elsewhere.submit(counting.test_client().post, "/count")
        assert done.result(60).json == {"number": 1}


def test_what_forgets_to_say_so_is_refused_and_the_log_names_the_remedy(counting, caplog):
    counting.may_write.clear()
    with ThreadPoolExecutor(1) as elsewhere:
        refused = elsewhere.submit(counting.test_client().get, "/forgotten")
        assert counting.has_read.wait(60)
        other = sqlite3.connect(counting.config["SQLALCHEMY_DATABASE_URI"][10:])
        other.execute("UPDATE count SET number = 7")
        other.commit()
        other.close()
        counting.may_write.set()
        assert refused.result().status_code == 503
    assert "locked by another process" in refused.result().json["detail"]
    assert '"writes" in database.py' in caplog.text


def test_a_lock_that_another_process_holds_is_called_so(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db", DATABASE_TIMEOUT=0.1)
    app.add_url_rule(
        "/write", "write", lambda: str(db.session.scalar(text("SELECT 1"))), methods=["PUT"]
    )
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = app.test_client().put("/write")
    other.close()
    assert refused.status_code == 503
    assert "locked by another process" in refused.json["detail"]
