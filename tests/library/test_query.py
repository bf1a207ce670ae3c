from datetime import date
from enum import Enum
from typing import Literal

import pytest
from carafe.operation import operation
from pydantic import AliasChoices
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import create_model
from pydantic import Field
from pydantic import RootModel

from .operations import faults_of
from .operations import make_client
from .operations import Paging


@pytest.fixture
def search():
    @operation()
    def search(query: Paging) -> Paging:
        return query

    return make_client(search)


@pytest.mark.parametrize(
    ("params", "loaded"),
    [
        ({}, {"page": 1, "tag": [], "ids": None}),
        ({"page": "2"}, {"page": 2, "tag": [], "ids": None}),
        ({"tag": "a"}, {"page": 1, "tag": ["a"], "ids": None}),
        ({"tag": ["a", "b"]}, {"page": 1, "tag": ["a", "b"], "ids": None}),
        ({"ids": "7"}, {"page": 1, "tag": [], "ids": [7]}),
        ({"ids": ["7", "7"]}, {"page": 1, "tag": [], "ids": [7]}),
    ],
)
def test_the_query_is_loaded(search, params, loaded):
    assert search.get("/", params).json == loaded


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"Page": "1"}, "Page"),
        ({"": "1"}, ""),
        ({"x" * 5000: "1"}, "x" * 100),
        ({"page": "x"}, "page"),
        ({"page": "0"}, "page"),
        ({"page": ""}, "page"),
        ({"page": ["1", "2"]}, "page"),
        ({"ids": ["1", "hunter2"]}, "ids/1"),
        ({"colour": "hunter2"}, "colour"),
    ],
)
def test_a_query_that_does_not_match_is_a_422(search, params, path):
    response = search.get("/", params)
    assert faults_of(response) == [("query", path)]
    assert "hunter2" not in response.text


def test_a_strict_model_takes_the_text_of_a_query():
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        page: int
        on: date

    @operation()
    def view(query: Strict) -> Strict:
        return query

    client = make_client(view)
    assert client.get("/?page=2&on=2026-01-02").json == {"page": 2, "on": "2026-01-02"}
    assert faults_of(client.get("/?page=two&on=2026-01-02")) == [("query", "page")]


class Names(RootModel[list[str]]):
    pass


class Shelf(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper, validate_by_name=True)

    ids: set[int] = set()
    names: Names = Names([])
    more: Names | None = None
    words: list[str] = Field([], validation_alias=AliasChoices("words", "word"))


@pytest.mark.parametrize(
    ("params", "name", "loaded"),
    [
        ({"IDS": "7"}, "IDS", [7]),
        ({"ids": "7"}, "IDS", [7]),
        ({"NAMES": "a"}, "NAMES", ["a"]),
        ({"NAMES": ["a", "b"]}, "NAMES", ["a", "b"]),
        ({"MORE": "a"}, "MORE", ["a"]),
        ({"words": "a"}, "WORDS", ["a"]),
        ({"word": "a"}, "WORDS", ["a"]),
        ({"word": ["a", "b"]}, "WORDS", ["a", "b"]),
    ],
)
def test_a_list_of_any_kind_goes_by_each_of_its_names(params, name, loaded):
    @operation()
    def shelf(query: Shelf) -> Shelf:
        return query

    assert make_client(shelf).get("/", params).json[name] == loaded


class Lenient(BaseModel):
    author_id: int = 1
    on: date | None = None
    days: list[date] = []
    anything: object = None


@pytest.fixture
def lenient():
    @operation()
    def view(query: Lenient) -> list[str]:
        return sorted(query.model_fields_set)

    return make_client(view)


@pytest.mark.parametrize(("sent", "nearest"), [("autor_id", "author_id"), ("DAYS", "days")])
def test_an_argument_that_no_field_has_is_refused_with_the_nearest(lenient, sent, nearest):
    [fault] = lenient.get(f"/?{sent}=1").json["errors"]
    assert fault["detail"] == f"There is no such argument. Did you mean {nearest!r}?"


@pytest.mark.parametrize("name", ["author_id", "on", "anything"])
def test_an_argument_that_comes_twice_is_refused_unless_it_is_a_list(lenient, name):
    refused = lenient.get(f"/?{name}=2026-01-01&{name}=2026-01-01")
    assert refused.json["errors"] == [{"place": "query", "path": name, "detail": "Send it once."}]
    assert lenient.get("/?days=2026-01-01&days=2026-01-02").json == ["days"]


class Share(Enum):
    HALF = 0.5
    WHOLE = 1.0


class Switch(Enum):
    ON, OFF = True, False


@pytest.mark.parametrize(
    ("kind", "text", "loaded"),
    [
        (Literal[10, 50], "10", 10),
        (Literal[10, 50] | None, "50", 50),
        (Literal[True], "true", True),
        (Literal["all", 1], "1", 1),
        (Literal["all", 1], "all", "all"),
        (Share, "0.5", 0.5),
        (Share, "1.0", 1.0),
        (Share, "1", 1.0),
        (Switch, "false", False),
        (list[Literal[1, 2]], "2", [2]),
    ],
)
@pytest.mark.parametrize("place", ["query", "form"])
def test_a_listed_value_is_sent_as_text(place, kind, text, loaded):
    model = create_model("Choice", choice=(kind, ...))

    def view(**given) -> kind:
        return given[place].choice

    view.__annotations__[place] = model
    client = make_client(operation()(view))

    def send(text):
        if place == "query":
            return client.get("/", {"choice": text})
        return client.post("/", {"choice": text}, content_type="multipart/form-data")

    sent = send(text)
    assert (sent.json, type(sent.json)) == (loaded, type(loaded))
    assert send("7").status_code == 422


@pytest.mark.parametrize("value", ["0", "1767225600", "-1", "1.5", "+7", "%207"])
def test_a_number_is_no_date(lenient, value):
    assert faults_of(lenient.get(f"/?on={value}")) == [("query", "on")]
    assert faults_of(lenient.get(f"/?days={value}")) == [("query", "days")]


def test_at_most_20_unknown_arguments_are_listed(lenient):
    refused = lenient.get("/?" + "&".join(f"x{number}=" for number in range(50)))
    assert len(refused.json["errors"]) == 20
    assert "30 more" in refused.json["detail"]


def test_arguments_have_the_names_of_aliases():
    class Aliased(BaseModel):
        author_id: int = Field(1, alias="authorId")
        tag: str = Field("", validation_alias=AliasChoices("tag", "label"))

    class Both(Aliased):
        model_config = ConfigDict(validate_by_name=True)

    @operation()
    def aliased(query: Aliased) -> int:
        return query.author_id

    @operation()
    def both(query: Both) -> int:
        return query.author_id

    for view, status in ((aliased, 422), (both, 200)):
        client = make_client(view)
        assert client.get("/?authorId=7&label=a").json == 7
        assert client.get("/?author_id=7").status_code == status


def test_a_model_that_takes_any_argument_refuses_none():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    @operation()
    def open_view(query: Open) -> dict[str, object]:
        return query.model_extra

    @operation()
    def root(query: RootModel[dict[str, object]]) -> dict[str, object]:
        return query.root

    for view in (open_view, root):
        assert make_client(view).get("/?a=1&b=2&b=3").json == {"a": "1", "b": ["2", "3"]}


def test_an_operation_without_a_query_refuses_no_argument():
    @operation()
    def view() -> int:
        return 1

    assert make_client(view).get("/?a=1&a=2").json == 1
