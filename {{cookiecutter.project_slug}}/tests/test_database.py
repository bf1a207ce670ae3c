import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from accounts import log_in  # feature: auth
from conftest import db
from conftest import MIGRATIONS
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


def test_the_migrations_can_be_taken_back(lasting):
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


@pytest.mark.slow
def test_who_waits_for_sqlite_is_not_passed_over(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)

    def write():
        with app.app_context():
            db.session.execute(text("SELECT 1"))
        return time.monotonic()

    write()
    waits = []
    with ThreadPoolExecutor(1) as elsewhere:
        for _ in range(5):
            other.execute("BEGIN IMMEDIATE")
            written = elsewhere.submit(write)
            time.sleep(0.36)  # By itself, SQLite looks after 0.33 and then after 0.43 seconds.
            released = time.monotonic()
            other.execute("ROLLBACK")
            waits.append(written.result() - released)
    other.close()
    assert median(waits) < 0.04


def test_readers_read_while_one_writes(counter):
    with ThreadPoolExecutor(1) as elsewhere, counter.app_context():
        db.session.execute(text("UPDATE count SET number = 7"))
        read = elsewhere.submit(counter.test_client().get, "/count")
        assert read.result().json == {"number": 0}
        db.session.commit()
    assert counter.test_client().get("/count").json == {"number": 7}


@pytest.fixture
def meanwhile(lasting):
    """Call ``meanwhile(statement, send, ...)``: the response while the statement is uncommitted."""

    def meanwhile(statement, send, *args):
        with ThreadPoolExecutor(1) as elsewhere:
            with lasting.app_context(), db.engine.begin() as connection:
                connection.execute(text(statement))
                sent = elsewhere.submit(send, *args)
                with pytest.raises(TimeoutError):
                    sent.result(0.4)
            return sent.result()

    return meanwhile


@pytest.fixture
def shelf(lasting):
    """A client that may write, and the paths of an author and of their book."""
    client = lasting.test_client()
    client = log_in(lasting, "editor")  # feature: auth
    author = client.post("/authors", {"name": "Mary Shelley"})
    book = client.post("/books", {"title": "The Last Man", "author_id": author.json["id"]})
    return client, author.location, book.location


def test_what_is_removed_before_it_can_be_changed_is_not_found(shelf, meanwhile):
    client, _, book = shelf
    assert meanwhile("DELETE FROM books", client.patch, book, {"title": "X"}).status_code == 404


def test_no_book_is_added_to_an_author_who_is_just_removed(shelf, meanwhile):
    client, author, book = shelf
    assert client.delete(book).status_code == 204
    new = {"title": "X", "author_id": int(author.rpartition("/")[2])}
    assert meanwhile("DELETE FROM authors", client.post, "/books", new).status_code == 422


def test_no_author_is_removed_who_just_got_a_book(shelf, meanwhile):
    client, author, book = shelf
    id = author.rpartition("/")[2]
    assert client.delete(book).status_code == 204
    added = f"INSERT INTO books (title, author_id) VALUES ('X', {id})"
    assert meanwhile(added, client.delete, author).status_code == 409


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
