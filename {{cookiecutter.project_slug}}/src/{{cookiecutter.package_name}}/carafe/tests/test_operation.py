from datetime import date
from functools import wraps
from types import SimpleNamespace
from typing import Annotated
from typing import Literal

import pytest
from flask import abort
from flask import Flask
from flask import make_response
from flask import redirect
from flask import Response
from flask.views import MethodView
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic.errors import PydanticSchemaGenerationError
from werkzeug.wrappers import Response as WerkzeugResponse

from .. import errors
from .. import FlaskCarafe
from .. import JSONClient
from ..operation import Headers
from ..operation import operation

JSON = "application/json"


class BookIn(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    title: str = Field(min_length=2)
    pages: int = Field(default=1, ge=1)
    on: date | None = None
    tags: list[str] = []


class BookOut(BaseModel):
    id: int
    title: str


class Paging(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: int = Field(default=1, ge=1)
    tag: list[str] = []
    ids: set[int] | None = None


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


def make_client(view, app_class=FlaskCarafe):
    app = app_class(__name__)
    app.test_client_class = JSONClient
    errors.init_app(app)
    app.add_url_rule("/", view_func=view, methods=["GET", "POST"], endpoint="view")
    return app.test_client()


@pytest.fixture
def client():
    @operation(201)
    def add(body: BookIn) -> BookIn:
        return body

    return make_client(add)


@pytest.fixture
def search():
    @operation()
    def search(query: Paging) -> Paging:
        return query

    return make_client(search)


def faults_of(response):
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    return [(fault["place"], fault["path"]) for fault in response.json["errors"]]


def test_the_body_is_loaded_and_the_result_sent_with_its_status(client):
    response = client.post("/", {"title": "Emma", "on": "2026-01-02", "tags": ["a"]})
    assert (response.status_code, response.mimetype) == (201, JSON)
    assert response.json == {"title": "Emma", "pages": 1, "on": "2026-01-02", "tags": ["a"]}


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


def test_nor_is_the_tag_of_a_union():
    @operation()
    def view(body: Owner) -> None: ...

    response = make_client(view).post("/", {"pet": {"kind": "hunter2"}})
    assert faults_of(response) == [("body", "pet")]
    assert "hunter2" not in response.text


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


def test_body_and_query_come_together():
    @operation()
    def view(body: BookIn, query: Paging) -> BookOut:
        return BookOut(id=query.page, title=body.title)

    client = make_client(view)
    assert client.post("/?page=7", {"title": "Emma"}).json == {"id": 7, "title": "Emma"}


def test_the_result_is_read_from_attributes_and_keeps_its_secrets():
    @operation()
    def view() -> list[BookOut]:
        return [SimpleNamespace(id=1, title="Emma", secret="hunter2")]

    assert make_client(view).get("/").json == [{"id": 1, "title": "Emma"}]


@pytest.mark.parametrize("returned", [{"id": 1}, {"id": "hunter2", "title": "a"}, None, "hunter2"])
def test_a_result_that_does_not_match_is_a_500_that_tells_nothing(returned):
    @operation()
    def view() -> BookOut:
        return returned

    response = make_client(view).get("/")
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert "errors" not in response.json
    assert "hunter2" not in response.text


def test_headers_come_in_a_tuple():
    @operation(201)
    def view() -> tuple[BookOut, Headers]:
        return BookOut(id=1, title="Emma"), {"Location": "/books/1"}

    response = make_client(view).get("/")
    assert (response.status_code, response.headers["Location"]) == (201, "/books/1")
    assert response.json == {"id": 1, "title": "Emma"}


def test_none_sends_no_body():
    @operation(204)
    def view() -> None: ...

    response = make_client(view).get("/")
    assert (response.status_code, response.data, response.json) == (204, b"", None)


def test_none_may_have_headers():
    @operation(204)
    def view() -> tuple[None, Headers]:
        return None, {"X-Pen": "ink"}

    response = make_client(view).get("/")
    assert (response.status_code, response.headers["X-Pen"]) == (204, "ink")
    assert (response.data, response.content_length) == (b"", None)


@pytest.mark.parametrize("annotation", [BookOut, Response, WerkzeugResponse, None])
def test_a_response_is_sent_as_it_is(annotation):
    def view():
        return redirect("/there")

    view.__annotations__["return"] = annotation
    response = make_client(operation(201)(view)).get("/")
    assert (response.status_code, response.location) == (302, "/there")


def test_a_view_may_abort():
    @operation(problems=[409])
    def view() -> BookOut:
        abort(409, "The pen is taken.")

    assert make_client(view).get("/").json["detail"] == "The pen is taken."


def test_an_async_view_is_awaited():
    @operation(201)
    async def view(body: BookIn) -> BookOut:
        return BookOut(id=1, title=body.title)

    client = make_client(view)
    assert client.post("/", {"title": "Emma"}).json == {"id": 1, "title": "Emma"}
    assert client.post("/", {}).status_code == 422


@pytest.mark.parametrize("app_class", [Flask, FlaskCarafe])
def test_methods_and_their_arguments_work(app_class):
    class Books(MethodView):
        @operation()
        def get(self, number: int, query: Paging) -> BookOut:
            return BookOut(id=number, title=str(query.page))

        @operation()
        async def put(self, number: int, body: BookIn) -> BookOut:
            return BookOut(id=number, title=body.title)

    client = make_client(lambda: {}, app_class)
    client.application.add_url_rule("/<int:number>", view_func=Books.as_view("books"))
    assert client.get("/7?page=2").json == {"id": 7, "title": "2"}
    assert client.head("/7").data == b""
    assert client.put("/7", {"title": "Emma"}).json == {"id": 7, "title": "Emma"}


def test_it_works_below_and_above_other_decorators():
    def guard(view):
        @wraps(view)
        def guarded(*args, **kwargs):
            response = make_response(view(*args, **kwargs))
            response.headers["X-Guarded"] = "yes"
            return response

        return guarded

    def add(body: BookIn) -> Response:
        return Response(body.title, 201)

    for view in [guard(operation()(add)), operation()(guard(add))]:
        assert view.__operation__.body is BookIn
        response = make_client(view).post("/", {"title": "Emma"})
        assert (response.status_code, response.text) == (201, "Emma")
        assert response.headers["X-Guarded"] == "yes"


def test_the_view_keeps_its_name_and_its_contract_is_found_on_it():
    @operation(201, problems=[409])
    def add(body: BookIn, query: Paging) -> BookOut:
        """Add a book."""

    contract = add.__operation__
    assert (add.__name__, add.__doc__) == ("add", "Add a book.")
    assert (contract.status, contract.problems) == (201, (409,))
    assert (contract.body, contract.query) == (BookIn, Paging)
    assert contract.returned.validate_python({"id": 1, "title": "Emma"}) == BookOut(
        id=1, title="Emma"
    )


@pytest.mark.parametrize("annotation", [None, Response, tuple[None, Headers]])
def test_what_sends_no_body_has_no_returned_model(annotation):
    def view(): ...

    view.__annotations__["return"] = annotation
    assert operation()(view).__operation__.returned is None


def test_an_annotation_without_a_schema_is_refused_at_start():
    with pytest.raises(PydanticSchemaGenerationError):

        @operation()
        def view() -> MethodView: ...
