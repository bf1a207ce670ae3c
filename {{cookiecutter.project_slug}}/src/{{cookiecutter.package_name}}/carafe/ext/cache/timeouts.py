"""How long an answer is kept."""

import random
from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Response

from .entry import TOKEN_TIMEOUT as LONGEST


def seconds_of(name: str, timeout: Any, shortest: int) -> int:
    """*timeout* in whole seconds. Raises ValueError with its *name*."""
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (is_number and shortest <= seconds <= LONGEST and seconds == int(seconds)):
        raise ValueError(
            f"{name} is no time to keep an answer for. Give whole seconds, "
            f"{shortest} to {LONGEST}, or a timedelta."
        )
    return int(seconds)


def kept_for(response: Response, seconds: int) -> int:
    """Seconds to keep *response*: no longer than it says itself, and not all to the same end."""
    control = response.cache_control
    own = control.max_age if control.s_maxage is None else control.s_maxage
    longest = seconds if own is None else max(0, min(seconds, own))
    return longest - random.randrange(longest // 10 + 1)
