"""A meter around the application, which Prometheus can read.

================================= ========================== ==============================
``http_request_duration_seconds`` ``method, rule, status``   a histogram; counts requests too
``http_requests_in_progress``                                a gauge
================================= ========================== ==============================

A label has as many values as the application has rules and statuses, whatever clients send.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client import Gauge
from prometheus_client import Histogram

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class Meter:
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
            "Requests that wait for their response.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, and measure it."""
        rule, status = "none", "500"  # What the server says if the application raises.

        def start(line: str, *rest: Any) -> Any:
            nonlocal rule, status
            rule, status = _rule(environ), line[:3]
            return start_response(line, *rest)

        began = perf_counter()
        self._in_progress.inc()
        try:
            answer: Iterable[bytes] = self._app(environ, start)
            return answer
        finally:
            self._in_progress.dec()
            duration = self._duration.labels(_method(environ), rule, status)
            duration.observe(perf_counter() - began)


def _rule(environ: dict[str, Any]) -> str:
    """The rule that matched, such as ``/books/<int:id>``; where none did, ``none``."""
    request = environ.get("werkzeug.request")
    return request.url_rule.rule if request and request.url_rule else "none"


def _method(environ: dict[str, Any]) -> str:
    method: str = environ["REQUEST_METHOD"]
    return method if method in METHODS else "other"
