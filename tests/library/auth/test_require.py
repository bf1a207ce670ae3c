import copy
import inspect
import pickle
from enum import StrEnum
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
from carafe import openapi
from carafe import reads
from carafe.ext.auth import Auth
from carafe.ext.auth import permission_denied
from carafe.ext.auth.require import Guard
from carafe.operation import operation
from flask import Blueprint
from flask import request
from flask.views import MethodView
from flask_principal import RoleNeed
from flask_principal import UserNeed

SAFE_NAMES = ["__wrapped__", "__deepcopy__", "__iter__", "_private", "__fspath__"]


def test_without_a_code_a_stranger_gets_401_and_a_user_403(client, login):
    refused = client.get("/editors")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    login(1)
    assert client.get("/editors").status_code == 403
    login(0)
    assert client.get("/editors").status_code == 200


def test_a_refusal_is_a_problem_that_names_no_role(client, login):
    login(1)
    refused = client.get("/editors")
    assert refused.mimetype == "application/problem+json"
    assert "editor" not in refused.text


@pytest.mark.parametrize("name", ["auth", "login"])
@pytest.mark.parametrize("code", [401, 403, 404])
def test_auth_and_login_are_the_same_permission(app, auth, client, login, name, code):
    guard = getattr(auth.require, name)(code)
    app.add_url_rule("/guarded", view_func=guard(lambda: {}), endpoint="guarded")
    assert client.get("/guarded").status_code == code
    login(1)
    assert client.get("/guarded").status_code == 200


def test_a_role_with_a_code_refuses_with_it(app, auth, client, login):
    app.add_url_rule("/a", view_func=auth.require.admin(403)(lambda: {}), endpoint="a")
    assert client.get("/a").status_code == 403
    login("ada")
    assert client.get("/a").status_code == 200


@pytest.mark.parametrize(
    ("roles", "any_of", "all_of"),
    [([], 403, 403), (["a"], 200, 403), (["b"], 200, 403), (["a", "b"], 200, 200)],
)
def test_any_of_and_all_of_mean_what_they_say(
    app, auth, client, login, people, roles, any_of, all_of
):
    require = auth.require
    app.add_url_rule("/any", view_func=require.any_of("a", "b")(lambda: {}), endpoint="any")
    app.add_url_rule("/all", view_func=require.all_of("a", "b")(lambda: {}), endpoint="all")
    assert client.get("/any").status_code == client.get("/all").status_code == 401
    people.roles["u"] = roles
    login("u")
    assert client.get("/any").status_code == any_of
    assert client.get("/all").status_code == all_of


@pytest.mark.parametrize("name", ["any_of", "all_of"])
def test_an_empty_composition_lets_nobody_pass(app, auth, client, login, name):
    guard = getattr(auth.require, name)()(403)
    app.add_url_rule("/nobody", view_func=guard(lambda: {}), endpoint="nobody")
    login("ada")
    assert client.get("/nobody").status_code == 403


def test_a_need_composes_with_roles(app, auth, client, login):
    guard = auth.require.any_of(UserNeed(1), "admin")
    app.add_url_rule("/own", view_func=guard(lambda: {}), endpoint="own")
    for user_id, status in [(0, 403), (1, 200), ("ada", 200)]:
        login(user_id)
        assert client.get("/own").status_code == status


@pytest.mark.parametrize(("user_id", "status"), [(0, 200), (1, 403), ("ada", 200), (None, 401)])
def test_an_owner_passes_and_so_does_who_has_a_role(app, auth, client, login, user_id, status):
    app.add_url_rule("/own", view_func=auth.require.owner(0, "admin")(lambda: {}), endpoint="own")
    if user_id is not None:
        login(user_id)
    assert client.get("/own").status_code == status


def test_a_guard_is_a_context_manager_and_a_check(app, auth, client, login):
    @app.get("/block")
    def block():
        with auth.require.admin(403):
            return {}

    @app.get("/check")
    def check():
        auth.require.admin(403).check()
        return {}

    login(1)
    assert client.get("/block").status_code == client.get("/check").status_code == 403
    login("ada")
    assert client.get("/block").status_code == client.get("/check").status_code == 200


def test_a_guard_has_what_an_identity_context_has(app, auth):
    guard = auth.require.editor(403)
    assert guard.permission.needs == {RoleNeed("editor")}
    assert guard.http_exception == 403
    assert auth.require.all_of("editor", "admin").permission is None
    with app.test_request_context():
        assert guard.identity.id is None
        auth.login("ada")
        assert guard.identity.id == "ada"


