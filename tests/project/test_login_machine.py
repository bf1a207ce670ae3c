# feature: auth
from itertools import count
from pathlib import Path
from tempfile import gettempdir

import pytest
import time_machine
from accounts import make_user
from accounts import thief_of
from argon2 import PasswordHasher
from conftest import MIGRATIONS
from conftest import throttling
from flask_migrate import upgrade
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import Bundle
from hypothesis.stateful import initialize
from hypothesis.stateful import multiple
from hypothesis.stateful import rule
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import run_state_machine_as_test
from notes import NOTE
from notes import PATH

set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # and not the folder of the project

PASSWORDS = ["correct horse", "battery staple", "third time lucky"]
NUMBERS = count()


class Somebody:
    """What is true of a user."""

    def __init__(self, email):
        self.email = email
        self.password = PASSWORDS[0]
        self.active = True
        self.roles = set()


class Device:
    """A client, and whose login it has: *login* is shared by those with copies of its cookie."""

    def __init__(self, client, user=None, login=None):
        self.client = client
        self.user = user
        self.login = login or {"open": False}

    @property
    def is_logged_in(self):
        return self.login["open"] and self.user.active


class Logins(RuleBasedStateMachine):
    """Whatever happens, a login is worth what its user is worth, until it is ended."""

    app = None
    devices = Bundle("devices")

    @initialize(target=devices)
    def begin(self):
        self.traveller = time_machine.travel("2030-01-01T00:00Z", tick=False)
        self.clock = self.traveller.start()
        throttling.init_app(self.app)
        self.users = [Somebody(f"user{next(NUMBERS)}@example.com") for _ in range(2)]
        for user in self.users:
            make_user(self.app, email=user.email)
        self.all = []
        return multiple(*(self.new(self.app.test_client()) for _ in range(3)))

    def teardown(self):
        if hasattr(self, "traveller"):
            self.traveller.stop()

    def new(self, *args):
        self.all.append(Device(*args))
        return self.all[-1]

    def end(self, user):
        for device in self.all:
            if device.user is user:
                device.login["open"] = False

    def run(self, *args):
        assert self.app.test_cli_runner().invoke(args=["users", *args]).exit_code == 0

    @rule(device=devices, number=st.integers(0, 1))
    def log_in(self, device, number):
        user = self.users[number]
        body = {"email": user.email, "password": user.password}
        answer = device.client.post("/login", body)
        assert answer.status_code == (200 if user.active else 401)
        self.clock.shift(60)  # so that no limit is reached
        if user.active:
            device.login["open"] = False
            device.user, device.login = user, {"open": True}

    @rule(device=devices)
    def log_out(self, device):
        assert device.client.delete("/login").status_code == 204
        device.login["open"] = False
        device.login = {"open": False}

    @rule(target=devices, device=devices)
    def steal(self, device):
        if device.client.get_cookie(self.app.config["SESSION_COOKIE_NAME"]) is None:
            return multiple()
        return self.new(thief_of(device.client), device.user, device.login)

    @rule(device=devices, number=st.integers(0, 1), password=st.sampled_from(PASSWORDS))
    def fail_to_log_in(self, device, number, password):
        user = self.users[number]
        if password != user.password:
            body = {"email": user.email, "password": password}
            assert device.client.post("/login", body).status_code == 401
            self.clock.shift(60)

    @rule(device=devices, new=st.sampled_from(PASSWORDS))
    def change_password(self, device, new):
        old = device.user.password if device.user else PASSWORDS[0]
        body = {"current_password": old, "new_password": new}
        status = device.client.put("/login/password", body).status_code
        assert status == (204 if device.is_logged_in else 401)
        if device.is_logged_in:
            device.user.password = new
            self.end(device.user)
            device.login = {"open": True}

    @rule(number=st.integers(0, 1), password=st.sampled_from(PASSWORDS))
    def reset_password(self, number, password):
        user = self.users[number]
        self.run("password", user.email, "--password", password)
        user.password = password
        self.end(user)

    @rule(number=st.integers(0, 1))
    def disable(self, number):
        self.run("disable", self.users[number].email)
        self.users[number].active = False
        self.end(self.users[number])

    @rule(number=st.integers(0, 1))
    def enable(self, number):
        self.run("enable", self.users[number].email)
        self.users[number].active = True

    @rule(number=st.integers(0, 1), roles=st.sets(st.sampled_from(["editor", "admin"])))
    def change_roles(self, number, roles):
        self.run("roles", self.users[number].email, *(f"--role={role}" for role in roles))
        self.users[number].roles = roles

    @rule(device=devices, other=devices)
    def end_a_login(self, device, other):
        if device.is_logged_in and other.is_logged_in and device.user is other.user:
            [login] = [
                item for item in other.client.get("/logins").json["items"] if item["current"]
            ]
            assert device.client.delete(f"/logins/{login['id']}").status_code == 204
            other.login["open"] = False

    @rule(device=devices)
    def ask(self, device):
        answer = device.client.get("/login")
        assert answer.status_code == (200 if device.is_logged_in else 401)
        if device.is_logged_in:
            assert answer.json["email"] == device.user.email
            assert set(answer.json["roles"]) == device.user.roles

    @rule(device=devices)
    def write(self, device):
        status = device.client.post(PATH, NOTE).status_code
        if not device.is_logged_in:
            assert status == 401
        else:
            assert status == (201 if "editor" in device.user.roles else 403)

    @rule(hours=st.integers(1, 24))
    def wait(self, hours):
        self.clock.shift(hours * 3600)

    @rule()
    def wait_long(self):
        self.clock.shift(91 * 24 * 3600)
        for device in self.all:
            device.login["open"] = False


@pytest.fixture
def app(make_app, tmp_path, monkeypatch):
    """An application whose passwords are quickly hashed."""
    monkeypatch.setattr(PasswordHasher, "hash", PasswordHasher(1, 8, 1).hash)
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))
    return app


def test_a_login_is_worth_what_its_user_is_worth_until_it_is_ended(app, monkeypatch):
    monkeypatch.setattr(Logins, "app", app)
    run_state_machine_as_test(
        Logins,
        settings=settings(
            max_examples=100, stateful_step_count=30, deadline=None, database=None, print_blob=False
        ),
    )
