"""The path and the query of a request are text, or it is a 400.

Bytes that are not UTF-8 and the character NUL are refused in both, and any control character
in a path: a line break in it could end up in a header or a log. A request by HTTP/1.1 that names no
host is refused as well, as that protocol demands.
"""

import re
from urllib.parse import unquote_to_bytes

from flask import abort
from flask import Flask

from .reads import current_request
from .reads import environ_of

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def init_app(app: Flask) -> None:
    """Check each request of *app*, before anything else reads its address."""
    app.before_request(check)


def check() -> None:
    """Abort a request without a host, or whose address is not text."""
    environ = environ_of(current_request())
    if "HTTP_HOST" not in environ and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
        abort(400, "The request names no host.")
    path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    if not (path.isascii() and path.isprintable()) and _CONTROL.search(
        _text(path.encode("latin1"))
    ):
        abort(400, "The path has a control character.")
    if ("%" in query or not query.isascii()) and "\0" in _text(_unquoted(query)):
        abort(400, "The query has a character NUL.")


def _text(sent: bytes) -> str:
    try:
        return sent.decode()
    except UnicodeDecodeError:
        abort(400, "The address is not UTF-8.")


def _unquoted(query: str) -> bytes:
    return unquote_to_bytes(query.encode("latin1"))
