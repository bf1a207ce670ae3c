# feature: logger
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiosmtpd.controller import Controller
from conftest import create_app
from servers import free_port
from servers import LONG
from servers import serve as serve
from servers import wait_for

PACKAGE = create_app.__module__

pytestmark = pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")


def test_what_gunicorn_and_python_print_in_production_is_json_too(serve):
    server = serve("--workers=2", FLASK_CARAFE_PENS="1")
    wait_for(lambda: server.printed().count("Nothing reads the setting CARAFE_PENS") == 2)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: server.printed().count("Booting worker") == 4)
    server.process.terminate()
    server.process.wait(LONG)
    lines = [json.loads(line) for line in server.printed().splitlines()]
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "py.warnings"}
    assert lines[-1]["message"] == "Shutting down: Master"


def test_a_request_is_found_in_the_access_log_by_its_id(serve):
    server = serve("--workers=1")
    found = {path: server.get(path) for path in ("/nowhere", "/authors?limit=none")}
    wait_for(lambda: server.printed().count(f'"{PACKAGE}.access"') == 2)
    lines = [json.loads(line) for line in server.printed().splitlines()]
    access = {line["request_id"]: line for line in lines if line["logger"] == f"{PACKAGE}.access"}
    for path, (status, headers, problem) in found.items():
        line = access[problem["request_id"]]
        assert (line["path"], line["status"]) == (path.partition("?")[0], status)
        assert headers["X-Request-ID"] == problem["request_id"]
    assert [status for status, _, _ in found.values()] == [404, 422]


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    yield mailbox
    controller.stop()


def test_no_mail_is_lost_when_a_worker_ends(serve, mailbox):
    mail = {"ENABLED": "true", "SERVER": "127.0.0.1", "PORT": str(mailbox.port)}
    mail |= {"FROMADDR": "api@example.com", "TOADDRS": '["ada@example.com"]'}
    options = {f"FLASK_CARAFE_LOGGER_SMTP_{name}": value for name, value in mail.items()}
    server = serve("--workers=1", **options)
    with ThreadPoolExecutor(1) as elsewhere:
        slow = elsewhere.submit(server.get, "/slow")
        wait_for(lambda: "It is slow." in server.output())
        server.process.send_signal(signal.SIGTERM)
        (server.folder / "go").touch()
        assert slow.result()[0] == 200
    assert server.process.wait(LONG) == 0
    first, second = mailbox.mails
    assert "It is slow." in first and "It is over." in second
