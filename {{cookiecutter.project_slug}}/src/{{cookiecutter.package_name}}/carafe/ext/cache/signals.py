"""Invalidation by writes: ``after_post.send(view)`` invalidates the view's cached responses.

The sender is a view class, an instance of one, a function view, or a namespace. Send after the
commit. A class-based view sends the signal of its own requests by itself.
"""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from inspect import isroutine
from typing import Any

from blinker import NamedSignal
from blinker import Namespace
from flask import current_app
from flask import Flask
from flask import Request
from flask import Response
from flask.ctx import AppContext

from ...reads import environ_of
from ...request import current_request
from .keys import class_of
from .keys import namespace_of
from .keys import namespaces_of

Receiver = Callable[..., None]

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
_IS_ANNOUNCED = "carafe.cache.is_announced"


def init_app(app: Flask, on_write: Receiver) -> None:
    """Connect *on_write* to the signals, and send those of the requests of *app*."""
    for signal in SIGNALS.values():
        signal.connect(on_write)
    app.after_request(partial(_on_response, on_write))
    app.teardown_request(partial(_on_end, on_write))


def add_writer(request: Request, view: Any) -> None:
    """Note that *view*, which is cached, handles an unsafe request."""
    sender = view if isinstance(view, type | str) or isroutine(view) else type(view)
    environ_of(request).setdefault(_WRITERS, []).append(sender)


def _on_response(on_write: Receiver, response: Response) -> Response:
    """Announce a write, unless it was refused: what failed may have been committed before."""
    request = current_request()
    if request.method not in SAFE_METHODS:
        environ_of(request)[_IS_ANNOUNCED] = True
        if not 400 <= response.status_code < 500:
            _announce(on_write, request)
            if response.is_streamed:  # It may write while it is sent.
                context = current_app.app_context()
                response.call_on_close(partial(_on_close, context, on_write, request))
    return response


def _on_close(context: AppContext, on_write: Receiver, request: Request) -> None:
    with context:
        _announce(on_write, request)


def _on_end(on_write: Receiver, error: BaseException | None) -> None:
    """Announce a write of a request that ended without a response."""
    request = current_request()
    if request.method not in SAFE_METHODS and _IS_ANNOUNCED not in environ_of(request):
        _announce(on_write, request)


def _announce(on_write: Receiver, request: Request) -> None:
    view_class = class_of(current_app.view_functions.get(request.endpoint or ""))
    senders = [] if view_class is None else [view_class]
    senders += environ_of(request).get(_WRITERS, [])
    signal = SIGNALS.get(request.method)
    for sender in dict.fromkeys(senders):
        if signal is None:
            on_write(sender)
        else:
            signal.send(sender)


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
