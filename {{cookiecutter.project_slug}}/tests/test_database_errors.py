"""What the database cannot do is a problem document, whatever the view forgot to check."""

import sqlite3
import traceback
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from conftest import db
from conftest import writes
from flask import request
from sqlalchemy import CheckConstraint
from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Numeric
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.exc import StatementError

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


@pytest.fixture
def client(lasting):
    """A client of views that check nothing."""
    lasting.config["PROPAGATE_EXCEPTIONS"] = False

    @lasting.post("/rows")
    def add():
        db.session.execute(insert(rows).values(**request.get_dict()))
        db.session.commit()
        return {}, 201

    @lasting.delete("/parents")
    def remove():
        db.session.execute(text("DELETE FROM parents"))
        db.session.commit()
        return {}

    @lasting.get("/mistake")
    def mistake():
        return {"number": db.session.scalar(text("SELECT nothing FROM rows"))}

    with lasting.app_context():
        metadata.create_all(db.engine)
        db.session.execute(insert(parents).values(id=1))
        db.session.execute(insert(rows).values(name=SECRET, parent_id=1))
        db.session.commit()
    return lasting.test_client()


def stored():
    found = db.session.execute(select(rows)).all()
    db.session.rollback()
    return found


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"name": SECRET}, 409),
        ({"parent_id": 1847110947}, 409),
        ({"count": -1847110947}, 409),
        ({"needed": None}, 409),
        ({"id": 1}, 409),
        ({"count": 2**70}, 422),
        ({"count": -(2**70)}, 422),
    ],
)
def test_what_cannot_be_stored_is_refused_and_told_to_nobody(client, caplog, row, status):
    with client.application.app_context():
        before = stored()
        refused = client.post("/rows", row)
        assert (refused.status_code, refused.mimetype) == (status, "application/problem+json")
        assert stored() == before
    assert client.post("/rows", {}).status_code == 201
    for text_of in (refused.text, caplog.text):
        for value in (SECRET, "1847110947", str(2**70)):
            assert value not in text_of


@pytest.mark.parametrize("row", [{"name": "a" * 21}, {"price": "1e9"}, {"price": "no"}])
def test_what_does_not_fit_its_column_is_a_422_on_postgresql(client, row):
    with client.application.app_context():
        if db.engine.dialect.name == "postgresql":
            assert client.post("/rows", row).status_code == 422


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
def test_no_error_quotes_a_value(client, statement, value):
    """Not in a traceback either, nor in what an error tracker makes of an exception."""
    with client.application.app_context():
        is_postgresql = db.engine.dialect.name == "postgresql"
        if not is_postgresql and not statement.startswith("INSERT"):
            return
        with pytest.raises(StatementError) as caught:
            db.session.execute(text(statement), {"value": value})
        db.session.rollback()
    error = caught.value
    for text_of in (*traceback.format_exception(error), repr(error), str(error.orig), error.orig):
        assert SECRET not in repr(text_of) and "1847110947" not in repr(text_of)
    if is_postgresql and statement.startswith("INSERT"):
        assert "violates" in str(error) and "violates" in str(error.orig)


def test_a_row_that_others_refer_to_stays(client):
    assert client.delete("/parents").status_code == 409


def test_a_mistake_in_the_code_is_a_500(client):
    assert client.get("/mistake").status_code == 500


def test_without_migrations_the_answer_says_how_to_make_them(make_app, tmp_path, caplog):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    app.add_url_rule("/rows", view_func=lambda: str(db.session.scalar(select(rows.c.id))))
    for path in ("/rows", "/health/ready"):
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert "flask db upgrade" in answer.json["detail"]
    assert "flask db upgrade" in caplog.text


def test_a_database_that_is_newer_is_ready(lasting):
    with lasting.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = 'from tomorrow'"))
        db.session.commit()
    assert lasting.test_client().get("/health/ready").status_code == 200


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
