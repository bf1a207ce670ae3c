"""Whether the process lives, and whether it can serve."""

from typing import Literal

from flask import abort
from flask import Flask
from pydantic import BaseModel

from . import database
from .carafe.operation import operation
from .extensions import cache  # feature: cache

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
    app.add_url_rule("/health/live", view_func=live)
    app.add_url_rule("/health/ready", view_func=ready)


@operation()
def live() -> Liveness:
    """Tell that the process lives; nothing else is asked."""
    return Liveness(status="ok")


@operation(problems=[503])
def ready() -> Readiness:
    """Tell whether requests can be served."""
    if not database.is_up():
        abort(503, "The database is away.")
    checks: dict[str, State] = {"database": "ok"}
    checks["cache"] = "ok" if cache.is_up() else "degraded"  # feature: cache
    return Readiness(status="degraded" if "degraded" in checks.values() else "ok", checks=checks)
