"""One message to a mail server, over TLS that is verified."""

import codecs
import smtplib
import ssl
from email.message import EmailMessage

from .options import MailOptions
from .options import TLS

_TIMEOUT = 10.0

# Host names need this codec. A fork while a thread loads it would leave the child without.
codecs.lookup("idna")


def send(message: EmailMessage, options: MailOptions) -> None:
    """Deliver *message*. Raises OSError or SMTPException."""
    with _connect(options) as server:
        if options.tls is TLS.STARTTLS:
            server.starttls(context=ssl.create_default_context())
        if options.username is not None and options.password is not None:
            server.login(options.username, options.password)
        server.send_message(message)


def _connect(options: MailOptions) -> smtplib.SMTP:
    if options.tls is TLS.IMPLICIT:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(options.server, options.port, timeout=_TIMEOUT, context=context)
    return smtplib.SMTP(options.server, options.port, timeout=_TIMEOUT)
