"""The application class."""

from dataclasses import is_dataclass
from typing import Any

from flask import Flask
from pydantic import BaseModel

from .json import JSONProvider
from .request import Request
from .response import Response
from .testing import Client


class FlaskCarafe(Flask):
    """A Flask that speaks JSON.

    A view may return a dict, a list, a dataclass or a pydantic model, alone or in a tuple
    with a status, with headers, or with both.
    """

    request_class = Request
    response_class = Response
    json_provider_class = JSONProvider
    test_client_class = Client

    def make_response(self, rv: Any) -> Response:
        """Turn what a view returned into a response."""
        value, *rest = rv if isinstance(rv, tuple) and rv else (rv,)
        if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
            value = self.json.response(value)
        return super().make_response((value, *rest) if rest else value)  # type: ignore[return-value]
