"""What is stored under a key: responses, tokens and values, as bytes and without pickle.

A planted value can be wrong, but never run. What comes out equals what went in, or it was a
TypeError.
"""

import json
import secrets
import time
from base64 import b64decode
from base64 import b64encode
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import datetime
from datetime import time as daytime
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from functools import lru_cache
from typing import Annotated
from typing import Any
from typing import IO
from uuid import UUID
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from cachelib.serializers import BaseSerializer
from flask import current_app
from flask import Response as FlaskResponse
from markupsafe import Markup
from pydantic import Field
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import to_json
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.http import is_resource_modified
from werkzeug.wrappers import Response

TOKEN_SECONDS = 30 * 24 * 3600
"""How long a token lives; no entry outlives it."""

Name = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
Line = Annotated[str, Field(pattern=r"^[\t\x20-\x7e\x80-\xff]*$")]

_OF_A_BODY = {
    *("allow", "content-encoding", "content-language", "content-length", "content-md5"),
    *("content-range", "content-type", "last-modified"),
}
_OF_A_CONNECTION = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
}


def new_token() -> str:
    """Return a random token, so that one that was lost never comes back."""
    return secrets.token_hex(16)


def is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32


@dataclass(frozen=True)
class Head:
    """A stored response without its body.

    *token* is what its namespaces had when its view started, *made* that time in seconds since
    1970. An entry with *varies* is no response: there is one for each value of these request
    headers, under a key that holds the values.
    """

    token: str
    made: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: list[tuple[Name, Line]] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)

    @cached_property
    def etag(self) -> str | None:
        return self.header("etag")

    @cached_property
    def unchanged(self) -> list[tuple[str, str]]:
        """The headers of a 304: what is said of a body goes with the body."""
        return [pair for pair in self.headers if pair[0].lower() not in _OF_A_BODY]

    def header(self, wanted: str) -> str | None:
        """The first value of a header, named in lower case."""
        return next((value for name, value in self.headers if name.lower() == wanted), None)


@dataclass(frozen=True)
class Entry:
    """A head and a body."""

    head: Head
    body: bytes = b""

    def pack(self) -> bytes:
        """Return a line of JSON and the body."""
        return to_json(self.head) + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> "Entry | None":
        """Return the entry in *packed*, or None if there is none."""
        line, _, body = packed.partition(b"\n")
        head, length = _head(line)
        return None if head is None or length not in (None, str(len(body))) else cls(head, body)


_HEAD = TypeAdapter(Head)


@lru_cache(1024)
def _head(line: bytes) -> tuple[Head | None, str | None]:
    """A head, and the length of its body if it tells."""
    try:
        head = _HEAD.validate_json(line)
    except ValidationError:
        return None, None
    if any(name.lower() in _OF_A_CONNECTION for name, _ in head.headers):
        return None, None
    return head, head.header("content-length")


def current(value: object, token: str, since: float) -> Entry | None:
    """Return *value* if it is an entry that was made under *token*, and not before *since*."""
    is_current = isinstance(value, Entry) and value.head.token == token and value.head.made >= since
    return value if is_current else None  # type: ignore[return-value]


class Serializer(BaseSerializer):
    """Entries, text and bytes as they are, whole numbers as digits, else JSON with types."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Raises TypeError for a value that would not come back as it is."""
        if isinstance(value, Entry):
            return b"e" + value.pack()
        if type(value) is bytes:
            return b"b" + value
        if type(value) is str:
            return b"s" + value.encode("utf-8", "surrogatepass")
        try:
            if type(value) is int:
                return str(value).encode()
            return b"j" + json.dumps(_tagged(value)).encode()
        except (RecursionError, ValueError) as error:
            raise TypeError(f"This {type(value).__name__} is too deep or too large.") from error

    def loads(self, bvalue: bytes | None) -> Any:
        """Return the value, or None for bytes that this serializer did not write."""
        if not isinstance(bvalue, bytes):
            return None
        kind, content = bvalue[:1], bvalue[1:]
        try:
            if kind == b"e":
                return Entry.unpack(content)
            if kind == b"b":
                return content
            if kind == b"s":
                return content.decode("utf-8", "surrogatepass")
            return _untagged(json.loads(content)) if kind == b"j" else int(bvalue)
        except _NOT_OURS:
            return None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> Any:
        return self.loads(f.read())


