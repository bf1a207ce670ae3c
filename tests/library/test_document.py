"""The document is good to read, and to generate a client of, whatever an owner adds."""

import re
import time
from datetime import date
from datetime import datetime
from datetime import time as clock_time
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from typing import Annotated
from typing import Generic
from typing import TypeVar

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import openapi
from carafe.document import add_security_scheme
from carafe.names import singular
from carafe.operation import Headers
from carafe.operation import operation
from carafe.operation import operation_of
from carafe.schema import NO_NUL
from flask import abort
from flask import Blueprint
from flask import request
from flask.views import MethodView
from flask.views import View
from openapi_spec_validator import validate
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import PlainSerializer

Item = TypeVar("Item")
Other = TypeVar("Other")


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next: str | None


class Envelope(BaseModel, Generic[Item]):
    data: Item


class Pair(BaseModel, Generic[Item, Other]):
    first: Item
    second: Other


class BookOut(BaseModel):
    id: int


class Price(BaseModel):
    amount: Decimal


@pytest.fixture
def app():
    app = FlaskCarafe("shop")
    errors.init_app(app)
    openapi.init_app(app)
    return app


@pytest.fixture
def add(app):
    """Add an operation, as ``add("/books", list[BookOut], method="GET")``."""

    def add(path, returned=None, method="GET", body=None, bp=app, decorator=None, **options):
        def view(**values):
            return abort(404)

        def takes(body, **values): ...

        function = takes if body else view
        function.__annotations__ = {"return": returned} | ({"body": body} if body else {})
        made = operation(**options)(function)
        endpoint = f"{method}_{len(app.view_functions)}"
        bp.add_url_rule(path, endpoint, decorator(made) if decorator else made, methods=[method])

    return add


def described(app):
    document = openapi.document(app)
    validate(document)
    return document


def ids(app):
    return [
        each["operationId"] for path in described(app)["paths"].values() for each in path.values()
    ]


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("books", "book"),
        ("categories", "category"),
        ("movies", "movie"),
        ("statuses", "status"),
        ("status", "status"),
        ("addresses", "address"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("caches", "cache"),
        ("houses", "house"),
        ("aliases", "alias"),
        ("cases", "case"),
        ("heroes", "hero"),
        ("shoes", "shoe"),
        ("shelves", "shelf"),
        ("archives", "archive"),
        ("people", "person"),
        ("women", "woman"),
        ("specimens", "specimen"),
        ("news", "news"),
        ("series", "series"),
        ("analyses", "analysis"),
        ("indices", "index"),
        ("prices", "price"),
        ("menus", "menu"),
        ("apis", "api"),
        ("data", "data"),
        ("test_notes", "test_note"),
    ],
)
def test_a_noun_has_a_singular(plural, one):
    assert singular(plural) == one


@pytest.mark.parametrize(
    ("method", "path", "returned", "name"),
    [
        ("GET", "/books", Page[BookOut], "list_books"),
        ("GET", "/books", list[BookOut], "list_books"),
        ("POST", "/books", BookOut, "create_book"),
        ("POST", "/books", list[BookOut], "create_book"),
        ("GET", "/books/<int:id>", BookOut, "get_book"),
        ("PUT", "/books/<int:id>", BookOut, "replace_book"),
        ("PATCH", "/books/<int:id>", BookOut, "update_book"),
        ("DELETE", "/books/<int:id>", None, "delete_book"),
        ("GET", "/news", Page[BookOut], "list_news"),
        ("GET", "/news/<id>", BookOut, "get_news"),
        ("GET", "/books/statistics", dict[str, int], "get_book_statistics"),
        ("PUT", "/settings", None, "replace_settings"),
        ("GET", "/authors/<id>/books", list[BookOut], "list_author_books"),
        ("DELETE", "/authors/<id>/books/<book>", None, "delete_author_book"),
        ("POST", "/api/v2/bookShelves", None, "create_book_shelf"),
        ("GET", "/test-notes", list[BookOut], "list_test_notes"),
        ("GET", "/reports/<id>.pdf", None, "get_report_pdf"),
        ("GET", "/", None, "get_root"),
        ("GET", "/<a>/<b>", None, "get_root"),
        ("GET", "/s/<code>", None, "get_s"),
    ],
)
def test_an_operation_is_called_after_its_method_and_its_path(
    app, add, method, path, returned, name
):
    add(path, returned, method)
    assert ids(app) == [name]


