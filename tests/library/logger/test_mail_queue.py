import logging
import sys

import pytest
from carafe.ext.logger import handlers
from carafe.ext.logger import Logger
from carafe.ext.logger import mail
from flask import Flask

from .configs import mail_config


@pytest.fixture
def handler(mailbox):
    app = Flask("shop")
    app.config.update(mail_config(mailbox.port))
    Logger(app)
    (handler,) = app.extensions["carafe.logger"].handlers
    return handler


def log(*numbers):
    """Log an error of another kind for each number."""
    for number in numbers:
        logging.getLogger(f"shop.{number}").error("failed")


def test_a_full_queue_drops_mail_without_waiting_and_a_mail_says_so(handler, mailbox, monkeypatch):
    monkeypatch.setattr(handlers, "MAX_WAITING", 2)
    mailbox.may_answer.clear()
    log(0)
    assert mailbox.is_asked.wait(60)
    log(*range(1, 10))
    mailbox.may_answer.set()
    handler.flush()
    log(10)
    subjects = [message["Subject"] for message in mailbox.wait_for(5)]
    assert subjects[:3] == [f"ERROR in shop.{number}: failed" for number in range(3)]
    assert "7 records were dropped" in subjects[3]
    assert subjects[4] == "ERROR in shop.10: failed"


def test_one_bad_mail_does_not_stop_the_next(handler, monkeypatch, capsys):
    sent = []

    def fail(message, _):
        sent.append(message)
        raise LookupError("unknown encoding")

    monkeypatch.setattr(mail, "send", fail)
    log(1, 2)
    handler._wait()
    assert len(sent) == 2
    assert "LookupError('unknown encoding')" in capsys.readouterr().err


def test_a_server_that_is_away_again_is_told_again(handler, monkeypatch, capsys):
    results = iter([OSError, OSError, None, OSError])

    def fail_or_not(message, _):
        if error := next(results):
            raise error

    monkeypatch.setattr(mail, "send", fail_or_not)
    log(1, 2, 3, 4)
    handler.flush()
    told = [line for line in capsys.readouterr().err.splitlines() if "OSError" in line]
    assert ["shop.1" in told[0], "shop.4" in told[1]] == [True, True]
    assert len(told) == 2


def test_without_stderr_a_complaint_goes_nowhere(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    handlers.complain("nobody hears")
    assert capsys.readouterr().out == ""
