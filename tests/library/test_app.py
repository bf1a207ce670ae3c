import inspect
import sys
from dataclasses import dataclass
from functools import partial

import pytest
from carafe import Client
from carafe import FlaskCarafe
from carafe import Request
from carafe import Response
from carafe.json import JSONProvider
from flask import Flask
from flask import redirect
from flask import session
from pydantic import BaseModel


@dataclass
class Point:
    x: int


class Book(BaseModel):
    title: str


VALUES = [
    ({"a": 1}, {"a": 1}),
    ({}, {}),
    ([1, 2], [1, 2]),
    ([], []),
    (Point(1), {"x": 1}),
    (Book(title="Emma"), {"title": "Emma"}),
    ([Point(1), Book(title="Emma")], [{"x": 1}, {"title": "Emma"}]),
    ({"point": Point(1)}, {"point": {"x": 1}}),
]


def answer(returned, **config):
    app = FlaskCarafe(__name__)
    app.config.update(TESTING=True, **config)
    app.add_url_rule("/", view_func=lambda: returned, endpoint="index")
    return app.test_client().get("/")


def test_the_parts_are_the_librarys():
    app = FlaskCarafe(__name__)
    assert isinstance(app, Flask)
    assert isinstance(app.json, JSONProvider)
    assert isinstance(app.test_client(), Client)
    with app.test_request_context() as context:
        assert type(context.request) is Request
        assert type(app.make_response("")) is Response


def test_the_arguments_are_flasks():
    app = FlaskCarafe(__name__, static_folder="files", static_url_path="/files")
    assert app.static_url_path == "/files"


@pytest.mark.parametrize(("value", "sent"), VALUES)
def test_a_view_may_return_it_alone(value, sent):
    response = answer(value)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == sent


@pytest.mark.parametrize(("value", "sent"), VALUES)
@pytest.mark.parametrize(
    ("rest", "status", "header"),
    [
        ((201,), 201, None),
        (("201 Made",), 201, None),
        (({"X-Pen": "ink"},), 200, "ink"),
        (([("X-Pen", "ink")],), 200, "ink"),
        ((201, {"X-Pen": "ink"}), 201, "ink"),
    ],
)
def test_a_view_may_return_it_with_status_and_headers(value, sent, rest, status, header):
    response = answer((value, *rest))
    assert (response.status_code, response.mimetype) == (status, "application/json")
    assert response.headers.get("X-Pen") == header
    assert response.json == sent


def test_a_header_may_name_the_content_type():
    response = answer(({"a": 1}, {"Content-Type": "application/hal+json"}))
    assert response.headers.getlist("Content-Type") == ["application/hal+json"]
    assert response.json == {"a": 1}


@pytest.mark.parametrize("returned", ["text", b"text", ("text", 200), Response("text")])
def test_text_stays_text(returned):
    response = answer(returned)
    assert (response.mimetype, response.text, response.json) == ("text/html", "text", None)


def test_a_response_passes_through():
    response = answer(redirect("/there"))
    assert (response.status_code, response.location) == (302, "/there")


@pytest.mark.parametrize("returned", [None, (), 1, 1.5, {1, 2}, Point, Book, ({}, 200, {}, None)])
def test_anything_else_is_refused(returned):
    with pytest.raises(TypeError):
        answer(returned)


def test_the_body_of_head_is_empty_and_its_headers_are_those_of_get():
    app = FlaskCarafe(__name__)
    app.add_url_rule("/", view_func=lambda: Point(1), endpoint="index")
    head, get = app.test_client().head("/"), app.test_client().get("/")
    assert head.data == b""
    assert head.headers == get.headers


async def later():
    return Point(1), 201


COROUTINES = {"async def": later, "partial": partial(later)}
if sys.version_info >= (3, 12):
    COROUTINES["marked"] = inspect.markcoroutinefunction(lambda: later())


