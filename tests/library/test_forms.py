"""A view may take a form with files, which the document describes."""

from datetime import date
from io import BytesIO
from typing import Annotated

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import openapi
from carafe.operation import operation
from carafe.schema import Body
from carafe.schema import File
from carafe.schema import Line
from flask import request
from flask.views import MethodView
from pydantic import AfterValidator
from pydantic import create_model

from .operations import faults_of
from .operations import make_client

MULTIPART = {"content_type": "multipart/form-data"}


class Cover(Body):
    file: File
    title: Line
    pages: int = 1
    tags: list[str] = []
    printed_on: date | None = None


class CoverView(MethodView):
    @operation(201)
    def post(self, form: Cover) -> dict[str, object]:
        """Add a cover."""
        return {**form.model_dump(exclude={"file", "printed_on"}), "size": len(form.file.read())}


@pytest.fixture
def app():
    app = FlaskCarafe("shop")
    errors.init_app(app)
    openapi.init_app(app)
    app.add_url_rule("/covers", view_func=CoverView.as_view("covers"))
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def cover(**others):
    return {"file": (BytesIO(b"cover"), "cover.png"), "title": "Mathilda", **others}


def test_a_form_has_texts_numbers_lists_and_files(client):
    sent = client.post("/covers", cover(pages="7", tags=["a", "b"]), **MULTIPART)
    expected = {"title": "Mathilda", "pages": 7, "tags": ["a", "b"], "size": 5}
    assert (sent.status_code, sent.json) == (201, expected)
    assert client.post("/covers", cover(tags="a"), **MULTIPART).json["tags"] == ["a"]


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ({"title": "Mathilda"}, "file"),
        ({"title": "Mathilda", "file": "no file"}, "file"),
        ({"title": "Mathilda", "file": (BytesIO(), "")}, "file"),
        (cover(title=""), "title"),
        (cover(pages="many"), "pages"),
        (cover(more="1"), "more"),
        (cover(printed_on="86400"), "printed_on"),
    ],
)
def test_a_fault_of_a_form_is_a_422(client, form, path):
    assert faults_of(client.post("/covers", form, **MULTIPART)) == [("form", path)]


def test_no_validator_repeats_the_name_of_a_file(app, client):
    def refuse(file):
        raise ValueError(f"{file.filename} is no image.")

    @app.post("/images")
    @operation()
    def add(form: create_model("Image", file=Annotated[File, AfterValidator(refuse)])) -> None: ...

    refused = client.post("/images", {"file": (BytesIO(b"x"), "hunter2.png")}, **MULTIPART)
    assert faults_of(refused) == [("form", "file")] and "hunter2" not in refused.text


@pytest.mark.parametrize(
    "form",
    [
        cover(title="a\0b"),
        {**cover(), "a\0b": "1"},
        {"file": (BytesIO(b"cover"), "a\0b.png"), "title": "Mathilda"},
    ],
)
def test_a_form_with_a_nul_is_refused(client, form):
    assert client.post("/covers", form, **MULTIPART).status_code == 400


def test_a_form_that_is_not_utf_8_is_refused(client):
    head = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n'
    for text in (b"\xff", b"Mathild\xc3", "\xe9".encode("latin1")):
        body, mimetype = head + text + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
        sent = client.post("/covers", body, content_type=mimetype)
        assert (sent.status_code, sent.json["detail"]) == (400, "The body is not UTF-8.")


class Titled(Body):
    title: str


@pytest.mark.parametrize("text", ["Mathild%e9", "%ff%fe", "%C3", "%ED%A0%80"])
def test_an_encoded_form_that_is_not_utf_8_is_refused(text):
    @operation()
    def view(form: Titled) -> Titled:
        return form

    client, kind = make_client(view), {"content_type": "application/x-www-form-urlencoded"}
    assert client.post("/", data=f"title={text}", **kind).status_code == 400
    assert client.post("/", data="title=%25e9+%C3%A9", **kind).json == {"title": "%e9 \xe9"}


PART = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nMathilda'
MALFORMED = {
    "cut": PART[:-3],
    "cut in its head": PART[:20],
    "without a part's head": b"--b\r\n\r\nMathilda\r\n--b--\r\n",
    "without its end": PART + b"\r\n--b\r\n",
    "of another boundary": PART.replace(b"--b", b"--c") + b"\r\n--c--\r\n",
    "something else": b"hunter2",
}
WHOLE = PART + b"\r\n--b--\r\n"


@pytest.fixture
def read(app):
    """Send a form to a view that reads it without an operation: ``read(body, content_type)``."""
    app.add_url_rule("/dict", view_func=lambda: request.get_dict(), methods=["POST"])
    return lambda body, of: app.test_client().post("/dict", data=body, content_type=of)


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_form_is_not_an_empty_one(client, read, body):
    of = "multipart/form-data; boundary=b"
    for sent in (read(body, of), client.post("/covers", data=body, content_type=of)):
        assert (sent.status_code, sent.json["detail"]) == (400, "The form is malformed.")


@pytest.mark.parametrize("of", ["", "; boundary=", "; boundary=\xe9", "; boundary=c"])
def test_a_form_needs_its_boundary(read, of):
    assert read(WHOLE, f"multipart/form-data{of}").status_code == 400
    assert read(WHOLE, "multipart/form-data; boundary=b").json == {"title": "Mathilda"}


@pytest.mark.parametrize("of", ["multipart/form-data", "multipart/form-data; boundary=b"])
def test_no_body_is_an_empty_form(read, of):
    assert read(b"", of).json == read(b"", "application/x-www-form-urlencoded").json == {}


def test_a_form_of_too_many_parts_is_a_413(app, client):
    app.config["MAX_FORM_PARTS"] = 2
    assert client.post("/covers", cover(tags=["a"] * 2), **MULTIPART).status_code == 413


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_what_is_no_form_is_a_415(client, content_type):
    assert client.post("/covers", "{}", content_type=content_type).status_code == 415


def test_the_document_describes_the_form(client):
    described = client.get("/openapi.json").json
    [body] = described["paths"]["/covers"]["post"]["requestBody"]["content"].items()
    assert body[0] == "multipart/form-data"
    assert body[1]["schema"] == {"$ref": "#/components/schemas/Cover"}
    file = described["components"]["schemas"]["Cover"]["properties"]["file"]
    assert (file["type"], file["format"]) == ("string", "binary")
    assert {"415", "422"} <= described["paths"]["/covers"]["post"]["responses"].keys()
