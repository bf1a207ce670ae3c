"""A connection that does not wait for ever."""

from collections.abc import Generator
from math import inf
from time import monotonic
from typing import Any

from psycopg import Connection
from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.abc import RV

from ..patience import left

_GRACE = 0.2
"""Seconds in which the server may say itself that a statement took too long."""


class PatientConnection(Connection[Any]):
    """A connection that is closed when the server does not answer in time."""

    def wait(self, gen: PQGen[RV], *args: Any, **named: Any) -> RV:
        seconds = left()
        if seconds < inf:
            gen = self._bounded(gen, monotonic() + seconds + _GRACE)
        return super().wait(gen, *args, **named)

    def _bounded(self, gen: PQGen[RV], until: float) -> Generator[Any, Any, RV]:
        """The same steps, which psycopg asks for every 0.1 seconds though nothing has come."""
        try:
            step = next(gen)
            while True:
                ready = yield step
                if not ready and monotonic() >= until:
                    self.close()
                    raise OperationalError("The server did not answer.")
                step = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result
