"""The application, with views that tell of the process that serves it."""

import os
import time
from pathlib import Path

import notes
from flask import request
from werkzeug.utils import import_string

PACKAGE = os.environ["FLASK_APP"]

__path__ = import_string(PACKAGE).__path__  # gunicorn.conf.py imports from it


def create_app():
    app, creator = import_string(f"{PACKAGE}:create_app")(), os.getpid()
    cache = import_string(f"{PACKAGE}.extensions:cache")  # feature: cache
    operation = import_string(f"{PACKAGE}.carafe.operation:operation")
    schema = import_string(f"{PACKAGE}.carafe.schema")
    notes.init_app(app)

    class Written(schema.Body):
        text: str

    @app.get("/process")
    def process():
        facts = {"is_its_own": creator == os.getpid()}
        facts["caches"] = cache.enabled  # feature: cache
        return facts

    @app.get("/slow")
    def slow():
        """Log, wait for the file ``go``, and log again."""
        app.logger.error("It is slow.")
        while not Path("go").exists():
            time.sleep(0.02)
        app.logger.error("It is over.")
        return {}

    @app.post("/write")
    @operation()
    def write(body: Written) -> None:
        """Take a body."""

    @app.route("/late", methods=["GET", "POST"])
    def late():
        time.sleep(2)
        return request.get_data() * 2_000_000 if request.method == "POST" else {}

    return app
