"""A cached response: whether it may be cached, its key, and what is stored and sent.

Its key is ``{namespace}:view:{path}``, with ``?{query}`` if arguments count, ``@{root}`` if the app
is mounted below a path, and ``#{headers}`` if request headers count; the token of a namespace is
under ``{namespace}:token``. All parts are percent-encoded, so that no two requests share a key.

The header ``Cache-Status`` (RFC 9211) says in development what the cache did: ``hit``;
``fwd=miss; stored``, the view ran and its response is cached from now on; ``fwd=miss`` and
``fwd=bypass`` with a ``detail`` that says why the response is not cached.
"""

import random
import secrets
import time
from collections.abc import Collection
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from functools import lru_cache
from math import ceil
from typing import Annotated
from typing import Any
from typing import ClassVar
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlencode
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from flask import Request
from flask import Response
from pydantic import Field
from pydantic import TypeAdapter
from pydantic_core import to_json
from werkzeug.datastructures import EnvironHeaders
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.http import is_hop_by_hop_header
from werkzeug.http import remove_entity_headers

from ... import reads
from ...conditional import is_known

TOKEN_SECONDS = 30 * 24 * 3600
"""How long a token lives; no entry outlives it."""

HIT = "hit"
STORED = "fwd=miss; stored"

MAX_BODY_BYTES = 1024 * 1024

PERSONAL = {
    "authorization": "the header Authorization was read",
    "cookie": "a cookie was read",
    "x-request-id": "the id of the request was read",
    reads.SESSION: "the session was read",
    reads.IDENTITY: "the identity of the user was read",
    reads.ADDRESS: "the client's address was read",
    reads.ENVIRON: "the environ was read, which holds everything",
    reads.HEADERS: "all request headers were read",
}
"""What may differ from client to client, and the reason why a response is not shared."""

_NEUTRAL = {"if-none-match", reads.BODY, reads.GLOBALS, reads.PATH, reads.QUERY}
"""What makes no difference: who has the response gets a 304 instead; a request with a body is not
cached; the path and the query are in the key; what ``g`` holds was read from elsewhere."""

_OF_ONE_RESPONSE = {"content-range", "set-cookie"}

STATUS = "carafe.cache.status"
"""The key in the environ of what the cache did."""


def why_personal(names: Collection[str]) -> str | None:
    """Return why what was made by reading *names* is for one client only, or None if it is not."""
    for name, reason in PERSONAL.items():
        if name in names:
            return reason
    return None


def why_not_cached(response: Response, names: Collection[str], options: Any) -> str | None:
    """Return why *response* must not be sent to others, or None if it may.

    It depends on *names*; *options* are those of ``cached_view``.
    """
    control = response.cache_control
    if response.status_code not in options.statuses:
        return f"its status is {response.status_code}"
    if not options.public and (reason := why_personal(names)):
        return reason
    if response.is_streamed or response.direct_passthrough:
        return "it is streamed"
    if control.private or control.no_store or control.no_cache:
        return f"Cache-Control is {control}".replace('"', "'")
    for name in response.headers.keys():
        if name.lower() in _OF_ONE_RESPONSE or is_hop_by_hop_header(name):
            return f"it has the header {name}"
    if "*" in names:
        return "it varies on everything"
    return "it is too large" if len(response.get_data()) > MAX_BODY_BYTES else None


def join_lines(headers: Headers) -> None:
    """Make one line of ``Cache-Control`` and of ``Vary``: Werkzeug reads only the first one."""
    for name in ("Cache-Control", "Vary"):
        if name in headers:
            headers[name] = ", ".join(headers.getlist(name))
    if "Cache-Control" in headers:  # Werkzeug expects directives in lower case.
        headers["Cache-Control"] = headers["Cache-Control"].lower()


