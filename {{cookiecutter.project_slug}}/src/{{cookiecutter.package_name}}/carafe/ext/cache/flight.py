"""One computation for all the threads that wait for its result."""

import threading
from collections.abc import Hashable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic
from typing import TypeVar

Result = TypeVar("Result")


class Flight(Generic[Result]):
    """A computation that somebody leads; *result* is None until it has one to share."""

    result: Result | None = None

    def __init__(self) -> None:
        self._landed = threading.Event()

    def land(self) -> None:
        self._landed.set()

    def wait(self, seconds: float) -> Result | None:
        """The result, or None after *seconds* or if there is none to share."""
        self._landed.wait(seconds)
        return self.result


class Flights(Generic[Result]):
    """The computations under way in one app."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, Flight[Result]] = {}

    @contextmanager
    def join(self, key: Hashable) -> Iterator[tuple[Flight[Result], bool]]:
        """The flight for *key*, and whether the caller leads it: others follow until it ends."""
        with self._lock:
            found = self._under_way.get(key)
            flight = self._under_way.setdefault(key, Flight()) if found is None else found
        try:
            yield flight, found is None
        finally:
            if found is None:
                with self._lock:
                    del self._under_way[key]
                flight.land()
