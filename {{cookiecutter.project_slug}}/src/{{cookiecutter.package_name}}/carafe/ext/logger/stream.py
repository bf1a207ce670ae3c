"""Standard output: JSON for a machine that collects it, text for a person who looks on."""

import logging
import sys

from click import get_current_context

from .json import JSONFormatter
from .options import StreamOptions
from .record import Formatter
from .sink import Sink
from .turn import turn

_FORMATTERS: dict[str, type[Formatter]] = {"json": JSONFormatter, "text": Formatter}


class StreamHandler(Sink):
    """Writes to standard output; in a command, whose output is its own, to standard error."""

    def __init__(self, options: StreamOptions) -> None:
        super().__init__()
        self.options = options
        self.setFormatter(_FORMATTERS[options.format]())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = sys.stderr if get_current_context(silent=True) else sys.stdout
            encoding = stream.encoding or "utf-8"
            line = self.format(record).encode(encoding, "backslashreplace").decode(encoding)
            with turn(stream):
                stream.write(f"{line}\n")
                stream.flush()
        # It may be closed, full or gone: that is no business of who logs.
        except Exception:
            self.handleError(record)

    def _is_for_current_app(self) -> bool:
        """It belongs to the process, whichever app is in charge."""
        return True
