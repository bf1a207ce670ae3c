# feature: auth
from datetime import timedelta

import pytest
import time_machine
from accounts import log_in
from accounts import PASSWORD
from accounts import thief_of

GOOD = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def ada(app):
    return log_in(app, "editor")


@pytest.fixture
def phone(ada, client):
    """Another device of the same user."""
    headers = {"User-Agent": "Phone/1.0"}
    assert client.post("/login", GOOD, headers=headers).status_code == 200
    return client


def logins_of(client):
    return client.get("/logins").json["items"]


def test_a_user_who_is_logged_in_is_known(ada):
    me = ada.get("/login").json
    assert (me["email"], me["roles"]) == ("ada@example.com", ["editor"])


@pytest.mark.parametrize("path", ["/login", "/logins"])
def test_a_stranger_reads_nothing_of_an_account(client, path):
    refused = client.get(path)
    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused.headers


def test_no_response_tells_a_secret_of_an_account(app, ada):
    login = ada.post("/login", GOOD)
    told = [login.text, ada.get("/login").text, ada.get("/logins").text]
    cookie = ada.get_cookie(app.config["SESSION_COOKIE_NAME"]).value
    for secret in (PASSWORD, "password", "$argon2id", "token", cookie):
        assert not [text for text in told if secret in text]


@pytest.mark.parametrize("email", ["ADA@example.com", " ada@example.com "])
def test_the_address_is_found_in_any_case(ada, client, email):
    assert client.post("/login", {**GOOD, "email": email}).status_code == 200


@pytest.mark.parametrize("change", [{"password": "wrong horse"}, {"email": "bob@example.com"}])
def test_wrong_credentials_are_refused_alike(ada, client, change):
    refused = client.post("/login", {**GOOD, **change})
    assert refused.status_code == 401
    assert refused.json["detail"] == "Wrong e-mail address or password."
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "Set-Cookie" not in refused.headers


def test_a_copied_cookie_is_refused_after_logout_and_other_logins_stay(ada, client):
    client.post("/login", GOOD)
    thief = thief_of(ada)
    assert thief.get("/login").status_code == 200
    assert ada.delete("/login").status_code == 204
    assert ada.get("/login").status_code == 401
    assert thief.get("/login").status_code == 401
    assert client.get("/login").status_code == 200


def test_logging_out_twice_is_no_error(client):
    assert client.delete("/login").status_code == 204


def test_a_new_password_ends_the_other_logins_and_copies_of_the_cookie(ada, client):
    client.post("/login", GOOD)
    thief = thief_of(ada)
    change = {"current_password": PASSWORD, "new_password": "battery staple"}
    assert ada.put("/login/password", change).status_code == 204
    assert ada.get("/login").status_code == 200
    assert client.get("/login").status_code == 401
    assert thief.get("/login").status_code == 401
    assert [login["current"] for login in logins_of(ada)] == [True]
    assert client.post("/login", GOOD).status_code == 401
    assert client.post("/login", {**GOOD, "password": "battery staple"}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"current_password": "wrong horse"}, 403),
        ({"new_password": "short"}, 422),
        ({"new_password": "x" * 129}, 422),
        ({"roles": ["admin"]}, 422),
        ({"user_id": 1}, 422),
    ],
)
def test_a_password_is_not_changed_without_cause(ada, client, change, status):
    good, thief = {"current_password": PASSWORD, "new_password": "battery staple"}, thief_of(ada)
    assert ada.put("/login/password", {**good, **change}).status_code == status
    assert thief.get("/login").status_code == 200
    assert client.post("/login", GOOD).status_code == 200


def test_a_response_that_does_not_depend_on_the_user_does_not_say_so(ada):
    response = ada.get("/health/live")
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


def test_no_response_about_an_account_is_cached(ada):
    responses = [ada.get("/login"), ada.get("/logins"), ada.put("/login/password", {})]
    responses += [ada.delete("/login")]
    assert {response.headers["Cache-Control"] for response in responses} == {"no-store"}


def test_users_see_their_own_logins(app, ada, phone):
    log_in(app, email="bob@example.com")
    first, second = logins_of(ada)
    assert (first["current"], second["current"]) == (True, False)
    assert [login["current"] for login in logins_of(phone)] == [False, True]
    assert (second["user_agent"], second["address"]) == ("Phone/1.0", "127.0.0.1")
    assert second["opened_at"].endswith("Z")


def test_a_login_that_was_ended_elsewhere_is_refused(ada, phone):
    [_, other] = logins_of(ada)
    assert ada.delete(f"/logins/{other['id']}").status_code == 204
    assert phone.get("/login").status_code == 401
    assert ada.get("/login").status_code == 200
    assert ada.delete(f"/logins/{other['id']}").status_code == 404


def test_the_login_of_another_user_is_not_found(app, ada):
    bob = log_in(app, email="bob@example.com")
    [login] = logins_of(ada)
    foreign, missing = bob.delete(f"/logins/{login['id']}"), bob.delete("/logins/999999")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json["detail"] == missing.json["detail"]
    assert ada.get("/login").status_code == 200


def test_logins_come_in_pages(ada, phone):
    first = ada.get("/logins?limit=1").json
    assert len(first["items"]) == 1
    assert len(ada.get(f"/logins?cursor={first['next']}").json["items"]) == 1


def test_logging_in_again_ends_the_login_before(app, ada):
    thief = thief_of(ada)
    assert ada.post("/login", GOOD).status_code == 200
    assert thief.get("/login").status_code == 401
    assert len(logins_of(ada)) == 1


def test_a_change_of_user_leaves_nothing_of_the_one_before(app, ada):
    log_in(app, email="bob@example.com")
    thief = thief_of(ada)
    ada.post("/login", {**GOOD, "email": "bob@example.com"})
    assert ada.get("/login").json["email"] == "bob@example.com"
    assert thief.get("/login").status_code == 401


def test_a_login_ends_after_90_days_however_long_its_cookie_lives(app, monkeypatch):
    monkeypatch.setitem(app.config, "PERMANENT_SESSION_LIFETIME", timedelta(days=365))
    with time_machine.travel("2030-01-01T00:00Z", tick=False) as clock:
        ada = log_in(app)
        clock.shift(timedelta(days=89))
        assert ada.get("/login").status_code == 200
        clock.shift(timedelta(days=2))
        assert ada.get("/login").status_code == 401
