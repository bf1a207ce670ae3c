"""Headers that tell a browser to do no more with an answer than to read it.

They are on every answer: on errors, redirects and what was not modified, too. One that the
application sets itself stays as it is. What depends on a cookie or on credentials is kept by
nobody (``Cache-Control: no-store``), unless it says for how long it may be.

Over HTTPS a browser is told, if *hsts* is given, to use nothing else for so many seconds.
"""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from flask import Flask

YEAR = 365 * 24 * 3600

Headers = list[tuple[str, str]]

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content that data loads."""

_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", NOTHING),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

_TELLING = {"vary", "set-cookie", "strict-transport-security"}
_TELLING |= {name.lower() for name, _ in _HEADERS}
"""Without these, an answer lacks all of ours and is for everybody."""


def init_app(app: Flask, hsts: int = 0) -> None:
    """Put the headers on whatever *app* answers."""
    app.wsgi_app = SecurityHeaders(app.wsgi_app, hsts)  # type: ignore[method-assign]


class SecurityHeaders:
    """A WSGI application, with the headers on its answers."""

    def __init__(self, application: WSGIApplication, hsts: int = 0) -> None:
        self._application = application
        over_https = [("Strict-Transport-Security", f"max-age={hsts}")] if hsts else []
        self._plain, self._secure = _HEADERS, _HEADERS + over_https

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, *error: Any) -> Any:
            wanted = self._secure if environ["wsgi.url_scheme"] == "https" else self._plain
            has_credentials = "HTTP_AUTHORIZATION" in environ
            if has_credentials or not _TELLING.isdisjoint([name.lower() for name, _ in headers]):
                wanted = _missing(wanted, headers)
                headers = _unshared(headers, has_credentials)
            return start_response(status, headers + wanted, *error)

        return self._application(environ, start)


def _missing(wanted: Headers, headers: Headers) -> Headers:
    present = {name.lower() for name, _ in headers}
    return [header for header in wanted if header[0].lower() not in present]


def _unshared(headers: Headers, has_credentials: bool) -> Headers:
    """The headers, which let nobody keep an answer that is for one person."""
    values = {name.lower(): value for name, value in headers}
    depends = "set-cookie" in values or "cookie" in values.get("vary", "").lower()
    kept = values.get("cache-control")
    if (kept is None and (depends or has_credentials)) or (kept == "no-cache" and depends):
        others = [header for header in headers if header[0].lower() != "cache-control"]
        return [*others, ("Cache-Control", "no-store")]
    return headers
