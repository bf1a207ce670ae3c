"""Errors as problem details (RFC 9457), the same JSON shape for all.

.. code-block:: json

    {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "...",
     "request_id": "..."}

``abort(404)`` is enough in a view; an uncaught exception is a 500 without details. The request id
is the one in the log, and in the header ``X-Request-ID`` that ``security`` adds to each response.
An ``HTTPException`` of your own may have a *type*, the URI of its documentation.
"""

from http import HTTPStatus
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import Unauthorized
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response as WerkzeugResponse

from .reads import current_request
from .reads import environ_of
from .request import id_of

MIMETYPE = "application/problem+json"


class Fault(BaseModel):
    """One fault of a request, and where it is."""

    place: str
    """``body``, ``form`` or ``query``."""
    path: str
    """The path to the value, joined by slashes."""
    detail: str


class Problem(BaseModel):
    """Problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] | None = None
    request_id: str | None = None


class Invalid(UnprocessableEntity):
    """422: the request is well-formed, but its values are not valid."""

    description = "The request does not match its schema."

    def __init__(self, faults: list[Fault], count: int | None = None) -> None:
        """List *faults*, which are *count* in all; by default, there are no others."""
        others = (count or len(faults)) - len(faults)
        more = f" {len(faults)} faults are listed, and {others} more are not." if others else ""
        super().__init__(f"{self.description}{more}")
        self.faults = faults


class TokenRequired(Unauthorized):
    """401 with the challenge ``Bearer``, and the code of an *error*, such as ``invalid_token``."""

    def __init__(self, description: str, error: str | None = None) -> None:
        super().__init__(description)
        self._challenge = f'Bearer error="{error}"' if error else "Bearer"

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        """Return the headers of the response."""
        return [*super().get_headers(*args), ("WWW-Authenticate", self._challenge)]


def init_app(app: Flask) -> None:
    """Respond to each HTTP error of *app* with problem details, and to exceptions also in debug."""
    if app.debug and app.config["PROPAGATE_EXCEPTIONS"] is None:
        app.config["PROPAGATE_EXCEPTIONS"] = app.testing
    app.register_error_handler(HTTPException, problem)


def problem(error: HTTPException) -> WerkzeugResponse:
    """Return the response for *error*, with the headers of the error, such as ``Allow``."""
    if error.response is not None:
        return error.get_response()
    status = error.code or 500
    request_id = id_of(environ_of(current_request())) if has_request_context() else None
    details = Problem(
        type=getattr(error, "type", "about:blank"),
        title=title_of(status),
        status=status,
        detail=error.description if isinstance(error.description, str) else None,
        errors=getattr(error, "faults", None),
        request_id=request_id,
    )
    response = Response(details.model_dump_json(exclude_none=True), status, mimetype=MIMETYPE)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers.add(name, value)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def title_of(status: int) -> str:
    """Return the name of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
