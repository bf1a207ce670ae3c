"""Requests with a bearer token, as views, guards and hooks of an owner see them."""

from contextlib import suppress

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import security
from carafe.ext.auth import Auth
from carafe.ext.auth import AuthProvider
from carafe.ext.auth import permission_denied
from flask import g
from flask import jsonify
from flask import session
from flask_principal import Identity
from flask_principal import identity_loaded
from flask_principal import RoleNeed
from werkzeug.exceptions import Unauthorized

ADA = {"Authorization": "Bearer ada"}
EVE = {"Authorization": "Bearer eve"}
BAD = {"Authorization": "Bearer nobody"}
INVALID = 'Bearer error="invalid_token"'


class Machines(AuthProvider):
    """The text of a token is the user's id; "ada" is an editor."""

    asked = 0

    def identify(self, identity):
        identity.provides |= {RoleNeed("editor")}
        return identity

    def identify_token(self, token):
        self.asked += 1
        if token == "boom":
            raise OSError("no database")
        if token == "mapping":
            return {"id": 7, "roles": ["editor"]}
        if token not in ("ada", "eve"):
            return None
        identity = Identity(token)
        if token == "ada":
            identity.provides.add(RoleNeed("editor"))
        return identity


@pytest.fixture
def people():
    return Machines()


@pytest.fixture
def app(auth):
    app = FlaskCarafe(__name__)
    app.config.update(TESTING=True)
    app.secret_key = "a key for tests"
    errors.init_app(app)
    auth.init_app(app)

    @app.get("/me")
    def me():
        return {"id": auth.user_id, "how": auth.method, "session": dict(session)}

    @app.get("/open")
    def open_to_all():
        return {}

    @app.get("/editors")
    @auth.require.editor()
    def editors():
        return {"how": auth.method}

    @app.route("/session", methods=["GET", "POST"])
    @auth.require.session()
    def by_session():
        return {}

    @app.post("/login")
    def log_in():
        auth.login(1)
        return {}

    @app.post("/logout")
    def log_out():
        auth.logout()
        return {}

    return app


def test_a_token_is_a_way_in(client, people):
    response = client.get("/me", headers=ADA)
    assert response.json == {"id": "ada", "how": "token", "session": {}}
    assert response.headers["Vary"] == "Authorization, Cookie"
    assert people.asked == 1


def test_a_session_is_the_other_way_in(client):
    assert client.get("/me").json == {"id": None, "how": None, "session": {}}
    client.post("/login")
    assert client.get("/me").json["how"] == "session"
    assert client.get("/me").headers["Vary"] == "Authorization, Cookie"


def test_after_a_logout_nobody_is_logged_in_by_any_method(app, auth, client):
    app.post("/out")(lambda: [auth.method, auth.logout(), auth.method])
    client.post("/login")
    assert client.post("/out").json == ["session", None, None]


@pytest.mark.parametrize("path", ["/me", "/editors", "/session"])
@pytest.mark.parametrize("sent", ["Bearer nobody", "Bearer", "bearer x y", "Basic x,Bearer ada"])
def test_a_bad_token_is_refused_whatever_cookie_came_along(client, path, sent):
    client.post("/login")
    refused = client.get(path, headers={"Authorization": sent})
    assert refused.status_code == 401
    assert refused.headers.get_all("WWW-Authenticate") == [INVALID]
    assert "Set-Cookie" not in refused.headers
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_code_that_goes_on_after_a_bad_token_neither_logs_in_nor_out(app, auth, path):
    @app.before_request
    def tolerate():
        with suppress(Unauthorized):
            g.user_id = auth.user_id

    client = app.test_client()
    refused = client.post(path, headers=BAD)
    assert refused.status_code == 401
    assert refused.headers.get_all("WWW-Authenticate") == [INVALID]
    assert client.post(path).status_code == 200


def test_a_view_that_needs_nobody_responds_as_to_a_stranger(client, people):
    for headers in (ADA, BAD, {}):
        response = client.get("/open", headers=headers)
        assert response.status_code == 200
        assert "Vary" not in response.headers
    assert people.asked == 0


def test_a_role_is_needed_with_a_token_too(client):
    assert client.get("/editors", headers=ADA).json == {"how": "token"}
    assert client.get("/editors", headers=EVE).status_code == 403
    assert client.get("/editors", headers={"Authorization": "Bearer mapping"}).status_code == 200


def test_some_views_are_for_a_session_alone(client):
    assert client.get("/session").status_code == 401
    assert client.get("/session", headers=ADA).status_code == 403
    client.post("/login")
    assert client.get("/session").status_code == 200
    assert client.get("/session", headers=ADA).status_code == 403


def test_one_identity_for_both_ways_does_not_pass_as_a_session(app):
    both = Identity(1)
    provider = Machines()
    provider.identify = provider.identify_token = lambda _: both
    auth, app = Auth(provider), FlaskCarafe(__name__)
    app.secret_key = "a key for tests"
    auth.init_app(app)
    app.post("/login", endpoint="login")(lambda: auth.login(1) or {})
    app.get("/")(auth.require.session()(lambda: {}))
    client = app.test_client()
    client.post("/login")
    assert client.get("/").status_code == 200
    assert client.get("/", headers=ADA).status_code == 403


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_nobody_logs_in_or_out_with_a_token(client, path):
    assert client.post(path, headers=ADA).status_code == 403
    assert client.post(path, headers=BAD).status_code == 401
    assert client.get_cookie("session") is None


