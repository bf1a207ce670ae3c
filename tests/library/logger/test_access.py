import json
import logging
import os
import re
from threading import get_ident
from time import sleep
from uuid import UUID

import pytest
from carafe import cors
from carafe import errors
from carafe import FlaskCarafe
from carafe import security
from carafe.ext.logger import Logger
from carafe.reads import WHO
from flask import redirect
from flask import request
from flask import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from .configs import file_config
from .configs import mail_config
from .configs import stream_config

FIELDS = ["method", "rule", "path", "status", "ms", "bytes", "user_id", "auth"]
FIELDS += ["request_id", "remote_addr"]
OF_EACH_LINE = ["time", "level", "logger", "message"]
TOKEN = "carafe_" + "a" * 43


@pytest.fixture
def make_app():
    def make_app(**config):
        app = FlaskCarafe("shop")
        app.config.update(stream_config(CARAFE_LOGGER_STREAM_FORMAT="json", ACCESS_LOG=True))
        app.config.update(CORS_ORIGINS=["https://a.example"], **config)
        security.init_app(app)
        cors.init_app(app)
        errors.init_app(app)
        Logger(app)
        app.add_url_rule("/pens/<int:id>", "pen", lambda id: {"id": id}, methods=["GET", "PUT"])
        app.add_url_rule("/pens/", "pens", lambda: [])
        app.add_url_rule("/old", "old", lambda: redirect("/pens/"))
        app.add_url_rule("/same", "same", lambda: Response(status=304))
        app.add_url_rule("/fails", "fails", lambda: 1 / 0)
        app.add_url_rule("/stream", "stream", lambda: (b"abc" for _ in range(3)))
        app.add_url_rule("/health/live", "live", dict)
        app.add_url_rule("/healthy", "healthy", dict)
        return app

    return make_app


@pytest.fixture
def lines(capsys):
    """The lines of the access log since the last time."""

    def lines():
        printed = map(json.loads, capsys.readouterr().out.splitlines())
        return [line for line in printed if line["logger"] == "shop.access"]

    return lines


def ask(app, path, method="GET", **given):
    return app.test_client().open(path, method=method, buffered=True, **given)


@pytest.mark.parametrize(
    ("method", "path", "rule", "status"),
    [
        ("GET", "/pens/1", "/pens/<int:id>", 200),
        ("PUT", "/pens/1", "/pens/<int:id>", 200),
        ("OPTIONS", "/pens/1", "/pens/<int:id>", 204),
        ("GET", "/old", "/old", 302),
        ("GET", "/stream", "/stream", 200),
        ("GET", "/fails", "/fails", 500),
        ("GET", "/pens", None, 308),
        ("POST", "/pens/1", None, 405),
        ("GET", "/nowhere", None, 404),
        ("FOO", "/nowhere", None, 404),
        ("GET", "/pens/1?%00", "/pens/<int:id>", 400),
        ("HEAD", "/pens/1", "/pens/<int:id>", 200),
        ("GET", "/same", "/same", 304),
        ("GET", "/healthy", "/healthy", 200),
    ],
)
def test_each_request_has_one_line_with_these_fields_and_no_others(
    make_app, lines, method, path, rule, status
):
    response = ask(make_app(), path, method)
    (line,) = lines()
    assert set(line) == {*OF_EACH_LINE, *FIELDS}
    assert line["level"] == "INFO" and line["ms"] > 0
    path = path.partition("?")[0]
    assert line["message"] == f"{method} {path} {status}"
    assert [line[name] for name in ("method", "rule", "path")] == [method, rule, path]
    assert line["status"] == response.status_code == status
    assert line["bytes"] == len(response.data)
    assert (line["user_id"], line["auth"], line["remote_addr"]) == (None, None, "127.0.0.1")
    assert line["request_id"] == response.headers["X-Request-ID"]


def test_a_preflight_has_a_line(make_app, lines):
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
    assert ask(make_app(), "/pens/1", "OPTIONS", headers=headers).status_code == 204
    assert [line["rule"] for line in lines()] == ["/pens/<int:id>"]


