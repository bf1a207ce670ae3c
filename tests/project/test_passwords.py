# feature: auth
"""How passwords are hashed, and when they are not."""

import json

import pytest
from accounts import make_user
from accounts import PASSWORD
from argon2 import PasswordHasher
from conftest import create_app
from conftest import db
from conftest import passwords
from sqlalchemy import text
from werkzeug.utils import import_string

ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def stored(app):
    """The hash that is kept, and ``stored(hash)`` to keep another one."""

    def stored(hash=None):
        with app.app_context():
            if hash:
                db.session.execute(text("UPDATE users SET password_hash = :hash"), {"hash": hash})
                db.session.commit()
            return db.session.scalar(text("SELECT password_hash FROM users"))

    return stored


@pytest.fixture
def hasher(monkeypatch, careful):
    monkeypatch.setattr(passwords, "_hasher", careful)


def test_the_hash_has_the_parameters_of_owasp(app, stored, hasher):
    make_user(app)
    assert stored().startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_an_older_hash_is_renewed_by_the_right_password_only(app, client, stored, hasher):
    make_user(app)
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    stored(old)
    client.post("/login", {**ADA, "password": "wrong horse"})
    assert stored() == old
    assert client.post("/login", ADA).status_code == 200
    renewed = stored()
    assert "m=19456,t=2" in renewed
    assert client.post("/login", ADA).status_code == 200
    assert stored() == renewed


@pytest.mark.parametrize("hash", ["", "plain text", "$argon2id$v=19$broken"])
def test_a_hash_that_is_none_lets_nobody_in(app, client, stored, hash):
    make_user(app)
    stored(hash or " ")
    assert client.post("/login", ADA).status_code == 401


def test_a_huge_password_is_refused_without_a_hash(app, client, monkeypatch):
    make_user(app)
    monkeypatch.setattr(PasswordHasher, "verify", lambda *args: pytest.fail("hashed"))
    assert client.post("/login", {**ADA, "password": "x" * 129}).status_code == 422


def test_a_password_that_changes_during_a_login_is_not_the_right_one(app, client, monkeypatch):
    make_user(app)
    verify = PasswordHasher.verify

    def change_meanwhile(self, hash, password):
        monkeypatch.setattr(PasswordHasher, "verify", verify)
        options = ["--password", "battery staple"]
        app.test_cli_runner().invoke(args=["users", "password", ADA["email"], *options])
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", change_meanwhile)
    assert client.post("/login", ADA).status_code == 401


def test_nothing_is_locked_while_a_password_is_hashed(app, client, monkeypatch):
    make_user(app)
    verify, open_then = PasswordHasher.verify, []

    def look(self, hash, password):
        open_then.append(db.session().in_transaction())
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", look)
    assert client.post("/login", ADA).status_code == 200
    change = {"current_password": ADA["password"], "new_password": "battery staple"}
    assert client.put("/login/password", change).status_code == 204
    assert open_then == [False, False]


def test_an_unknown_user_costs_as_much_work_as_a_known_one(app, client, monkeypatch):
    make_user(app)
    with app.app_context():
        user = passwords.add_user("eve@example.com", PASSWORD, [])
        user.password_hash = "!"
        db.session.commit()
    verified, verify = [], PasswordHasher.verify

    def count(self, hash, password):
        verified.append((hash[:9], password))
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    for email in ("ada@example.com", "bob@example.com", "eve@example.com"):
        client.post("/login", {"email": email, "password": "wrong horse"})
    hashes = [hash for hash, password in verified if password == b"wrong horse"]
    assert hashes == ["$argon2id", "$argon2id", "!", "$argon2id"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Credentials", {"email": "ada@example.com", "password": "battery staple"}),
        ("PasswordChange", {"current_password": "battery 1", "new_password": "battery 22"}),
    ],
)
def test_no_body_shows_its_password(name, body):
    model = import_string(f"{create_app.__module__}.accounts.login:{name}")
    loaded = model.model_validate_json(json.dumps(body))
    with pytest.raises(ValueError) as caught:
        model.model_validate_json(json.dumps({**body, "more": "battery"}))
    shown = [str(loaded), vars(loaded), loaded.model_dump(), caught.value]
    assert "battery" not in repr(shown) + str(caught.value)


def test_no_password_is_printed_that_is_no_longer_right(app):
    commands = import_string(f"{create_app.__module__}.accounts.commands")
    with app.app_context():
        commands.add_admin()
        assert "with the password" in commands.welcome("http://localhost")
        app.secret_key = "another key for tests"
        assert commands.welcome("http://localhost") == ""


@pytest.mark.parametrize("password", ["x1-é中🐎" * 8, "a b c d e f g", "Zyx9!wvu" * 16])
def test_any_character_counts_and_none_is_cut_off(app, client, password):
    make_user(app, password=password)
    assert client.post("/login", {**ADA, "password": password[:-1]}).status_code == 401
    assert client.post("/login", {**ADA, "password": password}).status_code == 200


def test_an_accent_may_be_composed_in_either_way(app, client):
    make_user(app, password="caf\u00e9 au lait")
    assert client.post("/login", {**ADA, "password": "cafe\u0301 au lait"}).status_code == 200
