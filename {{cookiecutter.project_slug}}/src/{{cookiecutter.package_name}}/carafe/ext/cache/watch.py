"""What a view looks at while it makes an answer, which is what the answer depends on.

The request's headers and the session know when they are asked. The query arguments that make no
difference are not there to be looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import Request
from flask.globals import request_ctx
from werkzeug.datastructures import EnvironHeaders

IRRELEVANT = {
    *("content-length", "content-type", "transfer-encoding"),
    *("if-match", "if-modified-since", "if-none-match", "if-unmodified-since"),
    *("traceparent", "tracestate", "x-request-id"),
}
"""Headers that differ from request to request and say nothing about the answer."""

PERSONAL = {"authorization", "cookie"}

_WORKED_OUT = (
    *("accept_charsets", "accept_encodings", "accept_languages", "accept_mimetypes"),
    *("access_route", "args", "authorization", "base_url", "cache_control", "cookies", "host"),
    *("host_url", "if_match", "if_modified_since", "if_none_match", "if_range"),
    *("if_unmodified_since", "pragma", "range", "root_url", "url", "user_agent"),
)
"""Attributes of a request that are worked out once, when they are first asked for."""


class WatchedHeaders(EnvironHeaders):
    """Headers that remember which of them were asked for by name."""

    def __init__(self, environ: Any) -> None:
        super().__init__(environ)
        self.asked: set[str] = set()

    def _get_key(self, key: str) -> str:
        self.asked.add(str(key).lower())
        return super()._get_key(key)

    def getlist(self, key: str, *args: Any, **kwargs: Any) -> Any:
        self.asked.add(key.lower())
        return super().getlist(key, *args, **kwargs)


@dataclass
class Watch:
    """What was looked at: headers, in lower case, and the session or the identity."""

    headers: set[str] = field(default_factory=set)
    session: bool = False

    @property
    def is_personal(self) -> bool:
        return self.session or bool(self.headers & PERSONAL)


@contextmanager
def watched(request: Request, query: bytes) -> Iterator[Watch]:
    """Watch what is done with *request*, which has no other arguments than *query*."""
    watch = Watch()
    session: Any = request_ctx._session  # Its public name marks it as accessed.
    was_accessed, session.accessed = session.accessed, False
    headers, request.headers = request.headers, (asked := WatchedHeaders(request.environ))
    whole_query, request.query_string = request.query_string, query
    _forget(request)
    try:
        yield watch
    finally:
        watch.headers = asked.asked - IRRELEVANT
        watch.session = session.accessed
        session.accessed = session.accessed or was_accessed
        request.headers = headers
        request.query_string = whole_query
        _forget(request)


def _forget(request: Request) -> None:
    for name in _WORKED_OUT:
        request.__dict__.pop(name, None)
