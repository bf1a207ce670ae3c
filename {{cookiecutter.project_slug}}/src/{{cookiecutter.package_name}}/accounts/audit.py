"""The audit log: what happens to accounts, by whom and from where, but never a secret.

Each event is one line at level INFO of the logger ``<package>.audit``.
"""

import logging
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import request
from flask_principal import Identity

from ..carafe.ext.auth import permission_denied
from ..carafe.request import id_of

logger = logging.getLogger(f"{__package__.rpartition('.')[0]}.audit")


def init_app(app: Flask) -> None:
    """Record the refusals of the guards of *app*."""
    app.logger  # noqa: B018 - Flask adds its handler when it is first used.
    logger.setLevel(logging.INFO)
    permission_denied.connect(_on_denied, app)


def record(event: str, **facts: Any) -> None:
    """Log *event* with its facts, the client's IP address and the request id."""
    if has_request_context():
        facts["address"] = request.remote_addr
        facts["request_id"] = id_of(request.environ)
    text = "".join(f" {name}={value}" for name, value in facts.items())
    logger.info("%s", f"{event}{text}", extra={"event": event, **facts, "carafe_trusted": True})


def _on_denied(sender: Flask, identity: Identity, code: int, **extra: Any) -> None:
    endpoint = request.endpoint if has_request_context() else None
    record("denied", status=code, user_id=identity.id, endpoint=endpoint)
