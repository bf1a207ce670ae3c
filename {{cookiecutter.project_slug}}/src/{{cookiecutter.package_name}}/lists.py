"""Lists in pages, which clients sort, filter and search.

.. code-block:: python

    class BookQuery(PageQuery):
        sort: Sort = sortable(BookOut, Book.title, Book.created_at)
        q: Search = searched(Book.title)
        author_id: Id = optional()
        created_at_min: Timestamp = optional()

    page(BookOut, select(Book), query)

A page is ``{"items": [...], "next": cursor}``; the cursor is null on the last page. The ``Link``
header has the URL of the next page, which continues after the values in the last row of this one
(keyset pagination). So each page costs the same, if an index that ends with the primary key exists
for the order: ``Index(None, "title", "id")``.

- ``sort=title,-created_at``: NULLs come last, and the primary key ends each order.
- A field with the name of a column is a filter: equal, or one of a list. ``<name>_min`` and
  ``<name>_max`` are inclusive bounds. All other fields are left to the view.
- ``q`` is text to find in one of its columns, ignoring the case of ASCII letters.
"""

import hmac
from base64 import urlsafe_b64decode
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from functools import partial
from typing import Annotated
from typing import Any
from typing import Generic
from typing import TypeVar
from urllib.parse import quote
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import current_app
from flask import request
from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import PlainValidator
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic import WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy.orm import QueryableAttribute

from .carafe.errors import Fault
from .carafe.errors import Invalid
from .carafe.operation import Headers
from .carafe.schema import optional
from .database import db

Item = TypeVar("Item", bound=BaseModel)

Cursor = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_.-]+$", description="The next cursor of the previous page."),
]
"""The values of the last row in the sorted columns, signed for this list and this order."""

Search = Annotated[str, Field(min_length=1, max_length=100, description="Text to find.")]


class PageQuery(BaseModel):
    """The arguments of a list."""

    model_config = ConfigDict(allow_inf_nan=False)

    limit: int = Field(20, ge=1, le=100, description="Maximum number of items.")
    cursor: Cursor = optional()


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: Cursor | None


class Sort(dict[str, bool]):
    """The names of the columns to sort by, each with whether it descends."""


class _Search(str):
    """Text to find, and the columns to search."""

    columns: tuple[QueryableAttribute[Any], ...]


def sortable(
    shown: type[BaseModel], *columns: QueryableAttribute[Any], default: str | None = None
) -> Any:
    """Return the field ``sort`` of a list of *shown* that may be sorted by *columns*.

    *default* is the order without it, such as ``"-created_at"``, instead of that of the primary
    key. Raises ValueError for a column that *shown* does not show, or of another model than the
    first one, and TypeError for one of JSON.
    """
    options: dict[str, tuple[str, bool]] = {}
    for column in columns:
        if sa.inspect(column.class_).base_mapper is not sa.inspect(columns[0].class_).base_mapper:
            raise ValueError(f"{column} is not of the model of {columns[0]}. Sort by one model.")
        if _is_compound(column):
            raise TypeError(f"{column} holds JSON or an array. Sort by columns of single values.")
        name = _name_in(shown, column)
        options |= {name: (column.key, False), f"-{name}": (column.key, True)}
    read = partial(_read_sort, options)
    items = {"type": "string", "enum": [*options]}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": len(columns)}
    usual = None if default is None else read(default)
    field: Any = optional() if usual is None else Field(default_factory=lambda: usual)
    field.metadata += [PlainValidator(read), WithJsonSchema({**schema, "explode": False})]
    return field


def searched(*columns: QueryableAttribute[Any]) -> Any:
    """Return the field ``q``, which searches *columns*. Raises TypeError if one has no strings."""
    for column in columns:
        if isinstance(column.type, sa.Enum) or column.type.python_type is not str:
            raise TypeError(f"{column} has no strings. Search columns of strings.")

    def read(text: str) -> _Search:
        search = _Search(text)
        search.columns = columns
        return search

    field = optional()
    field.metadata.append(AfterValidator(read))
    return field


