"""What is read of a request, from its beginning to its response.

A cached response is sent to other clients, so it must not depend on data of one client. Whatever
code reads of a request, by any attribute and anywhere, is recorded here by name: request headers in
lower case, as in ``Vary``, and the names below. The cache decides by these names.

The library's own machinery uses ``environ_of``, which records nothing: it does the same work for
each request, whether or not the response is cached.
"""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from contextvars import copy_context
from functools import cache
from functools import partial
from time import time
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import Request
from flask.ctx import _AppCtxGlobals
from flask.ctx import RequestContext
from flask.globals import app_ctx
from flask.globals import request_ctx
from flask.sessions import SessionMixin
from werkzeug.datastructures import EnvironHeaders

CONTEXTS = "carafe.contexts"
"""The key in the environ of a list that receives the context of the request, if there is one."""

WROTE = "carafe.wrote"
"""The key in the environ of True once the request has changed rows of the database."""

WHO = "carafe.who"
"""The key in the environ of a pair: the user's id and "session" or "token", once known."""

ADDRESS = ":address"
"""The IP address of the client."""
BODY = ":body"
ENVIRON = ":environ"
"""The WSGI environ, which holds everything."""
GLOBALS = ":g"
"""Flask's ``g``, where other code may have left what it read."""
HEADERS = ":headers"
"""All request headers at once."""
IDENTITY = ":identity"
PATH = ":path"
"""The method and the path, and what matches them: a rule and its variables."""
QUERY = ":query"
SCHEME = ":scheme"
SESSION = ":session"

READ_BY: dict[str, tuple[str, ...]] = {
    "environ": (ENVIRON,),
    **dict.fromkeys(("method", "path", "root_path", "url_rule", "view_args"), (PATH,)),
    "scheme": (SCHEME,),
    "server": ("host",),
    "host": ("host",),
    **dict.fromkeys(("base_url", "host_url", "root_url", "url_root"), ("host", SCHEME)),
    "url": ("host", SCHEME, PATH, QUERY),
    "full_path": (PATH, QUERY),
    **dict.fromkeys(("args", "query_string"), (QUERY,)),
    "values": (QUERY, BODY),
    **dict.fromkeys(("data", "files", "form", "json", "stream"), (BODY,)),
    "remote_addr": (ADDRESS,),
    "access_route": ("x-forwarded-for", ADDRESS),
    "authorization": ("authorization",),
    "cookies": ("cookie",),
    "user_agent": ("user-agent",),
    "accept_charsets": ("accept-charset",),
    "accept_encodings": ("accept-encoding",),
    "accept_languages": ("accept-language",),
    "accept_mimetypes": ("accept",),
    "cache_control": ("cache-control",),
    "pragma": ("pragma",),
    "range": ("range",),
    "if_match": ("if-match",),
    "if_none_match": ("if-none-match",),
    "if_range": ("if-range", "if-modified-since"),
    "if_modified_since": ("if-modified-since",),
    "if_unmodified_since": ("if-unmodified-since",),
    "content_length": ("content-length", "transfer-encoding"),
}
"""What each attribute of a request depends on, if it holds or stores a value.

All other attributes read these, or the headers, each time."""

_OF_QUERY = tuple(name for name, reads in READ_BY.items() if QUERY in reads)


current_context: Callable[[], RequestContext] = request_ctx._get_current_object  # type: ignore[attr-defined]
"""Return the context of the current request itself, without the cost of a proxy."""


def current_request() -> Request:
    """Return the current request itself."""
    return current_context().request


def environ_of(request: Request) -> dict[str, Any]:
    """Return the WSGI environ of *request* without recording it."""
    environ: dict[str, Any] = vars(request)["environ"]
    return environ


def record(*names: str) -> None:
    """Record that something was read of the current request, if there is one."""
    request = request_ctx.request if request_ctx else None
    if isinstance(request, RecordedRequest):
        request.record(*names)


_places: ContextVar[tuple[Any, tuple[set[str], ...]]] = ContextVar("places", default=(None, ()))
"""A request, and where the code in this context records what it reads of it.

Threads of one request may run at once, each with what it makes. A block that ends in one of them
must not change where another one records.
"""


@contextmanager
def _recording_in(request: "RecordedRequest", *places: set[str]) -> Iterator[None]:
    before = _places.set((request, places))
    try:
        yield
    finally:
        _places.reset(before)


def reads_of(context: Any) -> set[str]:
    """Return what was read of the request of *context* until now."""
    reads: set[str] = context.request.reads
    return reads | {SESSION} if _session_of(context).accessed is True else reads


def _session_of(context: Any) -> Any:
    """The session; its public name would mark it as accessed."""
    return context._session


