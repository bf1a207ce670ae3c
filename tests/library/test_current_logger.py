import logging

import pytest
from carafe import app as app_module
from carafe import FlaskCarafe
from carafe import logger
from flask import Flask


def test_inside_an_application_it_is_the_apps_logger():
    app = FlaskCarafe("shop")
    with app.app_context():
        assert logger == app.logger
        assert logger.name == "shop"


def test_inside_a_request_it_is_the_apps_logger(caplog):
    app = Flask("shop")

    @app.get("/")
    def index():
        logger.warning("The pen is %s.", "empty")
        return {}

    app.test_client().get("/")
    assert [(r.name, r.getMessage()) for r in caplog.records] == [("shop", "The pen is empty.")]


def test_outside_an_application_it_is_the_packages_own(caplog):
    assert logger == logging.getLogger(app_module.__package__)
    logger.warning("Alone.")
    assert [record.name for record in caplog.records] == [app_module.__package__]


def test_two_apps_keep_their_own():
    one, two = FlaskCarafe("one"), FlaskCarafe("two")
    with one.app_context():
        with two.app_context():
            assert logger.name == "two"
        assert logger.name == "one"
    assert logger.name == app_module.__package__


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_the_level_is_the_apps(level):
    app = FlaskCarafe(f"shop-{level}")
    app.logger.setLevel(level)
    with app.app_context():
        assert logger.isEnabledFor(level)
        assert not logger.isEnabledFor(level - 1)
