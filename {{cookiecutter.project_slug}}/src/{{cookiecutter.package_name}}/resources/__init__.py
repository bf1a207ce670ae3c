"""One module for each resource, with its blueprint ``bp``."""

from flask import Flask
from werkzeug.utils import import_string

RESOURCES: tuple[str, ...] = (
    "authors",
    "books",
    "login",  # feature: auth
    "logins",  # feature: auth
)


def init_app(app: Flask) -> None:
    """Serve the resources."""
    for name in RESOURCES:
        app.register_blueprint(import_string(f"{__name__}.{name}:bp"))
