"""What a record tells of its request: never the body, a cookie or a credential."""

import logging
from urllib.parse import parse_qsl
from urllib.parse import urlencode

from flask import has_request_context
from werkzeug.datastructures import EnvironHeaders

from ...reads import current_request
from ...reads import environ_of
from ...request import id_of
from .redaction import is_sensitive
from .redaction import MASK
from .redaction import redact_text
from .text import escape

_HEADERS = ("Accept", "Content-Length", "Content-Type", "Host", "Origin", "Referer", "User-Agent")
_NAMES = ("id", "method", "path", "query", "remote_addr", "headers")
_MAX_LENGTH = 512


class RequestFilter(logging.Filter):
    """Puts ``request_id`` and its like on each record, ``-`` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if has_request_context():
            record.__dict__.update(_describe_request())
        else:
            # A record that waited in a queue brings the request it came from.
            for name in _NAMES:
                record.__dict__.setdefault(f"request_{name}", "-")
        return True


def _describe_request() -> dict[str, object]:
    request = current_request()
    environ = environ_of(request)  # To describe a request is not to depend on it.
    headers = EnvironHeaders(environ)
    return {
        "request_id": id_of(environ),
        "request_method": _clean(request.method),
        "request_path": _clean(request.path),
        "request_query": _clean(_query(environ.get("QUERY_STRING", ""))),
        "request_remote_addr": _clean(environ.get("REMOTE_ADDR") or "-"),
        "request_headers": {name: _clean(headers[name]) for name in _HEADERS if name in headers},
    }


def _query(query: str) -> str:
    pairs = parse_qsl(query.encode("latin1").decode(errors="replace"), keep_blank_values=True)
    return urlencode([(name, MASK if is_sensitive(name) else value) for name, value in pairs])


def _clean(value: str) -> str:
    return escape(redact_text(value[:_MAX_LENGTH]))