def page(model: type[Item], rows: sa.Select[Any], query: PageQuery) -> tuple[Page[Item], Headers]:
    """Return the page of *rows*, a select of one model, for these arguments.

    It may join other tables, whose columns can be searched too, if each row still comes once:
    use ``where(Book.tags.any(...))`` instead of a join that repeats rows.
    """
    entity = rows.column_descriptions[0]["entity"]
    dialect = db.session.get_bind(sa.inspect(entity).mapper).dialect
    names = [name for name in type(query).model_fields if name not in PageQuery.model_fields]
    given = {name: getattr(query, name) for name in names}
    order = _order(entity, given)
    keys = [_Key(getattr(entity, name), order[name], dialect) for name in order]
    adapter = _adapter_of(*(key.python_type for key in keys))
    path = quote(request.root_path + request.path)
    purpose = f"cursor {request.endpoint} {request.path} {[*order.items()]} "
    rows = rows.where(*_conditions(entity, given, dialect.name))
    if query.cursor is not None:
        rows = rows.where(_after(keys, _read_cursor(query.cursor, purpose, adapter)))
    rows = rows.add_columns(*(key.selected.label(None) for key in keys))
    rows = rows.order_by(None).order_by(*(key.order() for key in keys)).limit(query.limit + 1)
    found = db.session.execute(rows).unique().all()
    after, headers = None, {}
    if len(found) > query.limit:
        after = _cursor(found[query.limit - 1][-len(keys) :], purpose, adapter)
        others = [pair for pair in request.args.items(multi=True) if pair[0] != "cursor"]
        headers["Link"] = f'<{path}?{urlencode([*others, ("cursor", after)])}>; rel="next"'
    if any(isinstance(value, _Search) for value in given.values()):
        headers["Cache-Control"] = "no-cache"  # Others rarely search for the same text.
    items = [model.model_validate(row[0]) for row in found[: query.limit]]
    return Page[model](items=items, next=after), headers  # type: ignore[valid-type]


def _is_compound(column: Any) -> bool:
    return isinstance(getattr(column.type, "impl_instance", column.type), sa.JSON | sa.ARRAY)


def _name_in(shown: type[BaseModel], column: QueryableAttribute[Any]) -> str:
    """The name under which *shown* shows *column*."""
    for name, field in shown.model_fields.items():
        alias = field.validation_alias
        source = alias if isinstance(alias, str) and hasattr(column.class_, alias) else name
        if source == column.key and not field.exclude:
            return field.serialization_alias or name
    raise ValueError(f"{shown.__name__} does not show {column}. Sort by columns that it shows.")


def _read_sort(options: Mapping[str, tuple[str, bool]], given: str) -> Sort:
    sort = Sort()
    for name in given.split(","):
        if name not in options:
            [nearest] = get_close_matches(name[:100].lower(), options, 1, 0)
            raise PydanticCustomError("sort", f"There is no such order. Did you mean {nearest!r}?")
        column, descends = options[name]
        if column in sort:
            raise PydanticCustomError("sort", f"Sort by {name!r} once, in one direction.")
        sort[column] = descends
    return sort


def _order(entity: Any, given: Mapping[str, Any]) -> Sort:
    """The columns to sort by: those that were requested, then the primary key."""
    order = Sort(next((value for value in given.values() if isinstance(value, Sort)), {}))
    descends, mapper = [False, *order.values()][-1], sa.inspect(entity).mapper
    for column in mapper.primary_key:
        order.setdefault(mapper.get_property_by_column(column).key, descends)
    return order


def _conditions(entity: Any, given: Mapping[str, Any], dialect: str) -> Iterator[Any]:
    """The conditions of the filters and the search that were given."""
    columns = sa.inspect(entity).mapper.column_attrs
    for name, value in given.items():
        base, _, bound = name.rpartition("_")
        column: Any = getattr(entity, name if name in columns else base, None)
        if isinstance(value, _Search):
            yield sa.or_(*_matches(value, entity, dialect))
        elif value is None or isinstance(value, Sort):
            continue
        elif name in columns:
            if _is_compound(column):
                raise TypeError(f"{column} holds JSON or an array. Filter by it in the select.")
            values = value if isinstance(value, list | set | tuple) else [value]
            if values:
                typed = [_typed(each, column.type) for each in values]
                shortest = [_shortest(each, dialect) for each in typed]
                yield column.in_(dict.fromkeys([*typed, *shortest]))
        elif base in columns and bound == "min":
            yield column >= _shortest(_typed(value, column.type), dialect)
        elif base in columns and bound == "max":
            yield column <= _typed(value, column.type)


