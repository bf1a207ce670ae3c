from datetime import date

import pytest
from carafe.operation import operation
from pydantic import BaseModel
from pydantic import ConfigDict

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