def test_login_and_logout_raise_in_a_request_with_a_token(app, auth):
    with app.test_request_context(headers=ADA):
        for call in (lambda: auth.login(1), auth.logout):
            with pytest.raises(RuntimeError):
                call()


def test_a_provider_that_fails_lets_nobody_in(client):
    for path in ("/me", "/editors"):
        refused = client.get(path, headers={"Authorization": "Bearer boom"})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert refused.headers["Vary"] == "Authorization, Cookie"


def test_a_provider_without_tokens_knows_none():
    class Cookies(AuthProvider):
        def identify(self, identity):
            return identity

    class Plain:
        identify = Cookies.identify

    for provider in (Cookies(), Plain()):
        auth, app = Auth(provider), FlaskCarafe(__name__)
        app.secret_key = "a key for tests"
        auth.init_app(app)
        app.get("/")(auth.require.login()(lambda: {}))
        assert app.test_client().get("/", headers=ADA).status_code == 401


def test_auth_that_is_off_knows_no_token(people):
    auth, app = Auth(people), FlaskCarafe(__name__)
    app.config["CARAFE_AUTH_ENABLED"] = False
    app.secret_key = "a key for tests"
    auth.init_app(app)
    app.get("/me", endpoint="me")(lambda: {"id": auth.user_id, "how": auth.method})
    app.get("/")(auth.require.login()(lambda: {}))
    app.post("/logout", endpoint="logout")(lambda: auth.logout() or {})
    client = app.test_client()
    assert client.get("/me", headers=ADA).json == {"id": None, "how": None}
    assert client.get("/", headers=ADA).status_code == 401
    assert client.post("/logout", headers=ADA).status_code == 200


@pytest.mark.parametrize(
    "kind", ["user_id", "method", "identity", "after_request", "teardown", "error", "signal"]
)
def test_whoever_asks_first_a_bad_token_is_a_401(app, auth, client, kind):
    if kind in ("user_id", "method"):
        app.before_request(lambda: getattr(auth, kind) and None)
    elif kind == "identity":
        app.before_request(lambda: g.identity and None)
    elif kind == "after_request":
        app.after_request(lambda response: (auth.user_id, response)[1])
    elif kind == "error":
        app.register_error_handler(404, lambda error: jsonify(who=g.identity.id))
    elif kind == "signal":
        identity_loaded.connect(lambda app, identity: auth.user_id, app, weak=False)
        app.before_request(lambda: auth.user_id and None)
    else:
        app.before_request(auth.require.login().check)
        app.teardown_request(lambda error: auth.method and None)
    path = "/unknown" if kind == "error" else "/open"
    refused = client.get(path, headers=BAD)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == INVALID
    good = client.get(path, headers=ADA)
    assert good.status_code == 200
    assert good.headers["Vary"] == "Authorization, Cookie"


def test_a_teardown_function_that_asks_first_keeps_no_response_back(app, auth, client, caplog):
    app.teardown_request(lambda error: auth.user_id and None)
    assert client.get("/open", headers=BAD).status_code == 200
    assert caplog.text == ""


def test_a_view_that_catches_the_refusal_goes_on_with_nobody(app, auth, client):
    @app.get("/caught")
    def caught():
        with pytest.raises(Exception, match="not valid"):
            auth.user_id  # noqa: B018
        return {"id": auth.user_id, "how": auth.method, "can": auth.require.login().can()}

    client.post("/login")
    assert client.get("/caught", headers=BAD).json == {"id": None, "how": None, "can": False}


def test_a_refused_token_is_announced(app, client):
    denied = []
    receive = lambda app, identity, code: denied.append((identity.id, code))  # noqa: E731
    permission_denied.connect(receive, app)
    client.get("/editors", headers=BAD)
    client.get("/editors", headers=EVE)
    assert denied == [(None, 401), ("eve", 403)]


def test_no_cache_is_kept_from_storing_the_response_to_a_stranger(app):
    security.init_app(app)
    client = app.test_client()
    stranger = client.get("/me")
    assert stranger.headers["Vary"] == "Authorization, Cookie"
    assert "Cache-Control" not in stranger.headers
    assert client.get("/me", headers=ADA).headers["Cache-Control"] == "no-store"
    assert client.post("/login").headers["Cache-Control"] == "no-store"
    assert client.get("/me").headers["Cache-Control"] == "no-store"


def test_without_a_key_the_response_to_a_stranger_varies_too(auth):
    app = FlaskCarafe(__name__)
    auth.init_app(app)
    app.get("/me")(lambda: {"id": auth.user_id})
    app.get("/open", endpoint="open")(dict)
    client = app.test_client()
    for headers in (ADA, {}):
        assert client.get("/me", headers=headers).headers["Vary"] == "Authorization, Cookie"
        assert "Vary" not in client.get("/open", headers=headers).headers


def test_sessions_may_be_initialized_after_auth(auth):
    extension = pytest.importorskip("carafe.ext.session")
    app = FlaskCarafe(__name__)
    app.secret_key = "a key for tests"
    auth.init_app(app)
    extension.init_app(app)

    @app.get("/me")
    def me():
        return {"id": auth.user_id, "session": dict(session)}

    @app.post("/")
    def write():
        session["pen"] = 1
        return {}

    client = app.test_client()
    client.post("/")
    mine = client.get("/me", headers=ADA)
    assert mine.json == {"id": "ada", "session": {}}
    assert mine.headers["Vary"] == "Authorization, Cookie"
    assert client.get("/me").json == {"id": None, "session": {"pen": 1}}
