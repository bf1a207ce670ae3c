"""What is stored under a key: responses, tokens and values, as bytes and without pickle.

A planted value can be wrong, but never run. What comes out equals what went in, or it was a
TypeError.
"""

import datetime
import json
import secrets
import time
from base64 import b64decode
from base64 import b64encode
from collections.abc import Callable
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from functools import cached_property
from functools import lru_cache
from typing import Annotated
from typing import Any
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
from werkzeug.wrappers import Response

from ...conditional import is_known

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
    1970. An entry with *varies* is not a response: it names the request headers whose values are
    part of the keys of the responses.
    """

    token: str
    made: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: list[tuple[Name, Line]] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)

    @cached_property
    def known(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        return {name.lower(): value for name, value in self.headers}

    @cached_property
    def unchanged(self) -> list[tuple[str, str]]:
        """The headers of a 304: those that do not describe a body."""
        return [pair for pair in self.headers if pair[0].lower() not in _OF_A_BODY]


@dataclass(frozen=True)
class Entry:
    """A head and a body."""

    head: Head
    body: bytes = b""

    def pack(self) -> bytes:
        """Return an ``e``, a line of JSON and the body."""
        return b"e" + to_json(self.head) + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> "Entry | None":
        """Return the entry in *packed*, or None if there is none. Raises ValueError."""
        end = packed.index(b"\n")
        line, body = packed[1:end], packed[end + 1 :]
        head = _head(line)
        if head is None or int(head.known.get("content-length", len(body))) != len(body):
            return None
        return cls(head, body)


_HEAD = TypeAdapter(Head)


@lru_cache(1024)
def _head(line: bytes) -> Head | None:
    try:
        head = _HEAD.validate_json(line)
    except ValidationError:
        return None
    return None if head.known.keys() & _OF_A_CONNECTION else head


def current(value: object, token: str, since: float) -> Entry | None:
    """Return *value* if it is an entry that was made under *token*, and not before *since*."""
    is_current = isinstance(value, Entry) and value.head.token == token and value.head.made >= since
    return value if is_current else None  # type: ignore[return-value]


class Serializer(BaseSerializer):
    """Entries and text as they are, the rest as JSON: what counts are plain digits."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Raises TypeError for a value that would not come back as it is."""
        if isinstance(value, Entry):
            return value.pack()
        if type(value) is str:
            return b"s" + value.encode("utf-8", "surrogatepass")
        try:
            return json.dumps(_tagged(value)).encode()
        except (RecursionError, ValueError) as error:
            raise TypeError(f"This {type(value).__name__} is too deep or too large.") from error

    def loads(self, bvalue: bytes | None) -> Any:
        """Return the value, or None for bytes that this serializer did not write."""
        if not isinstance(bvalue, bytes):
            return None
        try:
            if bvalue[:1] == b"e":
                return Entry.unpack(bvalue)
            if bvalue[:1] == b"s":
                return bvalue[1:].decode("utf-8", "surrogatepass")
            return _untagged(json.loads(bvalue))
        except _NOT_OURS:
            return None


_NOT_OURS = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError

_AS_IS = {type(None), bool, int, float, str}

_TAGS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    dict: ("dict", lambda value: [*map(list, value.items())], dict),
    tuple: ("tuple", list, tuple),
    set: ("set", list, set),
    frozenset: ("frozenset", list, frozenset),
    bytes: ("bytes", lambda value: b64encode(value).decode(), b64decode),
    Markup: ("markup", str, Markup),
    Decimal: ("decimal", str, Decimal),
    UUID: ("uuid", str, UUID),
    **{
        kind: (kind.__name__, kind.isoformat, kind.fromisoformat)
        for kind in (datetime.datetime, datetime.date, datetime.time)
    },
    datetime.timedelta: (
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: datetime.timedelta(*parts),
    ),
}
"""The name of a type that JSON does not have, what its values become, and what makes them again."""


def _tagged(value: Any) -> Any:
    """*value* as JSON, in which an object names a type that JSON does not have."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is list:
        return [*map(_tagged, value)]
    if isinstance(value, Response) and not value.is_streamed:
        return {"response": _tagged([value.get_data(), value.status, [*value.headers]])}
    if kind not in _TAGS:
        raise TypeError(
            f"A value of type {kind.__name__} would not come back from the cache as it is. "
            "Cache what it is made of: text, numbers, bytes, dates, UUIDs, lists, dicts, sets."
        )
    name, dump, _ = _TAGS[kind]
    return {name: _tagged(dump(value))}


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_untagged, value)]
    if isinstance(value, dict):
        [(name, content)] = value.items()
        return _LOADERS[name](_untagged(content))
    return value


_LOADERS: dict[str, Callable[[Any], Any]] = {
    "response": lambda parts: current_app.response_class(*parts),
    **{name: load for name, _, load in _TAGS.values()},
}


class StoredResponse(FlaskResponse):
    """A stored response, which needs no more work unless a hook changes it."""

    _stored: tuple[str, list[tuple[str, str]], list[bytes]]

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        """The stored headers, as soon as something reads them."""
        headers = Headers()
        headers._list.extend(self._stored[1])  # They were checked when unpacked.
        return headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._stored
        if self._on_close or self._status is not status or self.response is not body:
            return super().__call__(environ, start_response)
        start_response(status, self.headers.to_wsgi_list() if "headers" in vars(self) else headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else body


class StoredResponses:
    """Makes stored responses, of the response class of one app."""

    def __init__(self, response_class: type[FlaskResponse]) -> None:
        self._class: Any = type("StoredResponse", (StoredResponse, response_class), {})
        flasks = vars(FlaskResponse())
        self._own = {
            name: value for name, value in vars(self._class()).items() if name not in flasks
        }

    def respond(self, entry: Entry, environ: WSGIEnvironment) -> FlaskResponse:
        """Return the whole response, or a 304 if the client has it."""
        head, code = entry.head, entry.head.status
        headers, body = head.headers, [entry.body]
        is_conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        etag, modified = head.known.get("etag"), head.known.get("last-modified")
        if is_conditional and code < 300 and is_known(environ, etag, modified):
            code, headers, body = 304, head.unchanged, []
        headers = [*headers, ("Age", str(max(0, int(time.time() - head.made))))]
        status = _STATUS_LINES.get(code) or f"{code} UNKNOWN"
        response: StoredResponse = self._class.__new__(self._class)
        response.__dict__ = {
            "_stored": (status, headers, body),
            "_on_close": [],
            "_status": status,
            "_status_code": code,
            "direct_passthrough": False,
            "response": body,
        }
        if self._own:  # What the app's response class adds, for this response alone.
            response.__dict__.update(deepcopy(self._own))
        return response


_STATUS_LINES = {code: f"{code} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()}
