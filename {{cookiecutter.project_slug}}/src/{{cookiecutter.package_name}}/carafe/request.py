"""The request, its data as a dict, and its id."""

import re
from typing import Any
from typing import IO
from uuid import uuid4

from flask import Request as FlaskRequest
from werkzeug.exceptions import BadRequest
from werkzeug.utils import cached_property

from . import strict
from .body import UnsizedBody
from .reads import BODY
from .reads import environ_of
from .reads import record

_ID = "carafe.request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def id_of(environ: dict[str, Any]) -> str:
    """What the request of *environ* goes by: its ``X-Request-ID`` if well-formed, or a new id."""
    if _ID not in environ:
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        environ[_ID] = sent if _WELL_FORMED.fullmatch(sent) else uuid4().hex
    found: str = environ[_ID]
    return found


class Request(FlaskRequest):
    """Flask's request, with an id and with its data as one dict."""

    _dict: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """What it goes by in the log and in problems; made when first asked for."""
        return id_of(environ_of(self))

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, of which no more is read than ``MAX_CONTENT_LENGTH``."""
        limit = self.max_content_length
        environ = environ_of(self)
        is_unsized = self.content_length is None and "wsgi.input_terminated" in environ
        if is_unsized and limit is not None:
            return UnsizedBody(environ["wsgi.input"], limit, is_max=True)  # type: ignore[return-value]
        return super().stream

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        """As Flask's, but read by ``strict`` and not by the app's provider."""
        self.json_module = strict
        return super().get_json(*args, **kwargs)

    def get_dict(self, *, force: bool = False, silent: bool = False) -> dict[str, Any]:
        """The JSON object or the form fields that were sent, or an empty dict.

        A repeated form field counts once, with its first value. A body that claims to be
        JSON and is not, or is not an object, is a 400; a body of another type is not read.

        *force* reads JSON whatever the content type; *silent* answers a bad body with an
        empty dict. Computed once for a request.
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
