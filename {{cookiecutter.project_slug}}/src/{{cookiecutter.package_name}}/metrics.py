"""What Prometheus is told at ``/metrics``: how many requests, how long, and how many at once.

================================= ========================== ==============================
``http_request_duration_seconds`` ``method, rule, status``   a histogram; counts requests too
``http_requests_in_progress``                                a gauge
================================= ========================== ==============================

It is there while ``METRICS_TOKEN`` is set, for who sends it as a bearer token. Workers count
together in the folder ``PROMETHEUS_MULTIPROC_DIR``, which ``gunicorn.conf.py`` makes.

A label has as many values as the application has rules and statuses, whatever clients send.
"""

import os
from collections.abc import Iterable
from hmac import compare_digest
from time import perf_counter
from typing import Any

from flask import Flask
from flask import request
from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client import Gauge
from prometheus_client import generate_latest
from prometheus_client import Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


def init_app(app: Flask) -> None:
    """Measure *app* from its outside, and serve the metrics, if there is a token for them."""
    if app.config["METRICS_TOKEN"]:
        metrics = Metrics(app.wsgi_app, app.config["METRICS_TOKEN"])
        app.wsgi_app = metrics  # type: ignore[method-assign]
        app.add_url_rule("/metrics", view_func=metrics.show)


class Metrics:
    """Measures one application, which it wraps."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time until the response was ready.",
            ["method", "rule", "status"],
            registry=self._registry,
        )
        self._in_progress = Gauge(
            "http_requests_in_progress",
            "Requests that wait for their response.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, and measure it."""
        rule, status = "none", "500"  # What the server says if the application raises.

        def start(line: str, *rest: Any) -> Any:
            nonlocal rule, status
            rule, status = _rule(environ), line[:3]
            return start_response(line, *rest)

        if environ["PATH_INFO"] == "/metrics":
            environ["HTTP_HOST"] = "localhost"  # Prometheus asks by an address.
        began = perf_counter()
        self._in_progress.inc()
        try:
            answer: Iterable[bytes] = self._app(environ, start)
            return answer
        finally:
            self._in_progress.dec()
            duration = self._duration.labels(_method(environ), rule, status)
            duration.observe(perf_counter() - began)

    def show(self) -> Response:
        """The metrics of all workers, as text."""
        given = request.headers.get("Authorization", "").encode()
        if not compare_digest(given, self._expected):
            raise Unauthorized("Send the token.", www_authenticate=WWWAuthenticate("bearer"))
        text = generate_latest(self._of_all_workers())
        headers = {"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE_LATEST}
        return Response(text, headers=headers)

    def _of_all_workers(self) -> CollectorRegistry:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self._registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


def _method(environ: dict[str, Any]) -> str:
    method: str = environ["REQUEST_METHOD"]
    return method if method in METHODS else "other"


def _rule(environ: dict[str, Any]) -> str:
    """The rule that matched, such as ``/books/<int:id>``; no rule is called ``none``."""
    request = environ.get("werkzeug.request")
    return request.url_rule.rule if request and request.url_rule else "none"
