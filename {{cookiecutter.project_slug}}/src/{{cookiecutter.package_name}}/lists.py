"""Lists in pages (keyset pagination): each page continues after the last row of the previous one.

A page is ``{"items": [...], "next": cursor}``; the cursor is null on the last page. The ``Link``
header has the URL of the next page.
"""

from collections.abc import Sequence
from typing import Annotated
from typing import Any
from typing import Generic
from typing import TypeVar

from flask import request
from flask import url_for
from pydantic import BaseModel
from pydantic import Field
from sqlalchemy import Select

from .carafe.operation import Headers
from .carafe.schema import optional
from .database import db

Item = TypeVar("Item", bound=BaseModel)

Cursor = Annotated[
    str, Field(pattern=r"^[0-7][0-9a-f]{7}$", description="The next cursor of the previous page.")
]
"""The id of a row in hexadecimal, at most ``MAX_ID``."""


class PageQuery(BaseModel):
    """The arguments of a list."""

    limit: int = Field(20, ge=1, le=100, description="Maximum number of items.")
    cursor: Cursor = optional()


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: Cursor | None


def page(
    model: type[Item], rows: Select[Any], key: Any, query: PageQuery
) -> tuple[Page[Item], Headers]:
    """Return a page of *rows*, as *model*, in the order of *key*, a unique integer column."""
    if query.cursor is not None:
        rows = rows.where(key > int(query.cursor, 16))
    found = db.session.scalars(rows.order_by(key).limit(query.limit + 1)).all()
    items = [model.model_validate(row) for row in found[: query.limit]]
    after = _cursor(getattr(found[query.limit - 1], key.key)) if _has_more(found, query) else None
    return Page[model](items=items, next=after), _link(query, after)  # type: ignore[valid-type]


def _has_more(found: Sequence[Any], query: PageQuery) -> bool:
    return len(found) > query.limit


def _link(query: PageQuery, after: str | None) -> Headers:
    if after is None:
        return {}
    address = url_for(str(request.endpoint), limit=query.limit, cursor=after)
    return {"Link": f'<{address}>; rel="next"'}


def _cursor(number: int) -> str:
    return f"{number:08x}"
