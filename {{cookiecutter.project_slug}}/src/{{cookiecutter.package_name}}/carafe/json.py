"""The JSON provider, on pydantic's core: fast and strict.

It writes dates as ISO 8601, decimals as strings, sets as lists, NaN and the infinities as ``null``,
models and dataclasses as objects. It refuses to read NaN, lone surrogates and bytes that are not
UTF-8; bodies of requests are read by ``strict``, which refuses more.
"""

import json
from typing import Any

from flask.json.provider import JSONProvider as FlaskJSONProvider
from flask.wrappers import Response
from pydantic_core import from_json
from pydantic_core import PydanticSerializationError
from pydantic_core import to_json


class JSONProvider(FlaskJSONProvider):
    """The provider that is ``app.json``."""

    mimetype = "application/json"

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialize *obj*. Raises TypeError for a value that JSON cannot represent.

        *kwargs* are those of ``json.dumps``: Flask's sessions and Jinja's ``tojson`` pass some.
        """
        text = encode(obj).decode()
        return json.dumps(json.loads(text), **kwargs) if kwargs else text

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse *s*. Raises ValueError if it is not JSON."""
        return from_json(s, allow_inf_nan=False, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response with the argument as its body; several make a list, as in Flask."""
        obj = self._prepare_response_obj(args, kwargs)
        response_class: type[Response] = self._app.response_class  # type: ignore[assignment]
        return response_class(self.dumps(obj), content_type=self.mimetype)


def encode(obj: Any) -> bytes:
    try:
        return to_json(obj, inf_nan_mode="null", fallback=_markup)
    except PydanticSerializationError as error:
        raise TypeError(str(error)) from error


def _markup(obj: Any) -> str:
    if hasattr(obj, "__html__"):
        return str(obj.__html__())
    raise TypeError(f"An object of type {type(obj).__name__} is not JSON serializable.")
