import pytest
from carafe import errors
from carafe.ext.auth import Auth
from flask import abort
from flask import Flask
from flask import g
from flask import session
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_changed
from flask_principal import identity_loaded
from flask_principal import RoleNeed
from flask_principal import TypeNeed
from flask_principal import UserNeed


def test_a_stranger_is_nobody_until_login_and_after_logout(client, login):
    assert client.get("/me").json == {"id": None}
    assert login("ada").json == {"id": "ada"}
    assert client.get("/me").json == {"id": "ada"}
    client.post("/logout")
    assert client.get("/me").json == {"id": None}


def test_zero_is_a_user(client, login):
    login(0)
    assert client.get("/inside").status_code == 200
    assert client.get("/editors").status_code == 200
    client.post("/logout")
    assert client.get("/inside").status_code == 401


def test_a_login_counts_in_its_own_request(app, auth):
    for user_id in (0, "ada"):
        with app.test_request_context():
            auth.login(user_id)
            auth.require.any_of("editor", "admin").check()


def test_a_request_that_does_not_ask_loads_nobody(client, login, people):
    login("ada")
    people.asked = 0
    assert "Set-Cookie" not in client.get("/open").headers
    assert people.asked == 0


def test_a_request_asks_the_provider_once(client, app, auth, login, people):
    @app.get("/twice")
    @auth.require.auth()
    @auth.require.admin()
    def twice():
        return {"id": auth.user_id, "same": g.identity is g.identity}

    login("ada")
    people.asked = 0
    assert client.get("/twice").json == {"id": "ada", "same": True}
    assert people.asked == 1


def test_whoever_asks_makes_the_answer_depend_on_the_cookie(client, login):
    login("ada")
    assert client.get("/me").headers["Vary"] == "Authorization, Cookie"
    assert "Vary" not in client.get("/open").headers


def test_a_response_depends_on_the_cookie_if_a_hook_reads_the_identity(client, app, auth):
    @app.after_request
    def name(response):
        response.headers["X-User"] = str(auth.user_id)
        return response

    assert client.get("/open").headers["Vary"] == "Authorization, Cookie"


@pytest.mark.parametrize("user_id", [None, True, False, "", 1.0, [1], {"id": 1}, (1,), b"1"])
def test_what_is_no_id_logs_nobody_in_and_leaves_the_session_alone(app, auth, user_id):
    with app.test_request_context():
        session["pen"] = 1
        with pytest.raises(TypeError, match="is not valid"):
            auth.login(user_id)
        assert dict(session) == {"pen": 1}


def test_login_and_logout_clear_the_session(app, auth):
    with app.test_request_context():
        session["pen"] = 1
        auth.login("ada", ticket="t1")
        assert dict(session) == {"user_id": "ada", "ticket": "t1"}
        auth.login(0)
        assert dict(session) == {"user_id": 0}
        auth.logout()
        assert dict(session) == {}


def test_a_deleted_user_is_logged_out_by_the_next_request(client, login, people):
    login("ada")
    del people.roles["ada"]
    assert client.get("/inside").status_code == 401
    people.roles["ada"] = []
    assert client.get("/inside").status_code == 401


def test_a_lost_role_is_lost_by_the_next_request(client, login, people):
    login(0)
    assert client.get("/editors").status_code == 200
    people.roles[0] = []
    assert client.get("/editors").status_code == 403


def test_a_provider_that_fails_lets_nobody_pass_and_logs_nobody_out(client, login, people, caplog):
    login("ada")
    known, people.roles = people.roles, None
    refused = client.get("/inside")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.mimetype == "application/problem+json"
    assert "The auth provider failed." in caplog.text
    people.roles = known
    assert client.get("/inside").status_code == 200


def test_an_error_that_the_app_handles_is_its_own_to_answer(app, client, login, people, caplog):
    app.register_error_handler(TypeError, lambda error: ({}, 418))
    login("ada")
    people.roles = None
    assert client.get("/inside").status_code == 418
    assert caplog.records == []


