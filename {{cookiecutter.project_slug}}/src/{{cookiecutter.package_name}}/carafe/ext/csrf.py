"""Protection against cross-site request forgery.

A browser says where a request comes from (``Sec-Fetch-Site``, ``Origin``), and sends another
site's JSON only after a preflight request. So an unsafe request from another site is a 403, and one
with a content type that any page can send is a 415. Non-browser clients are unaffected, and so are
requests with a bearer token.

=============================== ========= ==================================================
``CARAFE_CSRF_ENABLED``         ``True``  off: nothing is refused
``CARAFE_CSRF_TRUSTED_ORIGINS`` ``[]``    a list such as ``["https://app.example.com"]``
``CARAFE_CSRF_FORMS``           ``False`` on: all views accept this site's forms, and text
=============================== ========= ==================================================

If a browser sends no ``Sec-Fetch-Site``, its ``Origin`` must be this site's scheme, host and port.
So a proxy must pass on the ``Host`` and the scheme of the client.
"""

from dataclasses import dataclass
from wsgiref.types import WSGIEnvironment

from flask import abort
from flask import Flask
from werkzeug.wsgi import get_content_length
from werkzeug.wsgi import get_host

from ..config import declare
from ..cors import origin_of
from ..cors import origins
from ..operation import takes_form
from ..reads import current_request
from ..reads import environ_of
from ..request import bearer_of
from ..request import SAFE_METHODS

_KEY = "carafe.csrf"

SIMPLE_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
"""Content types that a page can send to another site without a preflight request."""


def init_app(app: Flask) -> None:
    """Protect *app*. Raises ValueError for an invalid origin."""
    if _KEY in app.extensions:
        raise RuntimeError("This app is protected already. Call init_app once.")
    declare(app, "CARAFE_CSRF_", ENABLED=True, TRUSTED_ORIGINS=[], FORMS=False)
    app.extensions[_KEY] = protection = Protection(
        origins(app, "CARAFE_CSRF_TRUSTED_ORIGINS"), app.config["CARAFE_CSRF_FORMS"]
    )
    if app.config["CARAFE_CSRF_ENABLED"]:
        app.before_request(protection.check)


@dataclass(frozen=True)
class Protection:
    """The *trusted* origins of one app, and whether it accepts *forms*."""

    trusted: frozenset[str]
    forms: bool

    def check(self) -> None:
        """Abort an unsafe request that another site could have made."""
        request = current_request()
        if request.method in SAFE_METHODS or request.routing_exception:
            return
        environ = environ_of(request)
        if bearer_of(environ) is not None:  # No browser adds a token by itself.
            return
        if not self._is_same_site(environ):
            abort(403, "Cross-site request refused.")
        if _is_simple(request.mimetype, environ) and not (self.forms or takes_form(request)):
            abort(415, "Send the body as application/json.")

    def _is_same_site(self, environ: WSGIEnvironment) -> bool:
        origin = environ.get("HTTP_ORIGIN")
        if origin in self.trusted:
            return True
        site = environ.get("HTTP_SEC_FETCH_SITE")
        if site is not None:
            return site in {"same-origin", "none"}
        if origin is None:
            return True
        own = origin_of(f"{environ['wsgi.url_scheme']}://{get_host(environ)}")
        return own != "" and origin_of(origin) == own


def _is_simple(mimetype: str, environ: WSGIEnvironment) -> bool:
    if mimetype:
        return mimetype in SIMPLE_TYPES
    return bool(get_content_length(environ)) or "HTTP_TRANSFER_ENCODING" in environ
