"""A body is any type that pydantic knows; its faults are bounded, and so is what they cost."""

import json
from io import BytesIO
from typing import Annotated
from typing import Literal

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import openapi
from carafe.arguments import MAX_FAULTS
from carafe.operation import operation
from carafe.schema import Body
from flask import request
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import RootModel
from pydantic.alias_generators import to_camel


class Cat(Body):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(Body):
    kind: Literal["dog"]
    tricks: list[str]


class Names(RootModel[list[str]]):
    model_config = ConfigDict(strict=True)


class Perhaps(RootModel[Cat | None]):
    pass


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", from_attributes=True)

    first_name: str


def cats(body: list[Cat]) -> list[Cat]:
    return body


def numbers(body: list[int]) -> list[int]:
    return body


def either(body: Cat | Dog) -> Cat | Dog:
    return body


def tagged(body: Annotated[Cat | Dog, Field(discriminator="kind")]) -> Cat | Dog:
    return body


def maybe(body: Cat | None) -> Cat | None:
    return body


def noted(body: Annotated[Cat | None, Field(description="A cat, or none.")]) -> Cat | None:
    return body


def perhaps(body: Perhaps) -> Perhaps:
    return body


def names(body: Names) -> Names:
    return body


def mapping(body: dict[str, int]) -> dict[str, int]:
    return body


def camel(body: Camel) -> Camel:
    return body


OPTIONAL = [maybe, noted, perhaps]
VIEWS = [cats, numbers, either, tagged, *OPTIONAL, names, mapping, camel]


@pytest.fixture
def app():
    app = FlaskCarafe("shop")
    errors.init_app(app)
    openapi.init_app(app)
    for view in VIEWS:
        app.add_url_rule(f"/{view.__name__}", view_func=operation()(view), methods=["POST"])
    return app


@pytest.fixture
def send(app):
    """Send *value* as JSON to a view: ``send(view, value)``."""
    return lambda view, value: app.test_client().post(f"/{view.__name__}", json=value)


CAT, DOG = {"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": ["sit"]}
GOOD = [
    (cats, [CAT, CAT]),
    (cats, []),
    (numbers, [1, 2]),
    *((view, animal) for view in (either, tagged) for animal in (CAT, DOG)),
    *((view, value) for view in OPTIONAL for value in (CAT, None)),
    (names, ["Ada"]),
    (mapping, {"a": 1}),
    (camel, {"firstName": "Ada"}),
]
BAD = [
    (cats, CAT),
    (cats, [DOG]),
    (numbers, ["1"]),
    (numbers, [True]),
    (either, {"kind": "cow"}),
    (tagged, {"kind": "cow"}),
    (maybe, {}),
    (names, {"Ada": 1}),
    (names, [1]),
    (mapping, {"a": "1"}),
    (camel, {"first_name": "Ada"}),
]


@pytest.mark.parametrize(("view", "value"), GOOD)
def test_any_type_is_a_body_and_a_response(send, view, value):
    sent = send(view, value)
    assert (sent.status_code, sent.json) == (200, value)


@pytest.mark.parametrize(("view", "value"), BAD)
def test_a_value_of_another_type_is_a_422(send, view, value):
    sent = send(view, value)
    assert (sent.status_code, sent.mimetype) == (422, "application/problem+json")
    assert {fault["place"] for fault in sent.json["errors"]} == {"body"}


def test_an_optional_body_may_be_left_out_and_no_other(app):
    client = app.test_client()
    for view in OPTIONAL:
        sent = client.post(f"/{view.__name__}")
        assert (sent.status_code, sent.json) == (200, None)
    assert client.post("/cats").status_code == 415


@pytest.mark.parametrize("view", VIEWS)
def test_the_document_describes_each_body(app, view):
    described = openapi.document(app)["paths"][f"/{view.__name__}"]["post"]
    assert described["requestBody"]["required"] is (view not in OPTIONAL)
    [content] = described["requestBody"]["content"].values()
    [returned] = described["responses"]["200"]["content"].values()
    assert content["schema"] and returned["schema"]


MANY = 100_000
LONG = {
    "unknown names": (camel, {f"x{number}": 1 for number in range(MANY)}),
    "one long name": (camel, {"x" * MANY: 1}),
    "bad items": (numbers, ["x"] * MANY),
    "bad values": (mapping, {f"x{number}": "y" for number in range(MANY)}),
    "bad cats": (cats, [{}] * MANY),
}


@pytest.mark.parametrize(("view", "value"), LONG.values(), ids=LONG)
def test_a_body_with_many_faults_gets_a_short_answer(send, view, value):
    sent = send(view, value)
    faults = sent.json["errors"]
    assert sent.status_code == 422 and len(sent.data) < 10_000
    assert len(faults) <= MAX_FAULTS and all(fault["detail"] for fault in faults)
    if len(value) > MAX_FAULTS:
        assert len(faults) == MAX_FAULTS and "20 faults are listed, and " in sent.json["detail"]


def test_a_few_faults_are_all_listed(send):
    sent = send(numbers, ["x"] * MAX_FAULTS)
    assert len(sent.json["errors"]) == MAX_FAULTS
    assert sent.json["detail"] == "The request does not match its schema."


class BadChunks:
    """The body of a server that finds a mistake in it, with an exception of its own."""

    def read(self, size=-1):
        raise type("InvalidChunkSize", (Exception,), {})("zz")


@pytest.mark.parametrize("limit", [1000, None])
@pytest.mark.parametrize("read", ["get_data", "get_json", "get_dict"])
def test_a_malformed_chunk_is_a_400(limit, read):
    app = FlaskCarafe("shop")
    errors.init_app(app)
    app.config["MAX_CONTENT_LENGTH"] = limit

    @app.post("/")
    def view():
        getattr(request, read)()

    environ = {"wsgi.input": BadChunks(), "wsgi.input_terminated": True}
    environ["CONTENT_TYPE"] = "application/json"
    sent = app.test_client().post("/", environ_overrides=environ)
    assert (sent.status_code, sent.json["detail"]) == (400, "The body is malformed.")


@pytest.mark.parametrize("limit", [1000, None])
@pytest.mark.parametrize("is_terminated", [True, False])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=b"])
def test_half_of_a_body_is_a_400_whoever_ends_the_input(limit, is_terminated, content_type):
    app = FlaskCarafe("shop")
    errors.init_app(app)
    app.config["MAX_CONTENT_LENGTH"] = limit
    app.add_url_rule("/", view_func=lambda: request.get_dict(), methods=["POST"])
    environ = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": "10", "wsgi.input": BytesIO(b"{}")}
    if is_terminated:
        environ["wsgi.input_terminated"] = True
    assert app.test_client().post("/", environ_overrides=environ).status_code == 400


def test_json_is_loaded_as_it_was_sent(send):
    assert json.loads(send(names, ["Ada", "Grace"]).data) == ["Ada", "Grace"]
