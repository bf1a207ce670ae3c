import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiosmtpd.controller import Controller
from conftest import create_app
from flask import request
from servers import free_port
from servers import LONG
from servers import wait_for

PACKAGE = create_app.__module__
KEY = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
SECRETS = {
    "cookie": "canary-cookie-7f3a",
    "bearer": "canary-bearer-7f3a",
    "key": "canary-key-7f3a",
    "query": "canary-query-7f3a",
    "body": "canary-body-7f3a",
    "database": "canary-database-7f3a",
    "environment": "canary-environment-7f3a",
    "SECRET_KEY": KEY,
}
REQUEST = {
    "query_string": {"reset_token": SECRETS["query"]},
    "json": {"user": {"password": SECRETS["body"]}},
    "headers": {
        "Authorization": f"Bearer {SECRETS['bearer']}",
        "Cookie": f"{PACKAGE}={SECRETS['cookie']}",
        "X-API-Key": SECRETS["key"],
        "X-Request-ID": "from-the-proxy.1",
    },
}


@pytest.fixture
def production(make_app, monkeypatch):
    """The application as production has it, with a view that fails and tells all it knows."""
    monkeypatch.setenv("SHOP_LICENSE_KEY", SECRETS["environment"])
    database = f"postgresql://app:{SECRETS['database']}@127.0.0.1/app"
    app = make_app(
        ENVIRONMENT="production",
        TESTING=False,
        SECRET_KEY=KEY,
        DATABASE_URL=database,
        ACCESS_LOG=False,
    )

    def fail():
        assert request.get_json()
        raise ValueError(f"{list(SECRETS.values())}", dict(os.environ), dict(app.config))

    app.add_url_rule("/fail", view_func=fail, methods=["POST"])
    return app


def ask(app):
    answer = app.test_client(use_cookies=False).open("/fail", method="POST", **REQUEST)
    for handler in app.extensions["carafe.logger"].handlers:
        handler.flush()
    return answer


def test_an_error_in_production_is_a_line_of_json_with_the_id_of_the_problem(production, capsys):
    answer = ask(production)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["request_id"] == answer.json["request_id"] == "from-the-proxy.1"
    assert (line["level"], line["logger"], line["request_path"]) == ("ERROR", PACKAGE, "/fail")
    assert "ValueError" in line["exception"]


def test_no_secret_of_a_failed_request_is_in_the_log_or_in_the_answer(production, capsys):
    answer = ask(production)
    captured = capsys.readouterr()
    text = captured.out + captured.err + answer.text + str(answer.headers)
    assert [name for name, secret in SECRETS.items() if secret in text] == []


def test_a_line_in_development_is_text(make_app, capsys):
    make_app().logger.warning("a pen is %s", "empty")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(f" WARNING {PACKAGE} [- - - -] a pen is empty")


def test_five_applications_write_one_line(make_app, capsys):
    for _ in range(5):
        app = make_app()
    app.logger.warning("a pen is empty")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_log_file_rotates_without_being_told_how(make_app, tmp_path):
    app = make_app(
        CARAFE_LOGGER_RF_ENABLED=True, CARAFE_LOGGER_RF_FILENAME=str(tmp_path / "api.log")
    )
    assert app.config["CARAFE_LOGGER_RF_MAXBYTES"] == 10 * 1024 * 1024
    assert app.config["CARAFE_LOGGER_RF_BACKUPCOUNT"] == 5


on_gunicorn = pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")


@on_gunicorn
@pytest.mark.slow
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


@on_gunicorn
@pytest.mark.slow
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


def test_development_logs_requests_if_it_is_told_to(make_app, capsys):
    for is_on in (False, True):
        app = make_app(ACCESS_LOG=is_on) if is_on else make_app()
        app.test_client().get("/nowhere", buffered=True)
        assert (f"{PACKAGE}.access GET - /nowhere 404 " in capsys.readouterr().out) == is_on


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


@on_gunicorn
@pytest.mark.slow
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
