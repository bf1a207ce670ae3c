import logging
import shutil
import ssl
import subprocess
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import aiosmtpd
import pytest
from aiosmtpd.smtp import AuthResult
from carafe.ext.logger.mail import send

from .configs import mail_config
from .mailbox import Mailbox
from .mailbox import serve
from .workers import make_app


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
    subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return make_context(certificate, key)


@pytest.fixture
def guarded(trusted_context):
    """The mailbox of a server that takes mail after STARTTLS and a password only."""
    options = {"tls_context": trusted_context, "require_starttls": True}
    with serve(**options, authenticator=accept_hunter2) as mailbox:
        yield mailbox


def test_starttls_sends_the_password_and_the_mail(guarded):
    mail_an_error(guarded.port, password="hunter2")
    guarded.wait_for(1)


def test_a_wrong_password_is_told_and_not_shown(guarded, capsys):
    mail_an_error(guarded.port, password="hunter3")
    assert guarded.messages == []
    report = capsys.readouterr().err
    assert "(535" in report and "hunter3" not in report


def test_a_recipient_who_is_refused_is_told(monkeypatch, capsys):
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    monkeypatch.setattr(Mailbox, "handle_RCPT", handle_RCPT, raising=False)
    with serve() as mailbox:
        to = ["ops@example.org", "nobody@example.org"]
        make_app(mail_config(mailbox.port, CARAFE_LOGGER_SMTP_TOADDRS=to)).logger.error("boom")
        mailbox.wait_for(1)
    assert "550" in capsys.readouterr().err


def test_starttls_with_a_certificate_nobody_trusts_delivers_nothing(server_context, capsys):
    with serve(tls_context=server_context) as mailbox:
        mail_an_error(mailbox.port)
    assert mailbox.messages == []
    assert "SSLCertVerificationError" in capsys.readouterr().err


def test_a_server_without_starttls_is_sent_nothing(mailbox, capsys):
    mail_an_error(mailbox.port)
    assert mailbox.messages == []
    assert "SMTPNotSupportedError" in capsys.readouterr().err


def test_implicit_tls_delivers_to_a_trusted_server(trusted_context):
    with serve(ssl_context=trusted_context) as mailbox:
        send(a_message(), implicit_options(mailbox.port))
        mailbox.wait_for(1)


def test_implicit_tls_with_a_certificate_nobody_trusts_delivers_nothing(server_context):
    with serve(ssl_context=server_context) as mailbox:
        with pytest.raises(ssl.SSLCertVerificationError):
            send(a_message(), implicit_options(mailbox.port))
    assert mailbox.messages == []


def make_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def accept_hunter2(server, _, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"shop", b"hunter2")
    return AuthResult(success=is_right, handled=is_right)


def handler_on(port, password=None):
    """The handler of an application that insists on TLS."""
    config = mail_config(
        port, CARAFE_LOGGER_SMTP_SERVER="localhost", CARAFE_LOGGER_SMTP_USE_TLS=True
    )
    if password:
        config["CARAFE_LOGGER_SMTP_USERNAME"] = "shop"
        config["CARAFE_LOGGER_SMTP_PASSWORD"] = password
    [handler] = make_app(config).extensions["carafe.logger"].handlers
    return handler


def mail_an_error(port, **options):
    handler = handler_on(port, **options)
    logging.getLogger("shop").error("an error")
    handler.flush()


def implicit_options(port):
    options = handler_on(465).options
    assert options.tls == "implicit"
    return SimpleNamespace(**{**options.model_dump(), "port": port, "tls": options.tls})


def a_message():
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.org", "ops@example.org"
    message.set_content("hello")
    return message
