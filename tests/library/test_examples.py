"""Each body in the document has an example, and the view takes it."""

import enum
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv4Address
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated
from typing import Literal
from uuid import UUID

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import JSONClient
from carafe import openapi
from carafe.operation import operation
from carafe.schema import Body
from carafe.schema import Id
from carafe.schema import Line
from carafe.schema import optional
from carafe.schema import Text
from carafe.schema import Timestamp
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import create_model
from pydantic import Field
from pydantic import FutureDate
from pydantic import Json
from pydantic import NaiveDatetime
from pydantic import RootModel
from pydantic import SecretStr
from pydantic import UUID4

set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # and not the folder of the project


class Color(enum.StrEnum):
    RED = "red"


class Tags(RootModel[list[Line]]):
    pass


class Node(Body):
    children: list["Node"] = []


class Inner(Body):
    word: str = Field(pattern="^x{3}$")


TYPES = [
    Line,
    Text,
    Id,
    Timestamp,
    str,
    int,
    float,
    bool,
    datetime,
    UUID,
    Color,
    Tags,
    Node,
    Literal["a", "b"],
    Annotated[str, Field(pattern=r"^[0-9]{1,4}$")],
    Annotated[str, Field(min_length=30, max_length=40)],
    Annotated[str, Field(max_length=2)],
    Annotated[str, Field(pattern="^x{3}$", examples=["xxx"])],
    Annotated[int, Field(gt=7, lt=9)],
    Annotated[int, Field(le=-3)],
    Annotated[int, Field(ge=5, multiple_of=4)],
    Annotated[Decimal, Field(max_digits=10, decimal_places=2)],
    Annotated[list[Id], Field(min_length=3)],
    dict[str, int],
    Line | None,
    tuple[Id, str],
    Annotated[str, Field(pattern="^[A-Z]{3}$")],
    Annotated[str, Field(pattern="^[a-z-]+$")] | Annotated[str, Field(pattern="^x{3}$")],
    Annotated[str, Field(pattern="^x{3}$")] | None,
    Annotated[Inner, Field(examples=[{"word": "xxx"}])],
    Annotated[float, Field(gt=0, lt=1)],
    Annotated[float, Field(gt=0, le=0.5)],
    Annotated[Decimal, Field(ge=Decimal("0.05"), le=Decimal("0.5"))],
    Annotated[float, Field(ge=0.3, le=0.9, multiple_of=0.25)],
    IPv4Address,
    UUID4,
    SecretStr,
]


def post(model):
    """The document's example for this body, and what a view answers to it."""
    app = FlaskCarafe("shop")
    app.test_client_class = JSONClient
    errors.init_app(app)
    openapi.init_app(app)

    @app.post("/things")
    @operation(204)
    def add(body: model) -> None: ...

    content = openapi.document(app)["paths"]["/things"]["post"]["requestBody"]["content"]
    example = content["application/json"]["example"]
    return example, app.test_client().post("/things", example)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))
def test_the_example_is_accepted(types):
    fields = {f"field_{number}": (each, ...) for number, each in enumerate(types)}
    example, response = post(create_model("Thing", __base__=Body, **fields))
    assert example.keys() == fields.keys()
    assert response.status_code == 204, (example, response.json)


def test_what_the_owner_offers_comes_first():
    class Author(Body):
        name: Line = Field(examples=["Mary Shelley"])
        born: int = 1797

    assert post(Author)[0] == {"name": "Mary Shelley", "born": 1797}


def test_a_field_is_called_as_in_json():
    class Author(Body):
        model_config = ConfigDict(alias_generator=str.upper)

        first_name: Line

    assert post(Author)[0] == {"FIRST_NAME": "First name"}


def test_a_field_that_may_be_left_out_is_left_out_rather_than_wrong():
    class Author(Body):
        name: Line
        code: Annotated[str, Field(pattern="^x{3}$")] = optional()
        data: Json[dict[str, int]] = optional()

    example, response = post(Author)
    assert (example, response.status_code) == ({"name": "Name"}, 204)


def even(number):
    if number % 2:
        raise ValueError("Expected an even number.")
    return number


@pytest.mark.parametrize(
    "kind",
    [
        IPv4Network,
        NaiveDatetime,
        FutureDate,
        Annotated[dict[str, int], Field(min_length=1)],
        Annotated[int, AfterValidator(even)],
        Annotated[int, AfterValidator({}.__getitem__)],
    ],
)
def test_an_example_that_is_not_accepted_is_left_out(kind):
    with pytest.raises(KeyError, match="example"):
        post(create_model("Thing", __base__=Body, it=(kind, ...)))


def test_an_optional_field_of_an_unknown_format_is_left_out():
    fields = {"name": (Line, ...), "network": (IPv4Network, optional())}
    example, response = post(create_model("Thing", __base__=Body, **fields))
    assert (example, response.status_code) == ({"name": "Name"}, 204)


def test_a_form_has_examples_of_each_field_too():
    class Cover(Body):
        title: Line
        code: Annotated[str, Field(pattern="^x{3}$")] = optional()

    app = FlaskCarafe("shop")
    openapi.init_app(app)

    @app.post("/covers")
    @operation(204)
    def add(form: Cover) -> None: ...

    document = openapi.document(app)
    content = document["paths"]["/covers"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert content["example"] == {"title": "Title"}
    fields = document["components"]["schemas"]["Cover"]["properties"]
    assert fields["title"]["examples"] == ["Title"]
    assert "examples" not in fields["code"]


class Looped(Body):
    inner: "Looped"


@pytest.mark.parametrize(
    "model", [create_model("Odd", word=(Annotated[str, Field(pattern="^x{3}$")], ...)), Looped]
)
def test_no_example_is_better_than_a_wrong_one(model):
    with pytest.raises(KeyError, match="example"):
        post(model)


def test_a_text_in_a_body_is_said_to_have_no_nul():
    class Inner(BaseModel):
        words: list[str]

    class Outer(Body):
        note: str | None
        inner: Inner
        by_name: dict[str, str]
        color: Color

    app = FlaskCarafe("shop")
    openapi.init_app(app)
    app.post("/things")(operation(204)(_taking(Outer)))
    found = openapi.document(app)["components"]["schemas"]
    no_nul = r"^[^\x00]*$"
    assert found["Inner"]["properties"]["words"]["items"]["pattern"] == no_nul
    outer = found["Outer"]["properties"]
    assert outer["note"]["anyOf"][0]["pattern"] == no_nul
    assert outer["by_name"]["propertyNames"] == {"pattern": no_nul}
    assert "pattern" not in found["Color"]


def _taking(model):
    def add(body: model) -> None: ...

    return add
