"""Base models and types of requests and responses, within the limits of every database."""

import re
from collections.abc import Callable
from datetime import datetime
from datetime import UTC
from functools import partial
from typing import Annotated
from typing import Any

from pydantic import AfterValidator
from pydantic import AwareDatetime
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import GetCoreSchemaHandler
from pydantic import InstanceOf
from pydantic import WithJsonSchema
from pydantic_core import PydanticCustomError
from pydantic_core import to_json
from pydantic_core.core_schema import wrap_serializer_function_ser_schema
from werkzeug.datastructures import FileStorage

MAX_ID = 2**31 - 1
"""The largest integer that an integer column stores on every database."""


class Changed:
    """The annotation of a type whose schema of pydantic's core is changed."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self._change = change

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return self._change(handler(source))


class Limits(Changed):
    """The annotation of a type with limits, each of which a field may replace by its own."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(self._limited)
        self.limits = limits

    def _limited(self, schema: Any) -> Any:
        if schema["type"].startswith("function-"):  # of a validator
            return {**schema, "schema": self._limited(schema["schema"])}
        return {**self.limits, **schema}


Id = Annotated[int, Limits(ge=1, le=MAX_ID)]
"""The id of a row."""

NO_NUL = r"^[^\x00]*$"
NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]+$"

Text = Annotated[str, Limits(pattern=NO_NUL)]
"""Text without NUL characters, which are refused in every request body."""

Line = Annotated[
    str,
    Limits(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f]$"),
]
"""One line of text of 1 to 200 characters without control characters."""


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("The time is out of range.") from None


NO_TIME = "Expected a date or a time, not a number."
NUMBER = re.compile(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*")
"""What pydantic would count as seconds since 1970."""

_TIMES = ("date", "datetime", "time")
_NO_SCHEMAS = {"default", "expected", "metadata", "serialization"}


def _rewritten(change: Callable[[Any, Any], Any], schema: Any) -> Any:
    """The *schema* of pydantic's core after a *change* of each one in it, the inner ones first."""
    if isinstance(schema, list | tuple):
        return type(schema)(_rewritten(change, each) for each in schema)
    if not isinstance(schema, dict):
        return schema
    # Without a type, it has the fields of a model by their names.
    skipped = _NO_SCHEMAS if isinstance(schema.get("type"), str) else ()
    parts = {
        key: value if key in skipped else _rewritten(change, value) for key, value in schema.items()
    }
    return change(schema, parts)


_SORTING = wrap_serializer_function_ser_schema(
    lambda values, serialize: sorted(serialize(values), key=to_json), when_used="json"
)


def _sort_sets(schema: Any, parts: Any) -> Any:
    is_set = parts.get("type") in ("set", "frozenset")
    return {"serialization": _SORTING, **parts} if is_set else parts


def _refuse_number(value: Any) -> Any:
    if isinstance(value, int | float | str) and NUMBER.fullmatch(str(value)):
        raise PydanticCustomError("time_number", NO_TIME)
    return value


_REFUSAL = {"type": "function-before", "function": {"type": "no-info", "function": _refuse_number}}


def _refuse_numbers(schema: Any, parts: Any) -> Any:
    kind = schema.get("type")  # It is a schema if a field is named "type".
    if schema.get("function") == _REFUSAL["function"]:
        return schema
    if kind == "union":  # The paths of its faults have the names of its options.
        parts["choices"] = [
            (option, each["type"]) if isinstance(each, dict) and each["type"] in _TIMES else option
            for option, each in zip(parts["choices"], schema["choices"], strict=True)
        ]
    # After a validator, a value no longer counts as JSON, and a strict time would refuse a text.
    return {**_REFUSAL, "schema": {**parts, "strict": False}} if kind in _TIMES else parts


WrittenOut = Changed(partial(_rewritten, _refuse_numbers))
"""The annotation of a type whose dates and times are texts in ISO 8601, not numbers."""

Sorted = Changed(partial(_rewritten, _sort_sets))
"""The annotation of a type whose sets have the same JSON in each process."""


Timestamp = Annotated[AwareDatetime, WrittenOut, AfterValidator(_utc)]
"""A time with a zone, in UTC."""


File = Annotated[InstanceOf[FileStorage], WithJsonSchema({"type": "string", "format": "binary"})]
"""A file in a form."""


class Body(BaseModel):
    """The body of a request: exact types, and no unknown fields."""

    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Return the schema, in which no number is a date or a time."""
        return WrittenOut.__get_pydantic_core_schema__(source, handler)


class Representation(BaseModel):
    """The body of a response: the declared fields, read from the attributes of an object."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, serialize_by_alias=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Return the schema, whose sets are sorted: an ETag is the same in each process."""
        return Sorted.__get_pydantic_core_schema__(source, handler)


def optional(**limits: Any) -> Any:
    """Return a field that may be left out, but not null; *limits* are those of ``Field``."""
    return Field(default=None, **limits)
