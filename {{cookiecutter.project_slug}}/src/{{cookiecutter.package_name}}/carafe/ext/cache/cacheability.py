"""Whether a response may be cached, under which key, and for how long.

Its key is ``{namespace}:view:{path}``, with ``?{query}`` if arguments count, ``@{root}`` below a
path of its own and ``#{headers}`` if request headers do; the token of a namespace is under
``{namespace}:token``. All parts are percent-encoded, so that no two requests share a key.

The header ``Cache-Status`` (RFC 9211) tells in development what the cache did: ``hit``;
``fwd=miss; stored``, the view ran and its response is cached from now on; ``fwd=miss`` and
``fwd=bypass`` with a ``detail`` that says why the response is not cached.
"""

import random
from collections.abc import Collection
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlencode

from flask import Request
from flask import Response

from ... import reads

HIT = "hit"
STORED = "fwd=miss; stored"

MAX_BODY_BYTES = 1024 * 1024

PERSONAL = {
    "authorization": "the header Authorization was read",
    "cookie": "a cookie was read",
    reads.SESSION: "the session was read",
    reads.IDENTITY: "it was read who is logged in",
    reads.ADDRESS: "the client's address was read",
    reads.ENVIRON: "the environ was read, which holds everything",
    reads.HEADERS: "all request headers were read",
}
"""What differs from client to client, or may hold what does; and why it is not shared."""

_NEUTRAL = {
    *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
    *(reads.BODY, reads.GLOBALS, reads.QUERY),
}
"""What makes no difference: whether a client has the response already is checked for each; a
request with a body is not cached; the query is in the key; what ``g`` holds was read elsewhere."""

_ENVIRON_KEYS = {
    reads.SCHEME: "wsgi.url_scheme",
    "content-type": "CONTENT_TYPE",
    "content-length": "CONTENT_LENGTH",
}

STATUS = "carafe.cache.status"
"""The key in the environ of what the cache did."""


def why_personal(names: Collection[str]) -> str | None:
    """Return why what was made by reading *names* is for one client only, or None if it is not."""
    for name, reason in PERSONAL.items():
        if name in names:
            return reason
    return None


def why_not_cached(response: Response, names: Collection[str], options: Any) -> str | None:
    """Return why *response* must not be given to others, or None if it may.

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
    for name in ("Set-Cookie", "Content-Range"):
        if name in response.headers:
            return f"it has the header {name}"
    if "*" in names:
        return "it varies on everything"
    return "it is too large" if len(response.get_data()) > MAX_BODY_BYTES else None


def seconds_for(response: Response, seconds: int) -> int:
    """Return how long to cache *response*: no longer than it says itself, and not all alike."""
    control = response.cache_control
    own = control.max_age if control.s_maxage is None else control.s_maxage
    longest = seconds if own is None else max(0, min(seconds, own))
    return longest - random.randrange(longest // 10 + 1)


def depends_on(response: Response) -> set[str]:
    """Return what was read of the request to make *response*, and what that names itself."""
    names = reads.reads_of(reads.current_context())
    return names | response.vary.as_set() if "Vary" in response.headers else names


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


def variant_key(key: str, values: list[tuple[str, str]]) -> str:
    """The key of the response for these values of what it varies on."""
    return f"{key}#{urlencode(values, errors='surrogatepass')}" if values else key


def value_of(name: str, request: Request) -> str:
    """Return the value of what a response varies on, as a part of a key."""
    environ = reads.environ_of(request)
    key = _ENVIRON_KEYS.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
    return f"={environ[key]}" if key in environ else ""


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


def note(request: Request, status: str, reason: str = "") -> None:
    """Note what the cache did, and why."""
    reads.environ_of(request)[STATUS] = f'{status}; detail="{reason}"' if reason else status


def send_status(response: Response) -> Response:
    """Send with *response* what was noted."""
    if status := reads.environ_of(reads.current_request()).get(STATUS):
        response.headers["Cache-Status"] = f"carafe; {status}"
    return response
