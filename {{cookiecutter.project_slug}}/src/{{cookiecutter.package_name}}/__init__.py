"""The application."""

from collections.abc import Mapping
from pathlib import Path

from . import commands
from . import extensions
from . import health
from . import resources
from . import settings
from .carafe import config as carafe_config
from .carafe import errors
from .carafe import FlaskCarafe
from .carafe import openapi


def create_app(config: Mapping[str, object] | None = None) -> FlaskCarafe:
    """Make the application; entries of *config* win over the environment."""
    app = FlaskCarafe(__name__, static_folder=None, instance_path=str(Path("instance").resolve()))
    settings.init_app(app, config)
    extensions.init_app(app)
    errors.init_app(app)
    openapi.init_app(app)
    health.init_app(app)
    resources.init_app(app)
    commands.init_app(app)
    carafe_config.check(app)
    return app
