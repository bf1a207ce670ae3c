"""The request, its data as a dict, and its id."""

import re
import sys
from typing import Any
from typing import IO
from uuid import uuid4

from flask import Request as FlaskRequest
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import HTTPException
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from . import strict
from .reads import BODY
from .reads import environ_of
from .reads import record

_ID = "carafe.request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def id_of(environ: dict[str, Any]) -> str:
    """Return the request id: a well-formed ``X-Request-ID`` of the client, or a new one."""
    if _ID not in environ:
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        environ[_ID] = sent if _WELL_FORMED.fullmatch(sent) else uuid4().hex
    found: str = environ[_ID]
    return found


class Request(FlaskRequest):
    """Flask's request, with an id, and with its data as one dict."""

    _dict: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id of the request in the log and in problem documents."""
        return id_of(environ_of(self))

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, of which no more than ``MAX_CONTENT_LENGTH`` bytes are read."""
        environ = environ_of(self)
        if self.content_length is None and "wsgi.input_terminated" in environ:
            limit = sys.maxsize if self.max_content_length is None else self.max_content_length
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
