"""Twelve secrets that everything knows, and no sink may show."""

import base64
import json
import logging
import os

import pytest
from carafe.ext.logger import Logger
from flask import current_app
from flask import Flask
from flask import request
from werkzeug.datastructures import Headers

from .configs import file_config
from .configs import mail_config
from .configs import stream_config
from .mailbox import text_of

KINDS = (
    *("cookie", "bearer", "basic", "nested", "form", "query", "api-key", "csrf"),
    *("dsn", "secret-key", "environment", "set-cookie"),
)
CANARIES = {kind: f"canary-{kind}-7f3a" for kind in KINDS}

CREDENTIALS = base64.b64encode(f"ada:{CANARIES['basic']}".encode()).decode()
HEADERS = {
    "Cookie": f"theme=dark; shop={CANARIES['cookie']}",
    "X-Api-Key": CANARIES["api-key"],
    "X-CSRF-Token": CANARIES["csrf"],
}
BEARER = {**HEADERS, "Authorization": f"Bearer {CANARIES['bearer']}"}
BASIC = {**HEADERS, "Authorization": f"Basic {CREDENTIALS}"}
NESTED = {"people": [{"name": "ada", "login": {"password": CANARIES["nested"]}}]}
FORM = {"name": "ada", "password": CANARIES["form"]}

WAYS = {
    "as arguments": lambda log, seen: [log("seen %s %r", *[value] * 2) for value in seen],
    "in text": lambda log, seen: [log(f"seen: {value}") for value in seen],
    "as a mapping": lambda log, seen: log("seen %(all)s", {"all": seen}),
    "as extra": lambda log, seen: log("seen", extra={"seen": seen}),
    "alone": lambda log, seen: [log("seen %s", secret) for secret in the_secrets_themselves()],
}


@pytest.fixture
def sinks(tmp_path, mailbox, capsys, monkeypatch):
    """The configuration of all the sinks, and a function that gives what is in each."""
    monkeypatch.setenv("SHOP_LICENSE_KEY", CANARIES["environment"])
    file = tmp_path / "shop.log"
    config = {
        **stream_config(CARAFE_LOGGER_STREAM_FORMAT="json"),
        **file_config(file),
        **mail_config(mailbox.port),
    }

    def written():
        for sink in logging.getLogger("shop").handlers:
            sink.flush()
        out, err = capsys.readouterr()
        mail = "\n".join(map(text_of, mailbox.wait_for(1)))
        return {"stdout": out, "stderr": err, "file": file.read_text(), "mail": mail}

    return config, written


@pytest.fixture
def make_app(sinks):
    config, _ = sinks

    def make_app(view):
        app = Flask("shop")
        app.config.update(config, SECRET_KEY=CANARIES["secret-key"])
        app.config["DATABASE_URL"] = f"postgresql://shop:{CANARIES['dsn']}@db:5432/shop"
        Logger(app)
        app.add_url_rule("/orders", view_func=view, methods=["POST"])
        return app

    return make_app


def all_that_is_seen(app):
    """What a request, the app and the process have to show."""
    response = Headers({"Set-Cookie": f"shop={CANARIES['set-cookie']}; HttpOnly"})
    return [
        *(request.environ, request.headers, request.cookies, request.authorization),
        *(
            request.args,
            request.form,
            request.get_json(silent=True),
            request.get_data(as_text=True),
        ),
        *(request.url, request.full_path, app.config, dict(os.environ), response),
    ]


def the_secrets_themselves():
    """Secrets under names that do not tell."""
    login = request.authorization
    nested = request.get_json()["people"][0]["login"] if request.is_json else {}
    return [
        *(request.cookies["shop"], login.token or login.password, nested.get("password")),
        *(request.headers["X-Api-Key"], request.headers["X-CSRF-Token"]),
        *(request.args["reset_token"], request.form.get("password")),
        *(current_app.config["SECRET_KEY"], CANARIES["dsn"], os.environ["SHOP_LICENSE_KEY"]),
    ]


def ask(app):
    """Send every secret a request may have; the statuses of the three answers."""
    client, query = app.test_client(use_cookies=False), {"reset_token": CANARIES["query"]}
    answers = [
        client.post("/orders", query_string=query, json=NESTED, headers=BEARER),
        client.post("/orders", query_string=query, json=NESTED, headers=BASIC),
        client.post("/orders", query_string=query, data=FORM, headers=BASIC),
    ]
    assert not any("canary" in answer.text for answer in answers)
    return [answer.status_code for answer in answers]


def assert_safe(written):
    for sink, text in written.items():
        shown = [canary for canary in (*CANARIES.values(), CREDENTIALS) if canary in text]
        assert shown == [], sink
    for sink in ("stdout", "file", "mail"):
        assert "seen" in written[sink]
    assert [json.loads(line) for line in written["stdout"].splitlines()]


@pytest.mark.parametrize("way", WAYS)
def test_no_canary_that_is_logged_reaches_a_sink(make_app, sinks, way):
    def view():
        WAYS[way](app.logger.error, all_that_is_seen(app))
        return {}

    app = make_app(view)
    assert ask(app) == [200] * 3
    assert_safe(sinks[1]())


@pytest.mark.parametrize("shown", [str, repr, lambda value: the_secrets_themselves()])
def test_no_canary_of_an_exception_reaches_a_sink(make_app, sinks, shown):
    def view():
        for value in all_that_is_seen(app):
            try:
                raise ValueError(shown(value))
            except ValueError:
                app.logger.exception("seen %s", "it")
        raise RuntimeError(f"seen {shown(all_that_is_seen(app))}")

    app = make_app(view)
    assert ask(app) == [500] * 3
    assert_safe(sinks[1]())
