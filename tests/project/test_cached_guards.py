# feature: auth, cache
"""A cached view stays private, whichever way it learns who the user is."""

import pytest
from conftest import auth
from conftest import cache
from conftest import MIGRATIONS
from flask import g
from flask import request
from flask_migrate import upgrade
from flask_principal import identity_loaded
from test_private_views import orders
from test_private_views import readers as readers
from werkzeug.exceptions import Forbidden


@pytest.fixture
def app(make_app, tmp_path):
    """An application with views that depend on the user, each cached in its way."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))

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


@orders
@pytest.mark.parametrize(
    "path",
    ["/cached/left", "/cached/attribute", "/cached/attribute/inside"],
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
    readers["editor"].get("/cached/inside")
    readers["editor"].get("/cached/inside/mine")
    with app.app_context():
        assert cache.get("cached_inside:view:/cached/inside") is not None
        assert cache.get("cached_inside_mine:view:/cached/inside/mine") is None
