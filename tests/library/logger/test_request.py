import logging
import re
from threading import Thread

import pytest
from carafe.ext.logger import Logger
from carafe.ext.logger import RequestFilter
from flask import Flask
from flask import request

from .configs import file_config

FORMAT = (
    "%(request_id)s|%(request_method)s|%(request_path)s|%(request_query)s"
    "|%(request_remote_addr)s|%(request_headers)s|%(message)s"
)


@pytest.fixture
def app(file):
    app = Flask("shop")
    app.config.update(file_config(file))
    Logger(app)
    app.extensions["carafe.logger"].handlers[0].setFormatter(logging.Formatter(FORMAT))

    @app.before_request
    def log():
        app.logger.warning("here")

    @app.post("/size")
    def size():
        return {"size": len(request.stream.read())}

    return app


def test_a_record_carries_its_request(app, file):
    headers = {"User-Agent": "curl", "Host": "shop.test", "X-Request-ID": "42"}
    app.test_client().get("/orders/1?page=2", headers=headers)
    assert file.read_text() == (
        "42|GET|/orders/1|page=2|127.0.0.1|{'Host': 'shop.test', 'User-Agent': 'curl'}|here\n"
    )


def test_the_lines_of_one_request_have_one_id_and_no_other_request_has_it(app, file):
    app.before_request(lambda: app.logger.warning("there"))
    for _ in range(2):
        app.test_client().get("/", headers={"X-Request-ID": "no id"})
    one, same, other, other_too = (line.split("|")[0] for line in file.read_text().splitlines())
    assert one == same != other == other_too
    assert re.fullmatch("[0-9a-f]{32}", one)


def test_outside_a_request_the_names_are_dashes(app, file):
    app.logger.warning("here")
    with app.app_context():
        app.logger.warning("here")
    thread = Thread(target=app.logger.warning, args=["here"])
    thread.start()
    thread.join()
    assert file.read_text() == "-|-|-|-|-|-|here\n" * 3


def test_credentials_cookies_and_bodies_are_not_carried(app, file):
    app.test_client().post(
        "/orders?reset_token=canary&user[password]=canary&page=2",
        json={"password": "canary", "name": "canary"},
        headers={
            "Authorization": "Bearer canary",
            "Cookie": "sid=canary",
            "X-Api-Key": "canary",
            "X-CSRF-Token": "canary",
            "Referer": "https://shop.test/?token=canary",
        },
    )
    text = file.read_text()
    assert "canary" not in text
    assert "page=2" in text and "https://shop.test/?token=***" in text


def test_a_secret_in_a_url_in_the_query_is_masked(app, file):
    app.test_client().get("/?next=/reset?token=canary-7f3a&url=redis://:canary-7f3a@host")
    assert "canary" not in file.read_text()


def test_a_path_forges_no_line(app, file):
    app.test_client().get("/a%0a2026 INFO forged%1b[31m", headers={"Referer": "\x9b2J"})
    assert len(file.read_text("utf-8").split("\n")) == 2
    assert r"/a\n2026 INFO forged\x1b[31m" in file.read_text()
    assert "\x9b" not in file.read_text()


def test_a_huge_header_is_cut(app, file):
    app.test_client().get("/", headers={"User-Agent": "x" * 5000})
    assert len(file.read_text()) < 1000


def test_a_body_over_the_limit_stays_unread(app, file):
    app.config["MAX_CONTENT_LENGTH"] = 10
    assert app.test_client().post("/no/such/thing", data=b"x" * 1000).status_code == 404
    assert "/no/such/thing" in file.read_text()


def test_the_view_still_reads_the_whole_body(app):
    response = app.test_client().post("/size", data=b"x" * 1000)
    assert response.json == {"size": 1000}


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("body", [{"json": ["x" * 1_000_000]}, {"data": {"a": "x" * 400_000}}])
def test_a_record_neither_reads_nor_carries_a_body(app, file, body, is_read):
    with app.test_request_context("/orders", method="POST", **body):
        if is_read:
            assert request.get_json(silent=True) or request.form
        app.logger.warning("here")
        assert "xxx" not in file.read_text()
        assert is_read or len(request.stream.read(1000)) == 1000


def test_the_filter_serves_handlers_of_your_own():
    record = logging.makeLogRecord({"msg": "here", "request_id": "from a queue"})
    assert RequestFilter().filter(record)
    assert record.request_id == "from a queue"
    assert record.request_method == "-"
