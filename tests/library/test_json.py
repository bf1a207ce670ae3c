import json
from collections import Counter
from collections import defaultdict
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from decimal import Decimal
from enum import Enum
from enum import StrEnum
from math import inf
from math import nan
from typing import Any
from typing import NamedTuple
from uuid import UUID

import pytest
from carafe import FlaskCarafe
from carafe.json import encode
from carafe.json import JSONProvider
from flask import jsonify
from flask import request
from flask import session
from flask.json.provider import DefaultJSONProvider
from markupsafe import Markup
from pydantic import BaseModel
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.datastructures import MultiDict


@dataclass
class Point:
    x: float


class Book(BaseModel):
    title: str
    on: date | None = None


class Ink(Enum):
    BLUE = "blue"


class Pen(StrEnum):
    INK = "ink"


class Title(str):
    pass


class Count(int):
    pass


class Row(list):
    pass


class Pair(NamedTuple):
    left: Any
    right: Any


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


def test_the_keywords_to_read_are_those_of_the_standard_library(provider):
    assert provider.loads("[1.5]", parse_float=Decimal) == [Decimal("1.5")]
    with pytest.raises(ValueError):
        provider.loads("[NaN]", parse_float=Decimal)


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


def _of_owner(value):
    if isinstance(value, Decimal | Point):
        return {"it": value.x if isinstance(value, Point) else float(value)}
    return JSONProvider.default(value)


class Reader(JSONProvider):
    def default(self, value):
        return float(value) if isinstance(value, Decimal) else super().default(value)


def test_a_default_of_the_owners_is_called_for_what_json_does_not_have(app, provider):
    provider.default = _of_owner
    value = {"a": [Decimal("9.90")], "b": Point(Decimal(1)), "c": date(2026, 1, 2), "d": (nan, {1})}
    sent = '{"a":[{"it":9.9}],"b":{"it":{"it":1.0}},"c":"2026-01-02","d":[null,[1]]}'
    assert provider.dumps(value) == provider.response(value).get_data(as_text=True) == sent
    assert Reader(app).dumps([Decimal("9.90"), Ink.BLUE]) == '[9.9,"blue"]'


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, Pen.INK, [Title("a")], Count(1)])
def test_a_default_is_not_called_for_what_json_has(provider, value):
    provider.default = pytest.fail
    assert provider.dumps(value) == json.dumps(value, separators=(",", ":"))


def test_a_default_may_be_given_to_one_call(provider):
    assert provider.dumps({"a": object}, default=lambda value: value.__name__) == '{"a":"object"}'


@pytest.mark.parametrize("returned", [object(), Point(object())])
def test_a_default_without_an_end_is_a_type_error(provider, returned):
    with pytest.raises(TypeError):
        provider.dumps(1j, default=lambda value: returned)


def test_the_attributes_of_flasks_provider_can_be_set(app, provider):
    value = {"b": [{"d": 1, "c": "é"}], "a": None}
    provider.sort_keys = provider.ensure_ascii = True
    provider.compact, provider.mimetype = False, "application/vnd.api+json"
    ordered = '{"a":null,"b":[{"c":"\\u00e9","d":1}]}'
    assert provider.dumps(value) == ordered
    response = provider.response(value)
    assert response.get_data(as_text=True) == json.dumps(value, indent=2, sort_keys=True)
    assert response.mimetype == "application/vnd.api+json"
    with app.app_context():
        assert app.response_class(value).data == ordered.encode()


@pytest.mark.parametrize(
    "value",
    [
        MultiDict([("a", "1"), ("a", "2")]),
        {"in": [ImmutableMultiDict([("a", "1"), ("a", "2")])]},
        OrderedDict(b=1, a=MultiDict({"a": "1"})),
        defaultdict(list, a=[1]),
        Counter("aab"),
        Title("a"),
        Count(1),
        Row([1, MultiDict({"a": "1"})]),
        Pair(1, MultiDict({"a": "1"})),
        {Pen.INK: Pen.INK, None: None},
    ],
)
def test_subclasses_leave_as_from_flasks_provider(app, provider, value):
    flasks = DefaultJSONProvider(app)
    flasks.sort_keys = False
    assert provider.dumps(value, separators=None) == flasks.dumps(value)


def test_a_session_and_the_arguments_of_a_request_leave_as_they_read(app):
    app.secret_key = "a key for tests"
    app.add_url_rule("/set", view_func=lambda: session.update(a=1) or {}, endpoint="set")
    app.add_url_rule("/get", view_func=lambda: jsonify(session), endpoint="get")
    app.add_url_rule("/both", view_func=lambda: {"in": [session, request.args]}, endpoint="both")
    app.add_url_rule("/all", view_func=lambda: jsonify(request.values), endpoint="all")
    client = app.test_client()
    client.get("/set")
    sent = client.get("/get")
    assert (sent.json["a"], sent.headers["Vary"]) == (1, "Cookie")
    both = client.get("/both?b=1&b=2").json["in"]
    assert (both[0]["a"], both[1]) == (1, {"b": "1"})
    assert client.get("/all?b=1&b=2").json == {"b": "1"}
