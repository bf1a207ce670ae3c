"""Sessions in a signed cookie, opened only when something reads or writes them.

A request that does not use its session pays nothing: no signature is checked, no cookie is set and
no ``Vary: Cookie`` is sent. The cookie is signed with HMAC-SHA-256 and written when the session has
changed. A cookie that is read is renewed if it was signed with an older key, and, if the session is
permanent, after half of its lifetime, unless ``SESSION_REFRESH_EACH_REQUEST`` is off.

===================================== ============= ============================================
``CARAFE_SESSION_ENABLED``            ``True``      off: Flask's own session interface stays
``CARAFE_SESSION_SALT``               ``None``      text that is combined with ``SECRET_KEY``
``CARAFE_SESSION_PERMANENT``          ``True``      a session with content outlives the browser
``CARAFE_SESSION_ABSOLUTE_LIFETIME``  90 days       from its beginning, however often it is used
``PERMANENT_SESSION_LIFETIME``        31 days       from its last renewal
``SESSION_PERMANENT_LIFETIME``        unset         the old name of the same setting
``SECRET_KEY``                        Flask's       text or bytes
``SECRET_KEY_FALLBACKS``              ``None``      a list of older keys, which are still accepted
===================================== ============= ============================================

Lifetimes are seconds, or a ``timedelta``; 0 means no limit. The clocks of two servers may differ by
a minute. Clearing a session begins a new one.
"""

import warnings
from datetime import timedelta

from flask import Flask

from ...config import declare
from ...request import withhold_sessions
from ...request import Withholding
from .interface import Session as Session
from .interface import SessionInterface as SessionInterface

_KEY = "carafe.session"


def init_app(app: Flask) -> None:
    """Give *app* its sessions. Raises ValueError for a bad setting."""
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
        _check_keys(app)
        app.config["PERMANENT_SESSION_LIFETIME"] = lifetime = _lifetime_of(app)
        is_withholding = isinstance(app.session_interface, Withholding)
        app.session_interface = SessionInterface(
            app.config["CARAFE_SESSION_SALT"],
            app.config["CARAFE_SESSION_PERMANENT"] and lifetime > timedelta(0),
            _as_timedelta(app, "CARAFE_SESSION_ABSOLUTE_LIFETIME"),
        )
        if is_withholding:  # Auth was initialized before.
            withhold_sessions(app)
    app.extensions[_KEY] = app.session_interface


def _check_keys(app: Flask) -> None:
    key = app.secret_key
    if key is not None and not (key and isinstance(key, str | bytes)):
        raise ValueError("SECRET_KEY is empty, or neither text nor bytes. Set a random text.")
    fallbacks = app.config.get("SECRET_KEY_FALLBACKS")
    if fallbacks is None:
        return
    # Flask would use each character of a string as a key.
    if not isinstance(fallbacks, list | tuple):
        raise ValueError("SECRET_KEY_FALLBACKS is not a list. Set a list of older keys.")
    if not all(isinstance(key, str | bytes) and key for key in fallbacks):
        raise ValueError("SECRET_KEY_FALLBACKS has an entry that is not a key. Take it out.")


def _lifetime_of(app: Flask) -> timedelta:
    old = app.config.get("SESSION_PERMANENT_LIFETIME")
    given = app.config["PERMANENT_SESSION_LIFETIME"]
    if old is not None and given == app.default_config["PERMANENT_SESSION_LIFETIME"]:
        return _as_timedelta(app, "SESSION_PERMANENT_LIFETIME")
    if old is not None:
        warnings.warn(
            "PERMANENT_SESSION_LIFETIME and SESSION_PERMANENT_LIFETIME are both set. "
            "The first one counts; remove the second.",
            stacklevel=3,
        )
    return _as_timedelta(app, "PERMANENT_SESSION_LIFETIME")


def _as_timedelta(app: Flask, key: str) -> timedelta:
    value = app.config[key]
    if isinstance(value, int) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ValueError(f"{key} is not a duration. Set seconds, or a timedelta, from 0 up.")
    return value
