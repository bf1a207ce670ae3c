import logging
import warnings

import pytest
from carafe.ext.logger import Logger
from flask import Flask

from .configs import file_config
from .configs import mail_config
from .configs import stream_config


def make_app(**config):
    app = Flask("shop")
    app.config.update(config)
    Logger(app)
    return app


def options_of(app):
    return app.extensions["carafe.logger"].handlers[0].options


def test_every_key_has_the_documented_default():
    config = make_app().config
    assert {key: config[key] for key in config if key.startswith("CARAFE_LOGGER_")} == {
        "CARAFE_LOGGER_ENABLED": True,
        "CARAFE_LOGGER_STREAM_ENABLED": False,
        "CARAFE_LOGGER_STREAM_FORMAT": "text",
        "CARAFE_LOGGER_STREAM_LEVEL": "INFO",
        "CARAFE_LOGGER_STREAM_ADD_LOGGERS": [],
        "CARAFE_LOGGER_RF_ENABLED": False,
        "CARAFE_LOGGER_RF_FILENAME": None,
        "CARAFE_LOGGER_RF_MODE": "a",
        "CARAFE_LOGGER_RF_MAXBYTES": 0,
        "CARAFE_LOGGER_RF_BACKUPCOUNT": 0,
        "CARAFE_LOGGER_RF_ENCODING": None,
        "CARAFE_LOGGER_RF_DELAY": False,
        "CARAFE_LOGGER_RF_LEVEL": "WARNING",
        "CARAFE_LOGGER_RF_ADD_LOGGERS": [],
        "CARAFE_LOGGER_SMTP_ENABLED": False,
        "CARAFE_LOGGER_SMTP_SERVER": None,
        "CARAFE_LOGGER_SMTP_PORT": None,
        "CARAFE_LOGGER_SMTP_USERNAME": None,
        "CARAFE_LOGGER_SMTP_PASSWORD": None,
        "CARAFE_LOGGER_SMTP_FROMADDR": None,
        "CARAFE_LOGGER_SMTP_TOADDRS": [],
        "CARAFE_LOGGER_SMTP_USE_TLS": False,
        "CARAFE_LOGGER_SMTP_LEVEL": "ERROR",
        "CARAFE_LOGGER_SMTP_ADD_LOGGERS": [],
    }


def test_apps_do_not_share_a_default():
    make_app().config["CARAFE_LOGGER_SMTP_TOADDRS"].append("ops@example.org")
    assert make_app().config["CARAFE_LOGGER_SMTP_TOADDRS"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODE", "w"),
        ("MAXBYTES", 1000),
        ("BACKUPCOUNT", 3),
        ("ENCODING", "latin-1"),
        ("DELAY", True),
        ("LEVEL", "INFO"),
        ("ADD_LOGGERS", ["library"]),
    ],
)
def test_each_key_of_the_file_works_in_both_spellings(tmp_path, name, value):
    file = {"ENABLED": True, "FILENAME": str(tmp_path / "shop.log")}
    plain, new, old = (
        options_of(make_app(**{f"CARAFE_LOGGER_{p}_{k}": v for k, v in items.items()}))
        for p, items in (
            ("RF", file),
            ("RF", {**file, name: value}),
            ("RFILE", {**file, name: value}),
        )
    )
    assert plain != new == old


def test_given_both_spellings_the_documented_one_counts_and_a_warning_says_so(tmp_path):
    config = file_config(
        tmp_path / "shop.log", CARAFE_LOGGER_RF_LEVEL="INFO", CARAFE_LOGGER_RFILE_LEVEL="ERROR"
    )
    with pytest.warns(UserWarning, match="_RF_LEVEL and CARAFE_LOGGER_RFILE_LEVEL are both set"):
        app = make_app(**config)
    assert options_of(app).level == logging.INFO


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("CARAFE_LOGGER_ENABLE", "CARAFE_LOGGER_ENABLED"),
        ("CARAFE_LOGGER_RF_FILE", "CARAFE_LOGGER_RF_FILENAME"),
        ("CARAFE_LOGGER_SMTP_TOADDR", "CARAFE_LOGGER_SMTP_TOADDRS"),
        ("CARAFE_LOGGER_RFILE_LEVELS", "CARAFE_LOGGER_RF_LEVEL"),
    ],
)
def test_an_unknown_key_gets_one_warning_that_names_the_nearest(key, nearest):
    with pytest.warns(UserWarning) as caught:
        make_app(**{key: "anything"})
    (warning,) = caught
    assert str(warning.message) == f"Nothing reads the setting {key}. Did you mean {nearest}?"


