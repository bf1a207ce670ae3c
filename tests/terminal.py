"""A terminal at which a test types a command as a person does."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from contextlib import suppress
from threading import Thread

from .processes import started

PATIENCE = 1200
"""Seconds to wait for a prompt, or for the end of a command: only one that hangs takes longer."""

SHELL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Make stdin what /dev/tty opens, and what sends Control-C.
os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
"""


@contextmanager
def typed(line, **options):
    """Type *line* into a shell at a new terminal; the options are those of ``Popen``."""
    ours, theirs = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with started([sys.executable, "-c", SHELL, line], **streams, **options) as process:
        os.close(theirs)
        yield (terminal := Terminal(process, ours))
        terminal.wait()


def run_typed(line, *, answers=None, fails=0, **options):
    """Type *line*, answer its prompts, and return what is on the screen in the end."""
    with typed(line, **options) as terminal:
        for prompt, answer in (answers or {}).items():
            terminal.answer(prompt, answer)
        assert terminal.wait() == fails, terminal.screen
    return terminal.screen


class Terminal:
    """The screen and the keyboard of a running command."""

    def __init__(self, process, file):
        self._process = process
        self._file = file
        self._read = b""
        self._reader = Thread(target=self._read_all, daemon=True)
        self._reader.start()

    @property
    def screen(self):
        """Everything that the command has printed."""
        return self._read.decode(errors="replace").replace("\r\n", "\n")

    @property
    def is_running(self):
        return self._process.poll() is None

    def type(self, text):
        os.write(self._file, text.encode())

    def interrupt(self):
        """Press Control-C."""
        self.type("\x03")

    def answer(self, prompt, text):
        """Type *text* and Enter once *prompt* is on the screen."""
        until(lambda: prompt in self.screen or not self.is_running)
        assert prompt in self.screen, self.screen
        self.type(f"{text}\n")

    def wait(self):
        """Wait for the end of the command, and return its exit code."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"This does not end:\n{self.screen}") from None
        self._reader.join()
        return code

    def _read_all(self):
        with suppress(OSError):  # With this, Linux reports that nothing has the terminal open.
            while read := os.read(self._file, 65536):
                self._read += read
        os.close(self._file)


def until(condition):
    """Wait for *condition*, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
