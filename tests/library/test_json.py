import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from decimal import Decimal
from enum import Enum
from math import inf
from math import nan
from uuid import UUID

import pytest
from carafe import FlaskCarafe
from carafe.json import encode
from markupsafe import Markup
from pydantic import BaseModel


@dataclass
class Point:
    x: float


class Book(BaseModel):
    title: str
    on: date | None = None


class Ink(Enum):
    BLUE = "blue"


class Html:
    def __html__(self):
        return "<i>"


class Custom(Mapping):
    def __getitem__(self, key):
        return {"a": 1}[key]

    def __iter__(self):
        return iter("a")

    def __len__(self):
        return 1


SENT = [
    (None, "null"),
    (True, "true"),
    ("é\u2028", '"é\u2028"'),
    (2**70, str(2**70)),
    (nan, "null"),
    (inf, "null"),
    (-inf, "null"),
    ({"a": [nan, {"b": inf}]}, '{"a":[null,{"b":null}]}'),
    (Point(nan), '{"x":null}'),
    (date(2026, 1, 2), '"2026-01-02"'),
    (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), '"2026-01-02T03:04:05.000006Z"'),
    (datetime(2026, 1, 2), '"2026-01-02T00:00:00"'),
    (timedelta(hours=1), '"PT1H"'),
    (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (Decimal("1.10"), '"1.10"'),
    ({1}, "[1]"),
    (frozenset({1}), "[1]"),
    ((1, 2), "[1,2]"),
    ((n for n in [1, 2]), "[1,2]"),
    (Point(1), '{"x":1}'),
    ([Book(title="Emma", on=date(2026, 1, 2))], '[{"title":"Emma","on":"2026-01-02"}]'),
    (Ink.BLUE, '"blue"'),
    (Markup("<b>"), '"<b>"'),
    (Html(), '"<i>"'),
    ({"a": Html()}, '{"a":"<i>"}'),
    (b"text", '"text"'),
    ({1: 2, 1.5: 3}, '{"1":2,"1.5":3}'),
]


@pytest.fixture
def app():
    return FlaskCarafe(__name__)


@pytest.fixture
def provider(app):
    return app.json


@pytest.mark.parametrize(("value", "text"), SENT, ids=[text for _, text in SENT])
def test_it_leaves_as(provider, value, text):
    assert provider.dumps(value) == text


def _circle():
    circle = []
    circle.append(circle)
    return circle


def _nested(depth):
    nested = 1
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value",
    [object(), [object()], {"a": object()}, {object(): 1}, Point, Book, len, ValueError("a")]
    + ["\ud800", {"\ud800": 1}, b"\xff", _circle(), _nested(1000), Custom()],
)
@pytest.mark.parametrize("kwargs", [{}, {"indent": 1}])
def test_what_json_cannot_hold_is_a_type_error(provider, value, kwargs):
    with pytest.raises(TypeError):
        provider.dumps(value, **kwargs)


def test_the_type_error_names_the_type(provider):
    with pytest.raises(TypeError, match="An object of type object is not JSON serializable"):
        provider.dumps([object()])


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"sort_keys": True}, '{"a": null, "b": "2026-01-02"}'),
        ({"separators": (",", ":")}, '{"b":"2026-01-02","a":null}'),
        ({"indent": 1}, '{\n "b": "2026-01-02",\n "a": null\n}'),
    ],
)
def test_the_keywords_are_those_of_the_standard_library(provider, kwargs, text):
    assert provider.dumps({"b": date(2026, 1, 2), "a": nan}, **kwargs) == text


@pytest.mark.parametrize("text", ["{}", "[]", "null", "1", '"é"', '{"a": [1.5, "b"]}', " [ ] "])
def test_what_is_json_is_read_from_text_and_bytes(provider, text):
    assert provider.loads(text) == provider.loads(text.encode()) == json.loads(text)


NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"{} x",
    b"{'a': 1}",
    b"[1,]",
    b"01",
    b"NaN",
    b'{"a": NaN}',
    b"Infinity",
    b"-Infinity",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xff"',
    b'{"\xff": 1}',
    b'"\xed\xa0\x80"',
    b'"\n"',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"1" * 5000,
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000,
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
def test_what_is_not_json_is_a_value_error(provider, body):
    with pytest.raises(ValueError):
        provider.loads(body)


def test_an_infinity_that_comes_in_as_a_number_leaves_as_null(provider):
    assert provider.dumps(provider.loads("[1e999, -1e999]")) == "[null,null]"


@pytest.mark.parametrize(
    ("args", "kwargs", "sent"),
    [
        ((), {}, b"null"),
        ((None,), {}, b"null"),
        (({"a": 1},), {}, b'{"a":1}'),
        ((1, 2), {}, b"[1,2]"),
        ((), {"a": 1}, b'{"a":1}'),
    ],
)
def test_a_response_is_made_of_arguments_as_in_flask(provider, args, kwargs, sent):
    response = provider.response(*args, **kwargs)
    assert (response.data, response.mimetype) == (sent, "application/json")


def test_a_response_takes_arguments_or_keywords_and_not_both(provider):
    with pytest.raises(TypeError):
        provider.response(1, a=1)


def test_encoding_needs_no_app():
    assert encode({"a": nan}) == b'{"a":null}'