def test_the_keys_of_others_get_no_warning():
    with warnings.catch_warnings(record=True) as caught:
        make_app(CARAFE_OTHER_ENABLED=True, LOGGER_NAME="x")
    assert caught == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLED", "maybe"),
        ("FILENAME", None),
        ("FILENAME", ""),
        ("FILENAME", 1.5),
        ("FILENAME", "/no/such/directory/shop.log"),
        ("MODE", "r"),
        ("MAXBYTES", -1),
        ("MAXBYTES", "1 MB"),
        ("MAXBYTES", True),
        ("BACKUPCOUNT", 1.5),
        ("ENCODING", "klingon"),
        ("DELAY", "later"),
        ("LEVEL", "LOUD"),
        ("LEVEL", -5),
        ("LEVEL", True),
        ("ADD_LOGGERS", [""]),
        ("ADD_LOGGERS", 5),
    ],
)
def test_misuse_of_the_file_is_told_at_start_up(tmp_path, name, value):
    key = f"CARAFE_LOGGER_RF_{name}"
    with pytest.raises(ValueError, match=rf"\A{key} .+\. [A-Z].+\.\Z"):
        make_app(**{**file_config(tmp_path / "shop.log"), key: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLED", "perhaps"),
        ("FORMAT", "xml"),
        ("FORMAT", True),
        ("LEVEL", "LOUD"),
        ("ADD_LOGGERS", 5),
    ],
)
def test_misuse_of_standard_output_is_told_at_start_up(name, value):
    key = f"CARAFE_LOGGER_STREAM_{name}"
    with pytest.raises(ValueError, match=rf"\A{key} .+\. [A-Z].+\.\Z"):
        make_app(**stream_config(**{key: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLED", "perhaps"),
        ("SERVER", None),
        ("SERVER", "mail\nserver"),
        ("PORT", 0),
        ("PORT", 65536),
        ("PORT", "smtp"),
        ("USERNAME", "without a password"),
        ("PASSWORD", "without a name"),
        ("FROMADDR", None),
        ("FROMADDR", "<>"),
        ("FROMADDR", "shop@example.org\nBcc: all@example.org"),
        ("TOADDRS", []),
        ("TOADDRS", ["<>"]),
        ("TOADDRS", ["ops@example.org\nBcc: all@example.org"]),
        ("USE_TLS", "starttls"),
        ("LEVEL", "LOUD"),
        ("ADD_LOGGERS", {"a": 1}),
    ],
)
def test_misuse_of_the_mail_is_told_at_start_up(name, value):
    key = f"CARAFE_LOGGER_SMTP_{name}"
    other = {"USERNAME": "PASSWORD", "PASSWORD": "USERNAME"}.get(name, name)
    with pytest.raises(ValueError, match=rf"\ACARAFE_LOGGER_SMTP_{other} .+\. [A-Z].+\.\Z"):
        make_app(**mail_config(25, **{key: value}))


@pytest.mark.parametrize("name", ["SERVER", "USERNAME", "PASSWORD", "FROMADDR", "TOADDRS"])
def test_no_error_shows_a_password(name):
    config = {f"CARAFE_LOGGER_SMTP_{name}": "smtp://shop:hunter2@example.org\x00"}
    with pytest.raises(ValueError) as caught:
        make_app(**mail_config(25, **config))
    assert "hunter2" not in str(caught.value)


def test_a_password_in_clear_is_refused_in_production():
    config = mail_config(
        25, CARAFE_LOGGER_SMTP_USERNAME="shop", CARAFE_LOGGER_SMTP_PASSWORD="hunter2"
    )
    with pytest.raises(ValueError, match=r"\ACARAFE_LOGGER_SMTP_USE_TLS is off") as caught:
        make_app(**config)
    assert "hunter2" not in str(caught.value)
    assert options_of(make_app(**config, DEBUG=True)).password == "hunter2"
    assert options_of(make_app(**config, TESTING=True)).password == "hunter2"
    assert options_of(make_app(**config, CARAFE_LOGGER_SMTP_USE_TLS=True)).password == "hunter2"
    assert options_of(make_app(**{**config, "CARAFE_LOGGER_SMTP_PORT": 465})).tls == "implicit"


def test_the_options_do_not_show_a_password():
    config = {"CARAFE_LOGGER_SMTP_USERNAME": "shop", "CARAFE_LOGGER_SMTP_PASSWORD": "hunter2"}
    assert "hunter2" not in repr(options_of(make_app(**mail_config(465, **config))))


@pytest.mark.parametrize("level", ["INFO", "info", "Info", 20, "20"])
def test_a_level_is_a_name_in_any_case_or_a_number(tmp_path, level):
    app = make_app(**file_config(tmp_path / "shop.log", CARAFE_LOGGER_RF_LEVEL=level))
    assert app.extensions["carafe.logger"].handlers[0].level == logging.INFO


@pytest.mark.parametrize("names", [["a", "b"], ("a", "b"), "a,b", " a , b, "])
def test_names_are_a_list_or_text_with_commas(tmp_path, names):
    app = make_app(**file_config(tmp_path / "shop.log", CARAFE_LOGGER_RF_ADD_LOGGERS=names))
    assert options_of(app).add_loggers == ("a", "b")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("On", True), ("0", False), (1, True)])
def test_a_switch_may_be_text_from_the_environment(tmp_path, text, value):
    app = make_app(**file_config(tmp_path / "shop.log", CARAFE_LOGGER_RF_DELAY=text))
    assert options_of(app).delay is value


@pytest.mark.parametrize(
    ("port", "uses_tls", "expected"),
    [
        (None, False, (25, "none")),
        (None, True, (587, "starttls")),
        (465, False, (465, "implicit")),
        (465, True, (465, "implicit")),
        ("2525", True, (2525, "starttls")),
    ],
)
def test_the_port_and_the_switch_choose_the_encryption(port, uses_tls, expected):
    options = options_of(make_app(**mail_config(port, CARAFE_LOGGER_SMTP_USE_TLS=uses_tls)))
    assert (options.port, options.tls) == expected


def test_a_password_that_is_a_number_is_text():
    config = {"CARAFE_LOGGER_SMTP_USERNAME": "shop", "CARAFE_LOGGER_SMTP_PASSWORD": 123456}
    assert options_of(make_app(**mail_config(465, **config))).password == "123456"