def seconds_for(response: Response, seconds: int) -> int:
    """Return how long to cache *response*: at most as long as it says, with random variation."""
    control = response.cache_control
    own = control.max_age if control.s_maxage is None else control.s_maxage
    if own is None and "Expires" in response.headers:
        own = ceil(response.expires.timestamp() - time.time()) if response.expires else 0
    longest = seconds if own is None else max(0, min(seconds, own))
    return longest - random.randrange(longest // 10 + 1)


def varies_on(names: set[str]) -> set[str]:
    """Return those of *names* that make another response: request headers, and ``SCHEME``."""
    return names - _NEUTRAL - PERSONAL.keys()


@lru_cache(1024)
def token_key(namespace: str) -> str:
    return f"{_quoted(namespace, ':/')}:token"


@lru_cache(1024)
def view_key(namespace: str, path: str, query: bytes, root: str = "") -> str:
    """The key of the response to *path* below *root*, with the arguments that count."""
    # The last ":view:" ends the namespace: a path has no colon left.
    key = f"{_quoted(namespace, ':/')}:view:{_quoted(path, '/')}"
    if root:
        key += f"@{_quoted(root, '/')}"
    # Different bytes that are not UTF-8 stay different.
    text = query.decode(errors="surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    pairs.sort(key=lambda pair: pair[0])
    return f"{key}?{urlencode(pairs, errors='surrogatepass')}" if pairs else key


def stored_key(text: str) -> str:
    """The key, or its beginning, as ``view_key`` spells it: ``books:view:/my books?page=2``."""
    namespace, found, rest = text.partition(":view:")
    path, _, query = rest.partition("?")
    return view_key(namespace, path, query.encode()) if found else _quoted(text, ":/")


def variant_key(key: str, values: list[tuple[str, str]]) -> str:
    """The key of the response for these values of what it varies on."""
    return f"{key}#{urlencode(values, errors='surrogatepass')}" if values else key


def value_of(name: str, request: Request) -> str:
    """Return the value of what a response varies on, as a part of a key."""
    environ = reads.environ_of(request)
    if name == reads.SCHEME:
        return f"={environ['wsgi.url_scheme']}"
    headers = EnvironHeaders(environ)
    return f"={headers[name]}" if name in headers else ""


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e\x80-\xff]*$")]


def new_token() -> str:
    """Return the time in milliseconds and a random number, so that a lost one never comes back."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32


def is_older(token: str, moment: float) -> bool:
    """Return whether all tokens in *token* were made before *moment*, in seconds since 1970."""
    tokens = token.partition("@")[0]
    made = max(tokens[start : start + 12] for start in range(0, len(tokens), 32))
    return int(made, 16) < int(moment * 1000)


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
    headers: list[tuple[HeaderName, HeaderValue]] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)

    @cached_property
    def by_name(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        return {name.lower(): value for name, value in self.headers}

    @cached_property
    def unchanged(self) -> list[tuple[str, str]]:
        """The headers of a 304: those that do not describe a body."""
        headers = self.headers.copy()
        remove_entity_headers(headers)
        return headers


@dataclass(frozen=True)
class Entry:
    """A head and a body."""

    head: Head
    body: bytes = b""

    def pack(self) -> bytes:
        """Return an ``e``, a line of JSON and the body."""
        return b"e" + to_json(self.head) + b"\n" + self.body

    @classmethod
    def unpack(cls, packed: bytes) -> "Entry":
        """Return the entry in *packed*. Raises ValueError if there is none that may be sent."""
        end = packed.index(b"\n")
        head, body = _head(packed[1:end]), packed[end + 1 :]
        if int(head.by_name.get("content-length", len(body))) != len(body):
            raise ValueError("The body was cut.")
        return cls(head, body)


_HEAD = TypeAdapter(Head)


@lru_cache(1024)
def _head(line: bytes) -> Head:
    head = _HEAD.validate_json(line)
    if any(map(is_hop_by_hop_header, head.by_name)):
        raise ValueError("A header is about a connection.")
    return head


def current(value: object, token: str, since: float) -> Entry | None:
    """Return *value* if it is an entry that was made under *token*, and not before *since*."""
    if isinstance(value, Entry) and value.head.token == token and value.head.made >= since:
        return value
    return None


class StoredResponse(Response):
    """A stored response, which is sent as it is unless a hook changes it."""

    _stored: tuple[str, list[tuple[str, str]], list[bytes]]
    _own: ClassVar[dict[str, Any]] = {}
    """What the app's response class adds, copied for each response."""

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

    @classmethod
    def of_class(cls, response_class: type[Response]) -> "type[StoredResponse]":
        """Return the class of the stored responses of an app with this *response_class*."""
        kind: Any = type("StoredResponse", (cls, response_class), {})
        flasks = vars(Response())
        kind._own = {name: value for name, value in vars(kind()).items() if name not in flasks}
        return kind  # type: ignore[no-any-return]

    @classmethod
    def respond(cls, entry: Entry, environ: WSGIEnvironment) -> "StoredResponse":
        """Return the whole response, or a 304 if the client has it."""
        head, code = entry.head, entry.head.status
        headers, body = head.headers, [entry.body]
        is_conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        etag, modified = head.by_name.get("etag"), head.by_name.get("last-modified")
        if is_conditional and code < 300 and is_known(environ, etag, modified):
            code, headers, body = 304, head.unchanged, []
        headers = [*headers, ("Age", str(max(0, int(time.time() - head.made))))]
        status = _STATUS_LINES.get(code) or f"{code} UNKNOWN"
        response = cls.__new__(cls)
        response.__dict__ = {
            "_stored": (status, headers, body),
            "_on_close": [],
            "_status": status,
            "_status_code": code,
            "direct_passthrough": False,
            "response": body,
        }
        if cls._own:
            response.__dict__.update(deepcopy(cls._own))
        return response


_STATUS_LINES = {code: f"{code} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()}


def note(request: Request, status: str, reason: str = "") -> None:
    """Note what the cache did, and why."""
    reads.environ_of(request)[STATUS] = f'{status}; detail="{reason}"' if reason else status


def send_status(response: Response) -> Response:
    """Send with *response* what was noted."""
    if status := reads.environ_of(reads.current_request()).get(STATUS):
        response.headers["Cache-Status"] = f"carafe; {status}"
    return response
