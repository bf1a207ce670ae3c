"""Configurations of one handler."""


def stream_config(**config):
    """A configuration that logs to standard output."""
    return {"CARAFE_LOGGER_STREAM_ENABLED": True, **config}


def file_config(file, **config):
    """A configuration that logs to *file*."""
    return {"CARAFE_LOGGER_RF_ENABLED": True, "CARAFE_LOGGER_RF_FILENAME": str(file), **config}


def mail_config(port, **config):
    """A configuration that mails errors to a server on *port*."""
    return {
        "CARAFE_LOGGER_SMTP_ENABLED": True,
        "CARAFE_LOGGER_SMTP_SERVER": "127.0.0.1",
        "CARAFE_LOGGER_SMTP_PORT": port,
        "CARAFE_LOGGER_SMTP_FROMADDR": "shop@example.org",
        "CARAFE_LOGGER_SMTP_TOADDRS": ["ops@example.org"],
        **config,
    }