def _matches(search: _Search, entity: Any, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    text = search.encode().lower().decode()  # ASCII letters only, as lower() of SQLite.
    for named in search.columns:
        is_own = sa.inspect(entity).mapper.isa(named.parent)  # The select may have an alias of it.
        column: Any = sa.type_coerce(getattr(entity, named.key) if is_own else named, sa.String)
        if dialect == "postgresql":
            column = column.collate("C")
        yield sa.func.lower(column).contains(text, autoescape=True)


def _typed(value: Any, kind: Any) -> sa.ColumnElement[Any]:
    """*value* as an expression to compare with a column, no more precise than its type."""
    return (
        sa.cast(sa.literal(value, kind), kind)
        if isinstance(kind, sa.Float)
        else sa.literal(value, kind)
    )


def _shortest(value: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[Any]:
    """*value*; for a time on SQLite, without a zero fraction, as CURRENT_TIMESTAMP stores it."""
    is_text = dialect == "sqlite" and isinstance(value.type, sa.DateTime | sa.Time)
    return sa.func.replace(value, ".000000", "") if is_text else value


class _Key:
    """A column that a list is sorted by, with the type that its database stores."""

    def __init__(self, column: Any, descends: bool, dialect: sa.Dialect) -> None:
        kind = column.type
        if isinstance(kind, sa.TypeDecorator):
            kind = kind.dialect_impl(dialect)
            kind = getattr(kind, "impl_instance", kind)
        if dialect.name == "sqlite" and isinstance(kind, sa.DateTime | sa.Time):
            kind = sa.String()  # The same time may be stored with and without a fraction.
        self.kind, self.descends = kind, descends
        self.is_nullable: bool = getattr(column, "nullable", True)
        self.column: sa.ColumnElement[Any] = sa.type_coerce(column, kind)
        # The value of an enum may be anything, so a cursor has its name.
        self.selected = (
            sa.type_coerce(column, sa.String) if isinstance(kind, sa.Enum) else self.column
        )
        self.python_type: Any = self.selected.type.python_type

    def order(self) -> sa.ColumnElement[Any]:
        order = self.column.desc() if self.descends else self.column.asc()
        return order.nulls_last() if self.is_nullable else order

    def follows(self, value: Any) -> sa.ColumnElement[bool]:
        if value is None:
            return sa.false()
        last = _typed(value, self.kind)
        later = self.column < last if self.descends else self.column > last
        return sa.or_(later, self.column.is_(None)) if self.is_nullable else later


def _after(keys: Sequence[_Key], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """The condition that a row comes after the one with these *values*."""
    last = [_typed(value, key.kind) for key, value in zip(keys, values, strict=True)]
    if len({key.descends for key in keys}) == 1 and not any(key.is_nullable for key in keys):
        row = sa.tuple_(*(key.column for key in keys))
        return row < sa.tuple_(*last) if keys[0].descends else row > sa.tuple_(*last)
    equal = [key.column.is_not_distinct_from(each) for key, each in zip(keys, last, strict=True)]
    return sa.or_(*(sa.and_(*equal[:at], key.follows(values[at])) for at, key in enumerate(keys)))


def _cursor(values: Sequence[Any], purpose: str, adapter: TypeAdapter[Any]) -> str:
    text = urlsafe_b64encode(adapter.dump_json((*values,))).decode().rstrip("=")
    return _signed(text, purpose, current_app.config["SECRET_KEY"])


def _read_cursor(cursor: str, purpose: str, adapter: TypeAdapter[Any]) -> Sequence[Any]:
    text, config = cursor.partition(".")[0], current_app.config
    secrets = [config["SECRET_KEY"], *(config["SECRET_KEY_FALLBACKS"] or ())]
    if any(hmac.compare_digest(cursor, _signed(text, purpose, secret)) for secret in secrets):
        with suppress(ValidationError):  # The type of a column may have changed since.
            values: Sequence[Any] = adapter.validate_json(urlsafe_b64decode(f"{text}=="))
            return values
    detail = "Expected the next cursor of this list in this order."
    raise Invalid([Fault(place="query", path="cursor", detail=detail)])


def _signed(text: str, purpose: str, secret: str) -> str:
    return f"{text}.{hmac.digest(secret.encode(), f'{purpose}{text}'.encode(), 'sha256').hex()}"


@cache
def _adapter_of(*kinds: Any) -> TypeAdapter[Any]:
    """The adapter of values of these types, which JSON does not change."""
    config = ConfigDict(
        ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants"
    )
    values: Any = tuple[tuple(kind | None for kind in kinds)]  # type: ignore[misc]
    return TypeAdapter(values, config=config)
