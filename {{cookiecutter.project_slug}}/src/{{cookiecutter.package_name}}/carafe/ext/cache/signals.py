"""Signals of a write: ``after_post.send(view)`` makes the view's cached answers invalid.

The sender is a view class, an instance of one, or a function view. Send after the commit.
"""

from difflib import get_close_matches
from typing import Any

from blinker import NamedSignal
from blinker import Namespace
from flask import current_app
from flask import Flask
from flask import Response

from ...request import current_request
from .keys import namespace_of
from .keys import namespaces_of

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


def announce(response: Response) -> Response:
    """Send the signal of a class-based view that wrote and succeeded."""
    request = current_request()
    signal = SIGNALS.get(request.method)
    if signal is not None and 200 <= response.status_code < 300:
        view_class = _class_of(current_app.view_functions.get(request.endpoint or ""))
        if view_class is not None:
            signal.send(view_class)
    return response


def check_cascades(app: Flask) -> None:
    """Refuse a ``cache_cascade`` with a name that no view of *app* has. Raises ValueError."""
    views = [_class_of(function) or function for function in app.view_functions.values()]
    known = {name for view in views for name in namespaces_of(view, cascade=False)}
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


def _class_of(function: Any) -> type | None:
    """Flask's views know their class; Flask-Classful's know an instance of it."""
    instance = getattr(function, "class_", None)
    known = None if instance is None else type(instance)
    view_class: type | None = getattr(function, "view_class", known)
    return view_class
