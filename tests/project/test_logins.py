# feature: auth
"""What keeps logins true and cheap, whatever a cookie or the database says."""

import sqlite3
from contextlib import closing
from contextlib import ExitStack
from datetime import timedelta
from threading import Timer
from time import monotonic

import pytest
import time_machine
from accounts import log_in
from accounts import thief_of
from conftest import create_app
from conftest import db
from conftest import MIGRATIONS
from conftest import schema
from flask import request
from flask_migrate import upgrade
from sqlalchemy import event
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from test_login import ada as ada
from test_login import GOOD
from test_tokens import run
from werkzeug.utils import import_string


def test_logins_that_are_too_old_are_removed(app):
    with time_machine.travel("2030-01-01T00:00Z", tick=False) as clock:
        log_in(app)
        clock.shift(timedelta(days=91))
        app.test_client().post("/login", GOOD)
        with app.app_context():
            assert db.session.scalar(text("SELECT count(*) FROM logins")) == 1


def test_logging_out_without_a_database_takes_the_cookie_back(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/nothing/test.db")
    client = app.test_client()
    with client.session_transaction() as session:
        session.update(user_id=1, login="a token")
    answer = client.delete("/login")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_a_logout_tells_the_access_log_who_that_was(app, ada):
    user_id = ada.get("/login").json["id"]
    with ada:
        ada.delete("/login")
        assert request.environ["carafe.who"] == (user_id, "session")


def test_a_token_may_send_options(app, ada):
    token = ada.post("/tokens", {"name": "Job"}).json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().options("/login", headers=headers).status_code == 204
    assert app.test_client().delete("/login", headers=headers).status_code == 403


def test_a_token_costs_one_select_on_an_index(app, ada):
    token = ada.post("/tokens", {"name": "Job"}).json["token"]
    client, statements = app.test_client(), []
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    client.get("/login").close()
    with app.app_context():
        listen = (db.engine, "before_cursor_execute", lambda *args: statements.append(args[2:4]))
        event.listen(*listen)
        assert client.get("/login", buffered=True).status_code == 200
        event.remove(*listen)
        [(statement, parameters)] = [sent for sent in statements if "SAVEPOINT" not in sent[0]]
        explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
        if explain == "EXPLAIN":
            db.session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = db.session.connection().exec_driver_sql(f"{explain} {statement}", parameters)
        assert "tokens" in (found := " ".join(map(str, plan)))
        assert "SCAN tokens" not in found and "Seq Scan on tokens" not in found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_note_of_a_use_waits_for_a_lock_as_long_as_a_request(make_app, kind, tmp_path):
    with ExitStack() as stack:
        is_file = kind == "sqlite"
        url = f"sqlite:///{tmp_path}/test.db" if is_file else stack.enter_context(schema())
        app = make_app(DATABASE_URL=url, DATABASE_TIMEOUT=1)
        stack.enter_context(app.app_context())
        upgrade(str(MIGRATIONS))
        token = log_in(app).post("/tokens", {"name": "Job"}).json["token"]
        sent = app.test_client().get("/login", headers={"Authorization": f"Bearer {token}"})
        lock = "UPDATE tokens SET name = name" if is_file else "LOCK TABLE tokens IN SHARE MODE"
        db.session.execute(text(lock))
        release = Timer(8, db.session().close)
        release.start()
        since = monotonic()
        sent.close()
        release.cancel()
        assert monotonic() - since < 5


@pytest.mark.parametrize("sent", [{}, {"If-Match": '"0"'}, {"If-Match": "malformed"}])
def test_tokens_and_logins_evaluate_no_if_match(app, ada, monkeypatch, sent):
    monkeypatch.setitem(app.config, "REQUIRE_IF_MATCH", True)
    token, phone = ada.post("/tokens", {"name": "Job"}).json["id"], app.test_client()
    assert ada.delete(f"/tokens/{token}", headers=sent).status_code == 204
    assert ada.delete(f"/tokens/{token}", headers=sent).status_code == 404
    assert phone.post("/login", GOOD, headers=sent).status_code == 200
    [login] = [each["id"] for each in phone.get("/logins").json["items"] if each["current"]]
    assert ada.delete(f"/logins/{login}", headers=sent).status_code == 204
    assert ada.delete("/login", headers=sent).status_code == 204


def test_a_view_of_the_owner_logs_a_user_in(lasting):
    provider = import_string(f"{create_app.__module__}.accounts.provider")

    @lasting.post("/sso")
    def sso():
        provider.auth.login(1)
        return {"id": provider.auth.user_id}

    client = log_in(lasting)
    token = client.post("/tokens", {"name": "Job"}).json["token"]
    assert client.delete("/login").status_code == 204
    assert client.post("/sso").json == {"id": 1}
    headers = {"Authorization": f"Bearer {token}"}
    assert lasting.test_client().post("/sso", headers=headers).status_code == 403
    assert [login["current"] for login in client.get("/logins").json["items"]] == [True]


def test_a_view_of_the_owner_ends_a_login_for_every_copy_of_the_cookie(lasting):
    provider = import_string(f"{create_app.__module__}.accounts.provider")

    @lasting.post("/bye")
    def bye():
        provider.auth.logout()
        return {}

    client = log_in(lasting)
    thief = thief_of(client)
    assert client.post("/bye").status_code == 200
    assert thief.get("/login").status_code == 401


@pytest.fixture
def locking(make_app):
    """An app that locks rows, and its engine; on SQLite a request locks the whole database."""
    with schema() as url:
        app = make_app(DATABASE_URL=url)
        with app.app_context():
            upgrade(str(MIGRATIONS))
            engine = db.engine
        yield app, engine


@pytest.mark.parametrize("change", ["DELETE FROM logins", "UPDATE users SET active = false"])
def test_who_was_shut_out_after_the_guard_makes_no_token(locking, change):
    app, engine = locking
    client = log_in(app)

    def before_the_lock(connection, cursor, statement, *_):
        if "FOR UPDATE" in statement:
            with engine.begin() as other:
                other.execute(text(change))

    event.listen(engine, "before_cursor_execute", before_the_lock)
    assert client.post("/tokens", {"name": "Job"}).status_code == 401


def test_tokens_are_counted_while_their_user_is_locked(locking):
    app, engine = locking
    client, counted = log_in(app), []

    def on_count(connection, cursor, statement, *_):
        if "count(" in statement:
            counted.append(statement)
            with engine.connect() as other, pytest.raises(OperationalError):
                other.execute(text("SELECT id FROM users FOR UPDATE NOWAIT"))

    event.listen(engine, "before_cursor_execute", on_count)
    assert client.post("/tokens", {"name": "Job"}).status_code == 201
    assert run(app, "tokens", "create", GOOD["email"], "--name", "Job").exit_code == 0
    assert len(counted) == 2


def test_the_id_of_a_deleted_user_is_not_given_again(make_app, tmp_path):
    """The shell of SQLite leaves what refers to a row that it deletes."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))
    thief = thief_of(log_in(app))
    with closing(sqlite3.connect(tmp_path / "test.db")) as shell:
        shell.execute("DELETE FROM users")
        shell.commit()
    log_in(app, email="bob@example.com")
    assert thief.get("/login").status_code == 401


def test_an_id_that_nobody_has_opens_no_login(lasting):
    provider = import_string(f"{create_app.__module__}.accounts.provider")

    @lasting.post("/sso/<id>")
    def sso(id):
        provider.auth.login(int(id) if id.isdecimal() else id)
        return {"id": provider.auth.user_id}

    client = lasting.test_client()
    assert client.post("/sso/999").json == {"id": None}
    with pytest.raises(TypeError, match="not valid"):
        client.post("/sso/ada")


def test_a_login_is_worth_nothing_to_another_user(app, ada):
    bob = log_in(app, email="bob@example.com")
    bobs_id = bob.get("/login").json["id"]
    with ada.session_transaction() as session:
        session["user_id"] = bobs_id
    assert ada.get("/login").status_code == 401


def test_a_slow_request_does_not_bring_a_session_back(app, ada):
    thief = thief_of(ada)
    ada.delete("/login")
    name = app.config["SESSION_COOKIE_NAME"]
    ada.set_cookie(name, thief.get_cookie(name).value)
    assert ada.get("/login").status_code == 401
    assert ada.get_cookie(name) is None


def test_who_asks_costs_one_query(app, ada):
    asked = []

    def on_execute(state):
        asked.append(state.statement)

    event.listen(db.session, "do_orm_execute", on_execute)
    assert ada.get("/login").status_code == 200
    event.remove(db.session, "do_orm_execute", on_execute)
    assert len(asked) == 1
