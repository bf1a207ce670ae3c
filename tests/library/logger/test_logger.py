import copy
import dataclasses
import inspect
import logging

import pytest
from carafe.ext.logger import Logger
from flask import Flask
from flask.logging import default_handler

from .configs import file_config


def make_app(file=None, name="shop", **config):
    app = Flask(name)
    app.config.update(config if file is None else file_config(file, **config))
    Logger(app)
    return app


def handlers_of(app):
    return app.extensions["carafe.logger"].handlers


def lines_of(file):
    return file.read_text("utf-8").splitlines()


def test_init_app_and_the_constructor_attach_the_same(tmp_path):
    app = Flask("shop")
    app.config.update(file_config(tmp_path / "shop.log"))
    Logger().init_app(app)
    assert handlers_of(app) == handlers_of(make_app(tmp_path / "shop.log"))
    assert handlers_of(app)[0] in app.logger.handlers


def test_without_configuration_nothing_is_attached():
    app = Flask("untouched")
    before = list(app.logger.handlers)
    Logger(app)
    assert app.logger.handlers == before
    assert handlers_of(app) == ()


def test_flasks_own_handler_shows_no_secret_beside_a_file(tmp_path, capsys):
    app = Flask("shop")
    app.config.update(file_config(tmp_path / "app.log"))
    app.logger.addHandler(default_handler)
    Logger(app)
    app.logger.error("password=%s", "canary-7f3a")
    assert capsys.readouterr().err == ""


def test_disabled_attaches_nothing_and_still_logs(tmp_path):
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_ENABLED=False)
    with app.app_context():
        Logger().error("nobody listens")
    assert handlers_of(app) == ()
    assert not (tmp_path / "shop.log").exists()


def test_the_state_of_an_app_is_frozen(tmp_path):
    state = make_app(tmp_path / "shop.log").extensions["carafe.logger"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.handlers = ()


def test_a_second_init_app_is_refused():
    app = make_app()
    with pytest.raises(RuntimeError, match=r"has its Logger already\. Call init_app once\."):
        Logger().init_app(app)


def test_the_object_stands_for_the_logger_of_the_current_app(tmp_path):
    shop, office = make_app(tmp_path / "shop.log"), make_app(tmp_path / "office.log", "office")
    logger = Logger()
    with shop.app_context():
        assert logger.name == "shop"
        logger.error("from the shop")
    with office.app_context():
        logger.error("from the office")
    assert [line.split("] ")[1] for line in lines_of(tmp_path / "shop.log")] == ["from the shop"]
    assert [line.split("] ")[1] for line in lines_of(tmp_path / "office.log")] == [
        "from the office"
    ]


def test_outside_a_context_the_package_logs(caplog):
    Logger().warning("nobody's request")
    assert [record.name for record in caplog.records] == ["carafe"]


def test_introspection_outside_a_context_finds_nothing_and_breaks_nothing():
    logger = Logger()
    for name in ("no_such_thing", "_log", "__wrapped__", "__len__"):
        assert not hasattr(logger, name)
    assert inspect.unwrap(logger) is logger
    assert isinstance(copy.copy(logger), Logger)


def test_five_apps_with_one_configuration_share_a_handler_and_write_one_line_each(tmp_path):
    apps = [make_app(tmp_path / "shop.log") for _ in range(5)]
    for app in apps:
        app.logger.error("a line")
    assert len({app.extensions["carafe.logger"].handlers for app in apps}) == 1
    assert len(lines_of(tmp_path / "shop.log")) == 5


def test_apps_of_one_name_write_to_the_file_of_the_app_in_charge(tmp_path):
    first, second = make_app(tmp_path / "1.log"), make_app(tmp_path / "2.log")
    with first.app_context():
        first.logger.error("of the first")
    with second.app_context():
        second.logger.error("of the second")
    assert ["of the first" in line for line in lines_of(tmp_path / "1.log")] == [True]
    assert ["of the second" in line for line in lines_of(tmp_path / "2.log")] == [True]


def test_a_shared_additional_logger_writes_to_the_file_of_the_app_in_charge(tmp_path):
    first = make_app(tmp_path / "1.log", "one", CARAFE_LOGGER_RF_ADD_LOGGERS=["library"])
    make_app(tmp_path / "2.log", "two", CARAFE_LOGGER_RF_ADD_LOGGERS=["library"])
    with first.app_context():
        logging.getLogger("library").error("of the first")
    logging.getLogger("library").error("of nobody")
    assert len(lines_of(tmp_path / "1.log")) == 2
    assert len(lines_of(tmp_path / "2.log")) == 1


def test_a_record_that_passes_two_of_the_loggers_is_written_once(tmp_path):
    make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_ADD_LOGGERS="root, shop.orders, shop.orders.x")
    logging.getLogger("shop.orders.x").error("an order")
    assert len(lines_of(tmp_path / "shop.log")) == 1


def test_another_level_for_a_file_replaces_its_handler(tmp_path):
    old = make_app(tmp_path / "shop.log")
    new = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_LEVEL="ERROR")
    assert handlers_of(old)[0] not in new.logger.handlers
    new.logger.warning("too quiet")
    new.logger.error("loud")
    assert len(lines_of(tmp_path / "shop.log")) == 1
    with old.app_context():
        old.logger.error("loud as well")
    assert len(lines_of(tmp_path / "shop.log")) == 2


def test_a_logger_without_a_level_is_opened_for_its_handler(tmp_path):
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_LEVEL="INFO")
    app.logger.info("heard")
    assert "heard" in lines_of(tmp_path / "shop.log")[0]


def test_a_logger_with_a_level_keeps_it(tmp_path):
    logging.getLogger("shop").setLevel(logging.ERROR)
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_LEVEL="INFO")
    app.logger.warning("not heard")
    assert lines_of(tmp_path / "shop.log") == []