def test_as_text_a_line_has_the_values_in_order(make_app, capsys):
    app = make_app(CARAFE_LOGGER_STREAM_FORMAT="text")
    ask(app, "/pens/1?color=red", headers={"X-Request-ID": "42"})
    ask(app, "/no such\u00a0pen")
    pen, no_pen = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"\S+Z INFO shop\.access GET /pens/<int:id> /pens/1 200 [0-9.]+ 8 - - 42 127\.0\.0\.1", pen
    )
    assert no_pen.split()[3:7] == ["GET", "-", r"/no\x20such\xa0pen", "404"]
    assert len(no_pen.split()) == 3 + len(FIELDS)


@pytest.mark.parametrize(
    ("method", "who"), [("session", 7), ("token", "ada"), ("token", UUID(int=1))]
)
def test_a_line_tells_who_the_request_knows(make_app, lines, method, who):
    app = make_app()
    app.before_request(lambda: request.environ.update({WHO: (who, method)}))
    ask(app, "/pens/1")
    (line,) = lines()
    assert (line["user_id"], line["auth"]) == (who if isinstance(who, int) else str(who), method)


def test_an_exception_that_is_not_handled_has_a_line(make_app, lines):
    app = make_app(TESTING=True)
    with pytest.raises(ZeroDivisionError):
        ask(app, "/fails")
    (line,) = lines()
    assert (line["rule"], line["status"], line["bytes"]) == ("/fails", 500, 0)


def begin(app, path):
    """The response as a server has it before it sends the body."""
    with app.test_request_context(path) as context:
        environ = context.request.environ
    return app.wsgi_app(environ, lambda *_: None)


def test_a_line_comes_after_the_body_and_counts_it(make_app, lines):
    parts = iter(begin(make_app(), "/stream"))
    assert next(parts) == b"abc" and not lines()
    sleep(0.02)
    assert list(parts) == [b"abc", b"abc"]
    (line,) = lines()
    assert line["bytes"] == 9 and line["ms"] >= 20


def test_a_connection_that_breaks_has_one_line_of_what_was_sent(make_app, lines):
    body = begin(make_app(), "/stream")
    next(iter(body))
    assert not lines()
    body.close()
    body.close()
    (line,) = lines()
    assert (line["status"], line["bytes"], line["rule"]) == (200, 3, "/stream")


def test_a_body_that_raises_has_one_line_and_is_closed(make_app, lines):
    app, closed = make_app(), []

    def parts():
        yield b"abc"
        raise OSError("The file is gone.")

    def view():
        response = Response(parts())
        response.call_on_close(lambda: closed.append(1))
        return response

    app.add_url_rule("/breaks", view_func=view)
    body = begin(app, "/breaks")
    with pytest.raises(OSError):
        list(body)
    body.close()
    (line,) = lines()
    assert (line["status"], line["bytes"], closed) == (500, 3, [1])


@pytest.mark.parametrize("path", ["/health/live", "/health/nothing", "/metrics"])
def test_what_watches_the_application_is_quiet_also_below_a_path(make_app, lines, path):
    app = make_app()
    ask(app, path)
    ask(app, path, base_url="http://localhost/svc")
    Client(DispatcherMiddleware(dict, {"/svc": app})).get(f"/svc{path}")
    assert not lines()


def test_below_a_path_other_requests_have_their_line(make_app, lines):
    Client(DispatcherMiddleware(dict, {"/svc": make_app()})).get("/svc/pens/1").get_data()
    assert [(line["path"], line["rule"]) for line in lines()] == [("/pens/1", "/pens/<int:id>")]


@pytest.mark.parametrize("config", [{"ACCESS_LOG": False}, {"CARAFE_LOGGER_ENABLED": False}])
def test_it_can_be_off(make_app, lines, config):
    ask(make_app(**config), "/pens/1")
    assert not lines()


def test_it_is_off_by_default(capsys):
    app = FlaskCarafe("shop")
    app.config.update(stream_config())
    Logger(app)
    ask(app, "/")
    assert capsys.readouterr().out == "" and app.config["ACCESS_LOG"] is False