def test_an_async_view_is_guarded(app, auth, client, login):
    @app.get("/async")
    @auth.require.admin()
    async def view():
        return {"awaited": True}

    assert client.get("/async").status_code == 401
    login("ada")
    assert client.get("/async").json == {"awaited": True}


def test_a_guard_tells_whether_somebody_may_pass(app, auth, client, login):
    @app.get("/can")
    def can():
        guards = [auth.require.admin(403), auth.require.admin, auth.require.any_of("admin")]
        return {"can": [guard.can() for guard in guards], "if": bool(auth.require.admin)}

    assert client.get("/can").json == {"can": [False] * 3, "if": False}
    login(1)
    assert client.get("/can").json == {"can": [False] * 3, "if": False}
    login("ada")
    asked = client.get("/can")
    assert asked.json == {"can": [True] * 3, "if": True}
    assert asked.headers["Vary"] == "Authorization, Cookie"
    with app.app_context():
        assert not auth.require.admin.can()


def test_who_asks_whether_somebody_may_pass_knows_who_is_logged_in(app, auth):
    reads.install(app)
    with app.test_request_context():
        auth.login("ada")
        auth.require.admin.check()
        assert reads.IDENTITY not in request.reads
        assert auth.require.admin.can()
        assert reads.IDENTITY in request.reads


def test_a_guard_need_not_be_called(app, auth, client, login):
    @app.get("/a")
    @auth.require.admin
    def view():
        return {}

    @app.get("/b")
    def block():
        with auth.require.login:
            return {}

    assert client.get("/a").status_code == client.get("/b").status_code == 401
    login(1)
    assert [client.get(path).status_code for path in ("/a", "/b")] == [403, 200]
    login("ada")
    assert client.get("/a").status_code == 200


@pytest.mark.parametrize("target", ["403", 403.0, ValueError, object, object(), [403]])
def test_what_cannot_be_guarded_fails_at_start(auth, target):
    with pytest.raises(
        TypeError, match="takes a status such as 403, a view, a blueprint or an app"
    ):
        auth.require.editor(target)


@pytest.mark.parametrize("role", ["", " ", " editor", "editor ", "chief editor", "a\tb", "a\n"])
def test_a_role_is_one_word(auth, role):
    for ask in (lambda: getattr(auth.require, role), lambda: auth.require.any_of("a", role)):
        with pytest.raises(AttributeError, match="Give it a name without white space"):
            ask()
    for ask in (lambda: auth.require.all_of(role), lambda: auth.require.owner(1, role)):
        with pytest.raises(AttributeError, match="Give it a name without white space"):
            ask()


class Role(StrEnum):
    ADMIN = "admin"


@pytest.mark.parametrize("role", [Role.ADMIN, SimpleNamespace(name="admin")])
def test_a_role_may_be_an_enum_or_an_object_with_a_name(app, auth, client, login, people, role):
    app.add_url_rule("/named", view_func=auth.require.any_of(role)(lambda: {}), endpoint="named")
    login("ada")
    assert client.get("/named").status_code == 200


def test_declared_roles_turn_a_typo_into_an_error_at_start(people):
    auth = Auth(people, roles=["editor"])
    auth.require.editor()
    with pytest.raises(AttributeError, match="No role is called 'editr'"):
        auth.require.editr()
    with pytest.raises(AttributeError, match="No role is called 'x'"):
        auth.require.any_of("editor", "x")


@pytest.mark.parametrize("name", SAFE_NAMES)
def test_private_names_are_no_roles(auth, name):
    assert not hasattr(auth.require, name)


def test_introspection_is_safe(auth):
    for each in (copy.copy, copy.deepcopy, lambda require: pickle.loads(pickle.dumps(require))):
        assert isinstance(each(auth.require).editor(), Guard)
    assert inspect.unwrap(auth.require) is auth.require


def test_a_guard_tells_the_document_how_it_refuses(auth):
    assert auth.require.editor()(lambda: {}).__problems__ == {401, 403}
    assert auth.require.editor(404)(lambda: {}).__problems__ == {401, 404}
    assert auth.require.login(401)(lambda: {}).__problems__ == {401}


