from functools import wraps
from uuid import UUID

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import openapi
from carafe.operation import Headers
from carafe.operation import operation
from carafe.schema import NO_CONTROL
from carafe.schema import NO_NUL
from flask import Blueprint
from flask import Flask
from flask.views import MethodView
from openapi_spec_validator import validate
from pydantic import BaseModel
from pydantic import Field


class BookIn(BaseModel):
    title: str = Field(min_length=1)
    pages: int = 1


class BookOut(BaseModel):
    id: int
    title: str


class Page(BaseModel):
    after: str | None = None
    limit: int = Field(default=20, ge=1, le=100)
    tag: list[str] = []
    order: str


def guard(*codes):
    def decorate(view):
        @wraps(view)
        def guarded(*args, **kwargs):
            return view(*args, **kwargs)

        guarded.__problems__ = set(codes)
        return guarded

    return decorate


class Book(MethodView):
    init_every_request = False

    @operation(problems=[404])
    def get(self, number: int) -> BookOut:
        """Show a book."""

    @guard(401, 403)
    @operation()
    def put(self, number: int, body: BookIn) -> tuple[BookOut, Headers]:
        """Change
        a book.

        All of it.
        """

    @operation(204)
    def delete(self, number: int) -> None: ...


@operation()
def index(query: Page) -> list[BookOut]:
    """List the books."""


@guard(429)
@operation(201, problems=[409])
def create(body: BookIn) -> BookOut:
    """Add a book."""


def make_app(**config):
    app = FlaskCarafe("shop")
    app.config.update(config)
    errors.init_app(app)
    openapi.init_app(app)
    app.add_url_rule("/books/<int:number>", view_func=Book.as_view("book"))
    books = Blueprint("books", __name__, url_prefix="/books")
    books.get("")(index)
    books.post("")(create)
    app.register_blueprint(books)
    app.add_url_rule("/plain", view_func=dict, endpoint="plain")
    return app


@pytest.fixture
def app():
    return make_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


def parameters_of(described):
    """Those of the URL."""
    return [each for each in described["parameters"] if each["in"] != "header"]


