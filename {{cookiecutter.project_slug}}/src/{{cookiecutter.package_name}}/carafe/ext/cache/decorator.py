"""The decorator of a cached view."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from typing import TypeVar

from ...sync import as_sync
from .call import Call
from .call import Options
from .views import current_views

View = TypeVar("View", bound=Callable[..., Any])


def cached(options: Options) -> Callable[[View], View]:
    """Answer a view from the cache of the current app."""

    def decorate(view: View) -> View:
        run = as_sync(view)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> Any:
            return current_views().answer(Call(view, run, args, kwargs), options)

        call.cached_view = view, options  # type: ignore[attr-defined]
        if options.namespace is not None:
            call.cache_namespace = options.namespace  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate
