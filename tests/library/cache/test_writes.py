"""Writes that must invalidate, in whatever way a view is made, and however its request ends."""

from functools import cached_property
from functools import wraps
from itertools import count

import pytest
from carafe import config
from carafe.ext.cache import after_post
from carafe.ext.cache import Cache
from carafe.reads import environ_of
from carafe.reads import WROTE
from flask import Flask
from flask import request
from flask.views import MethodView
from flask_classful import FlaskView


@pytest.fixture
def app():
    app = Flask("writes")
    app.cache = Cache()
    app.cache.init_app(app)
    app.runs = count(1)
    return app


class Writing(MethodView):
    def post(self, **values):
        return {}


def check_a_write_is_seen(client):
    first = client.get("/it").json
    assert client.get("/it").json == first
    client.post("/it")
    assert client.get("/it").json != first


def test_the_decorator_in_a_list_is_invalidated_by_its_class(app):
    class Listed(Writing):
        decorators = [app.cache.cached_view(), lambda view: lambda **values: view(**values)]

        def get(self):
            return {"run": next(app.runs)}

    app.add_url_rule("/it", view_func=Listed.as_view("it"))
    check_a_write_is_seen(app.test_client())


def test_a_subclass_at_another_address_answers_and_writes_for_its_base(app):
    class Base(MethodView):
        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

        def post(self):
            return {}

    class Derived(Base):
        pass

    class Stranger(MethodView):
        get = Base.get
        post = Base.post

    for name, view in (("a", Base), ("b", Derived), ("c", Stranger)):
        app.add_url_rule(f"/{name}", view_func=view.as_view(name))
    client = app.test_client()
    for written in ("/a", "/b"):
        before = {path: client.get(path).json for path in ("/a", "/b", "/c")}
        client.post(written)
        changed = {path for path in before if client.get(path).json != before[path]}
        assert changed == {"/a", "/b"}


def test_a_namespace_may_use_self(app):
    class Named(Writing):
        kind = "book"

        def name(self):
            return f"{self.kind}s"

        def cache_namespace(self):
            return self.name()

        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

    app.add_url_rule("/it", view_func=Named.as_view("it"))
    check_a_write_is_seen(app.test_client())


@pytest.mark.parametrize("kind", [property, cached_property, classmethod, staticmethod])
def test_a_namespace_may_be_a_descriptor(app, kind):
    class Named(Writing):
        cache_namespace = kind(lambda *of: "named")

        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

    app.add_url_rule("/it", view_func=Named.as_view("it"))
    check_a_write_is_seen(app.test_client())


def test_a_namespace_that_only_an_instance_has_is_refused(app):
    class Named(Writing):
        def __init__(self, name):
            self.cache_namespace = name

        @app.cache.cached_view()
        def get(self):
            raise NotImplementedError

    app.testing = True
    app.add_url_rule("/it", view_func=Named.as_view("it", "a"))
    with pytest.raises(TypeError, match="a method or a property of Named"):
        app.test_client().get("/it")


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("is_decorated", [True, False])
def test_a_namespace_may_use_what_the_view_was_made_with(app, every, is_decorated):
    class Item(Writing):
        init_every_request = every
        decorators = [wraps_it] if is_decorated else []

        def __init__(self, model):
            self.model = model

        def cache_namespace(self):
            return f"{self.model}Item"

        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

    class All(MethodView):
        cache_cascade = ["bookItem", Item]

        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

        def post(self):
            return {}

    app.add_url_rule("/it", view_func=Item.as_view("books", "book"))
    app.add_url_rule("/other", view_func=Item.as_view("authors", model="author"))
    app.add_url_rule("/all", view_func=All.as_view("all"))
    config.check(app)
    client = app.test_client()
    other = client.get("/other").json
    check_a_write_is_seen(client)
    assert client.get("/other").json == other
    for write in (lambda: after_post.send(Item), lambda: client.post("/all")):
        before = [client.get(path).json for path in ("/it", "/other")]
        with app.app_context():
            write()
        after = [client.get(path).json for path in ("/it", "/other")]
        assert [old == new for old, new in zip(before, after, strict=True)] == [False, False]


def wraps_it(view):
    return wraps(view)(lambda **values: view(**values))


def test_a_namespace_that_fails_does_not_take_the_response_away(app, caplog):
    class It(Writing):
        def cache_namespace(self):
            raise AttributeError("model")

    app.add_url_rule("/it", view_func=It.as_view("it"))
    assert app.test_client().post("/it").status_code == 200
    assert "was not announced" in caplog.text


