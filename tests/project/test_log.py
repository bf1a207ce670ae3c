# feature: logger
"""The log of a project that nobody has configured."""

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


def test_development_logs_requests_if_it_is_told_to(make_app, capsys):
    for is_on in (False, True):
        app = make_app(ACCESS_LOG=is_on) if is_on else make_app()
        app.test_client().get("/nowhere", buffered=True)
        assert (f"{PACKAGE}.access GET - /nowhere 404 " in capsys.readouterr().out) == is_on
