"""Logging to standard output, rotating files and mail, without secrets or forged lines.

``logger = Logger()``, then ``logger.init_app(app)``. Each handler is off until
``CARAFE_LOGGER_STREAM_ENABLED``, ``CARAFE_LOGGER_RF_ENABLED`` or ``CARAFE_LOGGER_SMTP_ENABLED`` is
set; ``settings`` has all other keys, with their defaults. Handlers are attached to ``app.logger``
and to the loggers named by ``_ADD_LOGGERS``; a logger without a level of its own gets the handler's
level if that is lower. With ``CARAFE_LOGGER_ENABLED`` off, nothing is attached. ``ACCESS_LOG`` logs
requests, as described in ``access``. ``logger.info(...)`` logs to the current app's logger; outside
an application context, to the package's own.

A handler's format may use ``%(request_id)s``, ``%(request_method)s``, ``%(request_path)s``,
``%(request_query)s``, ``%(request_remote_addr)s`` and ``%(request_headers)s``, which are ``-``
outside a request. Change the format with ``setFormatter``. The handlers are in
``app.extensions["carafe.logger"].handlers``; ``flush()`` waits until all is written. A handler of
your own is as safe with ``setFormatter(Formatter())``, which takes a format too, or with
``JSONFormatter()``; ``addFilter(RequestFilter())`` only adds these names.
"""

from typing import Any

from flask import Flask

from ...app import logger as current_logger
from ...config import is_on
from .access import AccessLog
from .handlers import attach
from .handlers import FileHandler
from .handlers import KEY
from .handlers import State
from .handlers import StreamHandler
from .mail import MailHandler
from .redaction import Formatter as Formatter
from .redaction import JSONFormatter as JSONFormatter
from .redaction import RequestFilter as RequestFilter
from .settings import declare_settings
from .settings import FileOptions
from .settings import MailOptions
from .settings import StreamOptions

_KINDS = (StreamOptions, StreamHandler), (FileOptions, FileHandler), (MailOptions, MailHandler)


class Logger:
    """The logging of an app, and a proxy to the current app's logger."""

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Attach the handlers that are enabled for *app*. Raises ValueError for a bad setting."""
        if KEY in app.extensions:
            raise RuntimeError("This app has its Logger already. Call init_app once.")
        declare_settings(app)
        kinds = _KINDS if is_on(app.config, "CARAFE_LOGGER_ENABLED") else ()
        given = [(model.read(app.config, app.debug or app.testing), make) for model, make in kinds]
        handlers = [attach(app, options, make) for options, make in given if options is not None]
        app.extensions[KEY] = State(tuple(handlers))
        if kinds and is_on(app.config, "ACCESS_LOG"):
            app.wsgi_app = AccessLog(app, handlers)  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(current_logger, name)