def test_the_first_of_those_with_one_name_gets_it(app, add):
    for path in ["/books/<int:id>", "/books/<isbn>", "/v1/books/<int:id>", "/api/books/<isbn>"]:
        add(path, BookOut)
    add("/book/<number>", BookOut)
    assert ids(app) == [
        "get_book",
        "get_book_by_isbn",
        "get_v1_book",
        "get_api_book",
        "get_book_by_number",
    ]


def test_a_rule_without_a_view_is_not_an_operation(app, add):
    app.add_url_rule("/media/<path:name>", endpoint="media", build_only=True)
    add("/books", list[BookOut])
    assert ids(app) == ["list_books"]
    assert app.test_client().get("/nowhere").status_code == 404


def test_a_rule_that_only_builds_urls_is_not_an_operation_either(app, add):
    add("/books", list[BookOut])
    app.add_url_rule("/old", endpoint=[*app.view_functions][-1], build_only=True)
    assert [*openapi.document(app)["paths"]] == ["/books"]


def test_of_two_views_with_one_rule_the_one_that_is_called_is_described(app, add):
    add("/books", list[BookOut])
    add("/books", BookOut)
    [described] = openapi.document(app)["paths"]["/books"].values()
    content = described["responses"]["200"]["content"]["application/json"]
    assert content["schema"]["type"] == "array"


def test_a_given_name_wins_and_is_given_once(app, add):
    add("/books", list[BookOut])
    add("/other", operation_id="list_books")
    add("/login", method="POST", operation_id="log_in")
    add("/old-login", method="POST", operation_id="log_in")
    assert ids(app) == ["list_books_2", "list_books", "log_in", "create_old_login"]


def test_a_view_of_blueprints_in_blueprints_and_of_two_paths_has_names_that_differ(app):
    class View(MethodView):
        @operation()
        def get(self, **values) -> list[BookOut]: ...

    inner = Blueprint("books", __name__, url_prefix="/books")
    inner.add_url_rule("", view_func=View.as_view("list"))
    for name in ("shop", "library"):
        outer = Blueprint(name, __name__, url_prefix=f"/{name}")
        outer.register_blueprint(inner)
        app.register_blueprint(outer)
    app.add_url_rule("/volumes", view_func=app.view_functions["shop.books.list"], endpoint="x")
    assert ids(app) == ["list_shop_books", "list_library_books", "list_volumes"]


def test_a_view_class_of_one_function_is_described_and_says_when_it_ends(app):
    class Old(View):
        @operation(deprecated=date(2027, 1, 1))
        def dispatch_request(self) -> BookOut:
            """Show the old book."""
            return {"id": 1}

    app.add_url_rule("/old", view_func=Old.as_view("old"))
    assert described(app)["paths"]["/old"]["get"]["summary"] == "Show the old book."
    for method in ("GET", "HEAD"):
        with app.test_request_context("/old", method=method):
            assert operation_of(request) is Old.dispatch_request.__operation__
        assert "Deprecation" in app.test_client().open("/old", method=method).headers


def test_the_variables_of_a_subdomain_are_not_in_the_path(app):
    app.add_url_rule("/books/<int:id>", view_func=operation()(lambda **_: None), subdomain="<shop>")
    [described_view] = [each["get"] for each in described(app)["paths"].values()]
    assert [each["name"] for each in described_view["parameters"] if each["in"] == "path"] == ["id"]


