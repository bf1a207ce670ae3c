"""Operations on books, for tests."""

from datetime import date

from carafe import errors
from carafe import FlaskCarafe
from carafe import JSONClient
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field


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


def make_client(view, app_class=FlaskCarafe):
    app = app_class(__name__)
    app.test_client_class = JSONClient
    errors.init_app(app)
    app.add_url_rule("/", view_func=view, methods=["GET", "POST"], endpoint="view")
    return app.test_client()


def faults_of(response):
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    return [(fault["place"], fault["path"]) for fault in response.json["errors"]]
