"""Entries as responses, finished: their headers and body leave as they were kept."""

import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.http import is_resource_modified

from .entry import Entry

_LINES = {code: f"{code} {text.upper()}" for code, text in HTTP_STATUS_CODES.items()}


class KeptResponse(Response):
    """A response that needs no more work, unless a hook changes it."""

    _kept: tuple[str, list[tuple[str, str]], list[bytes]]
    _headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """Those that are kept, as soon as somebody asks for them."""
        if self._headers is None:
            self._headers = Headers()
            self._headers._list.extend(self._kept[1])  # They were checked when they were unpacked.
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._kept
        if self._on_close or self._status is not status or self.response is not body:
            return super().__call__(environ, start_response)
        start_response(status, headers if self._headers is None else self._headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else body


class Replies:
    """Makes them, in the response class of one app."""

    def __init__(self, response_class: type[Response]) -> None:
        self._class: Any = type("KeptResponse", (KeptResponse, response_class), {})
        self._blank = {**self._class().__dict__, "_headers": None}

    def reply(self, entry: Entry, environ: dict[str, Any]) -> Response:
        """The whole answer, or a 304 if the client has it."""
        head = entry.head
        age = ("Age", str(max(0, int(time.time()) - head.made)))
        if head.status < 300 and _is_known(entry, environ):
            return self._make(304, [*head.unchanged, age], [])
        return self._make(head.status, [*head.headers, age], [entry.body])

    def _make(self, code: int, headers: list[tuple[str, str]], body: list[bytes]) -> Response:
        status = _LINES.get(code) or f"{code} UNKNOWN"
        response: KeptResponse = self._class.__new__(self._class)
        response.__dict__ = {
            **self._blank,
            "_kept": (status, headers, body),
            "_on_close": [],
            "_status": status,
            "_status_code": code,
            "response": body,
        }
        return response


def _is_known(entry: Entry, environ: dict[str, Any]) -> bool:
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is None and "HTTP_IF_MODIFIED_SINCE" not in environ:
        return False
    if known == entry.head.etag:
        return True
    modified = dict(entry.head.headers).get("Last-Modified")
    return not is_resource_modified(environ, entry.head.etag, last_modified=modified)
