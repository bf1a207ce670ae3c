"""The response."""

from typing import Any

from flask import current_app
from flask import Response as FlaskResponse
from werkzeug.datastructures import Headers

from .json import encode


class Response(FlaskResponse):
    """Flask's response, which also takes a dict or a list and sends it as JSON."""

    def __init__(self, response: Any = None, *args: Any, **kwargs: Any) -> None:
        is_json = _is_json(response, *args, **kwargs)
        if is_json:
            response = current_app.json.dumps(response) if current_app else encode(response)
        super().__init__(response, *args, **kwargs)
        if is_json and not (kwargs.get("mimetype") or kwargs.get("content_type")):
            self.mimetype = "application/json"


def _is_json(
    response: Any, status: Any = None, headers: Any = None, *args: Any, **kwargs: Any
) -> bool:
    if isinstance(response, list):
        # Werkzeug builds a response from finished headers and a list of bytes: that is a body.
        return not isinstance(headers, Headers) and not _is_body(response)
    return isinstance(response, dict)


def _is_body(chunks: list[Any]) -> bool:
    return bool(chunks) and all(isinstance(chunk, bytes) for chunk in chunks)
