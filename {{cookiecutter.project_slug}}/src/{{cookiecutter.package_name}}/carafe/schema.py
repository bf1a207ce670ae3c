"""Shapes of what comes in and what goes out, such that any database takes them."""

from datetime import datetime
from datetime import UTC
from typing import Annotated
from typing import Any

from pydantic import AfterValidator
from pydantic import AwareDatetime
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import StringConstraints

LARGEST_ID = 2**31 - 1
"""The largest number that an integer column holds everywhere."""

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
"""The number of a row."""

NO_NUL = r"^[^\x00]*$"

Text = Annotated[str, StringConstraints(pattern=NO_NUL)]
"""Any text without the character NUL, which no body of a request has."""

Line = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f]$"
    ),
]
"""One line of text, 1 to 200 characters, none of them a control character."""


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("The time is out of range.") from None


Timestamp = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A time with a zone, in UTC."""


class Body(BaseModel):
    """What a client sends: exact types, and no field that is not named."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Representation(BaseModel):
    """What a client gets: these attributes of an object, and no other."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, serialize_by_alias=True)


def optional() -> Any:
    """A field that may be left out; null is not a value for it."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)
