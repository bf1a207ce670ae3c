"""What every request and every response of an app must satisfy.

A request whose path or query is not UTF-8, or contains NUL, gets a 400, and so does one with any
control character in its path: a line break could end up in a header or a log. A request with an
invalid ``Host``, or of HTTP/1.1 without one, is refused as well, as that protocol demands.

Every response, also an error or a redirect, has the id of its request in ``X-Request-ID``, and
strict security headers; one that the application sets itself is left alone. A response that depends
on the session or on credentials is not stored by any cache (``Cache-Control: no-store``), unless it
says for how long it may be. Over HTTPS, a header makes browsers use only HTTPS for *hsts* seconds.

The last of *hops* trusted reverse proxies says who the client is: by what it appended to
``X-Forwarded-For``, and by ``X-Forwarded-Proto``. Proxies write an IP address in several ways: with
a port, in brackets, with a zone, or as IPv6 for a client of IPv4. ``request.remote_addr`` has one
spelling for one client, ``203.0.113.7`` or ``2001:db8::1``. If the proxy sends something else, such
as ``unknown``, it is the proxy's own address, or empty for a Unix socket. The last of *prefix_hops*
proxies says by ``X-Forwarded-Prefix`` below which path the application is mounted.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from flask import abort
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from .reads import current_request
from .reads import environ_of
from .reads import WHO
from .request import id_of

YEAR = 365 * 24 * 3600

HeaderList = list[tuple[str, str]]

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of data, which loads nothing."""

_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", NOTHING),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

_ID = "X-Request-ID"

_SPECIAL = {"vary", "set-cookie", "strict-transport-security", _ID.lower()}
_SPECIAL |= {name.lower() for name, _ in _HEADERS}
"""A response with none of these headers gets all of ours, and may be for everybody."""

_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]{0,5})?", re.ASCII | re.IGNORECASE)
_MAX_PORT = 65535
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def init_app(app: Flask, hsts: int = 0, hops: int = 0, prefix_hops: int = 0) -> None:
    """Check the requests of *app*, and add the headers to its responses."""
    app.before_request(check_url)
    inner: Any = Middleware(app.wsgi_app, hsts)
    if hops or prefix_hops:
        # Each proxy appends to X-Forwarded-For, but replaces X-Forwarded-Proto.
        proto = min(hops, 1)
        inner = _Proxies(inner, x_for=hops, x_proto=proto, x_host=0, x_prefix=prefix_hops)
    app.wsgi_app = inner  # type: ignore[method-assign]


def check_url() -> None:
    """Abort a request without a valid host, or whose path or query is not text."""
    environ = environ_of(current_request())
    host = environ.get("HTTP_HOST")
    if host is None and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
        abort(400, "The request has no Host header.")
    if host is not None and not _is_host(host):
        abort(400, "The Host header is not valid.")
    path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    if not (path.isascii() and path.isprintable()) and _CONTROL.search(
        _text(path.encode("latin1"))
    ):
        abort(400, "The path has a control character.")
    if ("%" in query or not query.isascii()) and "\0" in _text(
        unquote_to_bytes(query.encode("latin1"))
    ):
        abort(400, "The query has a NUL character.")


def _is_host(sent: str) -> bool:
    found = _HOST.fullmatch(sent)
    port = found and (found[2] or "").lstrip(":")
    return port == "" or bool(port and 0 < int(port) <= _MAX_PORT)


def _text(sent: bytes) -> str:
    try:
        return sent.decode()
    except UnicodeDecodeError:
        abort(400, "The URL is not UTF-8.")


class _Proxies(ProxyFix):
    """Reads what proxies append, also after a client's own part that begins a quoted text."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in ("FOR", "PREFIX", "PROTO"):
            if value := environ.get(f"HTTP_X_FORWARDED_{name}"):
                environ[f"HTTP_X_FORWARDED_{name}"] = value.replace('"', "")
        return super().__call__(environ, start_response)


class Middleware:
    """WSGI middleware that normalizes requests, and adds the headers to responses."""

    def __init__(self, application: WSGIApplication, hsts: int = 0) -> None:
        self._application = application
        over_https = [("Strict-Transport-Security", f"max-age={hsts}")] if hsts else []
        self._plain, self._secure = _HEADERS, _HEADERS + over_https

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _normalize(environ)

        def start(status: str, headers: HeaderList, *error: Any) -> Any:
            added = self._secure if environ["wsgi.url_scheme"] == "https" else self._plain
            has_credentials = "HTTP_AUTHORIZATION" in environ
            is_stranger = environ.get(WHO) == (None, None) and "HTTP_COOKIE" not in environ
            present = {name.lower() for name, _ in headers}
            if has_credentials or not _SPECIAL.isdisjoint(present):
                added = [header for header in added if header[0].lower() not in present]
                headers = _private(headers, has_credentials, is_stranger)
                headers = [header for header in headers if header[0].lower() != _ID.lower()]
            return start_response(status, [*headers, *added, (_ID, id_of(environ))], *error)

        return self._application(environ, start)


def _normalize(environ: WSGIEnvironment) -> None:
    """Give the client's IP address, the host and the mount path one spelling each."""
    address = ip_address(environ.get("REMOTE_ADDR"))
    if address is None:
        before = environ.get("werkzeug.proxy_fix.orig", {})
        address = ip_address(before.get("REMOTE_ADDR")) or ""
    environ["REMOTE_ADDR"] = address
    if host := environ.get("HTTP_HOST"):
        environ["HTTP_HOST"] = host.lower()
    if prefix := environ.get("SCRIPT_NAME"):
        environ["SCRIPT_NAME"] = f"/{prefix.strip('/')}".rstrip("/")


@lru_cache(1024)
def ip_address(text: str | None) -> str | None:
    """Return the IP address in *text* in its usual spelling, or None if there is none."""
    host = (text or "").strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def _private(headers: HeaderList, has_credentials: bool, is_stranger: bool) -> HeaderList:
    """The headers, with ``no-store`` if the response is for one client alone."""
    values: dict[str, str] = {}
    for name, value in headers:
        values[name.lower()] = ", ".join(filter(None, [values.get(name.lower()), value]))
    varies = "cookie" in values.get("vary", "").lower() and not is_stranger
    depends = "set-cookie" in values or varies
    control = values.get("cache-control")
    if (control is None and (depends or has_credentials)) or (control == "no-cache" and depends):
        others = [header for header in headers if header[0].lower() != "cache-control"]
        return [*others, ("Cache-Control", "no-store")]
    return headers
