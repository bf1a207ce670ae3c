"""Invalidation by writes: ``after_post.send(view)`` invalidates the view's cached responses.

The sender is a view class, an instance of one, a function view, or a namespace. Send after the
commit. A class-based view sends the signal of its own requests by itself, when the hooks of the
response have run; what it invalidates is invalidated as soon as the request has ended, before its
response leaves.
"""

from collections.abc import Callable
from collections.abc import Iterable
from contextvars import Context
from difflib import get_close_matches
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from blinker import NamedSignal
from blinker import Namespace
from flask import Flask
from flask import has_request_context
from flask import Request
from werkzeug.wsgi import ClosingIterator

from ...reads import CONTEXTS
from ...reads import current_request
from ...reads import environ_of
from .keys import class_of
from .keys import namespace_of
from .keys import namespaces_of

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}

_namespace = Namespace()

after_post = _namespace.signal("after-post")
after_put = _namespace.signal("after-put")
after_patch = _namespace.signal("after-patch")
after_delete = _namespace.signal("after-delete")

SIGNALS: dict[str, NamedSignal] = {
    "POST": after_post,
    "PUT": after_put,
    "PATCH": after_patch,
    "DELETE": after_delete,
}

_WRITERS = "carafe.cache.writers"
_COLLECTED = "carafe.cache.collected"


def init_app(
    app: Flask, on_write: Callable[..., None], invalidate: Callable[[set[str]], None]
) -> None:
    """Connect *on_write* to the signals, and send those of the requests of *app*."""
    for signal in SIGNALS.values():
        signal.connect(on_write)
    wsgi_app = app.wsgi_app

    def announce(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Announce a write, unless it was refused: what failed may have been committed before."""
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
            if not status.startswith("4"):
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


def add_writer(request: Request, view: Any) -> None:
    """Note that *view*, which is cached, handles an unsafe request."""
    environ_of(request).setdefault(_WRITERS, []).append(view)


def collect(namespaces: set[str]) -> bool:
    """Leave *namespaces* to the end of the current request, if it is announced just now."""
    collected = environ_of(current_request()).get(_COLLECTED) if has_request_context() else None
    if collected is None:
        return False
    collected.update(namespaces)
    return True


def _send(app: Flask, on_write: Callable[..., None], namespaces: set[str]) -> None:
    request = current_request()
    environ, view = environ_of(request), app.view_functions.get(request.endpoint or "")
    view_class = class_of(view)
    senders = [] if view_class is None else [view_class]
    send = getattr(SIGNALS.get(request.method), "send", on_write)
    environ[_COLLECTED] = namespaces
    try:
        for sender in dict.fromkeys([*senders, *environ.get(_WRITERS, ())]):
            send(sender)
    finally:
        del environ[_COLLECTED]


def check_cascades(app: Flask) -> None:
    """Refuse a ``cache_cascade`` with a name that no view of *app* has. Raises ValueError."""
    views = [class_of(function) or function for function in app.view_functions.values()]
    known = {name for view in views for name in namespaces_of(app, view, cascade=False)}
    for view in views:
        cascade = getattr(view, "cache_cascade", ())
        if isinstance(cascade, str):
            raise ValueError(f"{view.__name__}.cache_cascade is a text. Give a list of names.")
        for name in map(namespace_of, cascade):
            if name not in known:
                nearest = get_close_matches(name, known, 1, 0)
                hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
                raise ValueError(
                    f"{view.__name__}.cache_cascade names {name!r}, and no view is called so.{hint}"
                )
