"""Conversions, each of which is a function and a decorator.

>>> to_dict({"name": "Ada"}, namespace="author")
{'author': {'name': 'Ada'}}
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import is_dataclass
from functools import partial
from functools import wraps
from types import FunctionType
from typing import Any

from flask import current_app
from pydantic import BaseModel
from werkzeug.wrappers import Response

from .app import as_sync

_MISSING = object()


def to_dict(obj: Any = _MISSING, namespace: str | None = None) -> Any:
    """Convert *obj* to a dict: an object with ``to_dict()``, a model, a dataclass, or a mapping.

    A list, tuple or set of such becomes a list. *namespace* puts the result under that name.
    As a decorator, ``@to_dict`` or ``@to_dict(namespace=...)``, it converts what the function
    returns. Raises TypeError for anything else.
    """
    convert = partial(to_dict, namespace=namespace)
    if obj is _MISSING:
        return lambda function: _applied(convert, function)
    if isinstance(obj, FunctionType):
        return _applied(convert, obj)
    data = _plain(obj)
    return data if namespace is None else {namespace: data}


def jsonify(*args: Any, **kwargs: Any) -> Any:
    """Make a JSON response of the arguments, as Flask's ``jsonify`` does.

    As a decorator it converts what the function returns; a tuple may add a status, headers, or
    both.
    """
    if len(args) == 1 and not kwargs and isinstance(args[0], FunctionType):
        return _applied(_respond, args[0])
    return current_app.json.response(*args, **kwargs)


def _applied(convert: Callable[[Any], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    run = as_sync(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return convert(run(*args, **kwargs))

    return call


def _plain(obj: Any) -> Any:
    if hasattr(obj, "to_dict"):
        return obj.to_dict()
    if isinstance(obj, BaseModel):
        return obj.model_dump()
    if is_dataclass(obj) and not isinstance(obj, type):
        return asdict(obj)
    if isinstance(obj, list | tuple | set | frozenset):
        return [_plain(item) for item in obj]
    if isinstance(obj, Mapping):
        return dict(obj)
    raise TypeError(f"An object of type {type(obj).__name__} cannot become a dict.")


def _respond(returned: Any) -> Response:
    value, *rest = returned if isinstance(returned, tuple) and returned else (returned,)
    response = current_app.json.response(value)
    return current_app.make_response((response, *rest) if rest else response)
