"""Apps with a cache, for tests in this process and in others."""

from carafe import errors
from carafe.ext.cache import Cache
from flask import Flask


def app_with(cache=None, name="app", **config):
    app = Flask(name)
    app.config.update(SECRET_KEY="a key for tests", **config)
    errors.init_app(app)
    app.cache = cache or Cache()
    app.cache.init_app(app)
    return app


def close(app):
    """End the app's connections: the garbage collector would complain."""
    with app.app_context():
        if hasattr(app.cache.client, "close"):
            app.cache.client.close()
