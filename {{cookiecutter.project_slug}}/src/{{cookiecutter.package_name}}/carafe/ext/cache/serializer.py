"""Values as bytes, without pickle: a planted value can be wrong, never run."""

from base64 import b64decode
from base64 import b64encode
from typing import Any
from typing import IO

from cachelib.serializers import BaseSerializer
from flask import current_app
from flask.json.tag import JSONTag
from flask.json.tag import TaggedJSONSerializer
from werkzeug.wrappers import Response

from .entry import Entry


class TagResponse(JSONTag):
    """A response, finished."""

    __slots__ = ()
    key = " r"

    def check(self, value: Any) -> bool:
        return isinstance(value, Response)

    def to_json(self, value: Response) -> list[Any]:
        return [b64encode(value.get_data()).decode(), value.status, list(value.headers)]

    def to_python(self, value: list[Any]) -> Response:
        body, status, headers = value
        return current_app.response_class(b64decode(body), status, headers)


class Serializer(BaseSerializer):
    """Text, bytes and entries as they are, whole numbers as digits, else tagged JSON."""

    def __init__(self) -> None:
        self._tagged = TaggedJSONSerializer()
        self._tagged.register(TagResponse, index=0)

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Raise TypeError for a value that JSON does not have."""
        if isinstance(value, Entry):
            return b"e" + value.pack()
        if isinstance(value, bytes):
            return b"b" + value
        if isinstance(value, str):
            return b"s" + value.encode("utf-8", "surrogatepass")
        if type(value) is int:
            return str(value).encode()
        return b"j" + self._tagged.dumps(value).encode()

    def loads(self, bvalue: bytes | None) -> Any:
        """The value; None for bytes that this serializer did not write."""
        if not isinstance(bvalue, bytes):
            return None
        kind, content = bvalue[:1], bvalue[1:]
        try:
            if kind == b"e":
                return Entry.unpack(content)
            if kind == b"b":
                return content
            if kind == b"s":
                return content.decode("utf-8", "surrogatepass")
            if kind == b"j":
                return self._tagged.loads(content.decode())
            return int(bvalue)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> Any:
        return self.loads(f.read())
