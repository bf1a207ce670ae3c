"""The body of a request that does not say how long it is, as one in chunks."""

from werkzeug.wsgi import LimitedStream


class UnsizedBody(LimitedStream):
    """Read as a whole, one that is longer than the limit is a 413.

    Werkzeug's own stream would end at the limit, and half a body would look like a whole one.
    """

    def readall(self) -> bytes:
        """All of it. Raises RequestEntityTooLarge."""
        body = super().readall()
        if self.is_exhausted and self._stream.read(1):
            self.on_exhausted()
        return body
