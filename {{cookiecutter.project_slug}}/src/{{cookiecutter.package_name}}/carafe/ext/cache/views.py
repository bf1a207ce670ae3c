"""Views whose responses are cached.

An entry holds the tokens that its namespaces had when the view started, and is served only while
these are the current ones. So a hit is one ``get_many([entry, token])``. A write removes the token,
which invalidates every response that was made before it, or is being made.
"""

import hmac
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import Any
from typing import TypeVar
from urllib.parse import parse_qsl
from urllib.parse import unquote_plus

from flask import current_app
from flask import Flask
from flask import has_request_context

from ... import reads
from ...app import as_sync
from ...app import logger
from ...arguments import check_names
from ...operation import operation_of
from ...request import SAFE_METHODS
from . import entry as entries
from . import signals
from .availability import Availability
from .availability import Backend
from .availability import FailOpen
from .availability import Unavailable
from .single_flight import Lookup
from .single_flight import SingleFlight
from .single_flight import View

KEY = "carafe.cache"

_MAX_VIEWS = 4096

ViewFunction = TypeVar("ViewFunction", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class CachedView:
    """The decorator ``cached_view``, and its options."""

    seconds: int | None
    namespace: str | None
    unless: Callable[..., Any] | None
    counted: bool | Sequence[str]
    statuses: frozenset[int]
    public: bool

    def __call__(self, function: ViewFunction) -> ViewFunction:
        run = as_sync(function)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not has_request_context():
                return run(*args, **kwargs)
            context, owner = reads.current_context(), args[0] if args else call
            views, is_of_url = views_of(context.app), _is_of_url(context, args, kwargs)
            return views.respond(context, self, owner, partial(run, *args, **kwargs), is_of_url)

        call.cached_view = self  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]


