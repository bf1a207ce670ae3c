"""A turn to write to what other processes write to as well: on a pipe, long lines would mix."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

if sys.platform != "win32":
    import fcntl

_PATIENCE = 1.0


@contextmanager
def turn(stream: TextIO) -> Iterator[None]:
    """Wait for it, but not for long: a line in two parts is better than a request that hangs."""
    is_ours = _take(stream)
    try:
        yield
    finally:
        if sys.platform != "win32" and is_ours:
            fcntl.lockf(stream.fileno(), fcntl.LOCK_UN)


def _take(stream: TextIO) -> bool:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if sys.platform != "win32":
                fcntl.lockf(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            return False  # It is no file of the system, and no other process has it.
    return False
