# feature: auth, cache
"""Nobody gets the cached response of another user, and a guard decides for cached ones too."""

import pytest
from accounts import log_in
from conftest import auth
from conftest import cache
from conftest import MIGRATIONS
from flask_migrate import upgrade


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


@orders
@pytest.mark.parametrize("path", ["/mine", "/open"])
def test_nobody_gets_the_response_of_another_user(readers, path, order):
    own = {name: reader.get("/login").json.get("id") for name, reader in readers.items()}
    for name in order * 2:
        response = readers[name].get(path)
        if response.status_code == 200:
            assert response.json == {"id": own[name]}


def test_no_client_caches_what_is_for_one_user(readers):
    for path in ("/guarded/outside", "/guarded/inside", "/mine", "/open") * 2:
        response = readers["editor"].get(path)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


def test_every_client_may_cache_what_is_for_all(readers):
    for reader in readers.values():
        assert reader.get("/public").headers["Cache-Control"] == "no-cache"
