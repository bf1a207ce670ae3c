"""``/metrics``, where Prometheus reads the meter.

It is served if ``METRICS_TOKEN`` is set, to clients that send it as a bearer token. The workers of
gunicorn count together, in the folder ``PROMETHEUS_MULTIPROC_DIR`` that ``gunicorn.conf.py`` makes.
"""

import os
from hmac import compare_digest
from typing import Any

from flask import current_app
from flask import Flask
from flask import request
from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .meter import Meter

_KEY = "metrics"
PATH = "/metrics"


def init_app(app: Flask) -> None:
    """Measure *app* from its outside, and serve the metrics, if there is a token for them."""
    if app.config["METRICS_TOKEN"]:
        app.extensions[_KEY] = meter = Meter(app.wsgi_app)
        app.wsgi_app = _by_any_name(meter)  # type: ignore[method-assign]
        app.add_url_rule(PATH, view_func=show)


def _by_any_name(app: Any) -> Any:
    """Prometheus asks each copy by its address, which is none of the trusted hosts."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == PATH:
            environ["HTTP_HOST"] = "localhost"
        return app(environ, start_response)

    return call


def show() -> Response:
    """The metrics of all workers, as text."""
    expected = f"Bearer {current_app.config['METRICS_TOKEN']}"
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), expected.encode()):
        raise Unauthorized("Send the token.", www_authenticate=WWWAuthenticate("bearer"))
    return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        meter: Meter = current_app.extensions[_KEY]
        return meter.registry
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
