import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import psycopg
import pytest
from conftest import db
from conftest import POSTGRESQL
from flask import request
from notes import PATH
from outages import fragile as fragile
from outages import Network
from servers import LONG
from servers import wait_for
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError


@pytest.fixture
def asked(make_app):
    """An app whose ``/ask`` runs the ``?statement=`` that it is sent: ``asked(url, **config)``."""

    def asked(url, **config):
        app = make_app(DATABASE_URL=url, **config)

        @app.route("/ask", methods=["GET", "POST"])
        def ask():
            statement = request.args.get("statement", "SELECT 1")
            return {"answer": str(db.session.scalar(text(statement)))}

        return app

    return asked


def refused(response):
    """Whether it is a problem document that says when to try again."""
    found = (response.status_code, response.mimetype, response.headers.get("Retry-After"))
    return found == (503, "application/problem+json", "5")


def test_what_needs_the_database_is_refused_in_an_outage_and_served_after_it(fragile):
    app, away = fragile
    client = app.test_client()
    assert client.get(PATH).status_code == 200
    with app.app_context():
        db.engine.dispose()
    with away():
        for _ in range(2):
            assert refused(client.get(PATH))
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert ready.status_code == 503 and "database" in ready.json["detail"]
    assert client.get(PATH).status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_a_connection_that_was_lost_is_an_outage_whatever_the_driver_calls_it(make_app):
    app = make_app(DATABASE_URL="sqlite://")

    @app.get("/lost")
    def lost():
        raise InterfaceError("SELECT 1", None, Exception(), connection_invalidated=True)

    assert refused(app.test_client().get("/lost"))


def test_a_file_that_another_process_locks_is_unavailable_until_it_is_released(asked, tmp_path):
    app = asked(f"sqlite:///{tmp_path}/test.db", DATABASE_TIMEOUT=0.2)
    client = app.test_client()
    assert client.post("/ask").status_code == 200
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert client.get("/ask").status_code == 200
    assert refused(client.post("/ask"))
    other.execute("ROLLBACK")
    assert client.post("/ask").status_code == 200
    other.close()


@pytest.fixture
def network(postgresql):
    with Network(postgresql) as network:
        yield network


def test_no_request_waits_for_a_silent_server_until_it_speaks_again(asked, network):
    client = asked(network.url, DATABASE_TIMEOUT=2).test_client()
    assert client.get("/ask").status_code == 200
    with network.silent():
        for _ in ("a connection that was open", "a new one"):
            assert refused(client.get("/ask"))
        assert client.get("/health/ready").status_code == 503
    assert client.get("/ask").status_code == 200


@pytest.mark.parametrize("query", [{}, {"connect_timeout": "2"}], ids=["ours", "the driver's"])
def test_one_thread_waits_for_a_silent_server_and_not_all(asked, network, query):
    url = make_url(network.url).update_query_dict(query).render_as_string(hide_password=False)
    app = asked(url, DATABASE_TIMEOUT=5)

    def ask(_):
        return refused(app.test_client().get("/ask"))

    with network.silent(), ThreadPoolExecutor(8) as pool:
        assert ask("until it is known")
        before = network.count
        assert all(pool.map(ask, range(8)))
        assert network.count - before < 8 / 2
    assert app.test_client().get("/ask").status_code == 200


def test_a_server_that_falls_silent_in_mid_statement_is_given_up(asked, network):
    app = asked(network.url, DATABASE_TIMEOUT=2)

    @app.get("/silence")
    def silence():
        db.session.execute(text("SELECT 1"))
        with network.silent():
            return {"answer": db.session.scalar(text("SELECT 1"))}

    assert refused(app.test_client().get("/silence"))
    assert app.test_client().get("/ask").status_code == 200


@pytest.mark.parametrize("trouble", ["silent", "down"])
def test_a_response_that_was_made_leaves_whatever_happens_to_the_connection(
    asked, network, trouble
):
    app, begun, ended = asked(network.url, DATABASE_TIMEOUT=1), Event(), Event()

    @app.get("/made")
    def made():
        answer = db.session.scalar(text("SELECT 1"))
        begun.set()
        ended.wait(LONG)
        return {"answer": answer}

    with ThreadPoolExecutor(1) as elsewhere:
        sent = elsewhere.submit(app.test_client().get, "/made")
        begun.wait(LONG)
        with getattr(network, trouble)():
            ended.set()
            assert sent.result(LONG).json == {"answer": 1}
        assert app.test_client().get("/ask").status_code == 200


def test_a_server_that_takes_no_writes_is_unavailable(asked, postgresql):
    client = asked(postgresql).test_client()
    statement = "SET LOCAL default_transaction_read_only = on; SET TRANSACTION READ ONLY;"
    assert refused(
        client.post("/ask", query_string={"statement": f"{statement} CREATE TABLE a ()"})
    )
    assert client.get("/ask").status_code == 200


def test_a_statement_that_takes_too_long_ends_on_the_server_too(asked, postgresql):
    app = asked(postgresql, DATABASE_TIMEOUT=2)
    slow = f"SELECT pg_sleep({LONG}) /* {uuid4()} */"
    assert refused(app.test_client().get("/ask", {"statement": slow}))
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s"
    with psycopg.connect(POSTGRESQL, autocommit=True) as other:
        wait_for(lambda: other.execute(running, [slow]).fetchone() == (0,))
    assert app.test_client().get("/ask").status_code == 200


def test_outside_a_request_a_statement_may_take_its_time(asked, postgresql):
    app = asked(postgresql, DATABASE_TIMEOUT=1)
    assert app.test_client().get("/ask").status_code == 200
    with app.app_context():
        db.session.execute(text("SELECT pg_sleep(1.5)"))


def test_connections_that_the_server_ended_are_replaced_unnoticed(asked, postgresql):
    app = asked(postgresql)
    process = {"statement": "SELECT pg_backend_pid()"}
    before = app.test_client().get("/ask", process).json["answer"]
    with psycopg.connect(POSTGRESQL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [int(before)])
    after = app.test_client().get("/ask", process)
    assert after.status_code == 200 and after.json["answer"] != before


def test_no_request_waits_for_a_free_connection_for_ever(asked, postgresql):
    few = {"pool_size": 1, "max_overflow": 0}
    app = asked(postgresql, SQLALCHEMY_ENGINE_OPTIONS=few, DATABASE_TIMEOUT=2)
    with ThreadPoolExecutor(1) as elsewhere, app.app_context():
        db.session.execute(text("SELECT 1"))
        assert refused(elsewhere.submit(app.test_client().get, "/ask").result(LONG))
        ready = elsewhere.submit(app.test_client().get, "/health/ready").result(LONG)
        assert "unavailable" not in ready.text
    assert app.test_client().get("/ask").status_code == 200
