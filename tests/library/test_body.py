from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Annotated
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from carafe import openapi
from carafe.operation import operation
from carafe.schema import Body
from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ByteSize
from pydantic import ConfigDict
from pydantic import Field
from pydantic import InstanceOf
from pydantic import model_validator

from .operations import BookIn
from .operations import faults_of
from .operations import make_client

JSON = "application/json"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


@pytest.fixture
def client():
    @operation(201)
    def add(body: BookIn) -> BookIn:
        return body

    return make_client(add)


def test_the_body_is_loaded_and_the_result_sent_with_its_status(client):
    response = client.post("/", {"title": "Emma", "on": "2026-01-02", "tags": ["a"]})
    assert (response.status_code, response.mimetype) == (201, JSON)
    assert response.json == {"title": "Emma", "pages": 1, "on": "2026-01-02", "tags": ["a"]}


class Times(Body):
    on: date | None = None
    at: Annotated[time | None, Field(alias="openAt")] = None
    moment: datetime | None = None
    days: list[date] = []
    either: str | date = ""
    number: int | datetime = 0


@pytest.mark.parametrize("sent", ["0", "86400", " 86400", "1.5", "-1", 86400])
@pytest.mark.parametrize("name", ["on", "openAt", "moment", "days"])
def test_a_number_is_neither_a_date_nor_a_time(name, sent):
    @operation()
    def view(body: Times) -> None: ...

    response = make_client(view).post("/", {name: [sent] if name == "days" else sent})
    path = "days/0" if name == "days" else name
    assert (response.status_code, faults_of(response)) == (422, [("body", path)])


class Event(Body):
    on: date = Field(date(2026, 1, 1), alias="day")
    by_name: dict[str, time] = {}
    default: dict[str, datetime] = {}
    either: int | date = 1
    after: list["Event"] = []

    model_config = ConfigDict(validate_by_name=True)


class Concert(Body):
    kind: Literal["concert"]
    at: datetime


class Note(Body):
    kind: Literal["note"]
    at: str


Key = Annotated[str, Field(pattern="^[a-z]+$")]
EITHER = Annotated[Concert | Note, Field(discriminator="kind")]
OF_TYPES = [
    (date, "86400", ""),
    (date | None, 86400, ""),
    (Annotated[Times, Field(description="Times.")], {"on": 1}, "on"),
    (Times | None, {"days": ["2026-01-01", 86400]}, "days/1"),
    (list[date], ["1"], "0"),
    (dict[str, date], {"a": 1}, "a"),
    (tuple[date, int], [1, 1], "0"),
    (Event, {"day": "1"}, "day"),
    (Event, {"on": "1"}, "on"),
    (Event, {"by_name": {"a": 1}}, "by_name/a"),
    (Event, {"default": {"a": 1}}, "default/a"),
    (Event, {"after": [{"after": [{"on": 1}]}]}, "after/0/after/0/on"),
    (Event, {"either": "1e3"}, "either/date"),
    (list[Event], [{"on": 1}], "0/on"),
    (EITHER, {"kind": "concert", "at": "1"}, "concert/at"),
    (int | date, "86400", "date"),
]


@pytest.mark.parametrize(("kind", "sent", "path"), OF_TYPES)
def test_a_number_is_not_a_time_wherever_it_is(kind, sent, path):
    @operation()
    def view(body: kind) -> None: ...

    faults = make_client(view).post("/", json=sent).json["errors"]
    detail = "Expected a date or a time, not a number."
    assert {"place": "body", "path": path, "detail": detail} in faults


def test_a_number_is_found_as_deep_as_a_body_may_be():
    @operation()
    def view(body: Event) -> None: ...

    sent = {"on": 1}
    for _ in range(25):
        sent = {"after": [sent]}
    assert faults_of(make_client(view).post("/", sent)) == [
        ("body", ("after/0/" * 30 + "on")[:200])
    ]


