"""Invalidation by writes: ``after_post.send(view)`` invalidates the view's cached responses.

The sender is a view class, an instance of one, a function view, or a namespace, which is what is
invalidated together. Send after the commit. A class-based view sends the signal of its own requests
by itself, when the hooks of the response have run; what it invalidates is invalidated as soon as
the request has ended, before its response leaves.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextvars import Context
from difflib import get_close_matches
from inspect import getclosurevars
from inspect import isfunction
from inspect import ismethod
from inspect import isroutine
from inspect import signature
from inspect import unwrap
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from blinker import Namespace
from flask import Flask
from flask import has_request_context
from werkzeug.wsgi import ClosingIterator

from ...app import logger
from ...reads import CONTEXTS
from ...reads import current_request
from ...reads import environ_of
from ...reads import WROTE
from ...request import SAFE_METHODS

_signal = Namespace().signal

after_post = _signal("after-post")
after_put = _signal("after-put")
after_patch = _signal("after-patch")
after_delete = _signal("after-delete")

SIGNALS = {"POST": after_post, "PUT": after_put, "PATCH": after_patch, "DELETE": after_delete}

WRITERS = "carafe.cache.writers"
"""The key in the environ of the cached views that handle an unsafe request."""

_COLLECTED = "carafe.cache.collected"


def init_app(
    app: Flask, on_write: Callable[..., None], invalidate: Callable[[set[str]], None]
) -> None:
    """Connect *on_write* to the signals, and send those of the requests of *app*."""
    for signal in SIGNALS.values():
        signal.connect(on_write)
    wsgi_app = app.wsgi_app

    def announce(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Announce a write, unless it was refused before anything was written."""
        if environ["REQUEST_METHOD"] in SAFE_METHODS:
            return wsgi_app(environ, start_response)
        contexts: list[Context] = []
        namespaces: set[str] = set()
        is_started = is_whole = False

        def send() -> None:
            for context in contexts:
                context.run(_send, app, on_write, namespaces)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal is_started, is_whole
            is_started = True
            is_sized = any(name.lower() == "content-length" for name, _ in headers)
            is_whole = is_sized or status.startswith("204")
            if not status.startswith("4") or any(each.run(_has_written) for each in contexts):
                send()
            return start_response(status, headers, *exc_info)

        environ[CONTEXTS] = contexts
        try:
            body = wsgi_app(environ, start)
        finally:
            environ.pop(CONTEXTS, None)
            if not is_started:
                send()
            invalidate(namespaces)
        if is_whole or not namespaces:
            return body
        return ClosingIterator(body, lambda: invalidate(namespaces))  # It may write as it is sent.

    app.wsgi_app = announce  # type: ignore[method-assign]


def _has_written() -> bool:
    return WROTE in environ_of(current_request())


def _send(app: Flask, on_write: Callable[..., None], namespaces: set[str]) -> None:
    request = current_request()
    environ = environ_of(request)
    view_class = class_of(app.view_functions.get(request.endpoint or ""))
    senders = [view_class] if view_class else []
    send = getattr(SIGNALS.get(request.method), "send", on_write)
    environ[_COLLECTED] = namespaces
    for sender in dict.fromkeys([*senders, *environ.get(WRITERS, ())]):
        try:
            send(sender)
        except Exception:  # Of a receiver or a cache_namespace; the response is made already.
            logger.exception("The write of %r was not announced to everybody.", sender)
    del environ[_COLLECTED]


def collect(namespaces: set[str]) -> bool:
    """Leave *namespaces* to the end of the current request, if its write is being announced."""
    collected = environ_of(current_request()).get(_COLLECTED) if has_request_context() else None
    if collected is None:
        return False
    collected.update(namespaces)
    return True


def class_of(function: Any) -> type | None:
    """Return the class of a view function of Flask, or of Flask-Classful."""
    instance = getattr(function, "class_", None)
    view_class: type | None = getattr(function, "view_class", instance and type(instance))
    return view_class


def bases_of(app: Flask, kind: type) -> list[type]:
    """Return the classes that *kind* inherits from and that are views of *app* themselves."""
    views = {class_of(function) for function in app.view_functions.values()}
    return [base for base in kind.__mro__[1:] if base in views]


def names_of(app: Flask, view: Any) -> set[str]:
    """Return the namespaces of a view: a class, an instance, a function, or the name itself.

    A class has several if it is registered several times, and each instance has its own.
    """
    if isinstance(view, type) and is_computed(view):
        return {namespace_of(instance) for instance in _instances(app, view)}
    return {namespace_of(view)}


