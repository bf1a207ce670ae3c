"""Writes that must invalidate, in whatever way a view is made, and however its request ends."""

from itertools import count

import pytest
from carafe.ext.cache import after_post
from carafe.ext.cache import Cache
from flask import Flask
from flask import request
from flask.views import MethodView


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


def test_a_namespace_may_differ_from_request_to_request(app):
    class Shelf(Writing):
        def cache_namespace(self):
            return f"shelf {request.view_args['id']}"

        @app.cache.cached_view()
        def get(self, id):
            return {"run": next(app.runs)}

    app.add_url_rule("/shelves/<int:id>", view_func=Shelf.as_view("shelf"))
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
