"""Sessions in a signed cookie, opened only when something reads or writes them.

A request that never asks pays nothing: no signature is checked, no cookie set and no
``Vary: Cookie`` sent. The cookie is signed with HMAC-SHA-256 and written when the session
changed; a permanent one that is read is also renewed once half its lifetime is gone, unless
``SESSION_REFRESH_EACH_REQUEST`` is off.

============================== ============= ===================================================
``CARAFE_SESSION_ENABLED``     ``True``      off: Flask's own session interface stays
``CARAFE_SESSION_SALT``        ``None``      text that joins ``SECRET_KEY`` in the signature
``CARAFE_SESSION_PERMANENT``   ``True``      a session with content outlives the browser
``PERMANENT_SESSION_LIFETIME`` 31 days       for how long: seconds, or a ``timedelta``
``SESSION_PERMANENT_LIFETIME`` unset         the same, under its old name
``SECRET_KEY``                 Flask's       text or bytes
``SECRET_KEY_FALLBACKS``       ``None``      a list of older keys, which are still accepted
============================== ============= ===================================================
"""

import hashlib
import warnings
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from functools import partial
from functools import wraps
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from flask.sessions import SessionMixin
from flask.wrappers import Request
from flask.wrappers import Response
from itsdangerous import BadSignature

from ..config import declare

_KEY = "carafe.session"


def init_app(app: Flask) -> None:
    """Give *app* its sessions. Raises ValueError for a setting that cannot be meant."""
    if _KEY in app.extensions:
        raise RuntimeError("This app has its sessions already. Call init_app once.")
    declare(app, "CARAFE_SESSION_", ENABLED=True, SALT=None, PERMANENT=True)
    if app.config["CARAFE_SESSION_ENABLED"]:
        _check_keys(app)
        app.config["PERMANENT_SESSION_LIFETIME"] = lifetime = _lifetime(app)
        app.session_interface = SessionInterface(
            app.config["CARAFE_SESSION_SALT"],
            app.config["CARAFE_SESSION_PERMANENT"] and lifetime > timedelta(0),
        )
    app.extensions[_KEY] = app.session_interface


def _check_keys(app: Flask) -> None:
    if app.secret_key is not None and not isinstance(app.secret_key, str | bytes):
        raise ValueError("SECRET_KEY is neither text nor bytes. Set a random text.")
    fallbacks = app.config.get("SECRET_KEY_FALLBACKS")
    if fallbacks is None:
        return
    # Flask would take each character of a text for a key of its own.
    if not isinstance(fallbacks, list | tuple):
        raise ValueError("SECRET_KEY_FALLBACKS is not a list. Set a list of older keys.")
    if not all(isinstance(key, str | bytes) and key for key in fallbacks):
        raise ValueError("SECRET_KEY_FALLBACKS holds something that is no key. Take it out.")


def _lifetime(app: Flask) -> timedelta:
    old = app.config.get("SESSION_PERMANENT_LIFETIME")
    given = app.config["PERMANENT_SESSION_LIFETIME"]
    if old is None:
        return _as_timedelta("PERMANENT_SESSION_LIFETIME", given)
    if given == app.default_config["PERMANENT_SESSION_LIFETIME"]:
        return _as_timedelta("SESSION_PERMANENT_LIFETIME", old)
    warnings.warn(
        "PERMANENT_SESSION_LIFETIME and SESSION_PERMANENT_LIFETIME are both set. "
        "The first one counts; remove the second.",
        stacklevel=3,
    )
    return _as_timedelta("PERMANENT_SESSION_LIFETIME", given)


def _as_timedelta(key: str, value: Any) -> timedelta:
    if isinstance(value, int) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ValueError(f"{key} is not a duration. Set seconds, or a timedelta, from 0 up.")
    return value


class Session(SecureCookieSession):
    """A session that opens its cookie on first use."""

    is_open = False
    signed_at: datetime | None = None

    def __init__(self, read: "Callable[[Session], dict[str, Any]]", permanent: bool) -> None:
        super().__init__()
        self._read = read
        self._is_permanent = permanent

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser: what was set here, else configured."""
        return bool(self.get("_permanent", self._is_permanent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    def open(self) -> None:
        """Read the cookie, once."""
        if not self.is_open:
            self.is_open = True
            dict.update(self, self._read(self))


def _opening(name: str) -> Callable[..., Any]:
    method = getattr(SecureCookieSession, name)

    @wraps(method)
    def call(self: Session, *args: Any, **kwargs: Any) -> Any:
        self.open()
        return method(self, *args, **kwargs)

    return call


for _name in (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__"),
    *("__ne__", "__or__", "__repr__", "__reversed__", "__ror__", "__setitem__", "clear", "copy"),
    *("get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"),
):
    setattr(Session, _name, _opening(_name))


def _sha256(string: bytes = b"") -> Any:
    return hashlib.sha256(string)


class SessionInterface(SecureCookieSessionInterface):
    """Flask's, with a lazy session, a salt of your own and a stronger signature."""

    digest_method = staticmethod(_sha256)
    session_class: type[SecureCookieSession] = Session

    def __init__(self, salt: str | None = None, permanent: bool = True) -> None:
        if salt:
            self.salt = f"{type(self).salt}.{salt}"
        self.permanent = permanent

    def open_session(self, app: Flask, request: Request) -> Session | None:
        """A closed session, or None without a key."""
        if not app.secret_key:
            return None
        return Session(partial(self.read, app, request), self.permanent)

    def read(self, app: Flask, request: Request, session: Session) -> dict[str, Any]:
        """What the cookie holds; nothing if it is missing, altered, too old or another's."""
        cookie = request.cookies.get(self.get_cookie_name(app))
        serializer = self.get_signing_serializer(app)
        if not cookie or serializer is None:
            return {}
        lifetime = int(app.permanent_session_lifetime.total_seconds()) or None
        try:
            data, signed_at = serializer.loads(cookie, max_age=lifetime, return_timestamp=True)
        except BadSignature:
            return {}
        session.signed_at = signed_at
        return dict(data)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether the session changed, or has lived through half its time."""
        signed_at = getattr(session, "signed_at", None)
        if session.modified or signed_at is None or not session.permanent:
            return session.modified
        age = datetime.now(UTC) - signed_at
        is_due = age > app.permanent_session_lifetime / 2
        return is_due and bool(app.config["SESSION_REFRESH_EACH_REQUEST"])

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie, if the session was opened and has to."""
        if not isinstance(session, Session) or session.is_open:
            super().save_session(app, session, response)