def _is_of_url(context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether the view was called as Flask calls it: with the arguments of the URL."""
    request = context.request
    if args:
        view_class = signals.class_of(context.app.view_functions.get(request.endpoint)) or ()
        if len(args) > 1 or not (args[0] is view_class or isinstance(args[0], view_class)):
            return False
    query = {"query": None}  # which ``@operation`` adds
    return kwargs | query == (request.view_args or {}) | query


def _decorates(options: CachedView, owner: Any, function: Any) -> bool:
    """Return whether *options* decorate a view function, below other decorators, or its class."""
    view_class = signals.class_of(function)
    while function is not None:
        if function is owner:
            return True
        function = getattr(function, "__wrapped__", None)
    return options in (getattr(view_class, "decorators", None) or ())


def _version_of(app: Flask) -> str:
    """A number of the code and the database of *app*: what others made is not served."""
    file = getattr(sys.modules.get(app.import_name), "__file__", None)
    files = [Path(file)] if file else []
    if file and files[0].name == "__init__.py":
        files = sorted(files[0].parent.rglob("*.py"))
    parts = [each.read_bytes() for each in files if each.is_file()]
    parts.append(str(app.config.get("SQLALCHEMY_DATABASE_URI")).encode())
    key = str(app.secret_key).encode()  # Without it, nobody can guess the database's password.
    return hmac.digest(key, b"".join(parts), "sha256").hex()[:16]


def _run(request: Any, query: bytes, view: Callable[[], Any]) -> Any:
    with reads.seeing(request, query):
        return view()


class CachedViews:
    """The cached views of one app, stored in *backend*."""

    def __init__(
        self,
        app: Flask,
        backend: Backend,
        settings: Mapping[str, Any],
        before_miss: Callable[[], object],
    ) -> None:
        self.availability = Availability(backend)
        self.fail_open = FailOpen(self.availability, lambda: self.is_on)
        self.hits = self.misses = 0
        self._app = app
        self._responses = entries.StoredResponse.of_class(app.response_class)
        self._flight = SingleFlight(self.availability, self._responses, before_miss)
        self._seconds: int = settings["CACHE_DEFAULT_TIMEOUT"]
        self._mark = f"{settings['CACHE_KEY_PREFIX']}{_version_of(app)}"
        self._ignored = frozenset(app.config["CARAFE_CACHE_IGNORED_REQUEST_ARGS"])
        self._views: dict[Any, View] = {}
        """By decorator, function or class, and namespace if that may change."""

    @property
    def is_on(self) -> bool:
        """Whether responses are cached now; writes always invalidate those that are."""
        return bool(self._app.config["CARAFE_CACHE_ENABLED"])

    def respond(
        self, context: Any, options: CachedView, owner: Any, run: Callable[[], Any], is_of_url: bool
    ) -> Any:
        """Return the cached response, or what the view returns; it runs once at most.

        *owner* is the view, or the instance of its class; *is_of_url*, whether it was called with
        the arguments of the URL.
        """
        request, environ = context.request, reads.environ_of(context.request)
        view = self._view(options, owner, request)
        if environ["REQUEST_METHOD"] not in SAFE_METHODS:
            environ.setdefault(signals.WRITERS, []).append(view.sender)
        query = self._counted(options.counted, request, environ)
        run = partial(_run, request, query, run)
        whole = environ.get("QUERY_STRING", "")
        if len(query) != len(whole):
            self._check_names(request, whole)
        if reason := self._why_bypassed(options, context, environ, is_of_url):
            entries.note(request, "fwd=bypass", reason)
            return run()
        key = entries.view_key(view.namespace, request.path, query, request.root_path)
        try:
            entry, token = self._find(view, request, key)
        except Unavailable:
            entries.note(request, "fwd=bypass", "the backend is unavailable")
            return run()
        if entry is None:
            self.misses += 1
            entries.note(request, "fwd=miss", "the view raised an error")  # until it returns
            return self._flight.make(Lookup(view, request, run, key, token))
        self.hits += 1
        environ[entries.STATUS] = entries.HIT
        return self._responses.respond(entry, environ)

    def _view(self, options: CachedView, owner: Any, request: Any) -> View:
        """Return the state of the view that *options* decorate, new on its first call."""
        kind: Any = owner if isinstance(owner, FunctionType | type) else type(owner)
        view = self._views.get((options, kind, None))
        if view is not None:
            return view
        sender, function = kind, self._app.view_functions.get(request.endpoint)
        view_class = signals.class_of(function)
        is_static = any(getattr(view_class, name, None) is owner for name in dir(view_class))
        if is_static or _decorates(options, owner, function):
            owner = sender = view_class or function
        [namespace] = [options.namespace] if options.namespace else self._names_of(owner)
        view = self._views.get((options, kind, namespace))
        if view is None:
            # Writes to the views that its class inherits from invalidate it, too.
            bases = signals.bases_of(self._app, sender) if isinstance(sender, type) else []
            others = set[str]().union(*map(self._names_of, bases)) - {namespace}
            tokens = tuple(map(entries.token_key, [namespace, *sorted(others)]))
            seconds = self._seconds if options.seconds is None else options.seconds
            view = View(options, options.namespace or sender, namespace, tokens, seconds)
            if any(rule.subdomain or rule.host for rule in self._app.url_map.iter_rules()):
                view.varies.add("host")  # The path alone does not identify a view.
        if len(self._views) >= _MAX_VIEWS:
            self._views.clear()
        is_fixed = options.namespace or not (is_static or signals.is_computed(owner))
        self._views[options, kind, None if is_fixed else namespace] = view
        return view

    def _names_of(self, view: Any) -> set[str]:
        return signals.names_of(self._app, view)

    def _why_bypassed(
        self, options: CachedView, context: Any, environ: dict[str, Any], is_of_url: bool
    ) -> str | None:
        """Return why the cache must not be used for the request, or None if it may."""
        request = context.request
        if not self.is_on:
            return "the cache is off"
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return "the method is not GET"
        if not isinstance(request, reads.RecordedRequest):
            return "the app's request_context was replaced, so what is read is unknown"
        if not options.public:
            if "HTTP_AUTHORIZATION" in environ:
                return "the request has credentials"
            if (names := reads.reads_of(context)) and (reason := entries.why_personal(names)):
                return f"{reason} before the view"
        has_body = environ.get("CONTENT_LENGTH", "0") not in {"", "0"}
        if has_body or "HTTP_TRANSFER_ENCODING" in environ:
            return "the request has a body"
        if request.is_making:
            return "the view that calls it is cached itself"
        if not is_of_url:
            return "it was called with other arguments than those of the URL"
        if environ.get("wsgi.multiprocess") and not self.availability.backend.is_shared:
            return "several processes cannot share a cache in memory"
        if options.seconds == 0:
            return "the timeout is 0"
        if options.unless:
            with reads.deciding():
                return "unless is true" if options.unless() else None
        return None

    def _check_names(self, request: Any, query: str) -> None:
        """Raise Invalid for arguments that the view would refuse if it saw them."""
        operation = operation_of(request)
        if operation and operation.query:
            names = (name for name, _ in parse_qsl(query, keep_blank_values=True))
            check_names(operation.query, names)

    def _counted(
        self, counted: bool | Sequence[str], request: Any, environ: dict[str, Any]
    ) -> bytes:
        """Return the part of the query that the response depends on, and that the view sees."""
        whole: bytes = environ.get("QUERY_STRING", "").encode("latin1")
        if not whole or (counted is True and not self._ignored):
            return whole
        # Code that ran before the view may have read any argument.
        was_read = reads.QUERY in getattr(request, "reads", ())
        if was_read or not self.is_on or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return whole
        pieces = []
        for piece in whole.split(b"&"):
            name = unquote_plus(piece.partition(b"=")[0].decode(errors="surrogateescape"))
            is_counted = counted if isinstance(counted, bool) else name in counted
            if is_counted and name not in self._ignored:
                pieces.append(piece)
        return b"&".join(pieces)

    def _find(self, view: View, request: Any, key: str) -> tuple[entries.Entry | None, str]:
        """Return the entry of the response, if there is one, and the token. Raises Unavailable."""
        entry, token = self._read(view, view.key_of(request, key) if view.varies else key)
        if entry is not None and entry.head.varies:
            view.varies.update(entry.head.varies)
            entry, token = self._read(view, view.key_of(request, key))
        return entry, token

    def _read(self, view: View, key: str) -> tuple[entries.Entry | None, str]:
        run, backend = self.availability.run, self.availability.backend
        found, *tokens = run(backend.get_many, key, *view.tokens)
        token = self._joined(tokens)
        entry = entries.current(found, token, self.availability.trusted_since)
        if entry is None and not all(map(entries.is_token, tokens)):
            token = self._joined(self._new_tokens(view.tokens))
        return entry, token

    def _joined(self, tokens: list[Any]) -> str:
        """The *tokens* as one, with what makes the entries of other code different.

        The prefix of another app may end where a namespace here begins, and its code may differ.
        """
        return f"{''.join(map(str, tokens))}@{self._mark}"

    def _new_tokens(self, needed: tuple[str, ...]) -> list[str]:
        """Return the tokens, made now if there are none: the same for all processes."""
        made = {key: entries.new_token() for key in needed}
        run, backend = self.availability.run, self.availability.backend
        found = run(backend.get_or_set, made, entries.TOKEN_SECONDS)
        if all(map(entries.is_token, found)):
            return found
        run(backend.set_many, made, entries.TOKEN_SECONDS)
        return [*made.values()]

    def on_write(self, sender: Any, **extra: Any) -> None:
        """Receive a signal, if it was sent in this app."""
        if not current_app:
            logger.warning(
                "%r wrote outside an application context; nothing was invalidated.", sender
            )
        elif current_app.extensions.get(KEY) is self:
            namespaces = signals.namespaces_of(self._app, sender)
            if not signals.collect(namespaces):
                self.invalidate(namespaces)

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Remove the tokens of these namespaces."""
        if tokens := [*map(entries.token_key, namespaces)]:
            self.availability.invalidate(tokens)


class UncachedViews(CachedViews):
    """The views of an app that started with its cache off and has no backend."""

    is_on = False


def views_of(app: Any) -> CachedViews:
    """Return the cached views of *app*. Raises RuntimeError if it has no cache."""
    found: CachedViews | None = app.extensions.get(KEY)
    if found is None:
        raise RuntimeError("This app has no cache. Call cache.init_app(app) when you make it.")
    return found
