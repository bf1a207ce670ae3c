"""The extensions of the application, in the order in which they start."""

from flask import Flask

from . import database
from .accounts import Accounts  # feature: auth
from .carafe.ext import csrf  # feature: session or auth
from .carafe.ext import session  # feature: session
from .carafe.ext.auth import Auth  # feature: auth
from .carafe.ext.cache import Cache  # feature: cache
from .carafe.ext.logger import Logger  # feature: logger

accounts = Accounts(database.db.session)  # feature: auth
cache = Cache(before_miss=database.end_snapshot)  # feature: cache
auth = Auth(accounts, roles=["admin", "editor"])  # feature: auth
logger = Logger()  # feature: logger


def init_app(app: Flask) -> None:
    """Start them."""
    logger.init_app(app)  # feature: logger
    database.init_app(app)
    csrf.init_app(app)  # feature: session or auth
    session.init_app(app)  # feature: session
    auth.init_app(app)  # feature: auth
    cache.init_app(app)  # feature: cache
