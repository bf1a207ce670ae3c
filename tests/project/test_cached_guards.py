# feature: auth, cache
"""A cached view stays private, however it learns who the user is, and a guard decides for it."""

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

    @app.get("/guarded/outside")
    @cache.cached_view()
    @auth.require.editor()
    def guarded_outside():
        return {"id": auth.user_id}

    @app.get("/guarded/inside")
    @auth.require.editor()
    @cache.cached_view()
    def guarded_inside():
        return {"secret": 7}

    @app.get("/mine")
    @auth.require.login()
    @cache.cached_view()
    def mine():
        return {"id": auth.user_id}

    @app.get("/open")
    @cache.cached_view()
    def depends_on_the_user():
        return {"id": auth.user_id}

    @app.get("/public")
    @cache.cached_view()
    def public():
        return {}

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

    app.extensions["test"] = leave  # The signal would forget it.
    return app


@pytest.fixture
def readers(app):
    """An editor, another user, and a stranger."""
    editor = log_in(app, "editor")
    other = log_in(app, email="other@example.com")
    return {"editor": editor, "other": other, "stranger": app.test_client()}


orders = pytest.mark.parametrize(
    "order",
    [
        ("editor", "other", "stranger"),
        ("stranger", "other", "editor"),
        ("other", "editor", "stranger"),
    ],
)


@orders
@pytest.mark.parametrize("path", ["/guarded/outside", "/guarded/inside"])
def test_a_guard_decides_on_either_side_of_the_cache(readers, path, order):
    allowed = {"editor": 200, "other": 403, "stranger": 401}
    for name in order * 2:
        assert readers[name].get(path).status_code == allowed[name]


def test_no_client_caches_what_is_for_one_user(readers):
    for path in ("/guarded/outside", "/guarded/inside", "/mine", "/open") * 2:
        response = readers["editor"].get(path)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_every_client_may_cache_what_is_for_all(readers):
    for reader in readers.values():
        assert reader.get("/public").headers["Cache-Control"] == "no-cache"


@orders
@pytest.mark.parametrize(
    "path",
    ["/mine", "/open", "/cached/left", "/cached/attribute", "/cached/attribute/inside"],
)
def test_nobody_gets_the_response_of_another_user(readers, path, order):
    own = {name: reader.get("/login").json.get("id") for name, reader in readers.items()}
    for name in order * 2:
        response = readers[name].get(path)
        if response.status_code == 200:
            assert response.json == {"id": own[name]}


@orders
def test_a_refusal_that_is_caught_is_for_one_user(readers, order):
    for name in order * 2:
        response = readers[name].get("/cached/caught")
        assert response.json == {"is_editor": name == "editor"}


def test_a_response_behind_a_guard_is_cached_for_all_who_pass(app, readers):
    readers["editor"].get("/guarded/inside")
    readers["editor"].get("/mine")
    with app.app_context():
        assert cache.get("guarded_inside:view:/guarded/inside") is not None
        assert cache.get("mine:view:/mine") is None
