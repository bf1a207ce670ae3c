"""Flask-Caching's own methods, which answer with nothing while the backend is away."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .guard import Away
from .guard import Guard

NOTHING: dict[str, Callable[[int], Any]] = {
    "add": lambda keys: False,
    "dec": lambda keys: None,
    "delete": lambda keys: False,
    "delete_many": lambda keys: [],
    "get": lambda keys: None,
    "get_dict": lambda keys: {},
    "get_many": lambda keys: [None] * keys,
    "has": lambda keys: False,
    "inc": lambda keys: None,
    "set": lambda keys: False,
    "set_many": lambda keys: [],
    "unlink": lambda keys: 0,
}
"""The answer of a method that got none, by how many arguments it was given."""


class Forgiving:
    """A backend whose failures are misses."""

    def __init__(self, backend: Any, guard: Guard) -> None:
        self._backend = backend
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        return partial(self._ask, name, found) if name in NOTHING else found

    def _ask(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return self._guard.ask(operation, *args, **kwargs)
        except Away:
            return NOTHING[name](len(args))
