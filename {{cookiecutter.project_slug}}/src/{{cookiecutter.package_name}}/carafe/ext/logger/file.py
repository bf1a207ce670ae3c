"""A rotating file that many processes may write to."""

import time
from io import TextIOWrapper

from concurrent_log_handler import ConcurrentRotatingFileHandler
from portalocker import AlreadyLocked
from portalocker import lock
from portalocker import LOCK_EX
from portalocker import LOCK_NB

from .options import FileOptions
from .sink import Sink

_PATIENCE = 2.0


class FileHandler(Sink, ConcurrentRotatingFileHandler):
    """Writes to the file of *options*; only its owner and group may read it."""

    def __init__(self, options: FileOptions) -> None:
        super().__init__(
            options.filename,
            options.mode,
            # Without backups the library would empty the file instead of rotating it.
            maxBytes=options.max_bytes if options.backup_count else 0,
            backupCount=options.backup_count,
            encoding=options.encoding,
            chmod=0o640,
        )
        self.options = options
        self._patience = _PATIENCE
        if not options.is_delayed:
            self._make_file()

    def _make_file(self) -> None:
        try:
            self.do_open().close()
        except OSError as error:
            raise ValueError(
                f"CARAFE_LOGGER_RF_FILENAME cannot be written ({error.strerror}). "
                "Give the path of a file that this process may write."
            ) from None

    def do_open(self, mode: str | None = None) -> TextIOWrapper:
        """Open the file, for the second time never to empty it."""
        stream = super().do_open(mode)
        stream.reconfigure(errors="backslashreplace")
        self.mode = "a"
        return stream

    def _lock_stream_lock(self, stream_lock: TextIOWrapper) -> None:
        """Wait for the other processes, but only once for one that was stopped in the middle."""
        end = time.monotonic() + self._patience
        self._patience = 0
        while True:
            try:
                lock(stream_lock, LOCK_EX | LOCK_NB)
                break
            except AlreadyLocked:
                if time.monotonic() >= end:
                    raise
            time.sleep(0.001)
        self._patience = _PATIENCE
