import pytest
from accounts import log_in
from accounts import thief_of
from argon2 import PasswordHasher

GOOD = {"email": "ada@example.com", "password": "correct horse"}


@pytest.fixture
def ada(app):
    return log_in(app, "editor")


def test_logged_in_one_is_known(ada):
    me = ada.get("/login").json
    assert (me["email"], me["roles"]) == ("ada@example.com", ["editor"])
    assert set(me) == {"id", "email", "roles"}


def test_a_stranger_is_not_known(client):
    refused = client.get("/login")
    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused.headers


@pytest.mark.parametrize("email", ["ADA@example.com", " ada@example.com "])
def test_the_address_is_found_in_any_case(ada, client, email):
    assert client.post("/login", {**GOOD, "email": email}).status_code == 200


@pytest.mark.parametrize("change", [{"password": "wrong horse"}, {"email": "bob@example.com"}])
def test_wrong_credentials_are_refused_alike(ada, client, change):
    refused = client.post("/login", {**GOOD, **change})
    assert refused.status_code == 401
    assert refused.json["detail"] == "No user has this e-mail address and password."
    assert "Set-Cookie" not in refused.headers


def test_an_unknown_user_costs_as_much_work_as_a_known_one(ada, client, monkeypatch):
    verified, verify = [], PasswordHasher.verify

    def count(self, hash, password):
        verified.append((hash[:9], password))
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    for email in ("ada@example.com", "bob@example.com"):
        client.post("/login", {"email": email, "password": "wrong horse"})
    assert verified == [("$argon2id", b"wrong horse")] * 2


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


def test_a_new_password_ends_the_other_logins(ada, client):
    client.post("/login", GOOD)
    change = {"current_password": GOOD["password"], "new_password": "battery staple"}
    assert ada.put("/login/password", change).status_code == 204
    assert ada.get("/login").status_code == 200
    assert client.get("/login").status_code == 401
    assert client.post("/login", GOOD).status_code == 401
    assert client.post("/login", {**GOOD, "password": "battery staple"}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"current_password": "wrong horse"}, 403),
        ({"new_password": "short"}, 422),
        ({"new_password": "x" * 129}, 422),
        ({"roles": ["admin"]}, 422),
    ],
)
def test_a_password_is_not_changed_without_cause(ada, client, change, status):
    good = {"current_password": GOOD["password"], "new_password": "battery staple"}
    assert ada.put("/login/password", {**good, **change}).status_code == status
    assert client.post("/login", GOOD).status_code == 200


def test_a_request_that_asks_nothing_of_the_user_asks_no_query(app, ada):
    response = ada.get("/health/live")
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


def test_nobody_keeps_an_answer_to_who_is_logged_in(app):
    ada = log_in(app)
    answers = [ada.get("/login"), ada.get("/logins"), ada.put("/login/password", {})]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert ada.delete("/login").headers["Cache-Control"] == "no-store"