def is_computed(view: Any) -> bool:
    """Return whether a method or a property gives the namespace of *view*, each time anew."""
    declared = getattr(_owner(view), "cache_namespace", None)
    return callable(declared) or hasattr(declared, "__get__")


def namespace_of(view: Any) -> str:
    """Return the namespace of a view whose class, if it has one, needs no instance for it.

    Raises TypeError for one that only an instance has: a write knows the class.
    """
    if isinstance(view, str):
        return view
    owner = _owner(view)
    if owner is not view and "cache_namespace" in getattr(view, "__dict__", ()):
        raise TypeError(f"Make cache_namespace a method or a property of {owner.__name__}.")
    given = getattr(getattr(view, "cached_view", None), "namespace", None)
    declared = getattr(view, "cache_namespace", None) or given
    if callable(declared):
        declared = owner.cache_namespace
        declared = declared(view) if signature(declared).parameters else declared()
    return str(declared or owner.__name__)


def _owner(view: Any) -> Any:
    return view if isinstance(view, type) or isroutine(view) else type(view)


def _instances(app: Flask, view_class: type) -> list[Any]:
    """The instance that handles the current request, or else one for each time it is registered."""
    functions = [each for each in app.view_functions.values() if class_of(each) is view_class]
    if has_request_context():
        current = app.view_functions.get(current_request().endpoint or "")
        functions = [current] if current in functions else functions
    return [*map(_instance, functions)] or [object.__new__(view_class)]


def _instance(function: Any) -> Any:
    """An instance like those of a view function, which has what ``as_view`` was given."""
    if hasattr(function, "class_"):
        return function.class_
    inner = unwrap(function)
    given = getclosurevars(inner).nonlocals if isfunction(inner) else {}
    if "class_args" in given:
        return function.view_class(*given["class_args"], **given["class_kwargs"])
    return given["self"] if "self" in given else object.__new__(function.view_class)


def namespaces_of(app: Flask, sender: Any, *, cascade: bool = True) -> set[str]:
    """Return all namespaces that a write by *sender* invalidates.

    They are its own, those of the views that it inherits from, and those of its cascade.
    """
    sender = class_of(sender) or _declaring(app, sender)
    kind = sender if isinstance(sender, type) else type(sender)
    bases = bases_of(app, kind)
    found = set[str]().union(*(names_of(app, view) for view in (sender, *bases)))
    for view_class in (kind, *bases):
        found.update(_given(view_class))
    if cascade:
        found.update(*(names_of(app, view) for view in getattr(sender, "cache_cascade", ())))
    return found


def _declaring(app: Flask, sender: Any) -> Any:
    """The class or the instance whose method *sender* is, or else *sender* itself."""
    if ismethod(sender):
        return sender.__self__
    if not isfunction(sender):
        return sender
    kinds = filter(None, map(class_of, app.view_functions.values()))
    return next((each for each in kinds if getattr(each, sender.__name__, None) is sender), sender)


def _given(view_class: type) -> Iterator[str]:
    """The namespaces that the decorators of a class, or of its methods, were given."""
    methods = [getattr(view_class, name, None) for name in dir(view_class)]
    decorators = [getattr(method, "cached_view", None) for method in methods if isroutine(method)]
    for decorator in (*decorators, *getattr(view_class, "decorators", ())):
        namespace = getattr(decorator, "namespace", None)
        if isinstance(namespace, str):
            yield namespace


def check_cascades(app: Flask) -> None:
    """Refuse a ``cache_cascade`` with a name that no view of *app* has. Raises ValueError."""
    views = [class_of(function) or function for function in app.view_functions.values()]
    try:
        known = set[str]().union(*(namespaces_of(app, view, cascade=False) for view in views))
    except RuntimeError:  # A namespace depends on the request, so any name may be one.
        return
    for view in views:
        cascade = getattr(view, "cache_cascade", ())
        if isinstance(cascade, str):
            raise ValueError(f"{view.__name__}.cache_cascade is a string. Give a list of names.")
        for name in set[str]().union(*(names_of(app, each) for each in cascade)):
            if name not in known:
                nearest = get_close_matches(name, known, 1, 0)
                hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
                raise ValueError(
                    f"{view.__name__}.cache_cascade names {name!r}, which no view has.{hint}"
                )
