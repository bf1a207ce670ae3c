"""Apps with a cache, for tests in this process and in others."""

from carafe import errors
from carafe.ext.cache import Cache
from flask import Flask


def app_with(cache=None, name="app", **config):
    app = Flask(name)
    app.config.update({"SECRET_KEY": "a key for tests"} | config)
    errors.init_app(app)
    app.cache = cache or Cache()
    app.cache.init_app(app)
    return app


def close(app):
    """End this thread's connection: the garbage collector would complain."""
    connection = getattr(
        getattr(app.extensions["cache"][app.cache], "_local", None), "connection", None
    )
    if connection is not None:
        connection.disconnect()
