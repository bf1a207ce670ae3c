"""A strict JSON parser for bodies of requests, which accepts nothing ambiguous.

Besides invalid JSON, it refuses duplicate names in an object, NUL characters, numbers too large for
a float, and nesting deeper than ``MAX_DEPTH``.
"""

import re
from math import inf
from typing import Any

from pydantic_core import from_json

MAX_DEPTH = 64

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def loads(body: bytes) -> Any:
    """Return the value of *body*. Raises ValueError, whose reason shows nothing of the body."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ValueError("The body is not valid JSON.") from None
    if b"\\u0000" in body and _NUL.search(body):
        raise ValueError("The body has a NUL character.")
    names = _names_kept(value)
    # There is a colon after each name, and others are in strings.
    if names != body.count(b":") and names != _TEXT.sub(b"", body).count(b":"):
        raise ValueError("The body has an object with a duplicate name.")
    return value


def _names_kept(value: Any) -> int:
    """The number of names in all objects of *value*."""
    names, level = 0, [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                names += len(each)
                below += each.values()
            elif kind is list:
                below += each
            elif kind is float and each in (inf, -inf):
                raise ValueError("The body has a number that is too large.")
        if not below:
            return names
        level = below
    raise ValueError(f"The body is nested deeper than {MAX_DEPTH}.")