@pytest.mark.parametrize(
    "answer", [True, False, "ada", "", 0, 1, [], object, {"user": 1}, {"id": ""}, {"id": True}]
)
def test_a_provider_that_answers_with_no_identity_lets_nobody_pass(
    client, login, app, answer, caplog
):
    login("ada")
    app.extensions["carafe.auth"]._identify = lambda identity: answer
    assert client.get("/inside").status_code == 503
    assert f"The auth provider returned a {type(answer).__name__}." in caplog.text


@pytest.mark.parametrize("answer", [None, AnonymousIdentity()])
def test_a_provider_that_knows_nobody_logs_out(client, login, app, answer):
    login("ada")
    app.extensions["carafe.auth"]._identify = lambda identity: answer
    assert client.get("/inside").status_code == 401
    assert client.get_cookie("session") is None


def test_what_a_provider_aborts_with_is_the_answer(client, login, app):
    login("ada")
    app.extensions["carafe.auth"]._identify = lambda identity: abort(418)
    assert client.get("/inside").status_code == 418


class Fixed(Identity):
    """An identity of the owner's, whose needs cannot be replaced."""

    id, auth_type, provides = 0, None, property(lambda self: set())

    def __init__(self):
        """Set nothing."""


class Listed(Identity):
    def __init__(self):
        self.id, self.provides = 0, []


@pytest.mark.parametrize("identity", [Fixed(), Listed()])
def test_an_identity_that_takes_no_needs_is_refused_with_the_remedy(
    client, login, people, caplog, identity
):
    login("ada")
    people.instead = identity
    assert login(0).status_code == 503
    people.instead = None
    assert "Let its provides be a set" in caplog.text
    assert client.get("/me").json == {"id": "ada"}


def test_a_login_that_a_receiver_fails_leaves_the_session_as_it_was(app, client, login):
    login("ada")

    def fail(app, identity):
        raise LookupError

    with identity_loaded.connected_to(fail, app):
        assert login(0).status_code == 500
    assert client.get("/me").json == {"id": "ada"}


def test_a_login_that_the_provider_fails_leaves_the_session_as_it_was(client, login, people):
    login("ada")
    known, people.roles = people.roles, None
    assert login(0).status_code == 503
    people.roles = known
    assert client.get("/me").json == {"id": "ada"}


@pytest.mark.parametrize("planted", [True, False, 1.0, "", [1]])
def test_what_is_no_id_is_nobody_wherever_it_came_from(client, people, planted):
    people.roles.update({True: ["editor"], "": ["editor"]})
    with client.session_transaction() as session:
        session["user_id"] = planted
    assert client.get("/inside").status_code == 401
    assert people.asked == 0


@pytest.mark.parametrize(
    ("answer", "user_id", "is_editor"),
    [
        ({"id": "ada", "roles": ["editor"]}, "ada", True),
        ({"id": "ada", "roles": "editor"}, "ada", True),
        ({"id": "ada", "roles": None}, "ada", False),
        ({"id": "ada"}, "ada", False),
        ({"id": 0, "roles": ["editor"]}, 0, True),
        ({"id": "another", "roles": ["reader", "editor"]}, "another", True),
        ({"id": None, "roles": ["editor"]}, None, False),
        ({"roles": [], "id": None}, None, False),
        ({}, None, False),
    ],
)
def test_a_provider_may_return_a_mapping(client, login, app, auth, answer, user_id, is_editor):
    @app.get("/who")
    def who():
        needs = {UserNeed(user_id), TypeNeed("login")}
        return {"id": auth.user_id, "needs": needs <= g.identity.provides}

    login("ada")
    app.extensions["carafe.auth"]._identify = lambda identity: answer
    assert client.get("/editors").status_code == (
        401 if user_id is None else 200 if is_editor else 403
    )
    assert client.get("/who").json == {"id": user_id, "needs": user_id is not None}


