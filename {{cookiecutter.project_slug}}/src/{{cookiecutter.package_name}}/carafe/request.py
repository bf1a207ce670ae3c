"""The request: its data as a dict, its id, and its bearer token.

A request whose ``Authorization`` begins with ``Bearer`` is a bearer request, even if the rest is
malformed, and so is one with two such headers. Its session is empty and is not saved. No other site
can have made it, because a browser adds no bearer token by itself. Other schemes are ignored.
"""

import copy
import os
import re
import sys
from io import BytesIO
from random import Random
from typing import Any
from typing import IO
from urllib.parse import unquote_to_bytes

from flask import Flask
from flask import Request as FlaskRequest
from flask.sessions import SecureCookieSession
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin
from flask.wrappers import Response
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.utils import cached_property
from werkzeug.wsgi import get_input_stream
from werkzeug.wsgi import LimitedStream

from . import strict
from .reads import BODY
from .reads import current_request
from .reads import environ_of
from .reads import record
from .reads import WHO

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}

TOKEN_PREFIX = f"{__name__.partition('.')[0]}_"
"""How a token of this project begins; 43 URL-safe characters follow."""

TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{43}}")

_ID = "carafe.request_id"
_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(r"[ \t]*[^ \t,=]+[ \t]*=.*")

# Ids are unique, not secret. Asking the system for random numbers would switch threads.
_random = Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def id_of(environ: dict[str, Any]) -> str:
    """Return the request id: the client's ``X-Request-ID``, or a new one without a valid one."""
    if _ID not in environ:
        sent = environ.get("HTTP_X_REQUEST_ID")
        is_id = sent and _WELL_FORMED_ID.fullmatch(sent) and not TOKEN.search(sent)
        environ[_ID] = sent if is_id else f"{_random.getrandbits(128):032x}"
    found: str = environ[_ID]
    return found


def bearer_of(environ: dict[str, Any]) -> str | None:
    """Return the token of a bearer request, "" if it is malformed; None for any other request."""
    if "HTTP_AUTHORIZATION" not in environ:
        return None
    sent: str = environ["HTTP_AUTHORIZATION"].strip(" \t")
    if found := _BEARER.fullmatch(sent):
        return found[1]
    is_malformed = sent[:6].lower() == "bearer" or _is_doubled(sent)
    return "" if is_malformed else None


def _is_doubled(sent: str) -> bool:
    """Return whether *sent* is two headers, which the server has joined with a comma."""
    _, *others = _QUOTED.sub('""', sent).split(",")
    return not all(map(_PARAMETER.fullmatch, others))


def withhold_sessions(app: Flask) -> None:
    """Give each bearer request of *app* an empty session, whatever cookie came along."""
    app.session_interface = interface = copy.copy(app.session_interface)
    base = type(interface)
    interface.__class__ = type(base.__name__, (Withholding, base), {})


class _Withheld(SecureCookieSession):
    """The session of a bearer request."""


class Withholding(SessionInterface):
    """A session interface that neither opens nor saves the session of a bearer request.

    A response that may depend on the user varies on both the cookie and the token.
    """

    def open_session(self, app: Flask, request: FlaskRequest) -> SessionMixin | None:
        if bearer_of(environ_of(request)) is not None:
            return _Withheld()
        return super().open_session(app, request)

    def is_null_session(self, obj: object) -> bool:
        """Return whether nothing is to be saved; also without a key, a response may vary."""
        return super().is_null_session(obj) and WHO not in environ_of(current_request())

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if WHO in environ_of(current_request()):
            response.vary.update(("Authorization", "Cookie"))
        if type(session) is not _Withheld:
            super().save_session(app, session, response)


class FormParser(FormDataParser):
    """Refuses a malformed form, which Werkzeug takes for an empty one."""

    def parse(self, stream: IO[bytes], mimetype: str, *args: Any, **kwargs: Any) -> Any:
        """Return the stream, the fields and the files. Raises BadRequest."""
        self.silent = False
        try:
            if mimetype == "application/x-www-form-urlencoded":
                data = stream.read()
                unquote_to_bytes(data).decode()  # Werkzeug would keep bytes that are not UTF-8.
                stream = BytesIO(data)
            return super().parse(stream, mimetype, *args, **kwargs)
        except ValueError:
            if stream.tell() or stream.read(1):
                raise BadRequest("The form is malformed.") from None
        return stream, self.cls(), self.cls()


class Request(FlaskRequest):
    """Flask's request, with an id, and with its data as one dict."""

    form_data_parser_class = FormParser

    _dict: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id of the request in the log and in problem documents."""
        record("x-request-id")
        return id_of(environ_of(self))

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, of which no more than ``MAX_CONTENT_LENGTH`` bytes are read."""
        environ, limit = environ_of(self), self.max_content_length
        if self.content_length is not None:
            # A body that ends before its length is incomplete, even if the server ends the input.
            sized = {key: environ[key] for key in ("CONTENT_LENGTH", "wsgi.input")}
            return get_input_stream(sized, max_content_length=limit)
        if "wsgi.input_terminated" in environ:
            limit = sys.maxsize if limit is None else limit
            return UnsizedBody(environ["wsgi.input"], limit, is_max=True)  # type: ignore[return-value]
        return super().stream

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """Return the JSON body, parsed by ``strict`` instead of the app's provider."""
        self.json_module = strict
        return super().get_json(*args, **kwargs)

    def get_dict(self, *, force: bool = False, silent: bool = False) -> dict[str, Any]:
        """Return the JSON object or the form fields of the request, or an empty dict.

        A repeated form field counts once, with its first value. A body of another type is not
        read. *force* parses the body as JSON whatever its content type; with *silent*, a bad body
        is an empty dict. Computed once for each request. Raises BadRequest for a JSON body that is
        malformed or not an object.
        """
        record(BODY)
        if self._dict is not None:
            return self._dict
        try:
            self._dict = self._read_dict(force)
        except BadRequest:
            if not silent:
                raise
            return {}
        return self._dict

    def _read_dict(self, force: bool) -> dict[str, Any]:
        if not (force or self.is_json):
            return self.form.to_dict()
        data = self.get_json(force=force)
        if not isinstance(data, dict):
            raise BadRequest("The body is not a JSON object.")
        return data


class UnsizedBody(LimitedStream):
    """A body without a length, such as one in chunks.

    Werkzeug's own stream would end at the limit, and half a body would look like a whole one.
    """

    def readall(self) -> bytes:
        """Return all of it. Raises RequestEntityTooLarge for one that is longer than the limit."""
        body = super().readall()
        if self.is_exhausted and self._stream.read(1):
            self.on_exhausted()
        return body

    def readinto(self, b: Any) -> int | None:
        """Read a part of it. Raises BadRequest if it is malformed."""
        try:
            return super().readinto(b)
        except HTTPException:
            raise
        except Exception as error:  # Each server has exceptions of its own for bad chunks.
            raise BadRequest("The body is malformed.") from error
