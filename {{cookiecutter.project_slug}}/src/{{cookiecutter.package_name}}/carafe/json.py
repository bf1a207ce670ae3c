"""The JSON provider, on pydantic's core: fast and strict.

It writes dates as ISO 8601, decimals as strings, sets as lists, NaN and the infinities as ``null``,
models and dataclasses as objects; it writes a session and the arguments of a request as Flask's
provider does. It refuses to read NaN, lone surrogates and bytes that are not UTF-8; bodies of
requests are read by ``strict``, which refuses more.
"""

import json
from collections.abc import Callable
from typing import Any

from flask.json.provider import JSONProvider as FlaskJSONProvider
from flask.wrappers import Response
from pydantic_core import from_json
from pydantic_core import PydanticSerializationError
from pydantic_core import to_json

_SCALARS = frozenset([bool, float, int, str, type(None)])


def _markup(obj: Any) -> str:
    if hasattr(obj, "__html__"):
        return str(obj.__html__())
    raise TypeError(f"An object of type {type(obj).__name__} is not JSON serializable.")


def default(obj: Any) -> Any:
    """Return *obj*, such as a date or a model, as JSON represents it, or raise TypeError."""
    return from_json(encode(obj))


class JSONProvider(FlaskJSONProvider):
    """The provider that is ``app.json``. Its attributes can be set, as those of Flask's."""

    default: Callable[[Any], Any] = staticmethod(default)
    """Called for every value that ``json.dumps`` does not know, such as a date."""
    sort_keys = False
    ensure_ascii = False
    compact = True
    """Whether responses are on one line; otherwise they are indented."""
    mimetype = "application/json"

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialize *obj*. Raises TypeError for a value that JSON cannot represent.

        *kwargs* are those of ``json.dumps``: Flask's sessions and Jinja's ``tojson`` pass some.
        """
        convert = kwargs.pop("default", None) or self.default
        sort_keys = kwargs.get("sort_keys", self.sort_keys)
        text = encode(obj, convert, sort_keys, ensure_ascii=self.ensure_ascii).decode()
        return json.dumps(json.loads(text), **kwargs) if kwargs else text

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse *s*. Raises ValueError if it is not JSON. *kwargs* are those of ``json.loads``."""
        value = from_json(s, allow_inf_nan=False)
        return json.loads(s, **kwargs) if kwargs else value

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response with the argument as its body; several make a list, as in Flask."""
        obj = self._prepare_response_obj(args, kwargs)
        body = self.dumps(obj) if self.compact else self.dumps(obj, indent=2)
        response_class: type[Response] = self._app.response_class  # type: ignore[assignment]
        return response_class(body, content_type=self.mimetype)


def encode(
    obj: Any,
    convert: Callable[[Any], Any] = default,
    sort_keys: bool = False,
    *,
    ensure_ascii: bool = False,
) -> bytes:
    """Serialize *obj*; *convert* is called for every value that ``json.dumps`` does not know."""
    try:
        if convert is not default or sort_keys or not _is_plain(obj):
            obj = _as_plain(obj, convert, sort_keys)
        return to_json(obj, ensure_ascii=ensure_ascii, inf_nan_mode="null", fallback=_markup)
    except (PydanticSerializationError, RecursionError) as error:
        raise TypeError(str(error)) from error


def _is_plain(obj: Any) -> bool:
    """Whether pydantic reads *obj* as ``json.dumps`` does.

    pydantic reads what a dict holds, not its ``items()``. It would find nothing in a session that
    is not open yet, and all values of each request argument.
    """
    kind = type(obj)
    if kind is dict:
        if None in obj:
            return False
        obj = obj.values()
    elif kind is not list and kind is not tuple:
        return not isinstance(obj, dict | list | tuple)
    for value in obj:
        if type(value) not in _SCALARS and not _is_plain(value):
            return False
    return True


def _as_plain(obj: Any, convert: Callable[[Any], Any], sort_keys: bool) -> Any:
    if isinstance(obj, dict):
        items = sorted(obj.items()) if sort_keys else obj.items()
        return {
            "null" if key is None else key: _as_plain(value, convert, sort_keys)
            for key, value in items
        }
    if isinstance(obj, list | tuple):
        return [_as_plain(value, convert, sort_keys) for value in obj]
    if convert is default or obj is None or isinstance(obj, str | int | float):
        return obj
    return _as_plain(convert(obj), convert, sort_keys)
