import doctest
from collections import OrderedDict
from dataclasses import dataclass
from types import MappingProxyType

import pytest
from carafe import FlaskCarafe
from carafe import utils
from carafe.utils import jsonify
from carafe.utils import to_dict
from flask.views import MethodView
from pydantic import BaseModel


class Row:
    def to_dict(self):
        return {"id": 1}


@dataclass
class Point:
    x: int


@dataclass
class Line:
    start: Point


class Book(BaseModel):
    title: str


CONVERTED = [
    (Row(), {"id": 1}),
    (Point(1), {"x": 1}),
    (Line(Point(1)), {"start": {"x": 1}}),
    (Book(title="Emma"), {"title": "Emma"}),
    ({"a": 1}, {"a": 1}),
    ({}, {}),
    (OrderedDict(a=1), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    ([], []),
    ([Row(), Point(1), {"a": 1}], [{"id": 1}, {"x": 1}, {"a": 1}]),
    ((Row(),), [{"id": 1}]),
    ({Row()}, [{"id": 1}]),
    (frozenset({Row()}), [{"id": 1}]),
    ([[Row()]], [[{"id": 1}]]),
]


@pytest.mark.parametrize(("obj", "plain"), CONVERTED)
def test_it_becomes_plain_dicts(obj, plain):
    assert to_dict(obj) == plain
    assert type(to_dict(obj)) is type(plain)


@pytest.mark.parametrize(("obj", "plain"), CONVERTED)
def test_a_namespace_names_the_result(obj, plain):
    assert to_dict(obj, "books") == to_dict(obj, namespace="books") == {"books": plain}


def test_an_empty_namespace_is_a_name():
    assert to_dict([], namespace="") == {"": []}


@pytest.mark.parametrize(
    "obj", [None, 1, "text", b"bytes", object(), Row, Point, Book, [None], [Row(), 1], len]
)
def test_anything_else_is_a_type_error(obj):
    with pytest.raises(TypeError):
        to_dict(obj)


def test_the_type_error_names_the_type():
    with pytest.raises(TypeError, match="An object of type int cannot become a dict"):
        to_dict(1)


def test_a_mapping_is_copied():
    given = {"a": 1}
    assert to_dict(given) is not given


@to_dict
def bare(count):
    """Make rows."""
    return [Row()] * count


@to_dict()
def called(count):
    """Make rows."""
    return [Row()] * count


@to_dict(namespace="rows")
def named(count):
    """Make rows."""
    return [Row()] * count


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (bare, [{"id": 1}, {"id": 1}]),
        (called, [{"id": 1}, {"id": 1}]),
        (named, {"rows": [{"id": 1}, {"id": 1}]}),
    ],
)
def test_as_a_decorator_it_converts_what_is_returned(function, result):
    assert function(2) == function(count=2) == result
    assert function.__doc__ == "Make rows."
    assert function.__name__ in {"bare", "called", "named"}


def test_a_method_may_be_decorated():
    class Shelf:
        @to_dict
        def rows(self):
            return [Row()]

    assert Shelf().rows() == [{"id": 1}]


@pytest.mark.parametrize(
    ("args", "kwargs", "sent"),
    [
        ((), {}, None),
        (({"a": 1},), {}, {"a": 1}),
        (([],), {}, []),
        ((1, 2), {}, [1, 2]),
        ((), {"a": 1}, {"a": 1}),
        ((Point(1),), {}, {"x": 1}),
        (([Book(title="Emma")],), {}, [{"title": "Emma"}]),
        (("text",), {}, "text"),
    ],
)
def test_jsonify_makes_a_response_of_its_arguments(args, kwargs, sent):
    with FlaskCarafe(__name__).app_context():
        response = jsonify(*args, **kwargs)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == sent


@pytest.mark.parametrize(
    ("returned", "status", "header", "sent"),
    [
        ({"a": 1}, 200, None, {"a": 1}),
        ([], 200, None, []),
        (None, 200, None, None),
        ("text", 200, None, "text"),
        (Point(1), 200, None, {"x": 1}),
        (({"a": 1}, 201), 201, None, {"a": 1}),
        (([1], {"X-Pen": "ink"}), 200, "ink", [1]),
        ((Point(1), 201, {"X-Pen": "ink"}), 201, "ink", {"x": 1}),
        ((), 200, None, []),
    ],
)
def test_jsonify_decorates_a_view(returned, status, header, sent):
    @jsonify
    def view():
        """Show it."""
        return returned

    app = FlaskCarafe(__name__)
    app.add_url_rule("/", view_func=view)
    response = app.test_client().get("/")
    assert (response.status_code, response.mimetype) == (status, "application/json")
    assert (response.json, response.headers.get("X-Pen")) == (sent, header)
    assert (view.__name__, view.__doc__) == ("view", "Show it.")


@pytest.mark.parametrize("decorate", [jsonify, to_dict])
def test_an_async_view_is_decorated_too(decorate):
    @decorate
    async def view():
        return Point(1)

    app = FlaskCarafe(__name__)
    app.add_url_rule("/", view_func=view)
    assert app.test_client().get("/").json == {"x": 1}


def test_the_decorators_stack_on_a_method():
    class Rows(MethodView):
        @jsonify
        @to_dict(namespace="rows")
        def get(self, count):
            return [Row()] * count

    app = FlaskCarafe(__name__)
    app.add_url_rule("/<int:count>", view_func=Rows.as_view("rows"))
    assert app.test_client().get("/2").json == {"rows": [{"id": 1}, {"id": 1}]}


def test_jsonify_needs_an_app():
    with pytest.raises(RuntimeError, match="application context"):
        jsonify(a=1)


@pytest.mark.parametrize("value", [object(), [object()]])
def test_what_json_cannot_hold_is_a_type_error(value):
    with FlaskCarafe(__name__).app_context(), pytest.raises(TypeError):
        jsonify(value)


def test_the_examples_are_true():
    results = doctest.testmod(utils)
    assert results.attempted > 0
    assert results.failed == 0
