"""The application class, its response class, and its logger."""

import logging
from asyncio import _get_running_loop
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import is_dataclass
from functools import wraps
from inspect import CO_COROUTINE
from inspect import iscoroutinefunction
from typing import Any
from typing import TypeVar
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from flask import current_app
from flask import Flask
from flask import Response as FlaskResponse
from flask.typing import TeardownCallable
from pydantic import BaseModel
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse

from .config import check
from .json import encode
from .json import JSONProvider
from .request import Request
from .testing import Client

Teardown = TypeVar("Teardown", bound=TeardownCallable)


class Response(FlaskResponse):
    """Flask's response, which also accepts a dict or a list and sends it as JSON."""

    def __init__(self, response: Any = None, *args: Any, **kwargs: Any) -> None:
        if _is_json(response, *args, **kwargs):
            response = current_app.json.dumps(response) if current_app else encode(response)
            self.default_mimetype = "application/json"
        super().__init__(response, *args, **kwargs)


def _is_json(
    response: Any, status: Any = None, headers: Any = None, *args: Any, **kwargs: Any
) -> bool:
    if isinstance(response, list):
        # Werkzeug makes a response from a list of bytes, or an empty list, and finished headers.
        is_body = bool(response) or isinstance(headers, Headers)
        return not (is_body and all(isinstance(chunk, bytes) for chunk in response))
    return isinstance(response, dict)


class FlaskCarafe(Flask):
    """A Flask application for JSON.

    A view may return a dict, a list, a dataclass or a pydantic model, alone or in a tuple with a
    status, headers, or both. Flask's own responses to OPTIONS, and to a URL without its trailing
    slash, have no body and so no HTML.
    """

    request_class = Request
    response_class = Response
    json_provider_class = JSONProvider
    test_client_class = Client

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request. Before the first one, the views and the settings are checked."""
        if not self._got_first_request:
            check(self)
        return super().__call__(environ, start_response)

    def make_response(self, rv: Any) -> Response:
        """Make a response of what a view returned."""
        if isinstance(rv, self.response_class):
            return rv
        value, *rest = rv if isinstance(rv, tuple) and rv else (rv,)
        if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
            value = self.json.response(value)
        elif isinstance(value, RequestRedirect):
            value = _without_body(Response(status=value.code, headers={"Location": value.new_url}))
        elif isinstance(value, WerkzeugResponse) and not isinstance(value, self.response_class):
            value = self.response_class.force_type(value)
        return super().make_response((value, *rest) if rest else value)  # type: ignore[return-value]

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return *func*, or for an ``async def`` a function that runs it in an event loop."""
        code = getattr(func, "__code__", None)
        is_marked = hasattr(func, "_is_coroutine_marker")  # by inspect.markcoroutinefunction
        if code is None or is_marked or code.co_flags & CO_COROUTINE:
            return super().ensure_sync(func)
        return func  # Flask would inspect each view and each hook for each request.

    def make_default_options_response(self, *args: Any) -> FlaskResponse:
        """Return the response to OPTIONS, with the methods in ``Allow``."""
        response = super().make_default_options_response(*args)
        response.status_code = 204
        return _without_body(response)

    def handle_http_exception(self, e: HTTPException) -> Any:
        """Return the response to *e*. Raises RuntimeError if it has no status."""
        if not (e.code or e.response):
            raise RuntimeError(f"{type(e).__name__} has no status. Give it a code.") from e
        return super().handle_http_exception(e)

    def handle_exception(self, e: Exception) -> FlaskResponse:
        """Return the response to *e*; an HTTP error of a hook or a handler is sent as such."""
        if (
            isinstance(e, HTTPException)
            and (e.code or e.response)
            and not self.trap_http_exception(e)
        ):
            return self.finalize_request(self.handle_http_exception(e), from_error_handler=True)
        return super().handle_exception(e)

    def do_teardown_request(self, *args: Any) -> None:
        """Call the teardown functions. What one raises is logged: the response has been made."""
        with self._logging_failures():
            super().do_teardown_request(*args)

    def teardown_appcontext(self, f: Teardown) -> Teardown:
        """Register a function. What it raises is logged, and the other functions are called."""

        @wraps(f)
        def call(error: BaseException | None) -> None:
            with self._logging_failures():
                self.ensure_sync(f)(error)

        super().teardown_appcontext(call)
        return f

    @contextmanager
    def _logging_failures(self) -> Iterator[None]:
        try:
            yield
        except HTTPException:  # A refusal, such as of a bad token, is no failure.
            pass
        except Exception:  # An owner's function may raise anything.
            if self.testing:
                raise
            self.logger.exception("A teardown function failed.")


def _without_body(response: FlaskResponse) -> FlaskResponse:
    del response.headers["Content-Type"]
    return response


def as_sync(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return *view*, or for an ``async def`` a function that runs the coroutine to its end."""
    if not iscoroutinefunction(view):
        return view

    @wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = current_app.ensure_sync(view)
        if _get_running_loop() is None:
            return run(*args, **kwargs)
        with ThreadPoolExecutor(1) as pool:  # An async view calls it, and its loop has to wait.
            return pool.submit(copy_context().run, run, *args, **kwargs).result()

    return call


def _current_logger() -> logging.Logger:
    return current_app.logger if current_app else logging.getLogger(__package__)


logger: logging.Logger = LocalProxy(_current_logger)  # type: ignore[assignment]
"""The logger of the current app; outside of an app, the package's own."""
