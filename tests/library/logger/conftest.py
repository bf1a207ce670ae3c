import logging
import socket

import pytest
from carafe.ext.logger import handlers
from carafe.ext.logger.handlers import FileHandler
from carafe.ext.logger.handlers import StreamHandler

from .mailbox import attached_sinks
from .mailbox import serve


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Wait for other threads and processes, which on a busy machine may take their time."""
    monkeypatch.setattr(FileHandler, "is_awaited", True)
    monkeypatch.setattr(StreamHandler, "is_awaited", True)
    monkeypatch.setattr(handlers, "FLUSH_SECONDS", 60)


@pytest.fixture(autouse=True)
def reportable(request, monkeypatch):
    """Escape the lone surrogates in what pytest reports: pytest-xdist cannot send them."""
    if plugin := request.config.pluginmanager.get_plugin("logging-plugin"):
        shown = plugin.formatter.format
        monkeypatch.setattr(
            plugin.formatter,
            "format",
            lambda record: shown(record).encode(errors="backslashreplace").decode(),
        )


@pytest.fixture(autouse=True)
def clean_loggers():
    """Take back what we did to the loggers, which live as long as pytest."""
    yield
    logging.captureWarnings(False)
    for logger, handler in attached_sinks():
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET if logger.parent else logging.WARNING)
        handler.close()


@pytest.fixture
def file(tmp_path):
    """Where to log."""
    return tmp_path / "shop.log"


@pytest.fixture
def mailbox():
    with serve() as mailbox:
        yield mailbox


@pytest.fixture
def black_hole():
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
