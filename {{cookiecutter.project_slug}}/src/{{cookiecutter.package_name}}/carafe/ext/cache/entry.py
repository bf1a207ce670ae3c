"""What is kept under a key; as bytes, it is a line of JSON and a body."""

import secrets
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from functools import lru_cache
from typing import Annotated
from typing import Any

from pydantic import Field
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import to_json

TOKEN_TIMEOUT = 30 * 24 * 3600
"""Seconds a token lives, which no entry outlives. Zero would make some backends evict it first."""

Line = Annotated[str, Field(pattern=r"^[^\r\n\x00]*$")]


_OF_A_BODY = {
    *("allow", "content-encoding", "content-language", "content-length", "content-md5"),
    *("content-range", "content-type", "last-modified"),
}


def new_token() -> str:
    """Random, so that no token that was lost ever comes back."""
    return secrets.token_hex(16)


def is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32


@dataclass(frozen=True)
class Head:
    """What an answer is besides its body.

    *token* is its namespace's from before it was made, *made* the time in seconds since 1970.
    An entry that *varies* is no answer: there is one for each value of these request headers,
    under a key that holds the values.
    """

    token: str
    made: int
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: list[tuple[Line, Line]] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)

    @cached_property
    def etag(self) -> str | None:
        return next((value for name, value in self.headers if name.lower() == "etag"), None)

    @cached_property
    def unchanged(self) -> list[tuple[str, str]]:
        """The headers of a 304: what is said of a body goes with the body."""
        return [pair for pair in self.headers if pair[0].lower() not in _OF_A_BODY]


@dataclass(frozen=True)
class Entry:
    """A head and a body."""

    head: Head
    body: bytes = b""

    def pack(self) -> bytes:
        return to_json(self.head) + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> "Entry | None":
        """The entry in *packed*, or None if there is none."""
        line, _, body = packed.partition(b"\n")
        head = _head(line)
        return None if head is None else cls(head, body)


def current(value: object, token: str) -> Entry | None:
    """*value*, if it is an entry that was made under *token*."""
    return value if isinstance(value, Entry) and value.head.token == token else None


_HEAD = TypeAdapter(Head)


@lru_cache(1024)
def _head(line: bytes) -> Head | None:
    try:
        return _HEAD.validate_json(line)
    except ValidationError:
        return None