@pytest.mark.parametrize("namespace", [None, "other"])
def test_a_guard_outside_of_the_cache_leaves_its_view_a_writer(app, namespace):
    @app.route("/it", methods=["GET", "POST"])
    @wraps_it
    @app.cache.cached_view()
    def items():
        return {"run": next(app.runs)}

    @app.get("/stats")
    @app.cache.cached_view()
    def stats():
        return {"run": next(app.runs)}

    items.cache_cascade, items.cache_namespace = ["stats"], namespace
    config.check(app)
    client = app.test_client()
    before = client.get("/stats").json
    check_a_write_is_seen(client)
    assert client.get("/stats").json != before


def test_a_sender_may_be_a_method_or_a_function_of_a_view(app):
    class Base(MethodView):
        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

    class It(Base):
        pass

    class Shelf(FlaskView):
        @app.cache.cached_view()
        def index(self):
            return {"run": next(app.runs)}

    app.add_url_rule("/it", view_func=It.as_view("it"))
    Shelf.register(app, route_base="/shelf")
    shelf = next(each for name, each in app.view_functions.items() if name.startswith("Shelf"))
    for path, sender in (
        ("/it", It),
        ("/it", It()),
        ("/it", It.get),
        ("/it", It().get),
        ("/it", app.view_functions["it"]),
        ("/shelf/", Shelf),
        ("/shelf/", Shelf.index),
        ("/shelf/", shelf),
    ):
        client = app.test_client()
        before = client.get(path).json
        assert client.get(path).json == before
        with app.app_context():
            after_post.send(sender)
        assert client.get(path).json != before, sender


def test_a_namespace_may_differ_from_request_to_request(app):
    class Shelf(Writing):
        def cache_namespace(self):
            return f"shelf {request.view_args['id']}"

        @app.cache.cached_view()
        def get(self, id):
            return {"run": next(app.runs)}

    app.add_url_rule("/shelves/<int:id>", view_func=Shelf.as_view("shelf"))
    config.check(app)
    client = app.test_client()
    before = [client.get(f"/shelves/{id}").json for id in (1, 2)]
    client.post("/shelves/1")
    after = [client.get(f"/shelves/{id}").json for id in (1, 2)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]


def test_a_method_without_self_is_its_class(app):
    class Static(Writing):
        @staticmethod
        @app.cache.cached_view()
        def get():
            return {"run": next(app.runs)}

    app.add_url_rule("/it", view_func=Static.as_view("it"))
    check_a_write_is_seen(app.test_client())


def test_who_listens_to_a_write_has_its_request(app):
    class It(Writing):
        pass

    heard = []

    @after_post.connect
    def listen(sender):
        heard.append((sender, request.path))

    app.add_url_rule("/it", view_func=It.as_view("it"))
    app.test_client().post("/it")
    assert heard == [(It, "/it")]


class Interrupted(BaseException):
    """As a worker that is told to stop."""


def test_a_refusal_after_a_write_invalidates(app):
    class It(MethodView):
        @app.cache.cached_view()
        def get(self):
            return {"run": next(app.runs)}

        def post(self):
            environ_of(request)[WROTE] = True
            return {}, 409

    app.add_url_rule("/it", view_func=It.as_view("it"))
    check_a_write_is_seen(app.test_client())


@pytest.mark.parametrize("error", [OSError, Interrupted])
def test_a_write_that_fails_after_its_commit_invalidates(app, error):
    @app.route("/it", methods=["GET", "POST"])
    @app.cache.cached_view()
    def it():
        if request.method == "POST":
            raise error
        return {"run": next(app.runs)}

    app.testing = True
    client = app.test_client()
    first = client.get("/it").json
    with pytest.raises(error):
        client.post("/it")
    assert client.get("/it").json != first


@pytest.mark.parametrize("hook", ["after_request", "teardown_request", "teardown_appcontext"])
def test_a_hook_that_commits_does_it_before_anything_is_invalidated(hook):
    """Whatever commits for all views, and however early it was registered."""
    app = Flask(__name__)
    committed, pending = [], []

    @getattr(app, hook)
    def commit(response_or_error):
        if pending:
            it = pending.pop()
            reader.get("/it")
            committed.append(it)
        return response_or_error

    cache = Cache()
    cache.init_app(app)
    reader = app.test_client()

    @app.route("/it", methods=["GET", "POST"])
    @cache.cached_view()
    def it():
        if request.method == "POST":
            pending.append("it")
        return {"committed": len(committed)}

    assert reader.get("/it").json == {"committed": 0}
    app.test_client().post("/it")
    assert reader.get("/it").json == {"committed": 1}


def test_what_is_written_while_a_response_is_sent_invalidates(app):
    other = app.test_client()

    def send():
        yield b"a"
        yield str(other.get("/it").json).encode()

    @app.route("/it", methods=["GET", "POST"])
    @app.cache.cached_view()
    def it():
        return app.response_class(send()) if request.method == "POST" else {"run": next(app.runs)}

    first = other.get("/it").json
    with app.test_client().post("/it") as response:
        assert response.data
    assert other.get("/it").json["run"] > first["run"] + 1
