from argon2 import PasswordHasher

PASSWORD = "correct horse"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def make_user(app, *roles, email="ada@example.com", password=PASSWORD):
    """Make a user with these roles, by the command."""
    options = ["--password", password, *(f"--role={role}" for role in roles)]
    made = app.test_cli_runner().invoke(args=["users", "create", email, *options])
    assert made.exit_code == 0, made.output


def log_in(app, *roles, email="ada@example.com", password=PASSWORD):
    """A client that is logged in, as a new user with these roles."""
    make_user(app, *roles, email=email, password=password)
    client = app.test_client()
    assert client.post("/login", {"email": email, "password": password}).status_code == 200
    return client


def thief_of(client):
    """A client with a copy of the cookie."""
    app = client.application
    name = app.config["SESSION_COOKIE_NAME"]
    thief = app.test_client()
    thief.set_cookie(name, client.get_cookie(name).value)
    return thief
