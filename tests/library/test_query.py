from datetime import date

import pytest
from carafe.operation import operation
from pydantic import AliasChoices
from pydantic import BaseModel
from pydantic import ConfigDict
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
