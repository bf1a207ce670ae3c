"""The settings of gunicorn, which reads this file in the folder that it is started in."""

import json
import os
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from mmap import mmap
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir
from tempfile import mkdtemp

from dotenv import load_dotenv
from flask import Flask
from flask.helpers import get_load_dotenv
from gunicorn import util
from gunicorn.http import parser

if get_load_dotenv():
    load_dotenv()

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 8

# Seconds. The drain and the grace end before the platform kills: compose.yaml says 30.
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS") or 5)
timeout = 30
graceful_timeout = 20
keepalive = 75  # longer than a load balancer's, which must not write to a closed connection

forwarder_headers = ""  # No client may say where the API is mounted, not even through a proxy.
secure_scheme_headers = {}  # PROXY_HOPS alone says whose X-Forwarded-Proto counts.
control_socket_disable = True
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"  # a heartbeat on a slow disk looks like a dead worker

if any(map(os.environ.get, ["METRICS_TOKEN", "FLASK_METRICS_TOKEN"])):
    # The workers count together in this folder, set before anything imports prometheus_client.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = mkdtemp(prefix=f"metrics-{os.getpid()}-")


def write_problem(client, status, reason, message):
    """Send a problem document for what gunicorn itself refuses.

    Its own page is not HTTP on Python 3.14, where ``textwrap.dedent`` removes the carriage returns.
    """
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status})
    head = f"HTTP/1.1 {status} {title}\r\nConnection: close\r\n"
    head += f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    util.write_nonblock(client, f"{head}{body}".encode())


util.write_error = write_problem
# What a view does not read of a body is read before the connection closes, as far as nginx.conf
# lets it be long: a proxy that is still sending would take the end for a failure, and respond 502.
parser._DRAIN_MAX_BYTES = 64 * 1024 * 1024


SO_BINDTOIFINDEX, NO_INTERFACE = 62, 2**31 - 1  # of Linux


def drain(server):
    """Keep serving, but report not ready; then refuse new connections; then end the workers."""
    server.draining[0] = True
    time.sleep(DRAIN_SECONDS)
    if server.reexec_pid == server.master_pid == 0 and not server.systemd:  # the sockets are ours
        for listener in server.LISTENERS:
            with suppress(OSError):
                # An interface that does not exist refuses new connections. Closing the socket would
                # reset those that no worker has accepted yet.
                listener.sock.setsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX, NO_INTERFACE)
        time.sleep(1)  # The workers accept these.
    raise StopIteration


def package_of(name):
    """Return *name* if it is the application's package, or None, as for a custom wsgi.py."""
    with suppress(ModuleNotFoundError):
        return name if find_spec(f"{name}.health") else None


def on_starting(server):
    """Refuse unsafe settings once, before any worker starts."""
    server.draining = mmap(-1, 1)  # The workers share it.
    if DRAIN_SECONDS > 0:
        server.handle_term = lambda: drain(server)
    package = package_of(server.app.app_uri.partition(":")[0])
    if package is None:  # Each worker refuses it.
        return
    app = Flask(package)
    import_module(f"{package}.settings").init_app(app, None)
    import_module(f"{package}.carafe.ext.logger").Logger(app)  # feature: logger
    on_reload(server)  # feature: logger
    if server.cfg.workers > 1 and not app.config.get("CACHE_REDIS_URL"):  # feature: cache
        server.log.warning("The cache is off: several workers need REDIS_URL.")


def on_reload(server):  # feature: logger
    """Log gunicorn's own lines where those of libraries are logged, if anywhere."""
    if server.log.error_log.root.handlers:
        server.log.error_log.handlers.clear()
        server.log.error_log.propagate = True


def post_fork(server, worker):
    """Let each worker make an application of its own, even if --preload has made one."""
    worker.app.callable = None
    worker.draining = server.draining


def post_worker_init(worker):
    """Log what is unavailable, and let /health/ready report that the server is shutting down."""
    for app in [worker.wsgi, *getattr(worker.wsgi, "mounts", {}).values()]:
        if isinstance(app, Flask) and package_of(app.import_name):
            health = import_module(f"{app.import_name}.health")
            app.extensions[health.DRAINING] = lambda: worker.draining[0] or not worker.alive
            with app.app_context():
                health.report()


def child_exit(server, worker):
    """Forget the requests that a worker had not finished when it ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        import_module("prometheus_client.multiprocess").mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the counts, also those from before a reload."""
    for folder in Path(gettempdir()).glob(f"metrics-{os.getpid()}-*"):
        rmtree(folder, ignore_errors=True)
