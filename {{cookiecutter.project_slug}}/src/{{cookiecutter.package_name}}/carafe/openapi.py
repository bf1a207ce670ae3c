"""The OpenAPI document of an app, Swagger UI, and a home page.

``init_app(app)`` serves the document at ``/openapi.json`` and Swagger UI at ``/docs``. The home
page at ``/``, unless the app has a view there, links to both and to everything that can be read.
Responses of operations that are deprecated get the headers that say so.

======================= ============== =================
``OPENAPI_TITLE``       the app's name name of the API
``OPENAPI_DESCRIPTION`` ``""``         its purpose
``OPENAPI_VERSION``     ``"1"``        its version
======================= ============== =================
"""

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

from flask import current_app
from flask import Flask
from flask import request
from flask import Response
from flask import url_for
from flask_swagger_ui import get_swaggerui_blueprint

from .config import before_start
from .document import document as document
from .document import routes_of
from .reads import current_request

_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; connect-src 'self'; "
    "img-src 'self' data:; script-src 'self' {}; style-src 'self' 'unsafe-inline'"
)
"""The content security policy of Swagger UI, which writes styles into its page."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<h1>{title}</h1>
<p>{description}</p>
<ul>
{links}
</ul>
</html>
"""


def init_app(app: Flask) -> None:
    """Serve the document and the pages of *app*."""
    app.config.setdefault("OPENAPI_TITLE", app.name)
    app.config.setdefault("OPENAPI_DESCRIPTION", "")
    app.config.setdefault("OPENAPI_VERSION", "1")
    app.add_url_rule("/openapi.json", "openapi", _show)
    # Relative URLs, because the app may be mounted below a path.
    options = {"validatorUrl": None, "oauth2RedirectUrl": "./oauth2-redirect.html"}
    page = get_swaggerui_blueprint(".", "../openapi.json", config=options)
    page.after_request(_allow_its_content)
    app.register_blueprint(page, url_prefix="/docs")
    before_start(app, _add_home)
    app.after_request(_announcing(app))


def _add_home(app: Flask) -> None:
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "home", _home)


def _home() -> Response:
    links = [(url_for("swagger_ui.show"), "Read the documentation and try it out")]
    links += [(url_for("openapi"), "The OpenAPI document")]
    for route in routes_of(current_app):
        if route.method == "GET" and not route.rule.arguments:
            links.append((url_for(route.rule.endpoint), route.summary))
    page = _PAGE.format(
        title=escape(current_app.config["OPENAPI_TITLE"]),
        description=escape(current_app.config["OPENAPI_DESCRIPTION"]),
        links="\n".join(f'<li><a href="{escape(url)}">{escape(it)}</a></li>' for url, it in links),
    )
    return current_app.response_class(page, mimetype="text/html")


def _announcing(app: Flask) -> Callable[[Response], Response]:
    """Return a hook that announces the end of a deprecated operation, also with refusals."""

    @cache
    def ends() -> dict[tuple[Any, str], Any]:
        return {
            (route.rule.endpoint, method): route.contract.end
            for route in routes_of(app)
            for method in ({"GET", "HEAD"} if route.method == "GET" else {route.method})
            if route.contract.end
        }

    def announce(response: Response) -> Response:
        request, hooks = current_request(), app.after_request_funcs
        response.headers.update(ends().get((request.endpoint, request.method), {}))
        if not ends():  # Later requests need not call this.
            hooks[None] = [hook for hook in hooks[None] if hook is not announce]
        return response

    return announce


def _show() -> dict[str, Any]:
    mounted = {"servers": [{"url": request.root_path}]} if request.root_path else {}
    return {**document(current_app), **mounted}


def _allow_its_content(response: Response) -> Response:
    """Let the page load its own files and run its inline script."""
    text = b"" if response.is_streamed else response.get_data()
    scripts = [
        f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
        for script in re.findall(rb"(?s)<script>(.*?)</script>", text)
    ]
    response.headers["Content-Security-Policy"] = _POLICY.format(" ".join(scripts))
    return response
