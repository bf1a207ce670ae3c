# feature: logger
"""The log of a project that nobody has configured."""

import pytest
from accounts import log_in  # feature: auth
from conftest import MIGRATIONS  # feature: auth
from flask_migrate import upgrade  # feature: auth
from test_logger import KEY
from test_logger import PACKAGE


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


@pytest.mark.parametrize("environment", ["development", "production"])
def test_requests_are_logged_in_production_or_as_one_is_told(make_app, capsys, environment):
    for told in (None, True, False):
        config = {} if told is None else {"ACCESS_LOG": told}
        app = make_app(ENVIRONMENT=environment, SECRET_KEY=KEY, **config)
        app.test_client().get("/nowhere", buffered=True)
        is_on = environment == "production" if told is None else told
        assert (f"{PACKAGE}.access" in capsys.readouterr().out) == is_on


def test_the_access_log_has_the_address_that_a_trusted_proxy_says(make_app, capsys):
    app = make_app(ACCESS_LOG=True, PROXY_HOPS=1)
    headers = {"X-Forwarded-For": "192.0.2.1"}
    app.test_client().get("/nowhere", headers=headers, buffered=True)
    assert capsys.readouterr().out.endswith(" 192.0.2.1\n")


def test_the_access_log_asks_nobody_who_they_are(make_app, tmp_path, capsys):  # feature: auth
    app = make_app(ACCESS_LOG=True, DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    with app.app_context():
        upgrade(str(MIGRATIONS))
    ada, machine = log_in(app), app.test_client()
    token = ada.post("/tokens", {"name": "Job"}).json["token"]
    machine.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    capsys.readouterr()
    for path in ("/docs/", "/login"):
        for client in (ada, machine):
            assert client.get(path, buffered=True).status_code == 200
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if ".access " in line]
    assert [line[5] for line in lines] == ["/docs/"] * 2 + ["/login"] * 2
    assert [line[9:11] for line in lines] == [["-", "-"]] * 2 + [["1", "session"], ["1", "token"]]
