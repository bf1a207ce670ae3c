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

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content that data loads."""

_HEADERS = {
    "x-content-type-options": ("X-Content-Type-Options", "nosniff"),
    "content-security-policy": ("Content-Security-Policy", NOTHING),
    "referrer-policy": ("Referrer-Policy", "no-referrer"),
    "cross-origin-resource-policy": ("Cross-Origin-Resource-Policy", "same-origin"),
}


def init_app(app: Flask, hsts: int = 0) -> None:
    """Put the headers on whatever *app* answers."""
    app.wsgi_app = SecurityHeaders(app.wsgi_app, hsts)  # type: ignore[method-assign]


class SecurityHeaders:
    """A WSGI application, with the headers on its answers."""

    def __init__(self, application: WSGIApplication, hsts: int = 0) -> None:
        self._application = application
        over_https = {"strict-transport-security": ("Strict-Transport-Security", f"max-age={hsts}")}
        self._plain = _HEADERS
        self._secure = _HEADERS | over_https if hsts else _HEADERS

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            present = {name.lower(): value for name, value in headers}
            wanted = self._secure if environ["wsgi.url_scheme"] == "https" else self._plain
            added = [header for name, header in wanted.items() if name not in present]
            if _is_for_nobody_else(environ, present):
                headers = [header for header in headers if header[0].lower() != "cache-control"]
                added.append(("Cache-Control", "no-store"))
            return start_response(status, headers + added, *error)

        return self._application(environ, start)


def _is_for_nobody_else(environ: WSGIEnvironment, headers: dict[str, str]) -> bool:
    depends = "set-cookie" in headers or "cookie" in headers.get("vary", "").lower()
    kept = headers.get("cache-control")
    if kept is None:
        return depends or "HTTP_AUTHORIZATION" in environ
    return depends and kept == "no-cache"
