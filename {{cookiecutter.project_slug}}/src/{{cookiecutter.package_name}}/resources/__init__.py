"""The resources of the application, a module with a blueprint ``bp`` for each."""

from types import ModuleType

from flask import Flask

from . import authors
from . import books

RESOURCES: tuple[ModuleType, ...] = (
    authors,
    books,
)


def init_app(app: Flask) -> None:
    """Serve the resources."""
    for resource in RESOURCES:
        app.register_blueprint(resource.bp)
