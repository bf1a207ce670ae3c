# feature: auth
import pytest
from accounts import log_in
from accounts import PASSWORD
from conftest import db
from notes import NOTE
from notes import PATH
from outages import fragile as fragile

GOOD = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def logged_in(fragile):
    """A client that is logged in, and a way to take its database away."""
    app, away = fragile
    client = log_in(app)
    with app.app_context():
        db.engine.dispose()
    return client, away


def cookie(client):
    found = client.get_cookie(client.application.config["SESSION_COOKIE_NAME"])
    return found and found.value


def test_an_outage_logs_nobody_out(logged_in, caplog):
    client, away = logged_in
    before = cookie(client)
    with away():
        for answer in (client.get("/login"), client.post(PATH, NOTE)):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "Set-Cookie" not in answer.headers
    assert cookie(client) == before
    assert client.get("/login").json["email"] == "ada@example.com"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_login_that_cannot_be_looked_at_is_not_counted(logged_in):
    client, away = logged_in
    stranger = client.application.test_client()
    with away():
        tried = [stranger.post("/login", GOOD).status_code for _ in range(12)]
    assert tried == [503] * 12
    assert cookie(stranger) is None
    assert stranger.post("/login", GOOD).status_code == 200


def test_who_logs_out_during_an_outage_is_without_a_cookie(logged_in):
    client, away = logged_in
    with away():
        assert client.delete("/login").status_code == 204
    assert not cookie(client)
    assert client.get("/login").status_code == 401