def test_a_problem_may_have_a_status_without_a_name(app, add):
    add("/books", problems=[499])
    assert described(app)["paths"]["/books"]["get"]["responses"]["499"]["description"] == "Error"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Page[BookOut], "BookPage"),
        (Envelope[Page[BookOut]], "BookPageEnvelope"),
        (Pair[Price, BookOut], "BookPricePair"),
        (Page[list[BookOut]], "BookListPage"),
        (Page[int], "IntPage"),
        (Page[BookOut | None], "BookPage"),
        (Page[Annotated[str, Field(max_length=3)]], "StrPage"),
    ],
)
def test_a_generic_model_is_called_after_what_it_holds(app, add, model, name):
    add("/things", model)
    schemas = described(app)["components"]["schemas"]
    assert name in schemas
    assert not any("title" in schema for schema in schemas.values())


def test_the_name_of_a_component_has_no_letter_that_openapi_forbids(app, add):
    add("/sizes", Page[type("Größe", (BookOut,), {})])
    for name in described(app)["components"]["schemas"]:
        assert re.fullmatch("[A-Za-z0-9._-]+", name), name


def test_models_with_one_name_do_not_mix(app, add):
    book = type("Book", (BaseModel,), {"__annotations__": {"isbn": str}, "__module__": "other"})
    add("/a", Page[BookOut])
    add("/b", Page[book])
    document = described(app)
    schemas = document["components"]["schemas"]
    for path, field in [("/a", "id"), ("/b", "isbn")]:
        response = document["paths"][path]["get"]["responses"]["200"]
        page = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        item = schemas[page]["properties"]["items"]["items"]["$ref"].rpartition("/")[2]
        assert schemas[item]["properties"].keys() == {field}


def test_a_model_that_differs_as_a_body_has_two_names_without_hyphens(app, add):
    add("/prices", Price, "POST", Price)
    schemas = described(app)["components"]["schemas"]
    assert {"Price", "PriceInput"} <= schemas.keys()
    assert "title" not in schemas["PriceInput"]


class Tagged(BaseModel):
    tags: set[str]
    names: frozenset[int] = frozenset()


def test_a_set_in_a_body_may_repeat_an_item(app, add):
    add("/x", method="POST", body=Tagged)
    assert "uniqueItems" not in str(described(app))


class Tags(BaseModel):
    tags: list[str]


def test_the_texts_of_a_form_have_no_nul(app):
    @app.post("/x")
    @operation()
    def view(form: Tags) -> None: ...

    items = described(app)["components"]["schemas"]["Tags"]["properties"]["tags"]["items"]
    assert items == {"type": "string", "pattern": NO_NUL}


@pytest.mark.parametrize(("kind", "name"), [(timedelta, "duration"), (clock_time, "time")])
def test_a_duration_or_a_time_of_day_is_written_as_pydantic_writes_it(app, add, kind, name):
    add("/x", kind)
    add("/y", method="POST", body=kind)
    assert str(described(app)).count(f"'format': '{name}'") == 1


def test_a_title_of_the_owners_stays(app, add):
    add("/a", type("Thing", (BaseModel,), {"model_config": ConfigDict(title="A thing")}))
    assert described(app)["components"]["schemas"]["Thing"]["title"] == "A thing"


def test_a_default_of_null_requires_no_client_to_send_the_field(app, add):
    class BookIn(BaseModel):
        subtitle: str | None = None
        pages: int = 1

    add("/books", method="POST", body=BookIn)
    model = openapi.document(app)["components"]["schemas"]["BookIn"]
    assert model["properties"] == {
        "subtitle": {"anyOf": [{"type": "string", "pattern": NO_NUL}, {"type": "null"}]},
        "pages": {"type": "integer", "default": 1},
    }
    assert "required" not in model


