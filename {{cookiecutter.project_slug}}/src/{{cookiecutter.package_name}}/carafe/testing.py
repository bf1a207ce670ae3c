"""Test clients.

Every response has ``.json``: the parsed body, or ``None`` if the body is not JSON.
"""

from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse


class _JSONResponse(TestResponse):
    @property
    def json(self) -> Any:
        return self.get_json(silent=True)


class Client(FlaskClient):
    """Flask's test client, with the query as *params* and the body as second argument.

    A dict is sent as form fields, text and bytes unchanged.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.response_wrapper = type("Response", (_JSONResponse, self.response_wrapper), {})

    def get(self, url: str, params: Mapping[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        if params is not None:
            kwargs["query_string"] = params
        return self.open(url, method="GET", **kwargs)

    def post(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.open(url, method="POST", data=data, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.open(url, method="PUT", data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.open(url, method="PATCH", data=data, **kwargs)

    def delete(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.open(url, method="DELETE", data=data, **kwargs)


class JSONClient(Client):
    """Sends a dict or a list as JSON, unless another content type is given."""

    def open(self, *args: Any, data: Any = None, **kwargs: Any) -> TestResponse:
        """Send a request. A dict as *data* is form fields if the content type says so."""
        if isinstance(data, dict | list) and _is_json(**kwargs):
            kwargs["json"] = data
        elif data is not None:
            kwargs["data"] = data
        return super().open(*args, **kwargs)


def _is_json(
    content_type: str | None = None,
    mimetype: str | None = None,
    headers: Any = None,
    **kwargs: Any,
) -> bool:
    given = content_type or mimetype or Headers(headers).get("Content-Type", "application/json")
    name = given.partition(";")[0].strip().lower()
    return name == "application/json" or name.endswith("+json")
