"""Whether the process lives, and whether it can serve."""

from typing import Literal

from flask import abort
from flask import current_app
from flask import Flask
from pydantic import BaseModel

from . import database
from .carafe import logger
from .carafe.operation import operation
from .extensions import cache  # feature: cache

DRAINING = "draining"
"""Under this key of ``app.extensions``, a server puts what tells whether the process ends."""

State = Literal["ok", "degraded"]


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """The process can serve; what is degraded it can do without."""

    status: State
    checks: dict[str, State]


def init_app(app: Flask) -> None:
    """Serve ``/health/live`` and ``/health/ready``."""
    app.extensions[DRAINING] = lambda: False
    app.add_url_rule("/health/live", view_func=live)
    app.add_url_rule("/health/ready", view_func=ready)


def report() -> None:
    """Log what is away, as the current app starts."""
    for name in _away():
        logger.warning("The %s is away.", name)


@operation()
def live() -> Liveness:
    """Tell that the process lives; nothing else is asked."""
    return Liveness(status="ok")


@operation(problems=[503])
def ready() -> Readiness:
    """Tell whether requests can be served."""
    if current_app.extensions[DRAINING]():
        abort(503, "The process is ending.")
    away = _away()
    if "database" in away:
        abort(503, f"What is away: {', '.join(away)}.")
    checks: dict[str, State] = {"database": "ok"}
    checks["cache"] = "degraded" if "cache" in away else "ok"  # feature: cache
    return Readiness(status="degraded" if away else "ok", checks=checks)


def _away() -> list[str]:
    """The names of what does not answer."""
    away = []
    if not database.is_up():
        away.append("database")
    if not cache.is_up():  # feature: cache
        away.append("cache")  # feature: cache
    return away