@pytest.mark.parametrize("view", COROUTINES.values(), ids=COROUTINES)
def test_an_async_view_may_return_it_too(view):
    app = FlaskCarafe(__name__)
    app.add_url_rule("/", endpoint="index", view_func=view)
    response = app.test_client().get("/")
    assert (response.status_code, response.json) == (201, {"x": 1})


def test_an_async_hook_runs_to_its_end():
    app = FlaskCarafe(__name__)
    app.before_request(later)
    assert app.test_client().get("/").json == {"x": 1}


def test_an_error_handler_may_return_it_too():
    app = FlaskCarafe(__name__)
    app.register_error_handler(404, lambda error: (Point(1), 404))
    response = app.test_client().get("/")
    assert (response.status_code, response.json) == (404, {"x": 1})


class Shouting(JSONProvider):
    def dumps(self, obj, **kwargs):
        return super().dumps(obj, **kwargs).upper()


@pytest.mark.parametrize(
    ("returned", "sent"),
    [
        ({"a": "b"}, b'{"A":"B"}'),
        (["b"], b'["B"]'),
        (Point(1), b'{"X":1}'),
        (Book(title="Emma"), b'{"TITLE":"EMMA"}'),
        ((Point(1), 201), b'{"X":1}'),
    ],
)
def test_the_apps_own_json_provider_is_honoured(returned, sent):
    class App(FlaskCarafe):
        json_provider_class = Shouting

    app = App(__name__)
    app.add_url_rule("/", view_func=lambda: returned, endpoint="index")
    assert app.test_client().get("/").data == sent


def test_flasks_own_session_works_with_the_librarys_json():
    app = FlaskCarafe(__name__)
    app.secret_key = "a key for tests"

    @app.post("/")
    def write():
        session["pair"] = (1, b"2")
        return {}

    @app.get("/")
    def read():
        return {"kept": session["pair"] == (1, b"2")}

    client = app.test_client()
    client.post("/")
    assert client.get("/").json == {"kept": True}


def test_a_template_may_use_the_librarys_json():
    app = FlaskCarafe(__name__)
    with app.app_context():
        template = app.jinja_env.from_string("{{ value|tojson }}")
        assert template.render(value={"b": "<", "a": 1}) == '{"a": 1, "b": "\\u003c"}'


@pytest.mark.parametrize(
    ("method", "path", "status", "header"),
    [
        ("OPTIONS", "/books/", 204, "Allow"),
        ("GET", "/books", 308, "Location"),
    ],
)
def test_what_flask_answers_by_itself_has_no_body(method, path, status, header):
    app = FlaskCarafe(__name__)
    app.add_url_rule("/books/", view_func=dict)
    response = app.test_client().open(path, method=method)
    assert (response.status_code, response.data) == (status, b"")
    assert header in response.headers
    assert "Content-Type" not in response.headers


def test_options_lists_the_methods_of_the_address():
    app = FlaskCarafe(__name__)
    app.add_url_rule("/books", view_func=dict, methods=["GET", "POST"])
    allowed = app.test_client().options("/books").headers["Allow"]
    assert set(allowed.split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("kind", ["teardown_request", "teardown_appcontext"])
def test_a_response_is_sent_although_a_teardown_function_fails(caplog, kind):
    app, others = FlaskCarafe(__name__), []
    app.get("/")(lambda: {"sent": True})
    app.teardown_appcontext(others.append)

    @getattr(app, kind)
    async def fail(error):
        raise OSError("The disk is full.")

    assert app.test_client().get("/").json == {"sent": True}
    assert "The disk is full." in caplog.text
    assert others == [None]
    app.testing = True
    with pytest.raises(OSError, match="full"):
        app.test_client().get("/")


def test_the_redirect_of_a_view_is_its_own():
    app = FlaskCarafe(__name__)
    app.add_url_rule("/", view_func=lambda: redirect("/books"))
    assert app.test_client().get("/").mimetype == "text/html"
