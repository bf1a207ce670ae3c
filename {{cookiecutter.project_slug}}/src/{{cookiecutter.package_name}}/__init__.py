"""The application."""

from collections.abc import Mapping

from . import accounts  # feature: auth
from . import commands
from . import database_errors
from . import extensions
from . import health
from . import metrics
from . import models as models
from . import resources
from . import settings
from .carafe import config as carafe_config
from .carafe import cors
from .carafe import errors
from .carafe import FlaskCarafe
from .carafe import openapi
from .carafe import security
from .carafe.security import YEAR


def create_app(config: Mapping[str, object] | None = None) -> FlaskCarafe:
    """Make the application; entries of *config* win over the environment."""
    instance = settings.project_folder() / "instance"
    app = FlaskCarafe(__name__, static_folder=None, instance_path=str(instance))
    settings.init_app(app, config)
    hsts = YEAR if app.config["ENVIRONMENT"] == "production" else 0
    hops, prefix_hops = app.config["PROXY_HOPS"] or 0, app.config["PROXY_PREFIX_HOPS"]
    security.init_app(app, hsts, hops, prefix_hops)
    cors.init_app(app)
    extensions.init_app(app)
    accounts.init_app(app)  # feature: auth
    errors.init_app(app)
    database_errors.init_app(app)
    openapi.init_app(app)
    resources.init_app(app)
    health.init_app(app)
    commands.init_app(app)
    metrics.init_app(app)
    carafe_config.check(app)
    return app
