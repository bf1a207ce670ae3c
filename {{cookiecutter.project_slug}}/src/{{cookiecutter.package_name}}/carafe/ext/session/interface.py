"""A session that opens its signed cookie when it is used, and the interface that saves it."""

import hashlib
import json
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from datetime import timedelta
from functools import partial
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from flask.sessions import SessionMixin
from flask.wrappers import Request
from flask.wrappers import Response
from itsdangerous import BadData
from itsdangerous import URLSafeTimedSerializer

from ...app import logger
from ...reads import environ_of
from ...reads import record
from ...reads import SESSION

MAX_CLOCK_SKEW = 60
"""Seconds that the clock of another server may be ahead."""

MAX_COOKIE_BYTES = 4093
"""The largest cookie that every browser stores."""

MAX_VERIFIED = 1024
"""The number of cookies whose verified content is cached."""

_BEGAN = "_began"

_IMMUTABLE = (str, int, float, bool, type(None), bytes, UUID, date)


@dataclass(frozen=True, slots=True)
class Content:
    """The data of a session, and when it was signed and began, in seconds since 1970.

    It is *outdated* if an older key signed it.
    """

    data: dict[str, Any]
    signed_at: int
    began_at: int
    outdated: bool = False


class CookieSigner:
    """Signs with the first of *keys*, and verifies with all of them."""

    def __init__(self, keys: Sequence[Any], **options: Any) -> None:
        self._serializers = [URLSafeTimedSerializer(key, **options) for key in keys]
        self._verified: dict[str, Content] = {}

    def sign(self, data: Mapping[str, Any], began_at: int) -> str:
        """Return a cookie with *data*."""
        return str(self._serializers[0].dumps({**data, _BEGAN: began_at}))

    def verify(self, cookie: str) -> Content | None:
        """Return the content of *cookie*, or None if none of the keys signed it."""
        content = self._verified.get(cookie)
        if content is None:
            content = self._load(cookie)
            # A mutable value would be changed by one request and then read by the next.
            if content is not None and _is_immutable(content.data):
                if len(self._verified) >= MAX_VERIFIED:
                    self._verified.clear()
                self._verified[cookie] = content
        return content

    def _load(self, cookie: str) -> Content | None:
        for serializer in self._serializers:
            with suppress(BadData):
                data, moment = serializer.loads(cookie, return_timestamp=True)
                if isinstance(data, dict):
                    signed_at = int(moment.timestamp())
                    outdated = serializer is not self._serializers[0]
                    return Content(data, signed_at, data.pop(_BEGAN, signed_at), outdated)
        return None


def _is_immutable(data: dict[str, Any]) -> bool:
    return all(isinstance(value, _IMMUTABLE) for value in data.values())


class Session(SecureCookieSession):
    """Flask's ``session``, whose content *read* takes from the cookie."""

    is_open = False
    content: Content | None = None
    """The content of the cookie, or None once the session is cleared."""

    def __init__(self, read: Callable[[], Content | None], permanent: bool) -> None:
        super().__init__()
        self._read = read
        self._is_permanent = permanent

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser, as set here or configured."""
        return bool(self.get("_permanent", self._is_permanent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    def clear(self) -> None:
        """Remove everything, and begin the session anew."""
        self.open()
        super().clear()
        self.content = None

    def open(self) -> None:
        """Read the cookie, once."""
        if not self.is_open:
            self.is_open = True
            self.content = self._read()
            if self.content is not None:
                dict.update(self, self.content.data)


def _opening(name: str) -> Callable[..., Any]:
    method = getattr(SecureCookieSession, name)

    @wraps(method)
    def call(self: Session, *args: Any, **kwargs: Any) -> Any:
        self.open()
        return method(self, *args, **kwargs)

    return call


for _name in (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__"),
    *("__ne__", "__or__", "__repr__", "__reversed__", "__ror__", "__setitem__", "copy"),
    *("get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"),
):
    setattr(Session, _name, _opening(_name))


def _sha256(string: bytes = b"") -> Any:
    return hashlib.sha256(string)


class SessionSerializer(TaggedJSONSerializer):
    """Flask's, whatever the JSON provider of the app reads and writes."""

    def dumps(self, value: Any) -> str:
        """Return *value* as JSON. Raises TypeError for a type that would not come back."""
        tagged, default = self.tag(value), DefaultJSONProvider.default
        return json.dumps(tagged, separators=(",", ":"), default=default)

    def loads(self, value: str) -> Any:
        """Return what was serialized."""
        return self._untag_scan(json.loads(value))


