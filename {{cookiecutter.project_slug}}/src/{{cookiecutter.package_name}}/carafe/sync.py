"""Views that are coroutines, called like any other."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from flask import current_app


def as_sync(view: Callable[..., Any]) -> Callable[..., Any]:
    """*view* itself, or for an ``async def`` a function that waits for it."""
    if not iscoroutinefunction(view):
        return view

    @wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        return current_app.ensure_sync(view)(*args, **kwargs)

    return call
