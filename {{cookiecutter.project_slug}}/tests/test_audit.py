# feature: auth
import pytest
from accounts import log_in
from accounts import PASSWORD
from conftest import create_app
from notes import NOTE
from notes import PATH

GOOD = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def events(caplog):
    """What was recorded since the last time, as ``(event, user_id)``."""
    name = f"{create_app.__module__}.audit"

    def events():
        found = [record for record in caplog.records if record.name == name]
        caplog.clear()
        return [(record.event, getattr(record, "user_id", None)) for record in found]

    return events


@pytest.fixture
def ada(app, events):
    client = log_in(app)
    events()
    return client


def test_logins_and_logouts_are_recorded(ada, client, events):
    user_id = ada.get("/login").json["id"]
    client.post("/login", GOOD)
    client.post("/login", {**GOOD, "password": "wrong horse"})
    client.post("/login", {**GOOD, "email": "nobody@example.com"})
    client.delete("/login")
    assert events() == [
        ("logged in", user_id),
        ("login failed", user_id),
        ("login failed", None),
        ("logged out", user_id),
    ]


def test_who_was_nobody_does_not_log_out(client, events):
    client.delete("/login")
    assert events() == []


def test_password_changes_and_ended_logins_are_recorded(ada, client, events):
    user_id = ada.get("/login").json["id"]
    change = {"current_password": PASSWORD, "new_password": "battery staple"}
    ada.put("/login/password", {**change, "current_password": "wrong horse"})
    ada.put("/login/password", change)
    [login] = ada.get("/logins").json["items"]
    ada.delete(f"/logins/{login['id']}")
    assert events() == [
        ("password change failed", user_id),
        ("changed the password", user_id),
        ("ended a login", user_id),
    ]


def test_tokens_are_recorded(app, ada, events):
    user_id = ada.get("/login").json["id"]
    made = ada.post("/tokens", {"name": "Job"}).json
    ada.delete(f"/tokens/{made['id']}")
    app.test_cli_runner().invoke(args=["tokens", "create", GOOD["email"], "--name", "Job"])
    [item] = ada.get("/tokens").json["items"]
    app.test_cli_runner().invoke(args=["tokens", "revoke", str(item["id"])])
    assert events() == [("made a token", user_id), ("ended a token", user_id)] * 2


def test_what_a_guard_refuses_is_recorded(ada, client, events, caplog):
    user_id = ada.get("/login").json["id"]
    client.post(PATH, NOTE)
    refused = ada.post(PATH, NOTE)
    record = caplog.records[-1]
    assert record.request_id == refused.json["request_id"]
    assert (record.status, record.endpoint) == (403, "add_test_note")
    assert record.address == "127.0.0.1"
    assert "denied status=403" in record.getMessage()
    assert events() == [("denied", None), ("denied", user_id)]


def test_limits_are_recorded(client, events):
    for _ in range(11):
        client.post("/login", GOOD)
    assert [event for event, _ in events()] == ["login failed"] * 10 + ["limited"]


def test_commands_are_recorded(app, events):
    log_in(app)
    events()
    for command in ("roles", "disable", "enable"):
        app.test_cli_runner().invoke(args=["users", command, "ada@example.com"])
    kinds = [event for event, user_id in events() if user_id is not None]
    assert kinds == ["changed the roles of user", "disabled user", "enabled user"]


def test_no_secret_and_no_address_of_a_stranger_is_in_the_log(app, client, caplog):
    ada = log_in(app)
    cookie = ada.get_cookie(app.config["SESSION_COOKIE_NAME"]).value
    token = ada.post("/tokens", {"name": "Job"}).json["token"]
    client.post("/login", {"email": "my-password-by-mistake", "password": "wrong horse"})
    ada.put(
        "/login/password", {"current_password": "wrong horse", "new_password": "new password 1"}
    )
    lines = "\n".join(str(vars(record)) for record in caplog.records)
    texts = [PASSWORD, "wrong horse", "new password 1", "by-mistake", "$argon2id"]
    for secret in [*texts, cookie, token]:
        assert secret not in lines
