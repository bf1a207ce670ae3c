import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiosmtpd.controller import Controller
from servers import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    mailbox.port = controller.port
    yield mailbox
    controller.stop()


def test_no_mail_is_lost_when_a_worker_ends(serve, mailbox):
    mail = {"ENABLED": "true", "SERVER": "127.0.0.1", "PORT": str(mailbox.port)}
    mail |= {"FROMADDR": "api@example.com", "TOADDRS": '["ada@example.com"]'}
    options = {f"FLASK_CARAFE_LOGGER_SMTP_{name}": value for name, value in mail.items()}
    server = serve("--workers=1", **options)
    with ThreadPoolExecutor(1) as elsewhere:
        slow = elsewhere.submit(server.get, "/slow")
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert slow.result()[0] == 200
    assert server.process.wait(20) == 0
    first, summary = mailbox.mails
    assert "It was slow." in first and "1 more records were not mailed" in summary
