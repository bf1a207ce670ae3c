"""Test clients.

Every response has ``.json``: the parsed body, or ``None`` if the body is not JSON.
"""

from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Client(FlaskClient):
    """Flask's test client: the query is *params*, and the second argument is the body."""

    def get(self, url: str, params: Mapping[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        if params is not None:
            kwargs["query_string"] = params
        return self.open(url, method="GET", **kwargs)

    def post(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.send("POST", url, data, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.send("PUT", url, data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.send("PATCH", url, data, **kwargs)

    def send(self, method: str, url: str, data: Any, **kwargs: Any) -> TestResponse:
        """Send *data* as the body: a dict as form fields, text and bytes as they are."""
        if data is not None:
            kwargs["data"] = data
        return self.open(url, method=method, **kwargs)


class JSONClient(Client):
    """Sends a dict or a list as JSON, unless another content type is given."""

    def send(self, method: str, url: str, data: Any, **kwargs: Any) -> TestResponse:
        if isinstance(data, dict | list) and not _is_typed(**kwargs):
            return self.open(url, method=method, json=data, **kwargs)
        return super().send(method, url, data, **kwargs)


def _is_typed(
    content_type: str | None = None,
    mimetype: str | None = None,
    headers: Any = None,
    **kwargs: Any,
) -> bool:
    names = {str(name).lower() for name, _ in dict(headers or {}).items()}
    return bool(content_type or mimetype or "content-type" in names)
