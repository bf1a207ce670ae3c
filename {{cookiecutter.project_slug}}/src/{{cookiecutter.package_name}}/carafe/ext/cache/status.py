"""What the cache did for a request, in the header ``Cache-Status`` (RFC 9211).

``hit``; ``fwd=miss; stored``, the view ran and its response is cached from now on; ``fwd=miss``
and ``fwd=bypass`` with a ``detail`` that says why the response is not cached.
"""

from flask import Flask
from flask import Request
from flask import Response

from ...request import current_request

HIT = "hit"
STORED = "fwd=miss; stored"

_KEY = "carafe.cache.status"


def init_app(app: Flask) -> None:
    """Send the header with each response of a cached view."""
    app.after_request(_show)


def note(request: Request, status: str) -> None:
    """Note what was done."""
    request.environ[_KEY] = status


def note_miss(request: Request, reason: str) -> None:
    """Note that the view ran, and why its response is not cached."""
    note(request, f'fwd=miss; detail="{reason}"')


def note_bypass(request: Request, reason: str) -> None:
    """Note that the cache was not used, and why."""
    note(request, f'fwd=bypass; detail="{reason}"')


def _show(response: Response) -> Response:
    status = current_request().environ.get(_KEY)
    if status is not None:
        response.headers["Cache-Status"] = f"carafe; {status}"
    return response