@contextmanager
def recording() -> Iterator[set[str]]:
    """Yield a set in which is recorded what this block reads to make something to be cached.

    At the end of the block the set is complete. Its names count for the request, too. Nothing is
    recorded without a request, or without a cache.
    """
    names: set[str] = set()
    context = current_context() if has_request_context() else None
    request = getattr(context, "request", None)
    if not isinstance(request, RecordedRequest):
        yield names
        return
    kind: Any = type(request)
    request.__class__ = _recorded_whole(kind)
    session, (outer, places) = _session_of(context), _places.get()
    was_accessed, session.accessed = session.accessed, False
    try:
        with _recording_in(request, names, *(places if outer is request else (request.reads,))):
            yield names
    finally:
        if session.accessed is True:
            names.add(SESSION)
        session.accessed = was_accessed or session.accessed


@contextmanager
def seeing(request: Request, query: bytes) -> Iterator[None]:
    """Show no other arguments than those in *query* to the code in this block."""
    attributes = vars(request)
    if attributes["query_string"] == query:
        yield
        return
    whole = {name: attributes.pop(name) for name in _OF_QUERY if name in attributes}
    attributes["query_string"] = query
    try:
        yield
    finally:
        for name in _OF_QUERY:
            attributes.pop(name, None)
        attributes.update(whole)


_TO_DECIDE: Any = "to decide"
"""Marks a session that was read only to decide. As for True, Flask sends ``Vary: Cookie``."""


@contextmanager
def deciding() -> Iterator[None]:
    """Do not record what is read in this block, to decide whether the request may go on.

    That is decided anew for each request. But if the block leaves something where a view could find
    it, in ``g``, on the request or in a context variable, the identity is recorded as read.
    """
    context: Any = current_context()
    request, session, names = context.request, _session_of(context), set[str]()
    was_accessed, known, variables = session.accessed, _attributes(request), copy_context()
    try:
        with _recording_in(request, names):
            yield
    finally:
        session.accessed = was_accessed or (session.accessed and _TO_DECIDE)
        later = copy_context().items()
        has_left = any(variables.get(variable) is not value for variable, value in later)
        if has_left or GLOBALS in names or _leaves_something(request, known):
            record(IDENTITY)


def _attributes(request: Request) -> dict[str, Any]:
    return {**vars(request), "view_args": dict(vars(request).get("view_args") or {})}


def _leaves_something(request: Request, known: dict[str, Any]) -> bool:
    """Return whether an attribute that is not Flask's is not *known*, or may hold more now."""
    values = _attributes(request)
    return values["view_args"] != known["view_args"] or any(
        known.get(name) is not values[name] or not isinstance(values[name], _IMMUTABLE)
        for name in values.keys() - _OF_FLASK
    )


_OF_FLASK = {*dir(Request), *READ_BY, "headers", "reads", "started"}
_IMMUTABLE = (bool, bytes, float, int, str, type(None))


def install(app: Flask) -> None:
    """Record what is read of the requests of *app*, of its ``g``, and by its ``url_for``."""
    globals_class: Any = app.app_ctx_globals_class
    app.app_ctx_globals_class = type(  # type: ignore[assignment]
        "Globals", (RecordedGlobals, globals_class), {}
    )
    build = app.url_for

    def url_for(*args: Any, **values: Any) -> str:
        url = build(*args, **values)
        record(PATH)
        if not url.startswith("/") or url.startswith("//"):  # An absolute one has the host.
            record("host", SCHEME)
        return url

    app.url_for = url_for  # type: ignore[method-assign]
    app.jinja_env.globals["url_for"] = url_for
    app.request_context = partial(RecordedContext, app)  # type: ignore[method-assign]


class RecordedContext(RequestContext):
    """Flask's context of a request, which is recorded as soon as its session is open.

    Until then only Flask reads it, and a request class with an ``__init__`` of its own. The
    converters of its URL are the first code that is recorded otherwise.
    """

    def __init__(
        self, app: Flask, environ: dict[str, Any], request: Any = None, session: Any = None
    ) -> None:
        self._read_first = None if isinstance(request, RecordedRequest) else set[str]()
        kind: Any = app.request_class
        if request is None and kind.__init__ is not Request.__init__:
            request = _recorded(kind)(environ)
            request.json_module = app.json
            self._read_first = request.reads - {ENVIRON}  # which Flask's own ``__init__`` reads
            has_more = vars(request).keys() - vars(Request(environ)).keys() - {"reads"}
            if has_more and not self._read_first:  # It may be from the environ it was given.
                self._read_first.add(ENVIRON)
        super().__init__(app, environ, request, session)

    def match_request(self) -> None:
        request: Any = self.request
        if not isinstance(request, RecordedRequest):
            request.__class__ = _recorded(request.__class__)
        if self._read_first is not None:
            request.reads, self._read_first, request.started = self._read_first, None, time()
            left = app_ctx._get_current_object().g  # type: ignore[attr-defined]
            if object.__getattribute__(left, "__dict__"):  # by a request around this one
                request.reads.add(ENVIRON)
        super().match_request()
        if CONTEXTS in environ_of(request):
            environ_of(request)[CONTEXTS].append(copy_context())

    @property
    def session(self) -> SessionMixin:
        """The session, which is recorded as read."""
        record(SESSION)
        return super().session


