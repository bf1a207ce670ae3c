"""The application, with views that tell of the process that serves it."""

import os
import time

from flask import request
from werkzeug.utils import import_string

PACKAGE = os.environ["FLASK_APP"]

__path__ = import_string(PACKAGE).__path__  # gunicorn.conf.py imports from it


def create_app():
    app, maker = import_string(f"{PACKAGE}:create_app")(), os.getpid()
    cache = import_string(f"{PACKAGE}.extensions:cache")  # feature: cache

    @app.get("/process")
    def process():
        facts = {"is_its_own": maker == os.getpid()}
        facts["caches"] = cache.enabled  # feature: cache
        return facts

    @app.get("/slow")
    def slow():
        for _ in range(2):
            time.sleep(1)
            app.logger.error("It was slow.")
        return {}

    @app.route("/late", methods=["GET", "POST"])
    def late():
        time.sleep(2)
        return request.get_data() * 2_000_000 if request.method == "POST" else {}

    return app
