"""The content of a session as the signed text of a cookie."""

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
        newest, *older = keys
        self._newest = URLSafeTimedSerializer(newest, **options)
        self._older = URLSafeTimedSerializer(older, **options) if older else None
        self._clock = TimestampSigner(newest)
        self._verified: dict[str, Content] = {}

    def now(self) -> int:
        """Return the time that a signature would have now."""
        return self._clock.get_timestamp()

    def sign(self, data: Mapping[str, Any], began_at: int) -> str:
        """Return a cookie with *data*."""
        return str(self._newest.dumps({**data, _BEGAN: began_at}))

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


def _is_immutable(data: dict[str, Any]) -> bool:
    return all(isinstance(value, _IMMUTABLE) for value in data.values())
