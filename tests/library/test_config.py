import warnings

import pytest
from carafe.config import check
from carafe.config import declare
from flask import Flask


@pytest.fixture
def app():
    return Flask(__name__)


def test_a_setting_that_is_missing_gets_its_default(app):
    app.config["CARAFE_PEN_COLOR"] = "red"
    declare(app, "CARAFE_PEN_", COLOR="blue", WIDTH=2)
    assert app.config["CARAFE_PEN_COLOR"] == "red"
    assert app.config["CARAFE_PEN_WIDTH"] == 2


@pytest.mark.parametrize("value", ["False", "no", 0, False])
def test_a_switch_is_off_however_that_is_written(app, value):
    app.config["CARAFE_PEN_ENABLED"] = value
    declare(app, "CARAFE_PEN_", ENABLED=True)
    assert app.config["CARAFE_PEN_ENABLED"] is False


@pytest.mark.parametrize("value", ["never", "", None, 2, []])
def test_a_switch_that_is_not_a_boolean_is_refused(app, value):
    app.config["CARAFE_PEN_ENABLED"] = value
    with pytest.raises(ValueError, match="CARAFE_PEN_ENABLED is not valid. Give True or False."):
        declare(app, "CARAFE_PEN_", ENABLED=True)


def test_an_unknown_setting_warns_once_and_names_the_nearest(app):
    app.config["CARAFE_PEN_COLOUR"] = "red"
    with pytest.warns(UserWarning, match="CARAFE_PEN_COLOUR. Did you mean CARAFE_PEN_COLOR?"):
        declare(app, "CARAFE_PEN_", COLOR="blue", WIDTH=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(app)


def test_the_nearest_is_one_that_is_read(app):
    app.config.update(CARAFE_PEN_COLOUR="red", CARAFE_PEN_COLOURS="red")
    with pytest.warns() as warned:
        declare(app, "CARAFE_PEN_", WIDTH=2)
    hints = [str(each.message).partition(". ")[2] for each in warned]
    assert hints == ["Did you mean CARAFE_PEN_WIDTH?"] * 2


def test_a_setting_that_no_extension_declared_warns(app):
    app.config["CARAFE_PENN_COLOR"] = "red"
    declare(app, "CARAFE_PEN_", COLOR="blue")
    with pytest.warns(UserWarning, match="Did you mean CARAFE_PEN_COLOR?"):
        check(app)


def test_settings_of_others_are_not_looked_at(app):
    app.config["PEN_COLOR"] = "red"
    declare(app, "CARAFE_PEN_", COLOR="blue")
    check(app)


def test_without_any_extension_the_warning_has_no_hint(app):
    app.config["CARAFE_PEN_COLOR"] = "red"
    with pytest.warns(UserWarning, match="Nothing reads the setting CARAFE_PEN_COLOR.$"):
        check(app)
