"""Cross-origin resource sharing: which other sites' pages may call this API from a browser.

==================== ========= ===========================================================
``CORS_ORIGINS``     ``[]``    a list such as ``["https://app.example.com"]``, or ``["*"]``
``CORS_CREDENTIALS`` ``False`` on: with cookies; not possible with ``["*"]``
==================== ========= ===========================================================

Before a browser sends another site's JSON, it sends a preflight request, which gets its response
here, before any guard runs. What a listed site may do is still decided by the views and by
``ext.csrf``.
"""

import re
from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask import Flask
from flask import Response

from .reads import current_request
from .reads import environ_of

_HEADERS = {
    "Access-Control-Expose-Headers": (
        "Allow, Deprecation, ETag, Link, Location, Retry-After, Sunset, WWW-Authenticate, "
        "X-Request-ID"
    ),
}
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID"
    ),
    "Access-Control-Max-Age": "600",  # seconds
}


_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@*:\[\]]+)(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def init_app(app: Flask) -> None:
    """Let pages of the configured origins call *app*. Raises ValueError for a bad setting."""
    app.config.setdefault("CORS_ORIGINS", [])
    app.config.setdefault("CORS_CREDENTIALS", False)
    is_every, credentials = app.config["CORS_ORIGINS"] == ["*"], app.config["CORS_CREDENTIALS"]
    if is_every and credentials:
        raise ValueError(
            "CORS_ORIGINS allows every site, and CORS_CREDENTIALS lets each act for its visitors. "
            "List the sites, or unset CORS_CREDENTIALS."
        )
    listed = frozenset[str]() if is_every else origins(app, "CORS_ORIGINS")
    if is_every or listed:
        sharing = Sharing(listed, credentials)
        app.before_request(sharing.respond_to_preflight)
        app.after_request(sharing.allow)


def origins(app: Flask, key: str) -> frozenset[str]:
    """Return the origins in the setting *key*. Raises ValueError if it is not a list of origins."""
    given = app.config[key]
    found = [*map(origin_of, given)] if isinstance(given, list | tuple | set | frozenset) else [""]
    if not all(found):
        raise ValueError(
            f"{key} is not a list of origins. "
            'Set a list such as ["https://app.example.com"], without paths and wildcards.'
        )
    return frozenset(found)


def origin_of(text: Any) -> str:
    """Return an origin as browsers send it, or "" if *text* is not one."""
    found = _ORIGIN.fullmatch(text.lower()) if isinstance(text, str) else None
    if found is None:
        return ""
    scheme, host, port = found.groups(default="")
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return ""
    return f"{scheme}://{host}{'' if port == _DEFAULT_PORTS.get(scheme) else port}"


@dataclass(frozen=True)
class Sharing:
    """The *origins* that one app shares its responses with; without any, with every origin."""

    origins: frozenset[str]
    credentials: bool

    def respond_to_preflight(self) -> Response | None:
        """Return the response to a preflight request, before any guard refuses it."""
        if not _is_preflight() or current_request().routing_exception:
            return None
        return current_app.make_default_options_response()

    def allow(self, response: Response) -> Response:
        """Add the headers that let a page of an allowed origin read *response*."""
        if self.origins:
            response.vary.add("Origin")
        if allowed := self._allowed():
            response.headers.update(_HEADERS | {"Access-Control-Allow-Origin": allowed})
            if self.credentials:
                response.headers["Access-Control-Allow-Credentials"] = "true"
            if _is_preflight():
                methods = response.headers.get("Allow", "")
                response.headers.update(_PREFLIGHT_HEADERS)
                response.headers["Access-Control-Allow-Methods"] = methods
        return response

    def _allowed(self) -> str | None:
        if not self.origins:
            return "*"
        origin = environ_of(current_request()).get("HTTP_ORIGIN")
        return origin if origin in self.origins else None


def _is_preflight() -> bool:
    request = current_request()
    wanted = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"
    return request.method == "OPTIONS" and wanted in environ_of(request)
