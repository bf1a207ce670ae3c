# feature: auth, cache
import pytest
from accounts import log_in
from conftest import auth
from conftest import cache
from conftest import MIGRATIONS
from flask import g
from flask import request
from flask_migrate import upgrade
from flask_principal import identity_loaded
from werkzeug.exceptions import Forbidden


@pytest.fixture
def app(make_app, tmp_path):
    """An application with views that depend on the user, each cached in its way."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))

    @app.get("/cached/outside")
    @cache.cached_view()
    @auth.require.editor()
    def cached_outside():
        return {"id": auth.user_id}

    @app.get("/cached/inside")
    @auth.require.editor()
    @cache.cached_view()
    def cached_inside():
        return {"secret": 7}

    @app.get("/cached/inside/mine")
    @auth.require.login()
    @cache.cached_view()
    def cached_inside_mine():
        return {"id": auth.user_id}

    @app.get("/cached/open")
    @cache.cached_view()
    def cached_open():
        return {"id": auth.user_id}

    @identity_loaded.connect_via(app)
    def leave(sender, identity):
        if request.path == "/cached/left":
            g.person = identity.id
        if request.path == "/cached/attribute":
            request.person = identity.id
        if request.path == "/cached/attribute/inside":
            request.context["person"] = identity.id

    @app.get("/cached/left")
    @auth.require.login()
    @cache.cached_view()
    def cached_left():
        return {"id": g.person}

    @app.get("/cached/attribute")
    @auth.require.login()
    @cache.cached_view()
    def cached_attribute():
        return {"id": request.person}

    @app.get("/cached/attribute/inside")
    @auth.require.login()
    @cache.cached_view()
    def cached_attribute_inside():
        return {"id": request.context["person"]}

    @app.before_request
    def ask():
        request.person = None
        if request.path == "/cached/attribute/inside":
            request.context = {}
        if request.path == "/cached/caught":
            try:
                auth.require.editor(403).check()
                g.is_editor = True
            except Forbidden:
                g.is_editor = False

    @app.get("/cached/caught")
    @cache.cached_view()
    def cached_caught():
        return {"is_editor": g.is_editor}

    @app.get("/cached/public")
    @cache.cached_view()
    def cached_public():
        return {}

    app.extensions["test"] = leave  # The signal would forget it.
    return app


@pytest.fixture
def readers(app):
    """An editor, somebody else, and a stranger."""
    editor = log_in(app, "editor")
    other = log_in(app, email="other@example.com")
    return {"editor": editor, "other": other, "stranger": app.test_client()}


ORDERS = [
    ("editor", "other", "stranger"),
    ("stranger", "other", "editor"),
    ("other", "editor", "stranger"),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("path", ["/cached/outside", "/cached/inside"])
def test_a_guard_decides_on_either_side_of_the_cache(readers, path, order):
    allowed = {"editor": 200, "other": 403, "stranger": 401}
    for name in order * 2:
        assert readers[name].get(path).status_code == allowed[name]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "path",
    [
        "/cached/open",
        "/cached/inside/mine",
        "/cached/left",
        "/cached/attribute",
        "/cached/attribute/inside",
    ],
)
def test_nobody_gets_the_answer_of_another(readers, path, order):
    own = {name: reader.get("/login").json.get("id") for name, reader in readers.items()}
    for name in order * 2:
        answer = readers[name].get(path)
        if answer.status_code == 200:
            assert answer.json == {"id": own[name]}


@pytest.mark.parametrize("order", ORDERS)
def test_a_refusal_that_is_caught_is_for_one_person(readers, order):
    for name in order * 2:
        answer = readers[name].get("/cached/caught")
        assert answer.json == {"is_editor": name == "editor"}


def test_an_answer_behind_a_guard_is_kept_for_all_who_pass(app, readers):
    readers["editor"].get("/cached/inside")
    readers["editor"].get("/cached/inside/mine")
    with app.app_context():
        assert cache.get("cached_inside:view:/cached/inside") is not None
        assert cache.get("cached_inside_mine:view:/cached/inside/mine") is None


def test_nobody_keeps_what_is_for_one_person(readers):
    editor = readers["editor"]
    for path in ("/cached/outside", "/cached/inside", "/cached/inside/mine", "/cached/open"):
        for _ in range(2):
            answer = editor.get(path)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_everybody_keeps_what_is_for_all_whoever_asks(readers):
    for reader in readers.values():
        assert reader.get("/cached/public").headers["Cache-Control"] == "no-cache"
