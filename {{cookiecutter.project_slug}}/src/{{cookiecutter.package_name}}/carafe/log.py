"""The logger of library code: the current app's, or the package's own outside of an app."""

import logging

from flask import current_app
from werkzeug.local import LocalProxy


def _current_logger() -> logging.Logger:
    return current_app.logger if current_app else logging.getLogger(__package__)


logger: logging.Logger = LocalProxy(_current_logger)  # type: ignore[assignment]
