# feature: auth
import pytest
from accounts import log_in
from accounts import PASSWORD

BOB = {"email": "bob@example.com", "password": PASSWORD}


@pytest.fixture
def flask(app):
    """Run a command, as ``flask("users", "list")``."""
    return lambda *args, **kwargs: app.test_cli_runner().invoke(args=args, **kwargs)


@pytest.fixture
def bob(flask):
    made = flask(
        "users", "create", "Bob@example.com", "--role", "editor", "--password", "correct horse"
    )
    assert made.stdout == "Added user bob@example.com.\n"


def test_a_user_that_was_made_can_log_in(bob, client):
    assert client.post("/login", BOB).json["roles"] == ["editor"]


def test_the_password_is_asked_for(flask, client):
    typed = "correct horse\ncorrect horse\n"
    assert flask("users", "create", "bob@example.com", input=typed).exit_code == 0
    assert client.post("/login", BOB).status_code == 200


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("bob@example.com", "battery staple", "already"),
        ("bob", "battery staple", "not a valid e-mail address"),
        ("eve@example.com", "short", "8 to 128 characters"),
    ],
)
def test_a_user_that_cannot_be_is_refused(bob, flask, email, password, message):
    refused = flask("users", "create", email, "--password", password)
    assert refused.exit_code != 0
    assert message in refused.output


@pytest.mark.parametrize("command", ["create", "roles"])
def test_a_role_that_does_not_exist_is_refused(bob, flask, command):
    email = "eve@example.com" if command == "create" else "bob@example.com"
    refused = flask("users", command, email, "--role", "writer", input="correct horse\n" * 2)
    assert refused.exit_code != 0
    assert "'writer' is not one of" in refused.output
    assert flask("users", "list").output == "bob@example.com: editor\n"


def test_users_are_listed(bob, flask):
    assert flask("users", "list").output == "bob@example.com: editor\n"


def test_a_disabled_user_is_logged_out_at_once_and_cannot_return(bob, client, flask):
    client.post("/login", BOB)
    assert flask("users", "disable", "bob@example.com").exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", BOB).status_code == 401
    assert flask("users", "list").output == "bob@example.com: editor (disabled)\n"


def test_an_enabled_user_returns_and_the_logins_from_before_do_not(bob, client, flask):
    client.post("/login", BOB)
    for command in ("disable", "enable"):
        assert flask("users", command, "bob@example.com").exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", BOB).status_code == 200


def test_a_password_that_is_given_ends_all_logins(bob, client, flask):
    client.post("/login", BOB)
    given = flask("users", "password", "bob@example.com", "--password", "battery staple")
    assert given.exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", BOB).status_code == 401
    assert client.post("/login", {**BOB, "password": "battery staple"}).status_code == 200


@pytest.mark.parametrize("command", ["disable", "enable", "roles"])
def test_an_unknown_user_cannot_be_changed(flask, command):
    refused = flask("users", command, "eve@example.com")
    assert refused.exit_code == 1
    assert "No user eve@example.com exists." in refused.output


@pytest.mark.parametrize("password", ["password1", "PASSWORD1", "12345678", "iloveyou", "abababab"])
def test_a_common_password_is_refused(app, password):
    ada = log_in(app)
    change = {"current_password": PASSWORD, "new_password": password}
    refused = ada.put("/login/password", change)
    assert refused.status_code == 422
    assert "too common" in refused.text
    assert password not in refused.text
