"""What tests have other processes do."""

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

from carafe.ext.logger import handlers
from carafe.ext.logger import Logger
from flask import Flask

from .configs import file_config
from .configs import mail_config
from .configs import stream_config


def start(worker, *args, stdout=subprocess.DEVNULL):
    """A new process that calls *worker*, a function of this module."""
    command = f"from {__name__} import {worker.__name__} as work; work(*{args!r})"
    return subprocess.Popen(
        [sys.executable, "-c", command],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def run(worker, *args, **output):
    """The exit code of a new process that calls *worker*."""
    with start(worker, *args, **output) as process:
        try:
            return process.wait(timeout=300)
        finally:
            process.kill()


def make_app(config, patience=60):
    """An app that waits at its exit *patience* seconds for what it logs to."""
    handlers.FLUSH_SECONDS = patience
    app = Flask("shop")
    app.config.update(config)
    Logger(app)
    return app


def log_many_lines(file, worker, count):
    rotation = {"CARAFE_LOGGER_RF_MAXBYTES": 20_000, "CARAFE_LOGGER_RF_BACKUPCOUNT": 50}
    app = make_app(file_config(file, **rotation))
    for number in range(count):
        app.logger.error("worker %d line %d.", worker, number)


def request_with_a_full_disk(file):
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    app = make_app(file_config(file))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    @app.get("/")
    def index():
        for _ in range(20):
            app.logger.error("x" * 100)
        return {}

    sys.exit(app.test_client().get("/").status_code - 200)


def request_without_a_reader(count, served=None):
    """Handle *count* requests; the exit waits for the reader only if *served* tells it to come."""
    app = make_app(stream_config(), patience=60 if served else 0.1)
    handlers.MAX_WAITING = 100

    @app.get("/")
    def index():
        app.logger.error("x" * 1000)
        return {}

    statuses = {app.test_client().get("/").status_code for _ in range(count)}
    if served:
        Path(served).touch()
        app.extensions["carafe.logger"].handlers[0].flush()
        app.logger.error("after")
    sys.exit(statuses != {200})


def fork_without_a_reader(count, forked):
    warnings.simplefilter("ignore", DeprecationWarning)
    app = make_app(stream_config())
    for _ in range(count):
        app.logger.error("x" * 1000)
    child = os.fork()
    app.logger.error("in the parent" if child else "in the child")
    if child:
        Path(forked).touch()
        sys.exit(os.waitpid(child, 0)[1])


def log_in_children(count):
    app = make_app(stream_config())
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=app.logger.error, args=(each,)) for each in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()


def request_with_a_full_output():
    app = make_app(stream_config())

    @app.get("/")
    def index():
        app.logger.error("x" * 10_000)
        return {}

    status = app.test_client().get("/").status_code
    os._exit(status - 200)  # Python itself ends with an error if it cannot flush.


def log_and_exit(port):
    app = make_app(mail_config(port))
    for _ in range(10):
        app.logger.error("failed")


def log_and_list_what_was_loaded(config):
    app = make_app(config)
    loaded = set(sys.modules)
    app.logger.error("failed")
    app.extensions["carafe.logger"].handlers[0].flush()
    later = set(sys.modules) - loaded
    sys.exit(f"{later} were loaded by a thread" if later else 0)


def log_on_both_sides_of_a_fork(port):
    warnings.simplefilter("ignore", DeprecationWarning)
    app = make_app(mail_config(port))
    for _ in range(3):
        app.logger.error("before the fork")
    child = os.fork()
    app.logger.error("in the parent" if child else "in the child")
    if child:
        sys.exit(os.waitpid(child, 0)[1])
