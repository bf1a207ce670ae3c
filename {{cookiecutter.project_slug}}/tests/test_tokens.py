# feature: auth
"""Tokens: a way in for machines, beside the cookie."""

from datetime import datetime
from datetime import timedelta
from datetime import UTC

import pytest
import time_machine
from accounts import log_in
from accounts import PASSWORD
from notes import NOTE
from notes import PATH

CHANGE = {"current_password": PASSWORD, "new_password": "battery staple"}


@pytest.fixture
def ada(app):
    return log_in(app, "admin", "editor")


@pytest.fixture
def machine(app):
    """Make a client with a token, as ``machine(token)``."""

    def make(token):
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return make


def token_of(client, **body):
    made = client.post("/tokens", {"name": "Nightly import", **body})
    assert made.status_code == 201
    return made.json["token"]


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=[*arguments])


def give(app, *roles):
    options = [f"--role={role}" for role in roles]
    assert run(app, "users", "roles", "ada@example.com", *options).exit_code == 0


def test_a_token_is_shown_once(app, ada):
    made = ada.post("/tokens", {"name": "Nightly import"})
    token = made.json.pop("token")
    assert made.headers["Cache-Control"] == "no-store"
    assert token.startswith(f"{app.import_name}_")
    listed = ada.get("/tokens")
    assert listed.json["items"] == [{k: v for k, v in made.json.items() if k != "token"}]
    assert made.json["last_four"] == token[-4:]
    assert token not in listed.text


def test_a_token_is_a_way_in(ada, machine):
    client = machine(token_of(ada))
    me = client.get("/login")
    assert me.json == ada.get("/login").json
    assert me.headers["Cache-Control"] == "no-store"
    assert {"Authorization", "Cookie"} <= {*me.headers["Vary"].split(", ")}
    assert "Set-Cookie" not in me.headers


def test_no_bad_token_falls_back_to_the_cookie(app, ada):
    token = token_of(ada)
    for bad in ("Bearer", "bearer ", f"Bearer {token}x", f"Bearer {token}, Bearer {token}"):
        refused = ada.get("/login", headers={"Authorization": bad})
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert ada.get("/login", headers={"Authorization": "Basic eDp5"}).status_code == 200
    assert app.test_client().get("/login").headers["WWW-Authenticate"] == "Bearer"


def test_only_a_login_makes_and_ends_tokens_and_logins(ada, machine):
    client = machine(token_of(ada))
    tried = [client.get("/tokens"), client.post("/tokens", {"name": "Offspring"})]
    tried += [client.delete("/tokens/1"), client.get("/logins"), client.delete("/logins/1")]
    tried += [client.put("/login/password", {}), client.delete("/login")]
    tried += [client.post("/login", {"email": "ada@example.com", "password": PASSWORD})]
    tried += [client.post("/login", {})]
    assert {response.status_code for response in tried} == {403}


def test_a_token_has_no_role_that_its_user_lacks(app, ada, machine):
    editor, admin = (machine(token_of(ada, roles=[role])) for role in ("editor", "admin"))
    assert editor.post(PATH, NOTE).status_code == 201
    give(app, "admin")
    assert editor.post(PATH, NOTE).status_code == 403
    assert ada.post("/tokens", {"name": "More", "roles": ["editor"]}).status_code == 422
    every = machine(token_of(ada))
    assert every.post(PATH, NOTE).status_code == 403
    give(app, "editor")
    assert every.post(PATH, NOTE).status_code == 201
    assert admin.post(PATH, NOTE).status_code == 403


@pytest.mark.parametrize("roles", [[], None, ["chief"], "admin", [7]])
def test_a_token_takes_a_list_of_its_users_roles(ada, roles):
    assert ada.post("/tokens", {"name": "Odd", "roles": roles}).status_code == 422


@pytest.mark.parametrize(
    "change", [{"name": None}, {"name": "a\nb"}, {"expires_at": None}, {"user_id": 1}]
)
def test_a_token_has_a_name_of_one_line_and_no_unknown_field(ada, change):
    assert ada.post("/tokens", {"name": "Odd", **change}).status_code == 422
    assert ada.post("/tokens", {}).status_code == 422


def test_a_token_ends(app, ada, machine):
    ended, expired, disabled, stolen = (machine(token_of(ada)) for _ in range(4))
    first, *_ = ada.get("/tokens").json["items"]
    assert ada.delete(f"/tokens/{first['id']}").status_code == 204
    assert ended.get("/login").status_code == 401
    for days, status in [(89, 200), (91, 401)]:
        with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
            assert expired.get("/login").status_code == status
    run(app, "users", "disable", "ada@example.com")
    assert disabled.get("/login").status_code == 401
    run(app, "users", "enable", "ada@example.com")
    assert disabled.get("/login").status_code == 200
    assert ada.post("/login", {"email": "ada@example.com", "password": PASSWORD}).status_code == 200
    assert ada.put("/login/password", CHANGE).status_code == 204
    assert stolen.get("/login").status_code == 401
    stolen = machine(token_of(ada))
    run(app, "users", "password", "ada@example.com", "--password", PASSWORD)
    assert stolen.get("/login").status_code == 401


def test_a_token_expires_within_a_year(ada):
    assert ada.post("/tokens", {"name": "A number", "expires_at": "1800000000"}).status_code == 422
    for days, status in [(-1, 422), (366, 201), (367, 422)]:
        expires_at = datetime.now(UTC) + timedelta(days=days)
        made = ada.post("/tokens", {"name": "Timely", "expires_at": expires_at.isoformat()})
        assert made.status_code == status
        assert status == 422 or datetime.fromisoformat(made.json["expires_at"]) == expires_at
    without_zone = (datetime.now(UTC) + timedelta(days=9)).replace(tzinfo=None).isoformat()
    assert ada.post("/tokens", {"name": "Vague", "expires_at": without_zone}).status_code == 422


def test_nobody_ends_the_token_of_another_user(app, ada):
    token_of(ada)
    path = f"/tokens/{ada.get('/tokens').json['items'][0]['id']}"
    eve = log_in(app, "admin", email="eve@example.com")
    assert eve.delete(path).status_code == 404
    assert eve.get("/tokens").json["items"] == []


def test_tokens_are_made_listed_and_revoked_by_commands(app, ada, machine):
    made = run(app, "tokens", "create", "ada@example.com", "--name", "Job", "--role", "editor")
    client = machine(made.stdout.strip())
    assert client.get("/login").status_code == 200
    number, _, line = run(app, "tokens", "list").output.partition(": ")
    assert line.startswith("ada@example.com, Job")
    assert run(app, "tokens", "revoke", number).exit_code == 0
    assert client.get("/login").status_code == 401
    assert run(app, "tokens", "revoke", number).exit_code == 1
    assert run(app, "tokens", "revoke", str(2**64)).exit_code == 2
    run(app, "users", "disable", "ada@example.com")
    assert run(app, "tokens", "create", "ada@example.com", "--name", "Job").exit_code == 1


def test_a_request_with_a_token_needs_no_content_type_or_origin_of_this_site(ada, machine):
    client = machine(token_of(ada))
    from_elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    added = client.post(PATH, NOTE, headers=from_elsewhere)
    assert added.status_code == 201
