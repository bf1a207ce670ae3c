"""Views whose responses are cached.

An entry holds the tokens that its namespaces had when the view started; it is a response only
while they are the current ones. So a hit is one ``get_many([entry, token])``, and a write
revokes the token: whatever was made before, or is being made, is no response any more.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from functools import wraps
from typing import Any
from typing import TypeVar
from urllib.parse import unquote_plus

from flask import current_app
from flask import Flask
from flask import has_request_context

from ...log import logger
from ...reads import environ_of
from ...reads import QUERY
from ...reads import reads_of
from ...reads import RecordedRequest
from ...request import current_request
from ...sync import as_sync
from . import keys
from .availability import Availability
from .availability import Backend
from .availability import FailOpen
from .availability import Unavailable
from .cacheability import HIT
from .cacheability import note
from .cacheability import note_bypass
from .cacheability import note_miss
from .cacheability import why_personal
from .entry import StoredResponses
from .settings import seconds_of
from .signals import add_writer
from .signals import SAFE_METHODS
from .single_flight import Lookup
from .single_flight import SingleFlight

KEY = "carafe.cache"

View = TypeVar("View", bound=Callable[..., Any])


class CachedView:
    """The decorator ``cached_view``, and its options."""

    def __init__(
        self,
        timeout: int | timedelta | None,
        namespace: str | None,
        unless: Callable[..., Any] | None,
        include_request_args: bool | Sequence[str],
        statuses: Sequence[int],
        public: bool,
    ) -> None:
        if isinstance(include_request_args, str):
            raise ValueError("include_request_args is a text. Give a list of arguments, or a bool.")
        self.seconds = None if timeout is None else seconds_of("timeout", timeout, 0)
        self.namespace = namespace
        self.unless = unless
        self.statuses = frozenset(statuses)
        self.public = public
        self.counted = include_request_args

    def __call__(self, view: View) -> View:
        run = as_sync(view)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not has_request_context():
                return run(*args, **kwargs)
            owner = args[0] if args else call
            return current_views().respond(self, owner, partial(run, *args, **kwargs))

        call.cached_view = self  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]


class CachedViews:
    """The cached views of one app.

    *prefix* is the app's own among those of its backend, *seconds* how long a response is cached
    if its view does not say; the query arguments *ignored* do not count. *before_miss* is called
    before a view runs; if it returns False, the response is not cached.
    """

    def __init__(
        self,
        app: Flask,
        backend: Backend,
        before_miss: Callable[[], object],
        *,
        prefix: str,
        seconds: int,
        ignored: frozenset[str],
    ) -> None:
        self.availability = Availability(backend)
        self.fail_open = FailOpen(self.availability)
        self._responses = StoredResponses(app.response_class)
        self._flight = SingleFlight(
            self.availability, self._responses, before_miss, prefix=prefix, seconds=seconds
        )
        self._app = app
        self._ignored = ignored
        self._bases: dict[type, tuple[type, ...]] = {}
        self._hits = self._misses = 0

    def respond(self, options: CachedView, owner: Any, run: Callable[[], Any]) -> Any:
        """Return the cached response, or what the view returns; it runs once at most.

        *owner* is the view, or the instance of its class.
        """
        request: Any = current_request()
        environ = environ_of(request)
        view_class = keys.class_of(self._app.view_functions.get(request.endpoint))
        if options in (getattr(view_class, "decorators", None) or ()):
            owner = view_class
        if environ["REQUEST_METHOD"] not in SAFE_METHODS:
            add_writer(request, options.namespace or owner)
        if reason := self._why_bypassed(options, request, environ):
            note_bypass(request, reason)
            return run()
        lookup = self._lookup(options, owner, run, request, environ)
        try:
            key, token, entry = self._flight.find(lookup)
        except Unavailable:
            note_bypass(request, "the backend is unavailable")
            return run()
        if entry is None:
            self._misses += 1
            note_miss(request, "the view raised an error")  # unless it goes on and says otherwise
            return self._flight.make(lookup, key, token)
        self._hits += 1
        note(request, HIT)
        return self._responses.respond(entry, environ)

    def _why_bypassed(
        self, options: CachedView, request: Any, environ: dict[str, Any]
    ) -> str | None:
        """Why the cache must not be used for *request*, or None if it may."""
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return "the method is not GET"
        if not isinstance(request, RecordedRequest):
            return "the app's request_class was replaced, so nobody knows what is read"
        if not options.public:
            if "HTTP_AUTHORIZATION" in environ:
                return "the request has credentials"
            if reason := why_personal(reads_of(request)):
                return f"{reason} before the view"
        has_body = environ.get("CONTENT_LENGTH", "0") not in {"", "0"}
        if has_body or "HTTP_TRANSFER_ENCODING" in environ:
            return "the request has a body"
        if request.is_making:
            return "the view that calls it is cached itself"
        if environ.get("wsgi.multiprocess") and not self.availability.backend.is_shared:
            return "several processes cannot share a cache in memory"
        if options.seconds == 0:
            return "the timeout is 0"
        return "unless is true" if options.unless and options.unless() else None

    def _lookup(
        self,
        options: CachedView,
        owner: Any,
        run: Callable[[], Any],
        request: Any,
        environ: dict[str, Any],
    ) -> Lookup:
        namespace = options.namespace or keys.namespace_of(owner)
        query = environ.get("QUERY_STRING", "").encode("latin1")
        # What was read of the query before the view may have been any argument.
        if query and QUERY not in request.reads:
            query = self._counted(query, options.counted)
        key = keys.view_key(namespace, request.path, query, request.root_path)
        bases = map(keys.namespace_of, self._bases_of(owner))
        tokens = tuple(dict.fromkeys(map(keys.token_key, (namespace, *bases))))
        return Lookup(request, options, run, query, key, tokens)

    def _counted(self, query: bytes, counted: bool | Sequence[str]) -> bytes:
        """The part of the query that makes another response."""
        if counted is True and not self._ignored:
            return query
        return b"&".join(
            piece
            for piece in query.split(b"&")
            if (name := _name_of(piece)) not in self._ignored
            and (counted if isinstance(counted, bool) else name in counted)
        )

    def _bases_of(self, owner: Any) -> tuple[type, ...]:
        """The views that the class of *owner* inherits from: it responds for them, too."""
        view_class = owner if isinstance(owner, type) else type(owner)
        if view_class not in self._bases:
            self._bases[view_class] = tuple(keys.bases_of(self._app, view_class))
        return self._bases[view_class]

    def on_write(self, sender: Any, **extra: Any) -> None:
        """Receive a signal, if it was sent in this app."""
        if not current_app:
            logger.warning(
                "%r wrote outside an application context; nothing was invalidated.", sender
            )
        elif current_app.extensions.get(KEY) is self:
            self.invalidate(keys.namespaces_of(self._app, sender))

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Revoke the tokens of these namespaces."""
        if tokens := [*map(keys.token_key, namespaces)]:
            self.availability.invalidate(tokens)

    def clear(self, prefixes: Sequence[str] | None) -> bool:
        """Remove keys by prefix; False if the backend is unavailable."""
        try:
            self.availability.read(self.availability.backend.clear_prefixes, prefixes)
        except Unavailable:
            return False
        return True

    def is_up(self) -> bool:
        """Whether the backend takes a write."""
        return self.availability.is_up()

    def stats(self) -> dict[str, Any]:
        """As ``Cache.stats``."""
        return {
            "state": self.availability.state,
            "hits": self._hits,
            "misses": self._misses,
            "pending": self.availability.pending,
        }


class UncachedViews:
    """A cache that is off. *fail_open* is its backend, which stores nothing."""

    def __init__(self, fail_open: Any = None) -> None:
        self.fail_open = fail_open

    def respond(self, options: CachedView, owner: Any, run: Callable[[], Any]) -> Any:
        note_bypass(current_request(), "the cache is off")
        return run()

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Nothing is cached."""

    def clear(self, prefixes: Sequence[str] | None) -> bool:
        return True

    def is_up(self) -> bool:
        return True

    def stats(self) -> dict[str, Any]:
        return {"state": "off"}


def current_views() -> CachedViews | UncachedViews:
    """Return the cached views of the current app. Raises RuntimeError if it has none."""
    app: Any = current_app
    found: CachedViews | UncachedViews | None = app._get_current_object().extensions.get(KEY)
    if found is None:
        raise RuntimeError("This app has no cache. Call cache.init_app(app) when you make it.")
    return found


def _name_of(piece: bytes) -> str:
    return unquote_plus(piece.partition(b"=")[0].decode(errors="surrogateescape"))
