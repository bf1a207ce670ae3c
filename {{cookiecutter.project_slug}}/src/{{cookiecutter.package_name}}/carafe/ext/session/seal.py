"""What a session holds, as the signed text of a cookie."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from itsdangerous import BadData
from itsdangerous import URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

_BEGAN = "_began"
_MANY = 1024

_UNCHANGING = (str, int, float, bool, type(None), bytes, UUID, date)


@dataclass(frozen=True, slots=True)
class Content:
    """What a cookie held, when it was signed and when its session began, in seconds since 1970.

    It is *outdated* if the key is not the one that signs today.
    """

    data: dict[str, Any]
    signed_at: int
    began_at: int
    outdated: bool = False


class Seal:
    """Signs with the first of the *keys*, and reads what any of them signed."""

    def __init__(self, keys: Sequence[Any], **options: Any) -> None:
        newest, *older = keys
        self._newest = URLSafeTimedSerializer(newest, **options)
        self._older = URLSafeTimedSerializer(older, **options) if older else None
        self._clock = TimestampSigner(newest)
        self._read: dict[str, Content] = {}

    def now(self) -> int:
        """The time that a signature would have."""
        return self._clock.get_timestamp()

    def close(self, data: Mapping[str, Any], began_at: int) -> str:
        """The text of a cookie with *data*."""
        return str(self._newest.dumps({**data, _BEGAN: began_at}))

    def open(self, cookie: str) -> Content | None:
        """What was signed, or None if it was not, or not by us."""
        content = self._read.get(cookie)
        if content is None:
            content = self._verified(cookie)
            # A list would be changed by one request and then read by the next.
            if content is not None and _is_unchanging(content.data):
                if len(self._read) >= _MANY:
                    self._read.clear()
                self._read[cookie] = content
        return content

    def _verified(self, cookie: str) -> Content | None:
        content = _loaded(self._newest, cookie)
        if content is None and self._older is not None:
            content = _loaded(self._older, cookie)
            return content and replace(content, outdated=True)
        return content


def _loaded(serializer: URLSafeTimedSerializer, cookie: str) -> Content | None:
    try:
        data, moment = serializer.loads(cookie, return_timestamp=True)
    except BadData:
        return None
    if not isinstance(data, dict):
        return None
    signed_at = int(moment.timestamp())
    return Content(data, signed_at, data.pop(_BEGAN, signed_at))


def _is_unchanging(data: dict[str, Any]) -> bool:
    return all(isinstance(value, _UNCHANGING) for value in data.values())
