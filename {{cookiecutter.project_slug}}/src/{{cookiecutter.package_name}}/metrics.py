"""Metrics for Prometheus, at ``/metrics``.

They are served if ``METRICS_TOKEN`` is set, to clients that send it as a bearer token. The workers
of gunicorn count together, in the folder ``PROMETHEUS_MULTIPROC_DIR`` that ``gunicorn.conf.py``
makes.

================================= ========================== ==============================
``http_request_duration_seconds`` ``method, rule, status``   a histogram; counts requests too
``http_requests_in_progress``                                a gauge
================================= ========================== ==============================

A label has as many values as the application has rules and statuses, whatever clients send.
"""

import os
from collections.abc import Iterable
from hmac import compare_digest
from time import perf_counter
from typing import Any

from flask import current_app
from flask import Flask
from flask import request
from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import Gauge
from prometheus_client import generate_latest
from prometheus_client import Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from .carafe.errors import TokenRequired

PATH = "/metrics"
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}

_KEY = "metrics"


def init_app(app: Flask) -> None:
    """Measure the requests of *app* and serve the metrics, if there is a token for them."""
    if app.config["METRICS_TOKEN"]:
        app.extensions[_KEY] = middleware = MetricsMiddleware(app.wsgi_app)
        app.wsgi_app = middleware  # type: ignore[method-assign]
        app.add_url_rule(PATH, view_func=show)


def show() -> Response:
    """Return the metrics of all workers, as text."""
    expected = f"Bearer {current_app.config['METRICS_TOKEN']}"
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), expected.encode()):
        raise TokenRequired("Send the token.")
    return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        middleware: MetricsMiddleware = current_app.extensions[_KEY]
        return middleware.registry
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class MetricsMiddleware:
    """Measures the requests that it passes to *app*."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.registry = CollectorRegistry()
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time until the response was ready.",
            ["method", "rule", "status"],
            registry=self.registry,
        )
        self._in_progress = Gauge(
            "http_requests_in_progress",
            "Requests that are waiting for their response.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass on a request, and measure it."""
        rule, status = "none", "500"  # This is what the server sends if the application raises.

        def start(line: str, *rest: Any) -> Any:
            nonlocal rule, status
            rule, status = _rule(environ), line[:3]
            return start_response(line, *rest)

        if environ["PATH_INFO"] == PATH:  # Prometheus sends an IP address, which is not trusted.
            environ["HTTP_HOST"] = "localhost"
        began = perf_counter()
        self._in_progress.inc()
        try:
            response: Iterable[bytes] = self._app(environ, start)
            return response
        finally:
            self._in_progress.dec()
            method = environ["REQUEST_METHOD"]
            duration = self._duration.labels(method if method in METHODS else "other", rule, status)
            duration.observe(perf_counter() - began)


def _rule(environ: dict[str, Any]) -> str:
    """The rule that matched, such as ``/books/<int:id>``, or ``none``."""
    request = environ.get("werkzeug.request")
    return request.url_rule.rule if request and request.url_rule else "none"