def test_needs_that_a_provider_gave_besides_its_mapping_stay(client, login, app, auth):
    def identify(identity):
        identity.provides.add(RoleNeed("editor"))
        return {"id": identity.id}

    login("ada")
    app.extensions["carafe.auth"]._identify = identify
    assert client.get("/editors").status_code == 200


def test_the_keys_can_be_named():
    class People:
        def identify(self, identity):
            return {"pk": identity.id, "ranks": ["captain"]}

    app, auth = Flask(__name__), Auth(People())
    app.config.update(
        SECRET_KEY="a key for tests",
        CARAFE_AUTH_SESSION_ID_KEY="uid",
        CARAFE_AUTH_IDENTITY_ID_KEY="pk",
        CARAFE_AUTH_IDENTITY_ROLES_KEY="ranks",
    )
    auth.init_app(app)
    with app.test_request_context():
        auth.login("ada")
        assert session["uid"] == "ada"
        assert auth.require.captain.can()
        keys = auth.session_id_key, auth.identity_id_key, auth.identity_roles_key
        assert keys == ("uid", "pk", "ranks")


def test_without_propagation_the_session_changes_and_nothing_is_sent(app, auth, people):
    heard = []

    def on_changed(sender, identity):
        heard.append(identity.id)

    with identity_changed.connected_to(on_changed, app), app.test_request_context():
        assert auth.user_id is None
        auth.login(1, propagate=False)
        assert (people.asked, dict(session)) == (0, {"user_id": 1})
        assert (auth.user_id, people.asked) == (1, 1)
        auth.login("ada", False, ticket="t1")
        assert dict(session) == {"user_id": "ada", "ticket": "t1"}
        assert auth.require.admin.can()
        auth.logout(propagate=False)
        assert (auth.user_id, dict(session)) == (None, {})
        auth.login("nobody", propagate=False)
        assert auth.user_id is None
    assert heard == []


def test_auth_may_be_given_its_app_at_once(people):
    for make in [
        lambda app: Auth(app, people),
        lambda app: Auth(app, provider=people),
        lambda app: Auth(app=app, provider=people, roles=["editor"]),
        lambda app: Auth(None, people).init_app(app),
        lambda app: Auth(people).init_app(app),
        lambda app: Auth(provider=people).init_app(app),
        lambda app: Auth().init_app(app, people),
    ]:
        app = Flask(__name__)
        made = make(app) or Auth()
        with app.app_context():
            assert made.provider is people


def test_disabled_auth_refuses_and_does_not_crash(people):
    app, auth = Flask(__name__), Auth(people)
    app.config.update(SECRET_KEY="a key for tests", CARAFE_AUTH_ENABLED=False)
    errors.init_app(app)
    auth.init_app(app)
    app.add_url_rule("/in", view_func=auth.require.auth()(lambda: {}), endpoint="in")
    app.add_url_rule("/up", view_func=lambda: auth.login("ada") or {}, endpoint="up")
    app.add_url_rule("/down", view_func=lambda: auth.logout() or {}, endpoint="down")
    client = app.test_client()
    assert client.get("/up").status_code == 200
    assert client.get("/in").status_code == 401
    assert client.get("/down").status_code == 200
    with app.test_request_context():
        assert auth.user_id is None
        assert auth.provider is None


def test_a_second_init_app_is_refused(app, auth):
    with pytest.raises(RuntimeError, match="Call init_app once"):
        auth.init_app(app)
    with pytest.raises(RuntimeError, match="Call init_app once"):
        Auth(app)


def test_auth_without_a_provider_does_not_start():
    with pytest.raises(RuntimeError, match="Auth has no provider"):
        Auth().init_app(Flask(__name__))
    with pytest.raises(RuntimeError, match="Auth has no provider"):
        Auth(Flask(__name__))
    with pytest.raises(TypeError, match="cannot identify anybody"):
        Auth(object()).init_app(Flask(__name__))


def test_an_app_without_auth_says_so(auth):
    with Flask(__name__).app_context(), pytest.raises(RuntimeError, match="has no auth"):
        _ = auth.user_id