@pytest.mark.parametrize(
    ("options", "status", "sent"),
    [
        ({"returned": tuple[Page[BookOut], Headers]}, "200", {"ETag", "Link"}),
        ({"returned": Page[BookOut]}, "200", {"ETag"}),
        ({"returned": tuple[BookOut, Headers]}, "200", {"ETag"}),
        ({"returned": tuple[BookOut, Headers], "method": "PUT"}, "200", set()),
        ({"returned": BookOut, "method": "PUT", "problems": [412]}, "200", {"ETag"}),
        ({"method": "DELETE", "status": 204, "problems": [412]}, "204", set()),
        (
            {"returned": tuple[BookOut, Headers], "method": "POST", "status": 201},
            "201",
            {"ETag", "Location"},
        ),
        ({"returned": tuple[list[BookOut], Headers], "method": "POST"}, "200", set()),
        ({"returned": tuple[Page[BookOut], Headers]}, "304", {"ETag", "Link"}),
        ({"returned": BookOut, "method": "POST", "status": 201}, "201", set()),
        ({"headers": {"X-Total": "How many there are."}}, "200", {"ETag", "X-Total"}),
        (
            {"returned": tuple[BookOut, Headers], "method": "POST", "status": 201, "headers": {}},
            "201",
            set(),
        ),
        ({"problems": [401]}, "401", {"WWW-Authenticate"}),
        ({"problems": [429]}, "429", {"Retry-After"}),
        ({"problems": [503]}, "503", {"Retry-After"}),
        ({"problems": [404]}, "404", set()),
        ({"deprecated": date(2027, 1, 31)}, "400", {"Deprecation"}),
        ({"sunset": date(2027, 1, 31)}, "200", {"ETag", "Sunset"}),
    ],
)
def test_headers_are_described_where_they_are_sent(app, add, options, status, sent):
    add("/x", **options)
    [methods] = described(app)["paths"].values()
    [found] = methods.values()
    headers = found["responses"][status]["headers"]
    assert headers.keys() == {"X-Request-ID", *sent}
    assert all(header["description"] for header in headers.values())


def test_a_handler_of_exceptions_adds_its_statuses_to_every_operation(app, add):
    def on_error(error):
        raise NotImplementedError

    on_error.__problems__, on_error.__problems_of_writes__ = {503}, {409}
    app.register_error_handler(LookupError, on_error)
    add("/x")
    add("/y", method="PUT")
    paths = described(app)["paths"]
    read, write = paths["/x"]["get"]["responses"].keys(), paths["/y"]["put"]["responses"].keys()
    assert "503" in read & write
    assert "409" in write - read


def test_a_decorator_adds_what_it_needs_of_a_security_scheme_of_its_own(app, add):
    def with_key(view):
        view.__security__ = {("key",)}
        return view

    add("/open")
    assert "security" not in described(app)["paths"]["/open"]["get"]
    app.extensions.clear()
    scheme = {"type": "apiKey", "in": "header", "name": "X-Key"}
    add_security_scheme(app, "key", lambda app: scheme)
    add("/guarded", decorator=with_key)
    document = described(app)
    assert document["components"]["securitySchemes"] == {"key": scheme}
    assert document["paths"]["/open"]["get"]["security"] == []
    assert document["paths"]["/guarded"]["get"]["security"] == [{"key": []}]


