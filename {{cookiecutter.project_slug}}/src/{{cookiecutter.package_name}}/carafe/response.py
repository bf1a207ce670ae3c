"""The response class."""

from typing import Any

from flask import current_app
from flask import Response as FlaskResponse
from werkzeug.datastructures import Headers

from .json import encode


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
