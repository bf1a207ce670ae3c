import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from conftest import create_app
from conftest import MIGRATIONS
from flask import request

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
    app = make_app(ENVIRONMENT="production", TESTING=False, SECRET_KEY=KEY, DATABASE_URL=database)

    def fail():
        assert request.get_json()
        raise ValueError(f"{list(SECRETS.values())}", dict(os.environ), dict(app.config))

    app.add_url_rule("/fail", view_func=fail, methods=["POST"])
    return app


def ask(app):
    return app.test_client(use_cookies=False).open("/fail", method="POST", **REQUEST)


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


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
def test_what_gunicorn_and_python_have_to_say_in_production_is_json_too(tmp_path):
    with serving(tmp_path, FLASK_CARAFE_PENS="1") as (server, printed):
        wait_for(lambda: printed.read_text().count("Nothing reads the setting CARAFE_PENS") == 2)
        server.send_signal(signal.SIGHUP)
        wait_for(lambda: printed.read_text().count("Booting worker") == 4)
    lines = [json.loads(line) for line in printed.read_text().splitlines()]
    assert {line["logger"] for line in lines} == {"gunicorn.error", "py.warnings"}
    assert lines[-1]["message"] == "Shutting down: Master"


@contextmanager
def serving(folder, **environment):
    """gunicorn in production; gives it, and the file with what it prints."""
    shutil.copy(MIGRATIONS.parent / "gunicorn.conf.py", folder)  # away from .env
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    ours = {"PYTHONPATH": str(MIGRATIONS.parent / "src"), "SECRET_KEY": KEY, **environment}
    command = [sys.executable, "-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:0"]
    printed = folder / "printed"
    with printed.open("w") as out, (folder / "said").open("w") as err:
        server = subprocess.Popen(
            [*command, f"{PACKAGE}:create_app()"],
            cwd=folder,
            env=inherited | ours,
            stdout=out,
            stderr=err,
        )
        try:
            yield server, printed
        finally:
            server.terminate()
            server.wait(30)


def wait_for(happened):
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("It did not happen in 30 seconds.")