class RecordedRequest(Request):
    """A request that records in *reads* what is read of it.

    It *started* at that time in seconds since 1970.
    """

    reads: set[str]
    started: float

    def __new__(cls, *args: Any, **kwargs: Any) -> "RecordedRequest":
        """Record from the beginning."""
        request = super().__new__(cls)
        request.reads = set()
        return request

    @property
    def is_making(self) -> bool:
        """Whether this code makes something to be cached."""
        request, places = _places.get()
        return request is self and len(places) > 1

    def record(self, *names: str) -> None:
        """Record what is read."""
        request, places = _places.get()
        for place in places if request is self else (self.reads,):
            place.update(names)

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body as Flask does, and record that it was read."""
        self.record(BODY)
        return super().get_data(*args, **kwargs)


@cache
def _recorded(base: type) -> type:
    """The subclass of a request class whose attributes are recorded, except those of the path.

    Flask reads these all the time, and they matter only to what is made to be cached.
    """
    names = [name for name, reads in READ_BY.items() if reads != (PATH,)]
    attributes = {name: _Recorded(base, name) for name in names} | {"headers": _Headers()}
    return type(base.__name__, (RecordedRequest, base), attributes)


@cache
def _recorded_whole(base: type) -> type:
    """The subclass of what ``_recorded`` made whose attributes are all recorded."""
    if isinstance(vars(base).get("path"), _Recorded):
        return base
    names = [name for name, reads in READ_BY.items() if reads == (PATH,)]
    return type(base.__name__, (base,), {name: _Recorded(base, name) for name in names})


def _is_known(base: type, name: str) -> bool:
    """Return whether ``READ_BY`` has what it reads: an owner's class may replace an attribute."""
    module = next((kind.__module__ for kind in base.__mro__ if name in vars(kind)), "flask")
    return module.startswith(("flask.", "werkzeug.", f"{__package__}."))


class _Recorded:
    """An attribute of a request that records each reading."""

    def __init__(self, base: type, name: str) -> None:
        self._name = name
        self._original = getattr(base, name, None)
        self._is_known = _is_known(base, name)
        self._reads = READ_BY[name]

    def __get__(self, request: Any, owner: type) -> Any:
        if request is None:
            return self._original
        request.record(*self._reads)
        values = vars(request)
        if self._name in values:
            return values[self._name]
        if self._original is None:  # no property: it is not set yet
            return None
        if not self._is_known:
            return self._original.__get__(request, owner)
        with _recording_in(request):  # READ_BY has what this reads.
            return self._original.__get__(request, owner)

    def __set__(self, request: Any, value: Any) -> None:
        vars(request)[self._name] = value


class _Headers:
    """The attribute that holds the request headers."""

    def __get__(self, request: Any, owner: type) -> Any:
        headers = vars(request)["headers"]
        if type(headers) is EnvironHeaders:
            headers = vars(request)["headers"] = RecordedHeaders(environ_of(request), request)
        elif not isinstance(headers, RecordedHeaders):
            request.record(HEADERS)
        return headers

    def __set__(self, request: Any, value: Any) -> None:
        vars(request)["headers"] = value


class RecordedHeaders(EnvironHeaders):
    """Request headers that record which of them are read."""

    def __init__(self, environ: dict[str, Any], request: RecordedRequest) -> None:
        self._request, self._headers = request, EnvironHeaders(environ)

    @property
    def environ(self) -> dict[str, Any]:  # type: ignore[override]
        """The environ, which is recorded as read."""
        self._request.record(ENVIRON)
        return self._headers.environ

    def _get_key(self, key: str) -> str:
        self._request.record(str(key).lower())
        return self._headers._get_key(key)

    def getlist(self, key: str, *args: Any, **kwargs: Any) -> Any:
        self._request.record(str(key).lower())
        return self._headers.getlist(key, *args, **kwargs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self._request.record(HEADERS)
        return iter(self._headers)


class RecordedGlobals(_AppCtxGlobals):
    """Flask's ``g``, which records that it is used."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__" or not name.startswith("__"):
            record(GLOBALS)
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        record(GLOBALS)
        object.__setattr__(self, name, value)
