"""Cached views, in memory or Redis, which are never stale.

.. code-block:: python

    class BookView(MethodView):
        cache_cascade = ["ShelfView"]

        @cache.cached_view()
        def get(self): ...

A POST, PUT, PATCH or DELETE to a class-based view that is not refused (4xx) invalidates its own
cached responses and those of its ``cache_cascade``, before the response leaves; other code sends
``after_post``, ``after_put``, ``after_patch`` or ``after_delete`` itself. The rest of
Flask-Caching's ``Cache`` works too, but without pickle: values may be those of JSON, tuples, sets,
bytes, dates, decimals, UUIDs and responses.

What was read of the request before and in the view decides who else may get its response (see
``reads``). A backend that does not respond delays a request once, by 0.2 seconds at most; then a
thread tries it four times a second. What was written meanwhile is invalidated before anything is
read again.

===================================== =============== =========================================
``CARAFE_CACHE_ENABLED``              ``True``        off: nothing is read from it
``CARAFE_CACHE_IGNORED_REQUEST_ARGS`` ``[]``          query arguments that do not count
``CARAFE_CACHE_STATUS_HEADER``        ``False``       say in ``Cache-Status`` what the cache did
``CACHE_TYPE``                        ``SimpleCache`` ``RedisCache``; in memory for one process
``CACHE_DEFAULT_TIMEOUT``             ``300``         seconds, rounded up, to 2592000
``CACHE_KEY_PREFIX``                  Flask-Caching's what every key starts with
``CACHE_REDIS_URL``                   unset           or ``_HOST``, ``_PORT`` and ``_DB``
===================================== =============== =========================================

An app that started with its cache on may switch ``CARAFE_CACHE_ENABLED`` off and on again. What is
set, deleted or written meanwhile counts.

The URL of Redis starts with ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://`` or
``redis+cluster://`` (see ``settings.RedisUrl``). Run it with ``save ""``: a dump that is loaded
again brings back what was invalidated since.
"""

import re
from collections.abc import Callable
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import timedelta
from functools import wraps
from math import ceil
from typing import Any
from typing import TypeVar

from flask import current_app
from flask import Flask
from flask_caching import Cache as FlaskCache
from flask_caching.utils import wants_args

from ... import reads
from ...app import as_sync
from ...config import before_start
from ...config import declare
from . import settings
from . import signals
from .entry import send_status
from .entry import stored_key
from .serializer import Serializer
from .signals import after_delete as after_delete
from .signals import after_patch as after_patch
from .signals import after_post as after_post
from .signals import after_put as after_put
from .views import CachedView
from .views import CachedViews
from .views import KEY
from .views import UncachedViews
from .views import views_of

Function = TypeVar("Function", bound=Callable[..., Any])

_AMBIGUOUS = re.compile(r" at 0x|\*{10}")
"""What the ``repr`` of different objects may have in common: an address, or a masked secret."""