def test_at_most_20_numbers_are_listed():
    @operation()
    def view(body: list[date]) -> None: ...

    refused = make_client(view).post("/", json=[1] * 50)
    assert len(faults_of(refused)) == 20
    assert "30 more" in refused.json["detail"]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (EITHER, {"kind": "note", "at": "1"}),
        (date | float, 86400.5),
        (dict[str, date | int], {"a": 1}),
        (list[str | date], ["86400"]),
    ],
)
def test_a_number_may_be_another_option(kind, sent):
    @operation()
    def view(body: kind) -> kind:
        return body

    assert make_client(view).post("/", json=sent).json == sent


def test_a_number_may_be_a_duration():
    class Stay(BaseModel):
        length: timedelta | date

    @operation()
    def view(body: Stay) -> str:
        return str(body.length)

    assert make_client(view).post("/", json={"length": 86400}).json == "1 day, 0:00:00"


def test_a_type_that_json_schema_cannot_describe_is_a_body_too():
    class Point:
        def __init__(self, at):
            self.at = at

    known = Annotated[InstanceOf[Point], BeforeValidator(Point)]

    class Walk(BaseModel):
        start: known
        on: date | None = None

    @operation()
    def view(body: Walk) -> int:
        return body.start.at

    client = make_client(view)
    openapi.init_app(client.application)
    assert client.post("/", {"start": 7}).json == 7
    assert faults_of(client.post("/", {"start": 7, "on": 7})) == [("body", "on")]
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    assert schemas["Walk"]["properties"]["start"] == {}


def test_a_number_may_be_what_else_the_field_takes():
    @operation()
    def view(body: Times) -> Times:
        return body

    response = make_client(view).post("/", {"either": "86400", "number": 86400})
    assert (response.json["either"], response.json["number"]) == ("86400", 86400)


def test_a_validator_may_raise_anything_for_what_it_does_not_expect():
    class Lowered(Body):
        name: str

        @model_validator(mode="before")
        @classmethod
        def lower(cls, data):
            return {name.lower(): value for name, value in data.items()}

    @operation()
    def view(body: Lowered) -> str:
        return body.name

    client = make_client(view)
    openapi.init_app(client.application)
    assert client.post("/", {"NAME": "Emma"}).json == "Emma"
    [described] = client.get("/openapi.json").json["paths"].values()
    assert described["post"]["requestBody"]["required"] is True


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/a+json"])
def test_any_json_type_will_do(client, content_type):
    body = b'{"title": "Emma"}'
    assert client.post("/", body, content_type=content_type).status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", None]
)
@pytest.mark.parametrize("body", [b'{"title": "Emma"}', b""])
def test_a_body_of_another_type_is_a_415(client, content_type, body):
    response = client.post("/", body, content_type=content_type)
    assert (response.status_code, response.mimetype) == (415, "application/problem+json")


NOT_JSON = [b"", b"{", b"{} x", b'{"title": "\\ud800"}', b'{"title": "\xff"}', b"\xff"]
NOT_JSON += [b"\xef\xbb\xbf{}", b'{"title":' + b"[" * 100_000, b"[" * 100_000]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
def test_a_body_that_is_not_json_is_a_400(client, body):
    response = client.post("/", body, content_type=JSON)
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert response.json["detail"] == "The body is not valid JSON."


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"a"', b"true"])
def test_a_body_that_is_no_object_is_a_422(client, body):
    assert faults_of(client.post("/", body, content_type=JSON)) == [("body", "")]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "title"),
        ({"title": None}, "title"),
        ({"title": "E"}, "title"),
        ({"title": "Emma", "pages": 0}, "pages"),
        ({"title": "Emma", "pages": "2"}, "pages"),
        ({"title": "Emma", "pages": 2.5}, "pages"),
        ({"title": "Emma", "on": "soon"}, "on"),
        ({"title": "Emma", "tags": ["a", 1]}, "tags/1"),
        ({"title": "Emma", "colour": "red"}, "colour"),
    ],
)
def test_what_does_not_match_is_a_422_that_says_where(client, body, path):
    assert faults_of(client.post("/", body)) == [("body", path)]


