"""Processes that cannot reach the terminal, and do not outlive an interrupted test."""

import os
import signal
import subprocess
from contextlib import contextmanager
from contextlib import suppress

GRACE = 60
"""Seconds that an interrupted process has to stop what it started itself."""


def run(command, *, check=False, **options):
    """Run *command* to its end, with an empty stdin; its output is text.

    The options are those of ``subprocess.run``.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with started(command, **(pipes | options)) as process:
        stdout, stderr = process.communicate()
    if check and process.returncode:
        raise AssertionError(f"{command} failed: {stdout}{stderr}")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


@contextmanager
def started(command, *, stdin=subprocess.DEVNULL, **options):
    """Start *command* in a session of its own; an exception in the block interrupts it."""
    process = subprocess.Popen(command, stdin=stdin, start_new_session=True, **options)
    with process:
        try:
            yield process
        except BaseException:
            interrupt(process)
            raise


def interrupt(process):
    """Interrupt the group of *process*, as Control-C does, and kill what is left of it."""
    if os.name == "nt":
        return process.kill()
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
