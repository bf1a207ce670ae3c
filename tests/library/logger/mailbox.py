"""Mail servers that tests can look into."""

import asyncio
import logging
import socket
import time
from contextlib import contextmanager
from email import message_from_bytes
from email import policy
from threading import Event

from aiosmtpd.controller import Controller
from carafe.ext.logger.handlers import BaseHandler


class Mailbox:
    """Keeps what a server was sent."""

    def __init__(self):
        self.messages = []
        self.recipients = []
        self.is_asked = Event()
        self.may_answer = Event()
        self.may_answer.set()

    async def handle_DATA(self, server, _, envelope):
        self.is_asked.set()
        while not self.may_answer.is_set():
            await asyncio.sleep(0.01)
        self.recipients.append(envelope.rcpt_tos)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def wait_for(self, count, timeout=60):
        """The first *count* messages."""
        end = time.monotonic() + timeout
        while len(self.messages) < count and time.monotonic() < end:
            time.sleep(0.01)
        assert len(self.messages) >= count, f"{len(self.messages)} of {count} mails came"
        return self.messages[:count]


@contextmanager
def serve(**options):
    """A server and its mailbox, on a free port."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    server.start()
    mailbox.port = server.port
    try:
        yield mailbox
    finally:
        for _, handler in attached_sinks():
            handler.flush()
        # Clients have said goodbye: let the server close its side.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.02), server.loop).result(60)
        server.stop()


def attached_sinks():
    """Our handlers, each with a logger it is attached to."""
    loggers = [logging.getLogger(name) for name in ["", *logging.Logger.manager.loggerDict]]
    return [
        (one, handler)
        for one in loggers
        for handler in one.handlers
        if isinstance(handler, BaseHandler)
    ]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def text_of(message):
    """The whole of a message that a reader can see."""
    return "\n".join([*(f"{k}: {v}" for k, v in message.items()), message.get_content()])
