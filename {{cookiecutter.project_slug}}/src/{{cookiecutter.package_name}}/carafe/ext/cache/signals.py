"""Invalidation by writes: ``after_post.send(view)`` invalidates the view's cached responses.

The sender is a view class, an instance of one, a function view, or a namespace. Send after the
commit. A class-based view sends the signal of its own requests by itself, in an application
context, when all hooks of the request have run and before its response leaves.
"""

from collections.abc import Callable
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

from blinker import NamedSignal
from blinker import Namespace
from flask import Flask
from flask import Request
from werkzeug.wsgi import ClosingIterator

from ...reads import ENDPOINT
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


def init_app(app: Flask, on_write: Callable[..., None]) -> None:
    """Connect *on_write* to the signals, and send those of the requests of *app*."""
    for signal in SIGNALS.values():
        signal.connect(on_write)
    wsgi_app = app.wsgi_app

    def announce(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Announce a write, unless it was refused: what failed may have been committed before."""
        if environ["REQUEST_METHOD"] in SAFE_METHODS:
            return wsgi_app(environ, start_response)
        is_refused = is_whole = False

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal is_refused, is_whole
            is_refused = status.startswith("4")
            is_whole = any(name.lower() == "content-length" for name, _ in headers)
            return start_response(status, headers, *exc_info)

        try:
            body = wsgi_app(environ, start)
        finally:
            if not is_refused:
                _send(app, on_write, environ)
        if is_refused or is_whole:
            return body
        # It may write while it is sent.
        return ClosingIterator(body, lambda: _send(app, on_write, environ))

    app.wsgi_app = announce  # type: ignore[method-assign]


def add_writer(request: Request, view: Any) -> None:
    """Note that *view*, which is cached, handles an unsafe request."""
    environ_of(request).setdefault(_WRITERS, []).append(view)


def _send(app: Flask, on_write: Callable[..., None], environ: WSGIEnvironment) -> None:
    view_class = class_of(app.view_functions.get(environ.get(ENDPOINT, "")))
    senders = [*([] if view_class is None else [view_class]), *environ.get(_WRITERS, ())]
    send = getattr(SIGNALS.get(environ["REQUEST_METHOD"]), "send", on_write)
    if senders:
        with app.app_context():
            for sender in dict.fromkeys(senders):
                send(sender)


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
