import logging
import os
import shutil
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import aiosmtpd
import pytest
from aiosmtpd.smtp import AuthResult
from flask import Flask

from ...ext.logger import Logger
from ...ext.logger.mail import MailHandler
from ...ext.logger.options import TLS
from ...ext.logger.outbox import Outbox
from ...ext.logger.smtp import send
from ...ext.logger.stderr import Complaints
from .configs import mail_config
from .mailbox import free_port
from .mailbox import serve
from .mailbox import text_of
from .workers import log_and_exit
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
    assert summary["Subject"] == "999 more records were not mailed"
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
    assert [m["Subject"] for m in mailbox.messages[7:]] == ["1 more records were not mailed"]


def test_the_kinds_of_errors_are_limited_too(mailbox):
    app = make_app(mailbox.port)
    for number in range(100):
        logging.getLogger(f"shop.{number}").error("failed")
    handler_of(app).flush()
    summary = mailbox.wait_for(21)[20]
    assert summary["Subject"] == "80 more records were not mailed"
    assert "80 x other records" in summary.get_content()


def test_after_the_window_a_summary_comes_by_itself_and_the_error_is_mailed_again(mailbox):
    handler = MailHandler(handler_of(make_app(mailbox.port)).options, window=0.3)
    record = logging.makeLogRecord({"name": "shop", "levelname": "ERROR", "msg": "failed"})
    for _ in range(5):
        handler.handle(record)
        del record.carafe_destinations
    assert mailbox.wait_for(2)[1]["Subject"] == "4 more records were not mailed"
    handler.handle(record)
    assert mailbox.wait_for(3)[2]["Subject"] == "ERROR in shop: failed"
    handler.close()


def test_a_server_that_says_nothing_delays_no_request(black_hole):
    client = make_app(black_hole).test_client()
    start = time.perf_counter()
    for _ in range(50):
        assert client.get("/orders").status_code == 500
    assert time.perf_counter() - start < 2


@pytest.mark.slow
def test_flush_waits_two_seconds_and_no_longer(black_hole):
    app = make_app(black_hole)
    app.logger.error("failed")
    start = time.perf_counter()
    handler_of(app).flush()
    assert 1 < time.perf_counter() - start < 4


def test_a_server_that_is_away_fails_nobody_and_is_told_once(capsys):
    app = make_app(free_port())
    for number in range(3):
        logging.getLogger(f"shop.{number}").error("failed")
    handler_of(app).flush()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "refused" in line]
    assert line.startswith("carafe.logger: a mail was not sent: ConnectionRefusedError")


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


def test_a_closed_handler_opens_again(mailbox):
    app = make_app(mailbox.port)
    app.logger.error("before")
    mailbox.wait_for(1)
    handler_of(app).close()
    app.logger.critical("after")
    assert mailbox.wait_for(2)[1]["Subject"] == "CRITICAL in shop: after"


def test_what_waits_at_exit_is_sent(mailbox):
    assert run(log_and_exit, mailbox.port) == 0
    subjects = [message["Subject"] for message in mailbox.messages]
    assert subjects == ["ERROR in shop: failed", "9 more records were not mailed"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_mails_its_own_records_and_no_others(mailbox):
    assert run(log_on_both_sides_of_a_fork, mailbox.port) == 0
    subjects = sorted(message["Subject"] for message in mailbox.messages)
    assert subjects == [
        "2 more records were not mailed",
        "ERROR in shop: before the fork",
        "ERROR in shop: in the child",
        "ERROR in shop: in the parent",
    ]


@pytest.fixture
def server_context():
    """A certificate that nobody trusts; it comes with aiosmtpd."""
    certificates = Path(aiosmtpd.__file__).parent / "tests" / "certs"
    return make_context(certificates / "server.crt", certificates / "server.key")


@pytest.fixture
def trusted_context(tmp_path, monkeypatch):
    """A certificate of localhost that this process trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    kind = "req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", *kind.split(), *name.split(), *files]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return make_context(certificate, key)


def make_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def tls_config(port, **config):
    return {
        **mail_config(port, **config),
        "CARAFE_LOGGER_SMTP_SERVER": "localhost",
        "CARAFE_LOGGER_SMTP_USE_TLS": True,
    }


def accept_hunter2(server, _, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"shop", b"hunter2")
    return AuthResult(success=is_right, handled=is_right)


def test_starttls_sends_the_password_and_the_mail(trusted_context):
    options = {"tls_context": trusted_context, "require_starttls": True}
    with serve(**options, authenticator=accept_hunter2) as mailbox:
        app = make_app(
            mailbox.port,
            **tls_config(
                mailbox.port,
                CARAFE_LOGGER_SMTP_USERNAME="shop",
                CARAFE_LOGGER_SMTP_PASSWORD="hunter2",
            ),
        )
        app.logger.error("an error")
        mailbox.wait_for(1)


def test_a_wrong_password_is_told_and_not_shown(trusted_context, capsys):
    options = {"tls_context": trusted_context, "require_starttls": True}
    with serve(**options, authenticator=accept_hunter2) as mailbox:
        app = make_app(
            mailbox.port,
            **tls_config(
                mailbox.port,
                CARAFE_LOGGER_SMTP_USERNAME="shop",
                CARAFE_LOGGER_SMTP_PASSWORD="hunter3",
            ),
        )
        app.logger.error("an error")
        handler_of(app).flush()
    assert mailbox.messages == []
    report = capsys.readouterr().err
    assert "(535" in report and "hunter3" not in report


def test_starttls_with_a_certificate_nobody_trusts_delivers_nothing(server_context, capsys):
    with serve(tls_context=server_context) as mailbox:
        app = make_app(mailbox.port, **tls_config(mailbox.port))
        app.logger.error("an error")
        handler_of(app).flush()
    assert mailbox.messages == []
    assert "SSLCertVerificationError" in capsys.readouterr().err


def test_a_server_without_starttls_is_sent_nothing(mailbox, capsys):
    app = make_app(mailbox.port, **tls_config(mailbox.port))
    app.logger.error("an error")
    handler_of(app).flush()
    assert mailbox.messages == []
    assert "a mail was not sent" in capsys.readouterr().err


def test_implicit_tls_delivers_to_a_trusted_server(trusted_context):
    with serve(ssl_context=trusted_context) as mailbox:
        send(a_message(), implicit_options(mailbox.port))
        mailbox.wait_for(1)


def test_implicit_tls_with_a_certificate_nobody_trusts_delivers_nothing(server_context):
    with serve(ssl_context=server_context) as mailbox:
        with pytest.raises(ssl.SSLCertVerificationError):
            send(a_message(), implicit_options(mailbox.port))
    assert mailbox.messages == []


def implicit_options(port):
    options = handler_of(make_app(465, **tls_config(465))).options
    assert options.tls is TLS.IMPLICIT
    return replace(options, port=port)


def a_message():
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.org", "ops@example.org"
    message.set_content("hello")
    return message
