import pytest

GOOD = {"email": "bob@example.com", "password": "correct horse"}


@pytest.fixture
def flask(app):
    """Run a command, as ``flask("users", "list")``."""
    return lambda *args, **kwargs: app.test_cli_runner().invoke(args=args, **kwargs)


@pytest.fixture
def bob(flask):
    made = flask(
        "users", "create", "Bob@example.com", "--role", "editor", "--password", "correct horse"
    )
    assert made.stdout == "Made user bob@example.com.\n"


def test_a_user_that_was_made_can_log_in(bob, client):
    assert client.post("/login", GOOD).json["roles"] == ["editor"]


def test_the_password_is_asked_for(flask, client):
    typed = "correct horse\ncorrect horse\n"
    assert flask("users", "create", "bob@example.com", input=typed).exit_code == 0
    assert client.post("/login", GOOD).status_code == 200


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("bob@example.com", "battery staple", "already"),
        ("bob", "battery staple", "no e-mail address"),
        ("eve@example.com", "short", "8 to 128 characters"),
    ],
)
def test_a_user_that_cannot_be_is_refused(bob, flask, email, password, message):
    refused = flask("users", "create", email, "--password", password)
    assert refused.exit_code != 0
    assert message in refused.output


def test_users_are_listed(bob, flask):
    assert flask("users", "list").output == "bob@example.com: editor\n"


def test_a_disabled_user_is_logged_out_at_once_and_cannot_return(bob, client, flask):
    client.post("/login", GOOD)
    assert flask("users", "disable", "bob@example.com").exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", GOOD).status_code == 401
    assert flask("users", "list").output == "bob@example.com: editor (disabled)\n"


def test_an_enabled_user_returns_and_the_logins_from_before_do_not(bob, client, flask):
    client.post("/login", GOOD)
    for command in ("disable", "enable"):
        assert flask("users", command, "bob@example.com").exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", GOOD).status_code == 200


def test_a_password_that_is_given_ends_all_logins(bob, client, flask):
    client.post("/login", GOOD)
    given = flask("users", "password", "bob@example.com", "--password", "battery staple")
    assert given.exit_code == 0
    assert client.get("/login").status_code == 401
    assert client.post("/login", GOOD).status_code == 401
    assert client.post("/login", {**GOOD, "password": "battery staple"}).status_code == 200


@pytest.mark.parametrize("command", ["disable", "enable", "roles"])
def test_an_unknown_user_cannot_be_changed(flask, command):
    refused = flask("users", command, "eve@example.com")
    assert refused.exit_code == 1
    assert "There is no user eve@example.com." in refused.output