def operations_of(document):
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_the_document_is_valid_and_served_as_json(client):
    response = client.get("/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json["openapi"] == "3.1.0"
    validate(response.json)


def test_the_document_of_an_app_without_operations_is_valid():
    app = Flask("empty")
    openapi.init_app(app)
    document = app.test_client().get("/openapi.json").json
    validate(document)
    assert document["paths"] == {}


def test_it_lists_the_operations_and_nothing_else(document):
    assert {path: set(methods) for path, methods in document["paths"].items()} == {
        "/books": {"get", "post"},
        "/books/{number}": {"get", "put", "delete"},
    }


def test_the_docstring_is_the_summary_and_the_description(document):
    described = document["paths"]["/books/{number}"]
    assert described["get"]["summary"] == "Show a book."
    assert "description" not in described["get"]
    assert described["put"]["summary"] == "Change a book."
    assert described["put"]["description"] == "All of it."
    assert described["delete"]["summary"] == ""


def test_the_schemas_have_the_names_of_their_models(document):
    names = {"BookIn", "BookOut", "Fault", "Problem"}  # a query is described by its fields
    assert set(document["components"]["schemas"]) == names


def test_a_body_is_described_by_its_model(document):
    body = document["paths"]["/books"]["post"]["requestBody"]
    assert body["required"] is True
    content = body["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/BookIn"}
    assert content["example"] == {"title": "Title", "pages": 1}
    assert "requestBody" not in document["paths"]["/books"]["get"]


@pytest.mark.parametrize(
    ("path", "method", "codes"),
    [
        ("/books", "get", ["200", "304", "400", "422"]),
        ("/books", "post", ["201", "400", "409", "413", "415", "422", "429"]),
        ("/books/{number}", "get", ["200", "304", "400", "404"]),
        ("/books/{number}", "put", ["200", "400", "401", "403", "404", "413", "415", "422"]),
        ("/books/{number}", "delete", ["204", "400", "404"]),
    ],
)
def test_every_answer_is_listed(document, path, method, codes):
    responses = document["paths"][path][method]["responses"]
    assert sorted(responses) == codes
    for code in {*codes[1:]} - {"304"}:
        schema = {"$ref": "#/components/schemas/Problem"}
        assert responses[code]["content"] == {"application/problem+json": {"schema": schema}}


def test_a_problem_is_described_with_all_it_may_carry(document):
    properties = document["components"]["schemas"]["Problem"]["properties"]
    assert set(properties) == {"type", "title", "status", "detail", "errors", "request_id"}


def test_the_result_is_described_by_the_return_annotation(document):
    paths, book = document["paths"], {"$ref": "#/components/schemas/BookOut"}
    shown = paths["/books/{number}"]["put"]["responses"]["200"]["content"]["application/json"]
    listed = paths["/books"]["get"]["responses"]["200"]["content"]["application/json"]
    assert shown == {"schema": book, "example": {"id": 1, "title": "Title"}}
    assert listed["schema"]["items"] == book
    assert "content" not in paths["/books/{number}"]["delete"]["responses"]["204"]


def test_the_query_is_described_field_by_field(document):
    parameters = parameters_of(document["paths"]["/books"]["get"])
    found = {parameter.pop("name"): parameter for parameter in parameters}
    assert {parameter["in"] for parameter in parameters} == {"query"}
    assert {name: found[name]["required"] for name in found} == {
        "after": False,
        "limit": False,
        "tag": False,
        "order": True,
    }
    assert found["limit"]["schema"]["maximum"] == 100
    assert found["tag"]["schema"]["items"] == {"type": "string", "pattern": NO_NUL}


TEXT = {"type": "string", "pattern": NO_CONTROL}


@pytest.mark.parametrize(
    ("rule", "path", "schema"),
    [
        ("/<int:a>", "/{a}", {"type": "integer", "minimum": 0}),
        ("/<float:a>", "/{a}", {"type": "number", "minimum": 0}),
        ("/<uuid:a>", "/{a}", {"type": "string", "format": "uuid"}),
        ("/<a>", "/{a}", TEXT),
        ("/<string:a>", "/{a}", TEXT),
        ("/<string(length=2):a>", "/{a}", TEXT),
        ("/<path:a>", "/{a}", TEXT),
        ("/x-<int:a>.json", "/x-{a}.json", {"type": "integer", "minimum": 0}),
    ],
)
def test_a_converter_has_its_schema(rule, path, schema):
    @operation()
    def view(a: str) -> None: ...

    app = make_app()
    app.add_url_rule(rule, view_func=view)
    document = openapi.document(app)
    validate(document)
    [parameter] = parameters_of(document["paths"][path]["get"])
    assert parameter == {"name": "a", "in": "path", "required": True, "schema": schema}


def test_several_converters_keep_their_order():
    @operation()
    def view(a: UUID, b: int) -> None: ...

    app = make_app()
    app.add_url_rule("/<uuid:a>/of/<int:b>", view_func=view)
    parameters = parameters_of(openapi.document(app)["paths"]["/{a}/of/{b}"]["get"])
    assert [parameter["name"] for parameter in parameters] == ["a", "b"]


def test_a_path_and_a_query_come_together():
    @operation()
    def view(a: str, query: Page) -> None: ...

    app = make_app()
    app.add_url_rule("/<a>", view_func=view)
    parameters = parameters_of(openapi.document(app)["paths"]["/{a}"]["get"])
    assert [parameter["in"] for parameter in parameters] == ["path"] + ["query"] * 4


def test_operation_ids_are_unique_and_readable(document):
    ids = [described["operationId"] for described in operations_of(document)]
    assert set(ids) == {"create_book", "delete_book", "get_book", "list_books", "replace_book"}


def test_a_view_with_two_paths_has_two_operation_ids():
    app = make_app()
    app.add_url_rule("/volumes/<int:number>", view_func=app.view_functions["book"], endpoint="book")
    document = openapi.document(app)
    validate(document)
    ids = [described["operationId"] for described in operations_of(document)]
    assert len(ids) == len(set(ids)) == 8


def test_a_decorator_of_a_whole_class_is_described_for_each_method():
    class Guarded(Book):
        decorators = [guard(401)]

    app = make_app()
    app.add_url_rule("/guarded/<int:number>", view_func=Guarded.as_view("guarded"))
    described = openapi.document(app)["paths"]["/guarded/{number}"]
    assert all("401" in described[method]["responses"] for method in described)
    assert "403" in described["put"]["responses"]


def test_operations_are_tagged_by_their_blueprint(document):
    assert document["paths"]["/books"]["post"]["tags"] == ["books"]
    assert document["paths"]["/books/{number}"]["get"]["tags"] == ["book"]


def test_models_of_one_name_do_not_mix():
    other = type("BookOut", (BaseModel,), {"__annotations__": {"isbn": str}, "__module__": "other"})

    def view(): ...

    view.__annotations__["return"] = other
    app = make_app()
    app.add_url_rule("/other", view_func=operation()(view))
    document = openapi.document(app)
    validate(document)
    schemas = document["components"]["schemas"]
    reference = document["paths"]["/other"]["get"]["responses"]["200"]["content"]
    name = reference["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(schemas[name]["properties"]) == {"isbn"}


def test_it_is_made_once(app, client):
    client.get("/openapi.json")
    assert openapi.document(app) is openapi.document(app)
    assert openapi.document(app) is not openapi.document(make_app())


def test_the_title_is_the_apps_name_unless_configured(document):
    assert document["info"] == {"title": "shop", "description": "", "version": "1"}
    app = make_app(OPENAPI_TITLE="The Shop", OPENAPI_VERSION="2.1")
    info = openapi.document(app)["info"]
    assert (info["title"], info["version"]) == ("The Shop", "2.1")


def test_the_document_says_what_the_app_does(app, client):
    assert client.post("/books", json={}).status_code == 422
    assert client.post("/books", "{", content_type="application/json").status_code == 400
    assert client.post("/books", "{}").status_code == 415
    assert client.get("/books").status_code == 422


def test_a_second_init_app_is_refused(app):
    with pytest.raises(ValueError, match="already registered"):
        openapi.init_app(app)


def test_a_list_in_one_argument_is_not_exploded():
    class Sorted(BaseModel):
        sort: list[str] = Field([], json_schema_extra={"explode": False})
        tag: list[str] = []

    @operation()
    def view(query: Sorted) -> int:
        return 1

    app = FlaskCarafe(__name__)
    openapi.init_app(app)
    app.add_url_rule("/", view_func=view)
    document = app.test_client().get("/openapi.json").json
    validate(document)
    parameters = document["paths"]["/"]["get"]["parameters"]
    sort, tag = (each for each in parameters if each["in"] == "query")
    assert sort["explode"] is False and "explode" not in sort["schema"]
    assert "explode" not in tag
