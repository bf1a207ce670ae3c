"""Serializes cached values to bytes, without pickle.

A planted value can be wrong, but is never executed. A value that would not come back as it was is a
TypeError.
"""

import datetime
import json
from base64 import b64decode
from base64 import b64encode
from collections.abc import Callable
from copy import copy
from decimal import Decimal
from typing import Any
from uuid import UUID

from cachelib.serializers import BaseSerializer
from flask import current_app
from markupsafe import Markup
from werkzeug.wrappers import Response

from .entry import Entry


class Serializer(BaseSerializer):
    """Entries and strings as they are, the rest as JSON, so that Redis can increment numbers."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Return *value* as bytes. Raises TypeError if it would not come back as it is."""
        if isinstance(value, Entry):
            return value.pack()
        if type(value) is str:
            return b"s" + value.encode("utf-8", "surrogatepass")
        try:
            return json.dumps(_tagged(value)).encode()
        except (RecursionError, ValueError) as error:
            raise TypeError(f"This {type(value).__name__} is too deep or too large.") from error

    def loads(self, bvalue: bytes | None) -> Any:
        """Return the value, or None for bytes that this serializer did not write."""
        if not isinstance(bvalue, bytes):
            return None
        try:
            if bvalue[:1] == b"e":
                return Entry.unpack(bvalue)
            if bvalue[:1] == b"s":
                return bvalue[1:].decode("utf-8", "surrogatepass")
            return _untagged(json.loads(bvalue))
        except _NOT_OURS:
            return None


_NOT_OURS = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError

_AS_IS = {type(None), bool, int, float, str}

_TAGS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    dict: ("dict", lambda value: [*map(list, value.items())], dict),
    tuple: ("tuple", list, tuple),
    set: ("set", list, set),
    frozenset: ("frozenset", list, frozenset),
    bytes: ("bytes", lambda value: b64encode(value).decode(), b64decode),
    Markup: ("markup", str, Markup),
    Decimal: ("decimal", str, Decimal),
    UUID: ("uuid", str, UUID),
    **{
        kind: (kind.__name__, kind.isoformat, kind.fromisoformat)
        for kind in (datetime.datetime, datetime.date, datetime.time)
    },
    datetime.timedelta: (
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: datetime.timedelta(*parts),
    ),
}
"""By type: its name in JSON, what converts a value, and what converts it back."""


def _tagged(value: Any) -> Any:
    """*value* as JSON, in which an object names a type that JSON does not have."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind not in (dict, list) and isinstance(value, dict | list):
        value = copy(value)  # That of a JSON column is plain then.
        kind = type(value)
    if kind is list:
        return [*map(_tagged, value)]
    if isinstance(value, Response) and not value.is_streamed:
        return {"response": _tagged([value.get_data(), value.status, [*value.headers]])}
    if kind not in _TAGS:
        raise TypeError(
            f"A value of type {kind.__name__} would not come back from the cache as it is. "
            "Cache what it is made of: text, numbers, bytes, dates, UUIDs, lists, dicts, sets."
        )
    name, dump, load = _TAGS[kind]
    if kind is datetime.datetime and load(dump(value)) != value:
        raise TypeError(f"{value!r} would not come back from the cache as it is. Use UTC.")
    return {name: _tagged(dump(value))}


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_untagged, value)]
    if isinstance(value, dict):
        [(name, content)] = value.items()
        return _LOADERS[name](_untagged(content))
    return value


_LOADERS: dict[str, Callable[[Any], Any]] = {
    "response": lambda parts: current_app.response_class(*parts),
    **{name: load for name, _, load in _TAGS.values()},
}
