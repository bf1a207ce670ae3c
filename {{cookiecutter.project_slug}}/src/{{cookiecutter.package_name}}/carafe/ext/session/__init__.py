"""Sessions in a signed cookie, opened only when something reads or writes them.

A request that never asks pays nothing: no signature is checked, no cookie set and no
``Vary: Cookie`` sent. The cookie is signed with HMAC-SHA-256 and written when the session
changed. One that is read is written anew if it was signed with an older key, and, if it is
permanent, once half its lifetime is gone, unless ``SESSION_REFRESH_EACH_REQUEST`` is off.

===================================== ============= ============================================
``CARAFE_SESSION_ENABLED``            ``True``      off: Flask's own session interface stays
``CARAFE_SESSION_SALT``               ``None``      text that joins ``SECRET_KEY`` in the signature
``CARAFE_SESSION_PERMANENT``          ``True``      a session with content outlives the browser
``CARAFE_SESSION_ABSOLUTE_LIFETIME``  90 days       from its beginning, however often it is used
``PERMANENT_SESSION_LIFETIME``        31 days       from its last renewal
``SESSION_PERMANENT_LIFETIME``        unset         the same, under its old name
``SECRET_KEY``                        Flask's       text or bytes
``SECRET_KEY_FALLBACKS``              ``None``      a list of older keys, which are still accepted
===================================== ============= ============================================

Lifetimes are seconds, or a ``timedelta``; 0 is none. The clocks of two servers may differ by a
minute. A session begins anew when it is cleared.
"""

from datetime import timedelta

from flask import Flask

from ...config import declare
from .interface import Session as Session
from .interface import SessionInterface as SessionInterface
from .settings import as_timedelta
from .settings import check_keys
from .settings import lifetime_of

_KEY = "carafe.session"


def init_app(app: Flask) -> None:
    """Give *app* its sessions. Raises ValueError for a setting that cannot be meant."""
    if _KEY in app.extensions:
        raise RuntimeError("This app has its sessions already. Call init_app once.")
    declare(
        app,
        "CARAFE_SESSION_",
        ENABLED=True,
        SALT=None,
        PERMANENT=True,
        ABSOLUTE_LIFETIME=timedelta(days=90),
    )
    if app.config["CARAFE_SESSION_ENABLED"]:
        check_keys(app)
        app.config["PERMANENT_SESSION_LIFETIME"] = lifetime = lifetime_of(app)
        app.session_interface = SessionInterface(
            app.config["CARAFE_SESSION_SALT"],
            app.config["CARAFE_SESSION_PERMANENT"] and lifetime > timedelta(0),
            as_timedelta(app, "CARAFE_SESSION_ABSOLUTE_LIFETIME"),
        )
    app.extensions[_KEY] = app.session_interface