def test_the_level_of_the_stream_is_not_that_of_the_access_log(make_app, lines):
    logging.getLogger("shop.access").setLevel(logging.NOTSET)
    app = make_app(CARAFE_LOGGER_STREAM_LEVEL="ERROR")
    app.logger.warning("less")
    ask(app, "/pens/1")
    assert len(lines()) == 1


def test_its_logger_may_be_quieter_and_has_filters(make_app, lines, monkeypatch):
    app, logger = make_app(), logging.getLogger("shop.access")
    monkeypatch.setattr(logger, "filters", [lambda record: record.path != "/healthy"])
    ask(app, "/healthy")
    ask(app, "/old")
    assert [line["path"] for line in lines()] == ["/old"]
    monkeypatch.setattr(logger, "disabled", True)
    ask(app, "/old")
    assert not lines()


def test_a_file_gets_the_lines_if_its_level_allows(make_app, lines, file):
    for level, count in (("INFO", 1), ("WARNING", 0)):
        config = file_config(file, CARAFE_LOGGER_RF_LEVEL=level, CARAFE_LOGGER_RF_MODE="w")
        ask(make_app(**config), "/pens/1")
        assert len(lines()) == 1
        assert file.read_text().count(" INFO shop.access GET /pens/<int:id> /pens/1 200 ") == count


def test_mail_takes_a_line(make_app, mailbox):
    app = make_app(**mail_config(mailbox.port, CARAFE_LOGGER_SMTP_LEVEL="INFO"))
    ask(app, "/pens/1")
    for handler in app.extensions["carafe.logger"].handlers:
        handler.flush()
    (mail,) = mailbox.wait_for(1)
    assert "INFO in shop.access: GET /pens/1 200" in mail["Subject"]


def test_five_apps_write_one_line_for_a_request(make_app, lines):
    apps = [make_app() for _ in range(5)]
    ask(apps[0], "/pens/1")
    assert len(lines()) == 1


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a%0a2026 INFO forged%1b[31m", r"/a\n2026"),
        ("/a%ff", "/a\ufffd"),
        ("/a%e2%80%a8", r"/a\u2028"),
        ("/" + "x" * 65536, "/" + "x" * 511),
        ("/login;token=canary-7f3a", "/login;token=***"),
        (f"/tokens/{TOKEN}", "/tokens/***"),
    ],
)
def test_a_path_forges_no_line_and_shows_no_secret(make_app, capsys, format, path, shown):
    app = make_app(CARAFE_LOGGER_STREAM_FORMAT=format)
    ask(app, path)
    (line,) = capsys.readouterr().out.splitlines()
    assert shown in (json.loads(line)["path"] if format == "json" else line)
    assert "canary" not in line and TOKEN not in line and len(line) < 2000


def test_a_method_and_an_address_forge_no_line(make_app, lines):
    app = make_app()
    app.wsgi_app._application = lambda environ, start: start("200 OK", []) or []
    with app.test_request_context("/") as context:
        environ = context.request.environ | {"REQUEST_METHOD": "A\nB", "REMOTE_ADDR": "a\x1bb"}
    list(app.wsgi_app(environ, lambda *_: None))
    (line,) = lines()
    assert (line["method"], line["remote_addr"]) == (r"A\nB", r"a\x1bb")


def test_a_unix_socket_has_no_address(make_app, lines):
    ask(make_app(), "/pens/1", environ_overrides={"REMOTE_ADDR": ""})
    assert lines()[0]["remote_addr"] is None


def test_a_format_of_your_own_may_name_what_is_of_a_request(make_app, capsys):
    app = make_app()
    (handler,) = app.extensions["carafe.logger"].handlers
    format = "%(request_path)s|%(status)s|%(message)s|%(msecs)d|%(process)d|%(thread)d"
    handler.setFormatter(logging.Formatter(format))
    ask(app, "/pens/1")
    here = f"{os.getpid()}\\|{get_ident()}"
    assert re.fullmatch(rf"-\|200\|GET /pens/1 200\|\d{{1,3}}\|{here}\n", capsys.readouterr().out)
