"""A name in a ``cache_cascade`` is that of a view, or the app does not start."""

import pytest
from carafe import config
from carafe import FlaskCarafe
from carafe.ext.cache import Cache
from flask import Blueprint
from flask import request
from flask.views import MethodView
from flask_classful import FlaskView

from .apps import app_with


def app_of(cascade, **options):
    app = app_with(**options)

    class BookView(MethodView):
        def get(self): ...

    class ShelfView(MethodView):
        cache_namespace = "shelves"

    class AuthorView(MethodView):
        cache_cascade = cascade

    class ShopView(FlaskView):
        def index(self): ...

    bp = Blueprint("shop", __name__)
    bp.add_url_rule("/books", view_func=BookView.as_view("books"))
    bp.add_url_rule("/shelves", view_func=ShelfView.as_view("shelves"))
    app.register_blueprint(bp)
    app.add_url_rule("/authors", view_func=AuthorView.as_view("authors"))
    app.add_url_rule("/f", "f", app.cache.cached_view(namespace="feed")(lambda: ""))
    ShopView.register(app)
    return app


def test_a_view_is_named_by_its_class_its_namespace_or_itself():
    config.check(app_of(["BookView", "shelves", "feed", "ShopView", "AuthorView"]))


@pytest.mark.parametrize("name", ["BokView", "ShelfView", "", "book"])
@pytest.mark.parametrize("is_on", [True, False])
def test_another_name_refuses_the_start_and_the_nearest_is_named(name, is_on):
    with pytest.raises(ValueError, match=f"AuthorView.cache_cascade names '{name}'.*Did you mean"):
        config.check(app_of([name], CARAFE_CACHE_ENABLED=is_on))


def test_a_text_is_no_list():
    with pytest.raises(ValueError, match="Give a list"):
        config.check(app_of("BookView"))


@pytest.mark.parametrize("late", [True, False])
def test_an_app_that_was_not_checked_at_its_start_is_with_its_first_request(late):
    app = FlaskCarafe("app")
    app.config.update(TESTING=True, CARAFE_CAHCE_ENABLED=True)
    Cache(app)
    app.add_url_rule("/", "home", lambda: "")
    if late:
        with pytest.warns(UserWarning, match="CARAFE_CAHCE_ENABLED. Did you mean"):
            config.check(app)

    class View(MethodView):
        cache_cascade = ["Typo"]

    app.add_url_rule("/view", view_func=View.as_view("view"))
    for _ in range(2):
        with pytest.raises(ValueError, match="Typo"):
            app.test_client().get("/")


def test_a_namespace_that_depends_on_the_request_is_not_asked_for_by_the_check():
    app = FlaskCarafe("app")
    Cache(app)
    app.add_url_rule("/", "home", lambda: "")

    class Shelf(MethodView):
        cache_cascade = ["shelf 2"]

        def cache_namespace(self):
            return f"shelf {request.view_args['id']}"

        def get(self, id):
            return {}

    app.add_url_rule("/shelves/<int:id>", view_func=Shelf.as_view("shelf"))
    for path in ("/", "/shelves/1", "/"):
        assert app.test_client().get(path).status_code == 200
