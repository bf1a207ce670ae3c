# feature: logger
"""What is written down, and where it is sent."""

import logging
from collections.abc import Iterator

from flask import Flask

from ..carafe.ext.logger.options import read_mail_options
from ..carafe.ext.logger.options import TLS
from ..carafe.ext.logger.settings import boolean
from ..carafe.ext.logger.settings import integer
from ..carafe.ext.logger.settings import level
from .nearness import is_near

_LOWEST = {"STREAM": logging.INFO, "RF": logging.INFO, "SMTP": logging.WARNING}


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    config = app.config
    for kind, lowest in _LOWEST.items():
        key = f"CARAFE_LOGGER_{kind}_LEVEL"
        if config.get(f"CARAFE_LOGGER_{kind}_ENABLED") and level(config, key) < lowest:
            yield f"{key}: it tells too much, too often; set {logging.getLevelName(lowest)}"
    if boolean(config, "CARAFE_LOGGER_RF_ENABLED"):
        if not integer(config, "CARAFE_LOGGER_RF_MAXBYTES"):
            yield "CARAFE_LOGGER_RF_MAXBYTES: the file grows for ever; set 10485760"
    mail = read_mail_options(config, may_send_in_clear=True)
    if mail and mail.tls is TLS.NONE and not is_near(mail.server):
        yield "CARAFE_LOGGER_SMTP_USE_TLS: mail travels in clear; set true"
