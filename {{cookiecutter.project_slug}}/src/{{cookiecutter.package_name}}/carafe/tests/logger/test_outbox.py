import sys
import time
from email.message import EmailMessage

from ...ext.logger.outbox import Outbox
from ...ext.logger.stderr import Complaints


def test_a_full_outbox_drops_mail_without_waiting_and_says_so(capsys):
    outbox = Outbox(lambda message: time.sleep(0.2), lambda: None, interval=60, size=2)
    start = time.perf_counter()
    for _ in range(10):
        outbox.put(EmailMessage())
    assert time.perf_counter() - start < 1
    assert capsys.readouterr().err == "carafe.logger: a mail was dropped, because too many wait\n"
    outbox.flush(5)
    outbox.close()


def test_one_bad_mail_does_not_stop_the_next(capsys):
    sent = []

    def fail(message):
        sent.append(message)
        raise LookupError("unknown encoding")

    outbox = Outbox(fail, lambda: None, interval=60)
    outbox.put(EmailMessage())
    outbox.put(EmailMessage())
    outbox.flush(5)
    outbox.close()
    assert len(sent) == 2
    assert "a mail was not sent: LookupError('unknown encoding')" in capsys.readouterr().err


def test_complaints_are_counted_and_told_once_in_a_while(capsys):
    complaints = Complaints(interval=0.2)
    for _ in range(5):
        complaints.add("no luck")
    time.sleep(0.25)
    complaints.add("no luck")
    assert capsys.readouterr().err == "no luck\nno luck (5 times)\n"


def test_without_stderr_a_complaint_goes_nowhere(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    Complaints().add("nobody hears")
    assert capsys.readouterr().out == ""