class SessionInterface(SecureCookieSessionInterface):
    """Opens sessions when they are used, and saves those that changed."""

    digest_method = staticmethod(_sha256)
    session_class: type[SecureCookieSession] = Session
    serializer = SessionSerializer()

    def __init__(
        self,
        salt: str | None = None,
        permanent: bool = True,
        absolute_lifetime: timedelta = timedelta(0),
    ) -> None:
        if salt:
            self.salt = f"{type(self).salt}.{salt}"
        self.permanent = permanent
        self._absolute_lifetime = absolute_lifetime
        self._signers: dict[tuple[Any, ...], CookieSigner] = {}

    def open_session(self, app: Flask, request: Request) -> Session | None:
        """Return a session that is not open yet, or None if the app has no key."""
        if not app.secret_key:
            return None
        return Session(partial(self._read, app, request), self.permanent)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Return whether the session has changed or its cookie must be renewed."""
        content = getattr(session, "content", None)
        if content is None or session.modified:
            return session.modified
        if content.outdated:
            return True
        if not (session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"]):
            return False
        age = int(time.time()) - content.signed_at
        return bool(age > app.permanent_session_lifetime.total_seconds() / 2)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie of a session that was opened, if that is necessary."""
        if not isinstance(session, Session):
            super().save_session(app, session, response)
        elif session.is_open or session.modified:
            if "Vary" in response.headers:
                response.vary.add("Cookie")
            else:
                response.headers["Vary"] = "Cookie"
            if not session:
                super().save_session(app, session, response)
            elif self.should_set_cookie(app, session):
                self._set_cookie(app, session, response)

    def _set_cookie(self, app: Flask, session: Session, response: Response) -> None:
        name = self.get_cookie_name(app)
        began_at = session.content.began_at if session.content else int(time.time())
        value = self._signer(app).sign(session, began_at)
        if len(name) + 1 + len(value) > MAX_COOKIE_BYTES:
            size = len(value)
            logger.warning("A session of %s bytes is too large: browsers ignore its cookie.", size)
        response.set_cookie(
            name,
            value,
            expires=self.get_expiration_time(app, session),
            httponly=self.get_cookie_httponly(app),
            domain=self.get_cookie_domain(app),
            path=self.get_cookie_path(app),
            secure=self.get_cookie_secure(app),
            partitioned=self.get_cookie_partitioned(app),
            samesite=self.get_cookie_samesite(app),
        )

    def _read(self, app: Flask, request: Request) -> Content | None:
        """Return the content of the cookie, or None if it is missing, invalid or too old.

        A cookie that cannot be verified is left alone: another server may have a newer key.
        """
        record(SESSION)
        cookie = _cookie(request, self.get_cookie_name(app))
        content = self._signer(app).verify(cookie) if cookie else None
        return content if content and self._is_current(app, content) else None

    def _is_current(self, app: Flask, content: Content) -> bool:
        idle = app.permanent_session_lifetime.total_seconds()
        absolute, now = self._absolute_lifetime.total_seconds(), int(time.time())
        return (
            content.signed_at - now <= MAX_CLOCK_SKEW
            and (not idle or now - content.signed_at <= idle)
            and (not absolute or now - content.began_at <= absolute)
        )

    def _signer(self, app: Flask) -> CookieSigner:
        """The signer for the app's current keys."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        signer = self._signers.get(keys)
        if signer is None:
            options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
            signer = self._signers[keys] = CookieSigner(
                keys, salt=self.salt, serializer=self.serializer, signer_kwargs=options
            )
        return signer


def _cookie(request: Request, name: str) -> str | None:
    """The first cookie of that name; ``request.cookies`` would parse all of them."""
    for pair in environ_of(request).get("HTTP_COOKIE", "").split(";"):
        key, _, value = pair.partition("=")
        if key.strip(" \t") == name:
            return str(value.strip(" \t"))
    return None
