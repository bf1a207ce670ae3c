"""JSON from outside, of which no two parsers think differently.

Refused, besides what is not JSON: a name that an object has twice, the character NUL, a number
too large for a float, and nesting deeper than 64.
"""

import re
from math import inf
from typing import Any

from pydantic_core import from_json

DEEPEST = 64

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def loads(body: bytes) -> Any:
    """What *body* holds. Raises ValueError, with a reason that shows nothing of it."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ValueError("The body is not valid JSON.") from None
    if b"\\u0000" in body and _NUL.search(body):
        raise ValueError("The body has a character NUL.")
    names = _names_kept(value)
    if names != body.count(b":") and names != _names_sent(body):
        raise ValueError("The body has an object with the same name twice.")
    return value


def _names_kept(value: Any) -> int:
    """How many names the objects of *value* have, all together."""
    names, level = 0, [value]
    for _ in range(DEEPEST + 1):
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
    raise ValueError(f"The body is nested deeper than {DEEPEST}.")


def _names_sent(body: bytes) -> int:
    """How many names are in *body*: one before each colon that is not in a text."""
    return _TEXT.sub(b"", body).count(b":")
