import pytest
from carafe import errors
from carafe.ext.auth import Auth
from flask import Flask
from flask_principal import RoleNeed


class People:
    """A provider over a dict of roles: a missing user is one who was deleted."""

    def __init__(self):
        self.roles = {0: ["editor"], 1: [], "ada": ["admin"]}
        self.asked = 0
        self.instead = None

    def identify(self, identity):
        self.asked += 1
        if self.instead is not None:
            return self.instead
        if identity.id not in self.roles:
            return None
        identity.provides |= {RoleNeed(role) for role in self.roles[identity.id]}
        return identity


@pytest.fixture
def people():
    return People()


@pytest.fixture
def auth(people):
    return Auth(people)


@pytest.fixture
def app(auth):
    app = Flask(__name__)
    app.secret_key = "a key for tests"
    errors.init_app(app)
    auth.init_app(app)

    @app.get("/open")
    def open_to_all():
        return {}

    @app.get("/me")
    def me():
        return {"id": auth.user_id}

    @app.get("/inside")
    @auth.require.auth(401)
    def inside():
        return {}

    @app.get("/editors")
    @auth.require.editor()
    def editors():
        return {}

    @app.post("/logout")
    def logout():
        auth.logout()
        return {}

    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def login(app, auth, client):
    """Log the client in, as ``login(user_id)``."""
    wanted = []

    @app.post("/login")
    def log_in():
        auth.login(wanted[-1])
        return {"id": auth.user_id}

    def login(user_id):
        wanted.append(user_id)
        return client.post("/login")

    return login