def test_every_fault_is_listed(client):
    response = client.post("/", {"title": "E", "pages": 0, "tags": [1, 2], "colour": "red"})
    paths = ["title", "pages", "tags/0", "tags/1", "colour"]
    assert faults_of(response) == [("body", path) for path in paths]
    assert all(fault["detail"] for fault in response.json["errors"])


@pytest.mark.parametrize(
    "body",
    [
        {"title": ["hunter2"]},
        {"title": "Emma", "pages": "hunter2"},
        {"title": "Emma", "on": "hunter2"},
        {"title": "Emma", "colour": "hunter2"},
        {"title": {"hunter2": "hunter2"}},
    ],
)
def test_the_value_that_was_sent_is_never_repeated(client, body):
    response = client.post("/", body)
    assert response.status_code == 422
    assert "hunter2" not in response.text


def in_lower_case(text):
    if text != text.lower():
        raise ValueError("Use lower case.")
    return text


def free(value):
    raise ValueError(f"{value} is taken.")


class Picky(Body):
    ip: IPv4Address | None = None
    zone: ZoneInfo | None = None
    id: UUID | None = None
    name: Annotated[str, AfterValidator(in_lower_case)] = ""
    taken: Annotated[str, AfterValidator(free)] = ""
    number: Annotated[int, AfterValidator(free)] = 0
    pet: Annotated[dict[str, list[str]], AfterValidator(free)] = {}
    size: ByteSize | None = None


@pytest.fixture
def picky():
    @operation()
    def view(body: Picky | list[Picky]) -> None: ...

    return make_client(view)


@pytest.mark.parametrize(
    "sent",
    [
        {"ip": "hunter2"},
        {"ip": "1.2.3.hunter2"},
        {"zone": "hunter2"},
        {"zone": "hunter2" * 1000},
        {"id": "hunter2"},
        {"taken": "hunter2"},
        {"taken": " Hunter2 "},
        {"taken": 'a "hunter2"!'},
        {"number": 9876543210},  # A short one may be in the request id by chance.
        {"pet": {"names": ["hunter2"]}},
        {"size": "1 hunter2"},
    ],
)
def test_nor_does_what_a_validator_says_repeat_it(picky, sent):
    for body in (sent, [sent] * 30):
        response = picky.post("/", body)
        assert response.status_code == 422
        for value in ("hunter2", "9876543210", "`h`"):
            assert value not in response.text.casefold()


class Change(Body):
    old: str
    new: list[str]

    @model_validator(mode="before")
    @classmethod
    def differs(cls, value):
        if value["old"] == "before":
            raise ValueError(f"{value['new'][0]} is too short")
        return value

    @model_validator(mode="after")
    def is_new(self):
        if self.old in self.new:
            raise ValueError(f"{self.old} is the same" if self.old != "a" else "Change it.")
        return self


@pytest.mark.parametrize("old", ["before", "hunter2", "a"])
def test_nor_does_what_a_validator_of_a_model_says(old):
    @operation()
    def view(body: Change) -> None: ...

    response = make_client(view).post("/", {"old": old, "new": ["hunter2", "a"]})
    [fault] = response.json["errors"]
    expected = "Change it." if old == "a" else "The value is not valid."
    assert fault["detail"] == expected


def test_else_a_validator_speaks_for_itself(picky):
    faults = picky.post("/", {"name": "Emma"}).json["errors"]
    assert "Use lower case." in [fault["detail"] for fault in faults]


def test_nor_is_the_tag_of_a_union():
    @operation()
    def view(body: Owner) -> None: ...

    response = make_client(view).post("/", {"pet": {"kind": "hunter2"}})
    assert faults_of(response) == [("body", "pet")]
    assert "hunter2" not in response.text
