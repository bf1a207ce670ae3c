import logging
import os
from types import SimpleNamespace

import pytest
from carafe.ext.logger import handlers
from carafe.ext.logger import Logger
from carafe.ext.logger import mail
from flask import Flask

from .configs import file_config
from .configs import mail_config
from .configs import stream_config
from .mailbox import free_port
from .mailbox import text_of
from .workers import log_and_exit
from .workers import log_and_list_what_was_loaded
from .workers import log_on_both_sides_of_a_fork
from .workers import run


def make_app(port, **config):
    app = Flask("shop")
    app.config.update(mail_config(port, **config))
    Logger(app)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def fail(path):
        raise ValueError("out of order")

    return app


def handler_of(app):
    return app.extensions["carafe.logger"].handlers[0]


def test_an_error_is_mailed_and_a_warning_is_not(mailbox):
    app = make_app(mailbox.port)
    app.logger.warning("a warning")
    app.logger.error("an error")
    (message,) = mailbox.wait_for(1)
    assert message["Subject"] == "ERROR in shop: an error"
    assert "an error" in message.get_content()


def test_it_goes_from_the_sender_to_every_recipient(mailbox):
    to = "Ops <ops@example.org>, dev@example.org"
    app = make_app(mailbox.port, CARAFE_LOGGER_SMTP_TOADDRS=to)
    app.logger.error("an error")
    (message,) = mailbox.wait_for(1)
    assert message["From"] == "shop@example.org"
    assert message["To"] == to
    assert mailbox.recipients == [["ops@example.org", "dev@example.org"]]


def test_the_level_is_configured(mailbox):
    make_app(mailbox.port, CARAFE_LOGGER_SMTP_LEVEL="warning").logger.warning("a warning")
    assert mailbox.wait_for(1)[0]["Subject"] == "WARNING in shop: a warning"


def test_additional_loggers_mail_too(mailbox):
    make_app(mailbox.port, CARAFE_LOGGER_SMTP_ADD_LOGGERS="library")
    logging.getLogger("library").error("from elsewhere")
    assert mailbox.wait_for(1)[0]["Subject"] == "ERROR in library: from elsewhere"


def test_a_failed_request_is_mailed_with_what_is_needed_and_nothing_secret(mailbox):
    response = (
        make_app(mailbox.port)
        .test_client()
        .post(
            "/orders?reset_token=canary&page=2",
            json={"name": "canary"},
            headers={
                "Authorization": "Bearer canary",
                "Cookie": "sid=canary",
                "User-Agent": "curl",
                "X-Api-Key": "canary",
            },
        )
    )
    assert response.status_code == 500
    (message,) = mailbox.wait_for(1)
    assert "canary" not in text_of(message)
    assert "page=2" not in message["Subject"]
    for part in ("POST /orders 127.0.0.1", "ValueError: out of order", "User-Agent: curl"):
        assert part in message.get_content()


def test_a_subject_has_no_query_string_and_one_line(mailbox):
    app = make_app(mailbox.port)
    app.logger.error("GET /orders?email=ada@example.org failed\nBcc: all@example.org")
    (message,) = mailbox.wait_for(1)
    assert message["Subject"] == r"ERROR in shop: GET /orders? failed\nBcc: all@example.org"
    assert message["Bcc"] is None


def test_text_of_the_world_and_lone_surrogates_arrive(mailbox):
    make_app(mailbox.port).logger.error("höflich 日本 \ud800")
    (message,) = mailbox.wait_for(1)
    assert "höflich 日本 \\ud800" in message.get_content()
    assert message["Subject"] == "ERROR in shop: höflich 日本 \\ud800"


def test_a_thousand_equal_errors_are_one_mail_and_a_summary(mailbox):
    app = make_app(mailbox.port)
    for number in range(1000):
        app.logger.error("error %d", number)
    handler_of(app).flush()
    error, summary = mailbox.wait_for(2)
    assert error["Subject"] == "ERROR in shop: error 0"
    assert "999 more records were not mailed" in summary["Subject"]
    assert "999 x ERROR in shop: error 0" in summary.get_content()
    assert len(mailbox.messages) == 2


