"""What a field may narrow of its type, and how sets are sent."""

from datetime import date
from typing import Annotated
from typing import Literal

import pytest
from carafe.operation import operation
from carafe.schema import Body
from carafe.schema import Id
from carafe.schema import Line
from carafe.schema import optional
from carafe.schema import Representation
from carafe.schema import Text
from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import Field
from pydantic import TypeAdapter

from .operations import faults_of
from .operations import make_client

TAGS = [f"tag {number}" for number in range(9)]


class Thing(Body):
    code: Line = Field(max_length=8)
    stars: Id = Field(le=5)
    name: Annotated[Line, Field(max_length=8)] = "a"
    title: Line = Field("a", description="At most 200 characters.")
    parent: Id | None = Field(None, le=5)
    slug: Text = Field("a", pattern="^[a-z]+$")


def validated():
    field = optional(le=5)
    field.metadata.append(AfterValidator(lambda number: number))
    return field


class Changes(Body):
    code: Line = optional(max_length=8)
    stars: Id = optional(le=5)


class Query(BaseModel):
    stars: Id = optional(le=5)
    number: Id = validated()


@pytest.mark.parametrize(
    ("name", "largest", "too_large"),
    [
        ("code", "a" * 8, "a" * 9),
        ("code", "a", ""),
        ("code", "a b", "a\nb"),
        ("stars", 5, 6),
        ("stars", 1, 0),
        ("name", "a" * 8, "a" * 9),
        ("title", "a" * 200, "a" * 201),
        ("parent", 5, 6),
        ("slug", "a", "A"),
    ],
)
def test_a_field_may_have_narrower_limits_than_its_type(name, largest, too_large):
    @operation()
    def view(body: Thing) -> dict[str, int]:
        return {}

    client = make_client(view)
    valid = {"code": "a", "stars": 1}
    assert client.post("/", valid | {name: largest}).status_code == 200
    assert faults_of(client.post("/", valid | {name: too_large})) == [("body", name)]


def test_so_may_a_field_that_is_optional_and_one_of_a_query():
    @operation()
    def view(body: Changes, query: Query) -> dict[str, int]:
        return {}

    client = make_client(view)
    assert client.post("/?stars=5", {}).status_code == 200
    assert faults_of(client.post("/?stars=6", {})) == [("query", "stars")]
    assert client.post("/?number=5", {}).status_code == 200
    assert faults_of(client.post("/?number=0", {})) == [("query", "number")]
    assert faults_of(client.post("/?number=6", {})) == [("query", "number")]
    refused = faults_of(client.post("/", {"code": "a" * 9, "stars": 6}))
    assert refused == [("body", "code"), ("body", "stars")]


def test_the_document_has_the_limits_of_the_field():
    properties = Thing.model_json_schema()["properties"]
    assert (properties["code"]["minLength"], properties["code"]["maxLength"]) == (1, 8)
    assert (properties["stars"]["minimum"], properties["stars"]["maximum"]) == (1, 5)
    assert (properties["name"]["maxLength"], properties["title"]["maxLength"]) == (8, 200)
    assert properties["slug"]["pattern"] == "^[a-z]+$"


class Tagged(Representation):
    tags: set[str] = {*TAGS}
    inner: "Tagged | None" = None


@pytest.mark.parametrize(
    ("returned", "value", "expected"),
    [
        (Tagged, Tagged(inner=Tagged()), {"tags": TAGS, "inner": {"tags": TAGS, "inner": None}}),
        (dict[str, frozenset[str]], {"tags": frozenset(TAGS)}, {"tags": TAGS}),
        (list[set[tuple[int, str]]], [{(2, "a"), (1, "b")}], [[[1, "b"], [2, "a"]]]),
    ],
)
def test_a_set_is_sorted(returned, value, expected):
    def view():
        return value

    view.__annotations__["return"] = returned
    client = make_client(operation()(view))
    assert client.get("/").json == expected
    adapter = client.application.view_functions["view"].__operation__.returned
    schema = adapter.json_schema(mode="serialization")
    assert "uniqueItems" in str(schema)
    assert schema == TypeAdapter(returned).json_schema(mode="serialization")


def test_only_json_has_no_sets():
    assert isinstance(Tagged().model_dump()["tags"], set)


class Event(Body):
    type: str
    function: int
    choices: list[str]
    at: date


class Cat(Body):
    type: Literal["cat"]
    born: date


class Dog(Body):
    type: Literal["dog"]
    parents: list["Dog"]


def test_a_field_may_be_called_as_the_schemas_of_pydantic_call_their_parts():
    @operation()
    def view(body: Event) -> dict[str, str]:
        return {"type": body.type}

    client = make_client(view)
    valid = {"type": "a", "function": 1, "choices": ["b"], "at": "2026-01-31"}
    assert client.post("/", valid).json == {"type": "a"}
    assert faults_of(client.post("/", valid | {"at": 1})) == [("body", "at")]


def test_such_a_field_may_be_what_tells_bodies_apart():
    @operation()
    def view(body: Annotated[Cat | Dog, Field(discriminator="type")]) -> dict[str, str]:
        return {"type": body.type}

    client = make_client(view)
    assert client.post("/", {"type": "cat", "born": "2026-01-31"}).json == {"type": "cat"}
    dogs = {"type": "dog", "parents": [{"type": "dog", "parents": []}]}
    assert client.post("/", dogs).json == {"type": "dog"}
    assert client.post("/", {"type": "cat", "born": 1}).status_code == 422
