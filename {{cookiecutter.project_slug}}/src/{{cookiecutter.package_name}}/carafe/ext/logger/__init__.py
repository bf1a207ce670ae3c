"""Logging to standard output, rotating files and mail, without secrets and forged lines.

``logger = Logger()``, then ``logger.init_app(app)``. Each handler is off until enabled. They are
attached to ``app.logger`` and to the loggers named by ``_ADD_LOGGERS``; a logger that has no level
of its own is opened to the handler's. ``logger.info(...)`` logs to the current app's logger;
outside an application context, to the package's own.

===================================== ============= ================================================
``CARAFE_LOGGER_ENABLED``             ``True``      off: nothing is attached

``CARAFE_LOGGER_STREAM_ENABLED``      ``False``     standard output, in place of Flask's stderr
``CARAFE_LOGGER_STREAM_FORMAT``       ``'text'``    or ``'json'``, one object to a line
``CARAFE_LOGGER_STREAM_LEVEL``        ``'INFO'``    a name in any case, or a number
``CARAFE_LOGGER_STREAM_ADD_LOGGERS``  ``[]``        also; ``root`` is all, with Python's warnings

``CARAFE_LOGGER_RF_ENABLED``          ``False``     a rotating file, safe with many processes
``CARAFE_LOGGER_RF_FILENAME``         required      its path, in a directory that exists
``CARAFE_LOGGER_RF_MODE``             ``'a'``       ``'w'`` empties the file at start-up
``CARAFE_LOGGER_RF_MAXBYTES``         ``0``         rotate at this size; 0 never does
``CARAFE_LOGGER_RF_BACKUPCOUNT``      ``0``         old files to keep; 0 never rotates
``CARAFE_LOGGER_RF_ENCODING``         ``None``      utf-8; what it cannot write is escaped
``CARAFE_LOGGER_RF_DELAY``            ``False``     make the file with the first record
``CARAFE_LOGGER_RF_LEVEL``            ``'WARNING'`` a name in any case, or a number
``CARAFE_LOGGER_RF_ADD_LOGGERS``      ``[]``        a list, or text with commas

``CARAFE_LOGGER_SMTP_ENABLED``        ``False``     mail
``CARAFE_LOGGER_SMTP_SERVER``         required      a host name
``CARAFE_LOGGER_SMTP_PORT``           ``None``      25, or 587 with TLS; 465 is TLS from the start
``CARAFE_LOGGER_SMTP_USERNAME``       ``None``      needs TLS, except in debug and tests
``CARAFE_LOGGER_SMTP_PASSWORD``       ``None``      goes with the name
``CARAFE_LOGGER_SMTP_FROMADDR``       required      an address
``CARAFE_LOGGER_SMTP_TOADDRS``        required      a list, or text with commas
``CARAFE_LOGGER_SMTP_USE_TLS``        ``False``     STARTTLS, with a verified certificate
``CARAFE_LOGGER_SMTP_LEVEL``          ``'ERROR'``   a name in any case, or a number
``CARAFE_LOGGER_SMTP_ADD_LOGGERS``    ``[]``        a list, or text with commas
===================================== ============= ================================================

``CARAFE_LOGGER_RFILE_`` is an older spelling of ``CARAFE_LOGGER_RF_``; both work.

A handler's format may use ``%(request_id)s``, ``%(request_method)s``, ``%(request_path)s``,
``%(request_query)s``, ``%(request_remote_addr)s`` and ``%(request_headers)s``, which are ``-``
outside a request. Give it another one with ``setFormatter``; the handlers are in
``app.extensions["carafe.logger"].handlers``. A handler of your own is as careful with
``setFormatter(Formatter())``, which takes a format too, or ``JSONFormatter()``;
``addFilter(RequestFilter())`` only gives it these names.
"""

import logging
from collections.abc import Iterator
from typing import Any

from flask import current_app
from flask import Flask
from flask.logging import default_handler

from .handlers import attach
from .handlers import BaseHandler
from .handlers import DISABLED
from .handlers import FileHandler
from .handlers import KEY
from .handlers import State
from .handlers import StreamHandler
from .mail import MailHandler
from .record import Formatter as Formatter
from .record import JSONFormatter as JSONFormatter
from .record import RequestFilter as RequestFilter
from .settings import boolean
from .settings import prepare
from .settings import read_file_options
from .settings import read_mail_options
from .settings import read_stream_options


class Logger:
    """The logging of an app, and a proxy to the current app's logger."""

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Attach the handlers that *app* asks for. Raises ValueError for bad configuration."""
        if KEY in app.extensions:
            raise RuntimeError("This app has its Logger already. Call init_app once.")
        prepare(app)
        is_enabled = boolean(app.config, "CARAFE_LOGGER_ENABLED")
        app.extensions[KEY] = State(tuple(_attach(app))) if is_enabled else DISABLED

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        package = __name__.removesuffix(".ext.logger")
        return getattr(current_app.logger if current_app else logging.getLogger(package), name)


def _attach(app: Flask) -> Iterator[BaseHandler]:
    stream = read_stream_options(app.config)
    file = read_file_options(app.config)
    mail = read_mail_options(app.config, may_send_in_clear=app.debug or app.testing)
    if stream is not None:
        yield attach(app, stream, StreamHandler)
        app.logger.removeHandler(default_handler)
        if "root" in stream.logger_names:
            logging.captureWarnings(True)
    if file is not None:
        yield attach(app, file, FileHandler)
    if mail is not None:
        yield attach(app, mail, MailHandler)