def test_the_document_says_which_ways_in_each_guard_accepts(app, auth):
    def add(path, *guards, bp=app, on_class=()):
        class View(MethodView):
            decorators = list(on_class)

            def get(self): ...

        for guard in (operation(), *guards):
            View.get = guard(View.get)
        bp.add_url_rule(path, view_func=View.as_view(f"view{path.replace('/', '_')}"))

    login, session = auth.require.login(), auth.require.session()
    add("/open")
    app.add_url_rule("/checked", view_func=operation()(lambda: login.check()))
    add("/method", login)
    add("/role", auth.require.editor(404))
    add("/session", session)
    add("/both", login, session)
    add("/swapped", session, login)
    add("/class", on_class=[login])
    add("/class-session", login, on_class=[session])
    inner, outer = Blueprint("inner", __name__), Blueprint("outer", __name__, url_prefix="/bp")
    plain = Blueprint("plain", __name__)
    login(outer)
    inner.before_request(session.check)
    for name, bp in [("outer", outer), ("inner", inner), ("plain", plain)]:
        add(f"/{name}", bp=bp)
    outer.register_blueprint(inner)
    outer.register_blueprint(plain)
    app.register_blueprint(outer)

    app.config["SESSION_COOKIE_NAME"] = "shop"
    openapi.init_app(app)
    assert app.test_client().get("/checked").status_code == 401
    described = openapi.document(app)
    either, alone = [{"session": []}, {"token": []}], [{"session": []}]
    paths = {path: methods["get"] for path, methods in described["paths"].items()}
    assert {path: each["security"] for path, each in paths.items()} == {
        **dict.fromkeys(["/open", "/checked"], []),
        **dict.fromkeys(["/method", "/role", "/class", "/bp/outer", "/bp/plain"], either),
        **dict.fromkeys(["/session", "/both", "/swapped", "/class-session", "/bp/inner"], alone),
    }
    assert {"401", "403"} <= paths["/bp/outer"]["responses"].keys()
    assert "security" not in described
    schemes = described["components"]["securitySchemes"]
    assert schemes["token"] == {"type": "http", "scheme": "bearer"}
    assert schemes["session"] == {
        "type": "apiKey",
        "in": "cookie",
        "name": "shop",
        "description": "Log in by POST /login; the browser then sends the cookie.",
    }


def test_a_guard_of_the_app_is_one_of_each_operation(app, auth):
    auth.require.session()(app)
    app.add_url_rule("/view", view_func=operation()(lambda: None))
    openapi.init_app(app)
    described = openapi.document(app)["paths"]["/view"]["get"]
    assert described["security"] == [{"session": []}]


def test_a_refusal_is_announced_to_its_own_app(app, client, login):
    heard = []

    def on_denied(sender, identity, code):
        heard.append((sender, identity.id, code))

    with permission_denied.connected_to(on_denied, app):
        client.get("/editors")
        login(1)
        client.get("/editors")
        client.get("/inside")
    assert heard == [(app, None, 401), (app, 1, 403)]


def test_a_blueprint_is_guarded_as_a_whole(app, auth, client, login):
    bp = Blueprint("staff", __name__, url_prefix="/staff")
    bp.add_url_rule("/a", view_func=lambda: {}, endpoint="a", methods=["GET", "POST"])
    app.register_blueprint(auth.require.admin()(bp))
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert client.open("/staff/a", method=method).status_code == 401
    assert client.get("/open").status_code == 200
    login("ada")
    assert client.post("/staff/a").status_code == 200


def test_an_app_is_guarded_as_a_whole(app, auth, client):
    auth.require.login()(app)
    assert client.get("/open").status_code == 401


def test_a_view_class_is_guarded_in_all_its_methods_and_its_base_is_not(app, auth, client, login):
    class Open(MethodView):
        def get(self):
            return {}

        def delete(self):
            return {}

    @auth.require.admin()
    class Closed(Open):
        pass

    app.add_url_rule("/base", view_func=Open.as_view("base"))
    app.add_url_rule("/closed", view_func=Closed.as_view("closed"))
    assert client.get("/base").status_code == 200
    assert client.get("/closed").status_code == client.delete("/closed").status_code == 401
    login("ada")
    assert client.delete("/closed").status_code == 200


def test_a_mock_and_a_doctest_may_look_at_everything(auth):
    create_autospec(auth.require)
    assert not hasattr(auth.require, "__code__")
    assert vars(auth.require).keys() == {"_identities", "_roles"}
