"""The access log: one record for each request, when its response has been sent.

With ``ACCESS_LOG``, the logger ``<app>.access`` logs at INFO each request that is not for
``/health/*`` or ``/metrics``. Standard output shows these records whatever its level is.

================= ==========================================================================
``method``
``rule``          the rule that matched, such as ``/books/<int:id>``, or None
``path``          without the query
``status``        500 if the application raised
``ms``            milliseconds until the response was sent, or the connection broke
``bytes``         of the body; 0 for HEAD and 304
``user_id``       None if nothing in the request needed it
``auth``          ``"session"``, ``"token"`` or None
``request_id``
``remote_addr``   None for a Unix socket
================= ==========================================================================
"""

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from flask import Flask
from flask import got_request_exception

from ...reads import current_request
from ...reads import environ_of
from ...reads import WHO
from ...request import id_of
from .handlers import StreamHandler
from .redaction import AccessRecord
from .redaction import clean_fields

_RULE = "carafe.rule"


class AccessLog:
    """WSGI middleware that logs the requests of *app*."""

    def __init__(self, app: Flask, handlers: Iterable[logging.Handler]) -> None:
        self._application = app.wsgi_app
        self._logger = app.logger.getChild("access")
        if self._logger.level == logging.NOTSET:
            self._logger.setLevel(logging.INFO)
        for earlier in [each for each in self._logger.handlers if isinstance(each, _ToStream)]:
            self._logger.removeHandler(earlier)
        for handler in handlers:
            if isinstance(handler, StreamHandler):
                self._logger.addHandler(_ToStream(handler))
        got_request_exception.connect(_on_exception, app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        is_quiet = path.startswith("/health/") or path == "/metrics"
        if is_quiet or not self._logger.isEnabledFor(logging.INFO):
            return self._application(environ, start_response)
        response = LoggedResponse(self._logger, environ, start_response)
        try:
            response.body = self._application(environ, response.start)
        except BaseException:  # Also of a worker that is told to stop; it is raised again.
            response.log()
            raise
        return response


class _ToStream(logging.Handler):
    """Passes each record to standard output, whatever its level is."""

    def __init__(self, stream: StreamHandler) -> None:
        super().__init__()
        self._stream = stream

    def handle(self, record: logging.LogRecord) -> bool:
        return self._stream.handle(record)


class LoggedResponse:
    """The body of a response, at whose end the request is logged."""

    body: Iterable[bytes]

    def __init__(
        self, logger: logging.Logger, environ: WSGIEnvironment, start_response: StartResponse
    ) -> None:
        self._logger, self._environ, self._start_response = logger, environ, start_response
        self._began, self._path = perf_counter(), environ["PATH_INFO"]
        self._status, self._bytes, self._is_logged = "500", 0, False

    def start(self, status: str, *rest: Any) -> Any:
        """Begin the response."""
        self._status = status
        _note_rule(self._environ)
        return self._start_response(status, *rest)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self.body:
                self._bytes += len(chunk)
                yield chunk
        except Exception:  # Whatever the application raised; it is raised again.
            self._status = "500"
            raise
        self.log()

    def close(self) -> None:
        """Close the response, which may not have been sent to its end."""
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.log()

    def log(self) -> None:
        """Log the request, once."""
        if self._is_logged:
            return
        self._is_logged = True
        environ = self._environ
        seconds = perf_counter() - self._began
        user_id, auth = environ.get(WHO, (None, None))
        texts = {
            "method": environ["REQUEST_METHOD"],
            "path": "/" + self._path.encode("latin1").decode(errors="replace").lstrip("/"),
            "user_id": str(user_id),
            "remote_addr": environ.get("REMOTE_ADDR", ""),
        }
        clean = clean_fields(texts)
        fields = {
            "method": clean["method"],
            "rule": environ.get(_RULE),
            "path": clean["path"],
            "status": int(self._status.partition(" ")[0]),
            "ms": round(seconds * 1000, 3),
            "bytes": self._bytes,
            "user_id": user_id if user_id is None or isinstance(user_id, int) else clean["user_id"],
            "auth": auth,
            "request_id": id_of(environ),
            "remote_addr": clean["remote_addr"] or None,
        }
        message = f"{fields['method']} {fields['path']} {fields['status']}"
        self._logger.handle(AccessRecord(self._logger.name, message, fields))


def _on_exception(app: Flask, **_: Any) -> None:
    _note_rule(environ_of(current_request()))


def _note_rule(environ: WSGIEnvironment) -> None:
    """Note the rule that matched: the request is gone before its response has been sent."""
    request = environ.get("werkzeug.request")
    if request and request.url_rule:
        environ[_RULE] = request.url_rule.rule