NEW_YEAR = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize("since", [date(2027, 1, 1), NEW_YEAR])
def test_every_response_of_a_deprecated_operation_says_so(app, since):
    def refuse(view):
        def call(self, **values):
            abort(403)

        call.__operation__ = view.__operation__
        return call

    @operation(deprecated=since, sunset=date(2027, 7, 1))
    def old(id: int) -> BookOut:
        return abort(id) if id else {"id": 0}

    class Book(MethodView):
        @operation()
        def get(self, id: int) -> BookOut:
            return {"id": id}

        put = refuse(operation(deprecated=since, sunset=date(2027, 7, 1))(lambda self: None))

    app.before_request(lambda: abort(401) if request.args else None)
    app.add_url_rule("/old/<int:id>", view_func=old)
    app.add_url_rule("/books/<int:id>", view_func=Book.as_view("book"))
    ends = {"Deprecation": "@1798761600", "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT"}
    client = app.test_client()
    for method, path in [("GET", "/books/1"), ("OPTIONS", "/old/1"), ("GET", "/nowhere")]:
        assert not ends.keys() & dict(client.open(path, method=method).headers).keys()
    for method, path, status in [
        ("GET", "/old/0", 200),
        ("HEAD", "/old/0", 200),
        ("GET", "/old/404", 404),
        ("GET", "/old/500", 500),
        ("GET", "/old/0?hook", 401),
        ("PUT", "/books/1", 403),
    ]:
        response = client.open(path, method=method)
        assert (response.status_code, ends.items() <= dict(response.headers).items()) == (
            status,
            True,
        )
    paths = described(app)["paths"]
    assert paths["/old/{id}"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/books/{id}"]["get"]


@pytest.mark.parametrize("name", ["deprecated", "sunset"])
def test_each_of_the_two_dates_sets_the_flag(app, add, name):
    add("/x", **{name: date(2027, 1, 31)})
    assert described(app)["paths"]["/x"]["get"]["deprecated"] is True


@pytest.mark.parametrize("given", [datetime(2027, 1, 1), True, "2027-01-01", 1798761600])
@pytest.mark.parametrize("name", ["deprecated", "sunset"])
def test_what_is_no_date_and_no_time_with_a_zone_is_refused_at_once(name, given):
    with pytest.raises(TypeError, match="expected a date"):
        operation(**{name: given})


def test_a_date_begins_at_midnight_in_utc_wherever_the_server_is(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    ending = operation(deprecated=date(2027, 1, 1), sunset=date(2027, 7, 1))(lambda: None)
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()
    headers = {"Deprecation": "@1798761600", "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT"}
    assert ending.__operation__.end == headers


def test_an_operation_does_not_end_before_it_is_deprecated():
    with pytest.raises(ValueError, match="sunset is before deprecated"):
        operation(deprecated=date(2027, 1, 2), sunset=date(2027, 1, 1))
    assert operation(deprecated=date(2027, 1, 2), sunset=date(2027, 1, 2))


@pytest.mark.parametrize("required", [False, True])
def test_the_conditions_of_a_request_are_described(app, add, required):
    app.config["REQUIRE_IF_MATCH"] = required

    @operation(problems=[412])
    def put() -> BookOut:
        """Replace a book."""

    @operation()
    def get() -> BookOut:
        """Show a book."""

    app.add_url_rule("/book", "put", put, methods=["PUT"])
    app.add_url_rule("/book", "get", get)
    validate(described := app.test_client().get("/openapi.json").json)
    changing, showing = (described["paths"]["/book"][method] for method in ("put", "get"))
    [if_match], [if_none_match] = changing["parameters"], showing["parameters"]
    assert (if_match["name"], if_match["required"]) == ("If-Match", required)
    assert "404 without this header" in if_match["description"]
    tags = ["*", '"a"', 'W/"a"', '"a", "b"', '"a",W/"b"']
    assert all(re.search(if_match["schema"]["pattern"], each) for each in tags)
    assert not any(re.search(if_match["schema"]["pattern"], each) for each in ("a", '"a"b', ""))
    assert {"412", "428"} & changing["responses"].keys() == (
        {"412", "428"} if required else {"412"}
    )
    assert not {"412", "428"} & showing["responses"].keys()
    assert if_none_match["name"] == "If-None-Match"
    assert "ETag" in showing["responses"]["304"]["headers"]
    assert "content" not in showing["responses"]["304"]
    assert "ETag" in changing["responses"]["200"]["headers"]


class Order(BaseModel):
    id: int
    items: list[BookOut]


def test_what_only_has_items_is_no_list(app, add):
    add("/orders/<int:id>", Order)
    add("/cart", Order)
    add("/books", Page[BookOut])
    add("/names", list[str])
    paths = described(app)["paths"]
    names = [paths[path]["get"]["operationId"] for path in sorted(paths)]
    assert names == ["list_books", "get_cart", "list_names", "get_order"]


class Money:
    """A class that pydantic does not know."""


def test_a_type_that_only_a_serializer_knows_is_described_as_anything(app, add):
    class Item(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        price: Annotated[Money, PlainSerializer(lambda money: "5 EUR")]

    add("/items", Item)
    assert described(app)["components"]["schemas"]["Item"]["properties"]["price"] == {}


def test_a_method_that_openapi_does_not_know_is_left_out(app, add):
    add("/books", method="PURGE")
    add("/books", method="DELETE")
    assert described(app)["paths"]["/books"].keys() == {"delete"}
