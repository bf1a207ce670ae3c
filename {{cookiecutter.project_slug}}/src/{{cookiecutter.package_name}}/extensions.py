"""The extensions of the application, in the order in which they start."""

from flask import Flask

from . import database
from .carafe.ext import csrf  # feature: session or auth
from .carafe.ext import session  # feature: session
from .carafe.ext.cache import Cache  # feature: cache
from .carafe.ext.logger import Logger  # feature: logger

cache = Cache(before_miss=database.end_snapshot, is_settled=database.is_settled)  # feature: cache
logger = Logger()  # feature: logger


def init_app(app: Flask) -> None:
    """Start the extensions of *app*."""
    logger.init_app(app)  # feature: logger
    database.init_app(app)
    csrf.init_app(app)  # feature: session or auth
    session.init_app(app)  # feature: session
    cache.init_app(app)  # feature: cache
