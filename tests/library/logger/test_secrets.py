import json
import logging

import pytest
from carafe.ext.logger import Logger
from carafe.ext.logger.redaction import clean
from carafe.ext.logger.redaction import JSONFormatter
from carafe.ext.logger.redaction import secrets_of_process
from carafe.ext.logger.redaction import secrets_of_request
from carafe.ext.logger.redaction import TRUSTED
from flask import Flask
from flask import request

from .configs import stream_config


def asking(**kwargs):
    return Flask("shop").test_request_context("/", method="POST", **kwargs)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"SECRET_KEY": "0123456789"}, {"0123456789"}),
        ({"SECRET_KEY_FALLBACKS": ["0123456789", "abcdefghij"]}, {"0123456789", "abcdefghij"}),
        ({"MAIL_PASSWORD": "two words"}, {"two words", "two%20words"}),
        ({"MAIL_PASSWORD": "short"}, set()),
        ({"API_TOKEN": None, "TOKEN_LIFETIME": 86_400_000}, set()),
        ({"REDIS": "redis://:a%2Fbcdefgh@db"}, {"a%2Fbcdefgh", "a/bcdefgh", "a%252Fbcdefgh"}),
        ({"SENTRY": "https://0123456789@sentry.test/1"}, {"0123456789"}),
        ({"DATABASE": "postgresql://postgres@db/app"}, set()),
        ({"DATABASE": "postgresql://postgres:postgres@db/app"}, set()),
        ({"SENDER": "somebody@example.org", "BROKEN": "http://[@:@"}, set()),
        ({"SESSION_COOKIE_NAME": "__Host-my_api", "OPENAPI_TITLE": "0123456789"}, set()),
    ],
)
def test_secrets_of_the_process_have_a_name_or_stand_in_a_url(monkeypatch, config, found):
    monkeypatch.setattr("os.environ", {})
    assert set(secrets_of_process(config)) == found


def test_a_later_app_does_not_make_the_log_forget_the_secrets_of_another(capsys):
    first, second = Flask("shop"), Flask("shop")
    for app, secret in ((first, "f" * 20), (second, "s" * 20)):
        app.config.update(SECRET_KEY=secret, **stream_config())
        Logger(app)
    first.logger.error("%s %s", "f" * 20, "s" * 20)
    first.extensions["carafe.logger"].handlers[0].flush()
    assert capsys.readouterr().out.endswith(" *** ***\n")


def test_the_environment_has_secrets_too(monkeypatch):
    monkeypatch.setattr("os.environ", {"AWS_SECRET_ACCESS_KEY": "0123456789", "HOME": "/home/ada"})
    assert secrets_of_process({}) == ("0123456789",)


def test_nobody_asks_and_nothing_is_known():
    assert secrets_of_request() == ()


def test_a_body_that_nobody_has_read_stays_unread():
    for body in ({"json": {"password": "0123456789"}}, {"data": {"password": "0123456789"}}):
        with asking(**body):
            assert secrets_of_request() == ()
            assert request.stream.read()


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'{"password": 1}', b"[" * 1000])
def test_a_body_that_is_no_object_has_no_secrets_and_fails_nobody(body):
    with asking(data=body, content_type="application/json"):
        request.get_data()
        assert secrets_of_request() == ()


def test_a_large_body_is_not_searched():
    with asking(json={"text": "x" * 20_000, "password": "0123456789"}):
        request.get_json()
        assert secrets_of_request() == ()


@pytest.mark.parametrize("value", ["Basic", "Basic ???", "Basic /w==", "Bearer", "x", "Basic YQ=="])
def test_a_broken_authorization_fails_nobody(value):
    with asking(headers={"Authorization": value}):
        assert secrets_of_request() == ()


def test_who_sends_words_of_the_log_as_a_secret_hides_no_line():
    query = {"token": "login%20failed", "secret": "denied", "password": "login failed"}
    headers = {"Cookie": "a=login%20failed; b=192.0.2.10", "X-Csrf": "login%20failed"}
    with asking(query_string=query, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.10"}):
        line = "login failed, denied, 192.0.2.10"
        assert clean(line, secrets_of_request()) == line


def test_no_client_hides_a_word_of_a_record_that_says_nothing_of_it():
    headers = {"Cookie": "a=password; b=192.0.2.1; c=changed the"}
    with asking(headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.10"}):
        told = {"msg": "changed the password address=192.0.2.10", "event": "changed the password"}
        record = logging.makeLogRecord({**told, TRUSTED: True})
        shown = json.loads(JSONFormatter().format(record))
    assert (shown["message"], shown["event"]) == (told["msg"], told["event"])
    assert TRUSTED not in shown


def test_the_longest_goes_first():
    with asking(query_string={"token": "0123456789", "secret": "0123456789abc"}):
        assert clean("0123456789abc", secrets_of_request()) == "***"
