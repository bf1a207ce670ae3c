"""Health checks: whether the process is alive, and whether it can serve requests."""

from typing import Literal

from flask import Blueprint
from flask import current_app
from flask import Flask
from pydantic import BaseModel
from werkzeug.exceptions import ServiceUnavailable

from . import database
from .carafe import logger
from .carafe.operation import operation
from .database_errors import RETRY_AFTER
from .extensions import cache  # feature: cache

DRAINING = "draining"
"""The key in ``app.extensions`` of a function that returns whether the server is shutting down."""

bp = Blueprint("health", __name__)

State = Literal["ok", "degraded"]


class Liveness(BaseModel):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """The process can serve requests, although a check may be degraded."""

    status: State
    checks: dict[str, State]


def init_app(app: Flask) -> None:
    """Serve ``/health/live`` and ``/health/ready``."""
    app.extensions[DRAINING] = lambda: False
    app.register_blueprint(bp)


def report() -> None:
    """Log what is unavailable now; gunicorn calls this when a worker starts."""
    for fault in _faults().values():
        logger.warning(fault)


@bp.get("/health/live")
@operation()
def live() -> Liveness:
    """Check liveness."""
    return Liveness(status="ok")


@bp.get("/health/ready")
@operation(problems=[503])
def ready() -> Readiness:
    """Check readiness."""
    if current_app.extensions[DRAINING]():
        raise ServiceUnavailable("The server is shutting down.", retry_after=RETRY_AFTER)
    faults = _faults()
    if "database" in faults:
        raise ServiceUnavailable(" ".join(faults.values()), retry_after=RETRY_AFTER)
    checks: dict[str, State] = {"database": "ok"}
    checks["cache"] = "degraded" if "cache" in faults else "ok"  # feature: cache
    return Readiness(status="degraded" if faults else "ok", checks=checks)


def _faults() -> dict[str, str]:
    """What is unavailable, and why."""
    faults = {}
    if fault := database.fault():
        faults["database"] = fault
    if not cache.is_up():  # feature: cache
        faults["cache"] = "The cache is unavailable."
    return faults