def test_another_place_level_logger_or_exception_is_another_error(mailbox):
    app = make_app(mailbox.port)
    for error in (KeyError(), ValueError(), KeyError()):
        app.logger.error("failed", exc_info=error)
    for level in (logging.ERROR, logging.CRITICAL):
        app.logger.log(level, "failed")
    for name in ("shop.a", "shop.b"):
        logging.getLogger(name).error("failed")
    app.logger.error("failed")
    handler_of(app).flush()
    assert len(mailbox.wait_for(7)) == 7
    (summary,) = mailbox.messages[7:]
    assert "1 more records were not mailed" in summary["Subject"]


def test_the_kinds_of_errors_are_limited_too(mailbox):
    app = make_app(mailbox.port)
    for number in range(100):
        logging.getLogger(f"shop.{number}").error("failed")
    handler_of(app).flush()
    summary = mailbox.wait_for(21)[20]
    assert "80 more records were not mailed" in summary["Subject"]
    assert "80 x other records" in summary.get_content()


def test_after_the_window_a_summary_comes_by_itself_and_the_error_is_mailed_again(
    mailbox, monkeypatch
):
    now = [0.0]
    monkeypatch.setattr(mail, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(mail, "WINDOW_SECONDS", 0.3)
    handler = mail.MailHandler(handler_of(make_app(mailbox.port)).options)
    record = logging.makeLogRecord({"name": "shop", "levelname": "ERROR", "msg": "failed"})
    for _ in range(5):
        handler.handle(record)
        del record.carafe_destinations
    now[0] = 0.3
    assert "4 more records were not mailed" in mailbox.wait_for(2)[1]["Subject"]
    handler.handle(record)
    assert mailbox.wait_for(3)[2]["Subject"] == "ERROR in shop: failed"
    handler.close()


def test_requests_and_flush_wait_for_no_server_that_says_nothing(black_hole, monkeypatch, capsys):
    monkeypatch.setattr(handlers, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(mail, "SERVER_SECONDS", 600)
    app = make_app(black_hole)
    assert app.test_client().get("/orders").status_code == 500
    handler_of(app).flush()
    assert "1 records are not written" in capsys.readouterr().err


def test_a_server_that_is_away_fails_nobody_and_is_told_once(capsys):
    port = free_port()
    app = make_app(port)
    for number in range(3):
        logging.getLogger(f"shop.{number}").error("failed")
    handler_of(app).flush()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if f":{port} " in line]
    assert line.startswith("carafe.logger: 127.0.0.1:")
    assert line.endswith("failed")


def test_what_came_while_the_server_was_away_is_in_the_summary(mailbox, monkeypatch):
    handler, send = handler_of(make_app(mailbox.port)), mail.send
    monkeypatch.setattr(mail, "send", fail_to_send)
    for _ in range(3):
        logging.getLogger("shop.till").error("failed")
    handler._wait()
    monkeypatch.setattr(mail, "send", send)
    handler.flush()
    [summary] = mailbox.wait_for(1)
    assert "3 more records were not mailed: 3 x ERROR in shop.till" in summary["Subject"]


def fail_to_send(message, options):
    raise OSError("The server is away.")


def test_a_closed_handler_opens_again(mailbox):
    app = make_app(mailbox.port)
    app.logger.error("before")
    mailbox.wait_for(1)
    handler_of(app).close()
    app.logger.critical("after")
    assert mailbox.wait_for(2)[1]["Subject"] == "CRITICAL in shop: after"


def test_what_waits_at_exit_is_sent(mailbox):
    assert run(log_and_exit, mailbox.port) == 0
    error, summary = (message["Subject"] for message in mailbox.messages)
    assert error == "ERROR in shop: failed"
    assert "9 more records were not mailed" in summary


def test_a_fork_finds_no_module_half_loaded(mailbox, tmp_path):
    for config in [mail_config(mailbox.port), file_config(tmp_path / "log"), stream_config()]:
        assert run(log_and_list_what_was_loaded, config) == 0
    assert mailbox.messages
    assert (tmp_path / "log").read_text("utf-8")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_mails_its_own_records_and_no_others(mailbox):
    assert run(log_on_both_sides_of_a_fork, mailbox.port) == 0
    *errors, summary = sorted(message["Subject"] for message in mailbox.messages)
    assert errors == [
        "ERROR in shop: before the fork",
        "ERROR in shop: in the child",
        "ERROR in shop: in the parent",
    ]
    assert "2 more records were not mailed" in summary