_NOT_OURS = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError

_AS_IS = {type(None), bool, int, float, str}

_TAGS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    dict: (
        "dict",
        lambda value: [[_tagged(key), _tagged(item)] for key, item in value.items()],
        lambda pairs: {_untagged(key): _untagged(item) for key, item in pairs},
    ),
    tuple: ("tuple", lambda value: [*map(_tagged, value)], lambda items: (*map(_untagged, items),)),
    set: ("set", lambda value: [*map(_tagged, value)], lambda items: {*map(_untagged, items)}),
    frozenset: (
        "frozenset",
        lambda value: [*map(_tagged, value)],
        lambda items: frozenset(map(_untagged, items)),
    ),
    bytes: ("bytes", lambda value: b64encode(value).decode(), b64decode),
    Markup: ("markup", str, Markup),
    Decimal: ("decimal", str, Decimal),
    UUID: ("uuid", str, UUID),
    datetime: ("datetime", datetime.isoformat, datetime.fromisoformat),
    date: ("date", date.isoformat, date.fromisoformat),
    daytime: ("time", daytime.isoformat, daytime.fromisoformat),
    timedelta: (
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(*parts),
    ),
}


def _tagged(value: Any) -> Any:
    """*value* as JSON, in which an object names a type that JSON does not have."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is list:
        return [*map(_tagged, value)]
    if isinstance(value, Response) and not value.is_streamed:
        return {"response": [_tagged(value.get_data()), value.status, list(value.headers)]}
    if kind not in _TAGS:
        raise TypeError(
            f"A value of type {kind.__name__} would not come back from the cache as it is. "
            "Cache what it is made of: text, numbers, bytes, dates, UUIDs, lists, dicts, sets."
        )
    name, dump, _ = _TAGS[kind]
    return {name: dump(value)}


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_untagged, value)]
    if isinstance(value, dict):
        [(name, content)] = value.items()
        return _LOADERS[name](content)
    return value


def _response(parts: list[Any]) -> Response:
    body, status, headers = parts
    return current_app.response_class(_untagged(body), status, headers)


_LOADERS = {name: load for name, _, load in _TAGS.values()} | {"response": _response}


class StoredResponse(FlaskResponse):
    """A stored response, which needs no more work unless a hook changes it."""

    _stored: tuple[str, list[tuple[str, str]], list[bytes]]
    _headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The stored headers, as soon as something reads them."""
        if self._headers is None:
            self._headers = Headers()
            self._headers._list.extend(self._stored[1])  # They were checked when unpacked.
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._stored
        if self._on_close or self._status is not status or self.response is not body:
            return super().__call__(environ, start_response)
        start_response(status, headers if self._headers is None else self._headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else body


class StoredResponses:
    """Makes stored responses, of the response class of one app."""

    def __init__(self, response_class: type[FlaskResponse]) -> None:
        self._class: Any = type("StoredResponse", (StoredResponse, response_class), {})
        self._blank = {**self._class().__dict__, "_headers": None}

    def respond(self, entry: Entry, environ: WSGIEnvironment) -> FlaskResponse:
        """Return the whole response, or a 304 if the client has it."""
        head = entry.head
        age = ("Age", str(max(0, int(time.time() - head.made))))
        if head.status < 300 and _is_known(entry, environ):
            return self._make(304, [*head.unchanged, age], [])
        return self._make(head.status, [*head.headers, age], [entry.body])

    def _make(self, code: int, headers: list[tuple[str, str]], body: list[bytes]) -> FlaskResponse:
        status = _STATUS_LINES.get(code) or f"{code} UNKNOWN"
        response: StoredResponse = self._class.__new__(self._class)
        response.__dict__ = {
            **self._blank,
            "_stored": (status, headers, body),
            "_on_close": [],
            "_status": status,
            "_status_code": code,
            "response": body,
        }
        return response


_STATUS_LINES = {code: f"{code} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()}


def _is_known(entry: Entry, environ: WSGIEnvironment) -> bool:
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is None and "HTTP_IF_MODIFIED_SINCE" not in environ:
        return False
    if known == entry.head.etag:
        return True
    modified = entry.head.header("last-modified")
    return not is_resource_modified(environ, entry.head.etag, last_modified=modified)
