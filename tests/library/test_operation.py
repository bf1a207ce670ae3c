from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import Annotated
from typing import NamedTuple

import pytest
from carafe import FlaskCarafe
from carafe.operation import Headers
from carafe.operation import operation
from carafe.schema import Body
from carafe.schema import Timestamp
from flask import abort
from flask import Flask
from flask import make_response
from flask import redirect
from flask import Response
from flask.views import MethodView
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic.alias_generators import to_camel
from pydantic.errors import PydanticSchemaGenerationError
from werkzeug.wrappers import Response as WerkzeugResponse

from .operations import BookIn
from .operations import BookOut
from .operations import faults_of
from .operations import make_client
from .operations import Paging


class Row(NamedTuple):
    id: int
    title: str


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


@pytest.mark.parametrize(
    ("annotation", "returned", "body"),
    [
        (tuple[int, str], (1, "Emma"), [1, "Emma"]),
        (
            tuple[BookOut, BookOut],
            [{"id": 1, "title": "Emma"}] * 2,
            [{"id": 1, "title": "Emma"}] * 2,
        ),
        (tuple[int, ...], (1, 2), [1, 2]),
        (tuple[()], (), []),
        (tuple, (1, {}), [1, {}]),
        (list[int], (1, 2), [1, 2]),
        (BookOut, Row(1, "Emma"), {"id": 1, "title": "Emma"}),
        (
            list[BookOut],
            [Row(1, "Emma"), Row(2, "Persuasion")],
            [{"id": 1, "title": "Emma"}, {"id": 2, "title": "Persuasion"}],
        ),
    ],
)
def test_a_tuple_without_headers_is_the_body(annotation, returned, body):
    def view():
        return returned

    view.__annotations__["return"] = annotation
    response = make_client(operation()(view)).get("/")
    assert (response.status_code, response.json) == (200, body)


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


@pytest.mark.parametrize(
    "annotation",
    [BookOut | Response, tuple[BookOut, Headers] | WerkzeugResponse, Response | BookOut | None],
)
def test_a_view_may_return_a_model_or_a_response(annotation):
    def view(query: Paging):
        book = {"id": 1, "title": "Emma"}
        return redirect("/2") if query.page > 1 else (book, {}) if has_headers else book

    has_headers = "Headers" in str(annotation) or "Mapping" in str(annotation)
    view.__annotations__["return"] = annotation
    client = make_client(operation()(view))
    assert client.get("/").json == {"id": 1, "title": "Emma"}
    assert client.get("/?page=2").headers["Location"] == "/2"
    contract = client.application.view_functions["view"].__operation__
    assert "Response" not in str(contract.returned.json_schema())


@pytest.mark.parametrize("annotation", [None, Response, Response | None, tuple[None, Headers]])
def test_what_sends_no_body_has_no_returned_model(annotation):
    def view(): ...

    view.__annotations__["return"] = annotation
    assert operation()(view).__operation__.returned is None


def test_an_annotation_without_a_schema_is_refused_at_start():
    with pytest.raises(PydanticSchemaGenerationError):

        @operation()
        def view() -> MethodView: ...


@dataclass
class Choice:
    page: int = 1


@pytest.mark.parametrize("name", ["query", "form"])
@pytest.mark.parametrize("kind", [Paging | None, Choice, int, list[Paging], None])
def test_a_query_or_a_form_that_is_no_model_is_refused_at_start(name, kind):
    def view(**given): ...

    view.__annotations__[name] = kind
    with pytest.raises(TypeError, match=rf"{name}.* is not a model\. "):
        operation()(view)


@pytest.mark.parametrize("annotation", [None, WerkzeugResponse])
@pytest.mark.parametrize("returned", [{"id": 1}, [], ({"id": 1}, 404)])
def test_a_value_that_no_annotation_names_is_not_lost(returned, annotation, caplog):
    def view():
        return returned

    view.__annotations__ = {"return": annotation} if annotation else {}
    assert make_client(operation()(view)).get("/").status_code == 500
    assert "view returned a value. Annotate what it returns." in caplog.text


def test_a_body_and_a_form_are_refused_at_start():
    def view(body: BookIn, form: BookIn) -> None: ...

    with pytest.raises(TypeError, match="has a body and a form"):
        operation()(view)


def test_a_status_that_http_does_not_have_is_refused_at_start():
    with pytest.raises(ValueError, match="299"):
        operation(299)(dict)


def test_a_query_may_be_annotated():
    @operation()
    def view(query: Annotated[Paging, Field(description="Which page.")]) -> int:
        return query.page

    assert make_client(view).get("/?page=7").json == 7


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    author_id: int
    page_count: int | None = Field(default=None, alias="pages")


@pytest.mark.parametrize("returned", [Camel, list[Camel], Camel | None, dict[str, Camel]])
def test_fields_with_aliases_go_by_these_both_ways(returned):
    class Row:
        author_id, page_count = 7, 9

    @operation()
    def view(body: Camel) -> returned:
        many = {list[Camel]: [Row()], dict[str, Camel]: {"a": body}}
        return many.get(returned, body)

    client = make_client(view)
    answer = client.post("/", {"authorId": 7, "pages": 9}).json
    found = answer[0] if isinstance(answer, list) else answer.get("a", answer)
    assert found == {"authorId": 7, "pages": 9}
    assert faults_of(client.post("/", {"author_id": 7})) == [("body", "authorId")]


def test_a_time_is_in_utc_and_within_its_range():
    class Event(Body):
        at: Timestamp

    @operation()
    def view(body: Event) -> Event:
        return body

    client = make_client(view)
    answer = client.post("/", {"at": "2026-11-26T10:00:00+02:00"})
    assert answer.json == {"at": "2026-11-26T08:00:00Z"}
    wrongs = ["9999-12-31T23:59:59-02:00", "0001-01-01T00:00:00+02:00", "2026-11-26T10:00:00"]
    for wrong in (*wrongs, "1800000000", 1800000000, "2026-11-26", None):
        assert faults_of(client.post("/", {"at": wrong})) == [("body", "at")]


def test_a_header_that_cannot_be_sent_fails_where_it_can_be_answered():
    @operation()
    def view() -> tuple[dict[str, int], Headers]:
        return {}, {"X-Title": "\u65e5\u672c"}

    client = make_client(view)
    client.application.testing = False
    response = client.post("/")
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
