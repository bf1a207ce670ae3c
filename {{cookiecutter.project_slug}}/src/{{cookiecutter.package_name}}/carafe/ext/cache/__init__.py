"""Views answered from memory or Redis, and never from yesterday.

.. code-block:: python

    class BookView(MethodView):
        cache_cascade = ["ShelfView"]

        @cache.cached_view()
        def get(self): ...

A class-based view that finishes a POST, PUT, PATCH or DELETE with a 2xx status makes its own
cached answers and those of its ``cache_cascade`` invalid, before the response leaves; other
code sends ``after_post``, ``after_put``, ``after_patch`` or ``after_delete`` itself. All else
that Flask-Caching's ``Cache`` does works here, without pickle: values are JSON types, tuples,
bytes, dates, UUIDs and responses.

A backend that does not answer costs a request 0.2 seconds at most, once; then it is left alone,
and tried every 2 seconds. What was written meanwhile is made invalid before it is read again.

===================================== =============== =========================================
``CARAFE_CACHE_ENABLED``              ``True``        off: every decorator and method is inert
``CARAFE_CACHE_IGNORED_REQUEST_ARGS`` ``[]``          query arguments that make no difference
``CARAFE_CACHE_STATUS_HEADER``        ``False``       say in ``Cache-Status`` what the cache did
``CACHE_TYPE``                        ``SimpleCache`` Flask-Caching's name of the backend
``CACHE_DEFAULT_TIMEOUT``             ``300``         seconds, 1 to 2592000
``CACHE_KEY_PREFIX``                  Flask-Caching's what every key starts with
``CACHE_REDIS_URL``                   unset           or ``_HOST``, ``_PORT`` and ``_DB``
===================================== =============== =========================================

The URL of Redis starts with ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://`` or
``redis+cluster://`` (see ``redis_url``). Run it with ``save ""``: a dump that is loaded again
brings back what was made invalid since.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from typing import TypeVar

from flask import current_app
from flask import Flask
from flask_caching import Cache as FlaskCache
from werkzeug.exceptions import HTTPException

from ...config import before_start
from ...config import declare
from . import status
from .call import Options
from .decorator import cached
from .decorator import View
from .keys import namespace_of
from .settings import ignored_arguments
from .settings import settings_for
from .signals import after_delete as after_delete
from .signals import after_patch as after_patch
from .signals import after_post as after_post
from .signals import after_put as after_put
from .signals import announce
from .signals import check_cascades
from .signals import SIGNALS
from .views import CachedViews
from .views import current_views
from .views import KEY
from .views import UncachedViews

Made = TypeVar("Made")


class Cache(FlaskCache):
    """Flask-Caching's cache, with views that know when they are out of date.

    *before_miss* is called before a view runs to fill the cache: close there what the request
    read earlier, such as a database snapshot. If it answers False, because that cannot be
    closed, the view's answer is not kept.
    """

    def __init__(
        self,
        app: Flask | None = None,
        with_jinja2_ext: bool = True,
        config: dict[str, Any] | None = None,
        before_miss: Callable[[], object] | None = None,
    ) -> None:
        self._before_miss = before_miss
        super().__init__(app, with_jinja2_ext, config)

    @property
    def app(self) -> Any:
        """The current app: state belongs to it, not to this object."""
        return current_app

    @app.setter
    def app(self, app: Flask) -> None:
        """Flask-Caching would keep the app that came last."""

    def init_app(self, app: Flask, config: dict[str, Any] | None = None) -> None:
        """Serve *app*. Raises RuntimeError the second time."""
        if KEY in app.extensions:
            raise RuntimeError("This app has its cache already. Call init_app once.")
        declare(app, "CARAFE_CACHE_", ENABLED=True, IGNORED_REQUEST_ARGS=[], STATUS_HEADER=False)
        before_start(app, check_cascades)
        if app.config["CARAFE_CACHE_STATUS_HEADER"]:
            status.init_app(app)
        settings = settings_for(app, {**(self.config or {}), **(config or {})})
        super().init_app(app, settings)
        backend = app.extensions["cache"][self]
        app.extensions[KEY] = UncachedViews(backend)
        if not app.config["CARAFE_CACHE_ENABLED"]:
            return
        app.extensions[KEY] = views = CachedViews(
            backend,
            app.response_class,
            self._before_miss or (lambda: None),
            prefix=str(settings["CACHE_KEY_PREFIX"]),
            seconds=settings["CACHE_DEFAULT_TIMEOUT"],
            ignored=ignored_arguments(app),
        )
        app.after_request(announce)
        for signal in SIGNALS.values():
            signal.connect(views.on_write)

    @property
    def enabled(self) -> bool:
        """Whether the current app's cache is on."""
        return isinstance(current_views(), CachedViews)

    def is_up(self) -> bool:
        """Whether the backend answers; one that is off needs no answer."""
        return current_views().is_up()

    def stats(self) -> dict[str, Any]:
        """How the current app's cache does, in this process.

        ``state`` is ``up``, ``refusing`` (it reads and does not write), ``away`` or ``off``;
        ``hits`` and ``misses`` count cached views; ``owed`` counts the invalidations that wait
        for the backend to come back.
        """
        return current_views().stats()

    @property
    def client(self) -> Any:
        """The backend of the current app, whose failures are misses."""
        return self.cache

    @property
    def cache(self) -> Any:
        """The same, under Flask-Caching's name."""
        return current_views().forgiving

    @property
    def server(self) -> Any:
        """The Redis client of the current app, or None."""
        return getattr(self.client, "_write_client", None)

    def cached_view(
        self,
        timeout: int | timedelta | None = None,
        namespace: str | None = None,
        unless: Callable[..., Any] | None = None,
        include_request_args: bool | Sequence[str] = True,
        *,
        statuses: Sequence[int] = (200,),
        public: bool = False,
    ) -> Callable[[View], View]:
        """Answer GET and HEAD of a view from the cache.

        *timeout* is in seconds, by default ``CACHE_DEFAULT_TIMEOUT``, and 0 keeps nothing.
        *namespace* names what becomes invalid together: by default the class's
        ``cache_namespace``, else the name of the class or function. When *unless*, called
        without arguments, answers with something true, the cache is not asked.
        *include_request_args* says which query arguments make another answer: all, none, or
        those listed; the view does not see the others.

        Only the *statuses* are kept, and never a streamed or ``private`` response, one that
        sets a cookie, or one whose view asked for the session, the identity, a cookie or
        credentials, unless the view is declared *public*: the same for everybody. An answer is
        given to requests with the same values of the headers that its view read by
        ``request.headers``, that it says it varies on, and of the host if it names it.

        Raises ValueError for a timeout that is not whole seconds, or too long.
        """
        return cached(Options(timeout, namespace, unless, include_request_args, statuses, public))

    def set(self, *args: Any, **kwargs: Any) -> bool | None:
        """Flask-Caching's, which would keep an HTTP error for everybody who comes after."""
        value = args[1] if len(args) > 1 else kwargs.get("value")
        return False if isinstance(value, HTTPException) else super().set(*args, **kwargs)

    def clear(
        self, prefixes: Sequence[str] | None = None, keys: Sequence[str] | None = None
    ) -> bool:
        """Remove what is under these prefixes, these keys, or everything.

        Everything is what starts with ``CACHE_KEY_PREFIX``; if that is empty, the cached
        views. A backend that cannot list its keys is emptied, whatever the prefixes.
        """
        if not self.enabled:
            return True
        if keys:
            self.unlink(*keys)
        if prefixes or (prefixes is None and keys is None):
            return current_views().sweep(prefixes)
        return True

    def clear_prefixes(self, *prefixes: str) -> bool:
        """Remove the keys that start so, such as a namespace."""
        return self.clear(prefixes=prefixes)

    def clear_keys(self, *keys: str) -> bool:
        """Remove these keys."""
        return self.clear(keys=keys)

    def remember(self, namespace: str, key: Hashable, make: Callable[[], Made]) -> Made:
        """What *make* says, kept in this process until *namespace* is invalid, or for a minute.

        It takes no round trip of its own before a cached view. None is not kept, and neither is
        anything where the cache is not shared: another process could not make it invalid. Call
        it before anything is read that the value depends on.
        """
        made: Made = current_views().remember(namespace, key, make)
        return made

    def invalidate(self, *namespaces: Any) -> None:
        """Make what is cached of these namespaces, or view classes, invalid."""
        current_views().invalidate([namespace_of(namespace) for namespace in namespaces])