class Cache(FlaskCache):
    """Flask-Caching's cache, with views whose responses are private and never stale.

    *before_miss* is called before a view runs to fill the cache: it ends what the request has read
    from, such as a database snapshot. If it returns False, because that cannot be ended, the
    response is not cached; nor if it returns True, because something was read that ``g`` may hold,
    and a write came after the request began. What a function returned is not cached while
    *is_settled* returns False, because there are changes that nobody else sees.
    """

    app = property(lambda self: current_app, lambda self, app: None)
    """The current app: Flask-Caching would use the last one that was initialized."""

    def __init__(
        self,
        app: Flask | None = None,
        with_jinja2_ext: bool = True,
        config: dict[str, Any] | None = None,
        before_miss: Callable[[], object] = lambda: None,
        is_settled: Callable[[], bool] = lambda: True,
    ) -> None:
        self._before_miss, self._is_settled = before_miss, is_settled
        super().__init__(app, with_jinja2_ext, config)

    def init_app(self, app: Flask, config: dict[str, Any] | None = None) -> None:
        """Serve *app*. Raises RuntimeError the second time, ValueError for a bad setting."""
        if KEY in app.extensions:
            raise RuntimeError("This app has its cache already. Call init_app once.")
        declare(app, "CARAFE_CACHE_", ENABLED=True, IGNORED_REQUEST_ARGS=[], STATUS_HEADER=False)
        before_start(app, signals.check_cascades)
        if app.config["CARAFE_CACHE_STATUS_HEADER"]:
            app.after_request(send_status)
        checked = settings.checked(app, {**(self.config or {}), **(config or {})})
        super().init_app(app, checked)
        backend = app.extensions["cache"][self]
        kind = UncachedViews if checked["CACHE_TYPE"].endswith(".NullCache") else CachedViews
        app.extensions[KEY] = views = kind(app, backend, checked, self._before_miss)
        if kind is CachedViews:
            reads.install(app)
            signals.init_app(app, views.on_write, views.invalidate)

    @property
    def enabled(self) -> bool:
        """Whether the current app's cache is on."""
        return views_of(current_app).is_on

    @property
    def cache(self) -> Any:
        """The backend of the current app, whose failures are misses."""
        return views_of(current_app).fail_open

    client = cache

    @property
    def server(self) -> Any:
        """The Redis client of the current app, or None."""
        return getattr(self.client, "_write_client", None)

    def is_up(self) -> bool:
        """Return whether the backend accepts a write; True if the cache is off."""
        return not self.enabled or bool(self.cache.set_many({"up": True}, 60))

    def stats(self) -> dict[str, Any]:
        """Return statistics of the current app's cache in this process.

        ``state`` is ``up``, ``unavailable`` or ``off``; ``hits`` and ``misses`` count cached
        views; ``pending`` counts the invalidations that are waiting for the backend.
        """
        if not self.enabled:
            return {"state": "off"}
        views = views_of(current_app)
        return {
            "state": "unavailable" if views.availability.is_open else "up",
            "hits": views.hits,
            "misses": views.misses,
            "pending": len(views.availability.pending),
        }

    def cached_view(
        self,
        timeout: int | timedelta | None = None,
        namespace: str | None = None,
        unless: Callable[..., Any] | None = None,
        include_request_args: bool | Sequence[str] = True,
        *,
        statuses: Sequence[int] = (200,),
        public: bool = False,
    ) -> CachedView:
        """Cache the responses of a view to GET and HEAD.

        It decorates a function, a method, or stands in a class's ``decorators``. *timeout* is in
        seconds, rounded up, by default ``CACHE_DEFAULT_TIMEOUT``; 0 caches nothing. *namespace*
        names what is invalidated together: by default the class's ``cache_namespace``, else the
        name of the class or function. When *unless*, called without arguments, returns something
        true, the cache is not used; what it reads does not count. *include_request_args* says
        which query arguments make another response: all, none, or those listed; the view does
        not see the others. All are those of the query model, if the view has an ``@operation``
        with one.

        Only the *statuses* are cached, and never a streamed or ``private`` response or one that
        sets a cookie. If the session, the identity, a cookie, credentials, the client's address
        or the environ were read, by the view or before it, the response is for this client
        alone, unless the view is declared *public*: the same for everybody. A guard outside of
        this decorator decides for each request, and is not recorded. Other request headers, the
        host and the scheme make another response if they were read.

        Raises ValueError for a timeout that is not a number of seconds, or too long.
        """
        if isinstance(include_request_args, str):
            raise ValueError("include_request_args is a string. Give a list of names, or a bool.")
        if unless and wants_args(unless):
            raise ValueError("unless has arguments. Give a function that is called without any.")
        seconds = None if timeout is None else settings.seconds_of("timeout", timeout, 0)
        return CachedView(
            seconds, namespace, unless, include_request_args, frozenset(statuses), public
        )

    def cached(  # type: ignore[override]
        self,
        timeout: Any = None,
        key_prefix: Any = "view/%s",
        unless: Callable[..., Any] | None = None,
        *args: Any,
        query_string: bool = False,
        **kwargs: Any,
    ) -> Callable[[Function], Function]:
        """Cache a view as ``cached_view`` does, or a function under the key *key_prefix*.

        A value is not cached if the function read anything of its request or of ``g``.
        """
        if key_prefix == "view/%s" and not args and not kwargs:
            codes = range(200, 300)
            return self.cached_view(timeout, None, unless, query_string, statuses=codes)
        if query_string or "make_cache_key" in kwargs or "%s" in str(key_prefix):
            raise ValueError(
                "cached() of a view with a key of its own could give one client's response to "
                "another. Use cached_view(), with namespace and include_request_args."
            )
        return self._recorded(super().cached, timeout, key_prefix, unless, *args, **kwargs)

    def memoize(  # type: ignore[override]
        self, timeout: Any = None, *args: Any, **kwargs: Any
    ) -> Callable[[Function], Function]:
        """Cache what a function returns for the same arguments, as Flask-Caching does.

        Arguments, and the object of a method, are the same if their ``repr`` is. A value is not
        cached if the function read anything of its request or of ``g``. Raises TypeError for a
        value that would not come back from the cache as it is.
        """
        return self._recorded(super().memoize, timeout, *args, **kwargs)

    def _memoize_kwargs_to_args(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        found = super()._memoize_kwargs_to_args(f, *args, **kwargs)
        if _AMBIGUOUS.search(repr(found)):
            raise TypeError(
                f"Not memoized: the repr of an argument of {f.__qualname__} is not its own. "
                "Pass an id instead, or give its class a __repr__."
            )
        return found

    def _bypass_cache(self, *args: Any, **kwargs: Any) -> bool:
        return not self.enabled or super()._bypass_cache(*args, **kwargs)

    def _recorded(
        self, decorator: Callable[..., Any], timeout: Any, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """Flask-Caching's *decorator*, of a function whose reads of the request are recorded."""
        seconds = ceil(timeout) if isinstance(timeout, float) else timeout
        is_wanted = kwargs.pop("response_filter", None) or (lambda value: True)
        is_shareable: ContextVar[bool] = ContextVar("is_shareable")

        def may_store(value: Any) -> bool:
            if not (is_shareable.get() and is_wanted(value)):
                return False
            Serializer().dumps(value)  # Flask-Caching would only log the TypeError.
            return True

        def decorate(function: Callable[..., Any]) -> Any:
            run = as_sync(function)

            @wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                is_shareable.set(False)  # until it returns: what it raises is not stored
                with reads.recording() as names:
                    value = run(*args, **kwargs)
                is_shareable.set(not names and self._is_settled())
                return value

            return decorator(seconds, *args, response_filter=may_store, **kwargs)(call)

        return decorate

    def clear(
        self, prefixes: Sequence[str] | None = None, keys: Sequence[str] | None = None
    ) -> bool:
        """Remove what is under these prefixes, these keys, or everything.

        The key of a view is ``{namespace}:view:{path}?{query}``, encoded or as it is written.
        Everything is what starts with ``CACHE_KEY_PREFIX``; if that is empty, the cached views.
        Returns False if the backend is unavailable; the keys are removed as soon as it is back.
        """
        for name, given in (("prefixes", prefixes), ("keys", keys)):
            if isinstance(given, str) or not all(isinstance(each, str) for each in given or ()):
                raise TypeError(f"{name}: expected a list of texts, but got {given!r}.")
        if keys:
            self.unlink(*keys, *map(stored_key, keys))
        starts = [*(prefixes or ()), *map(stored_key, prefixes or ())]
        starts += [f"{stored_key(key)}#" for key in keys or ()]  # those of request headers
        if not starts and (prefixes is not None or keys is not None):
            return not views_of(current_app).availability.is_open
        return bool(self.cache.clear_prefixes(starts or None))

    def delete_memoized(self, f: Any, *args: Any, **kwargs: Any) -> None:
        """Forget what *f* returned for these arguments, or for all.

        If the backend is unavailable, all is forgotten as soon as it is back.
        """
        if args or kwargs:
            super().delete_memoized(f, *args, **kwargs)
        if not (args or kwargs) or views_of(current_app).availability.is_open:
            self.delete_memoized_verhash(f)

    def clear_prefixes(self, *prefixes: str) -> bool:
        """Remove the keys that start so, such as a namespace."""
        return self.clear(prefixes=prefixes)

    def clear_keys(self, *keys: str) -> bool:
        """Remove these keys."""
        return self.clear(keys=keys)

    def invalidate(self, *namespaces: Any) -> bool:
        """Invalidate the cached responses of these namespaces, or view classes.

        Returns False if the backend is unavailable; that is done as soon as it is back, unless the
        process ends before.
        """
        names = (signals.names_of(current_app, each) for each in namespaces)
        views_of(current_app).invalidate(set[str]().union(*names))
        return not views_of(current_app).availability.is_open
