import sys
from email.message import EmailMessage
from threading import Event
from types import SimpleNamespace

from carafe.ext.logger import handlers
from carafe.ext.logger.handlers import Warnings
from carafe.ext.logger.mail import MailQueue


def test_a_full_outbox_drops_mail_without_waiting_and_says_so(capsys):
    sent, is_sending, is_back = [], Event(), Event()

    def send(message):
        sent.append(message)
        is_sending.set()
        assert is_back.wait(60)

    outbox = MailQueue(send, lambda: None, interval=60, size=2)
    outbox.put(EmailMessage())
    assert is_sending.wait(60)
    for _ in range(9):
        outbox.put(EmailMessage())
    assert capsys.readouterr().err == "carafe.logger: a mail was dropped, because too many wait\n"
    assert len(sent) == 1
    is_back.set()
    outbox.flush(60)
    assert len(sent) == 3
    outbox.close()


def test_one_bad_mail_does_not_stop_the_next(capsys):
    sent = []

    def fail(message):
        sent.append(message)
        raise LookupError("unknown encoding")

    outbox = MailQueue(fail, lambda: None, interval=60)
    outbox.put(EmailMessage())
    outbox.put(EmailMessage())
    outbox.flush(60)
    outbox.close()
    assert len(sent) == 2
    assert "a mail was not sent: LookupError('unknown encoding')" in capsys.readouterr().err


def test_warnings_are_counted_and_told_once_in_a_while(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(handlers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    found = Warnings(interval=60)
    for _ in range(5):
        found.add("no luck")
    now[0] = 60
    found.add("no luck")
    assert capsys.readouterr().err == "no luck\nno luck (5 times)\n"


def test_without_stderr_a_complaint_goes_nowhere(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    Warnings().add("nobody hears")
    assert capsys.readouterr().out == ""
