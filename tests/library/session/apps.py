from carafe.ext import session as extension
from flask import Flask
from flask import session

OLD = "an older key, long enough to sign with"
NEW = "a newer key, long enough to sign with"


def make_app(**config):
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": NEW, **config})
    extension.init_app(app)

    @app.get("/nothing")
    def nothing():
        return {}

    @app.get("/read")
    def read():
        return dict(session)

    @app.post("/write/<name>")
    def write(name):
        session[name] = 1
        return {}

    @app.post("/clear")
    def clear():
        session.clear()
        return {}

    return app


def cookie_of(response):
    return response.headers.get("Set-Cookie", "")
