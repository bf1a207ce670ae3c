# feature: auth
"""What happens to accounts, in the log: who, from where, and never a secret.

One line each, at INFO of the logger ``<package>.audit``; a handler of its own sees nothing else.
"""

import logging
from typing import Any

from flask import Flask
from flask import has_request_context
from flask import request
from flask_principal import Identity

from .carafe.ext.auth import permission_denied
from .carafe.reads import current_request
from .carafe.reads import environ_of
from .carafe.request import id_of

logger = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Record what the guards of *app* refuse."""
    app.logger  # noqa: B018 - Flask gives it its handler when it is first asked for.
    logger.setLevel(logging.INFO)
    permission_denied.connect(_on_denied, app)


def record(event: str, **facts: Any) -> None:
    """Log *event*, and with it the facts, the client's address and the id of its request."""
    if has_request_context():
        facts["address"] = request.remote_addr
        facts["request_id"] = id_of(environ_of(current_request()))
    text = "".join(f" {name}={value}" for name, value in facts.items())
    logger.info("%s%s", event, text, extra={"event": event, **facts})


def _on_denied(sender: Flask, identity: Identity, code: int, **extra: Any) -> None:
    record("denied", status=code, user_id=identity.id, endpoint=request.endpoint)
