# feature: auth
"""What the audit log needs: neither a request nor any configuration."""

import logging

import pytest
from conftest import create_app
from test_audit import events as events
from werkzeug.exceptions import HTTPException
from werkzeug.utils import import_string


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_outside_of_a_request_is_recorded_too(app, events, code):
    auth = import_string(f"{create_app.__module__}.accounts:auth")
    with app.app_context(), pytest.raises(HTTPException) as refused, auth.require.editor(code):
        pass
    assert refused.value.code == code
    assert events() == [("denied", None)]


def test_no_cookie_of_a_client_hides_what_it_does(app, capsys):
    client = app.test_client()
    client.set_cookie("a", "127.0.0.")
    client.post("/login", {"email": "ada@example.com", "password": "wrong password"})
    assert " address=127.0.0.1 " in capsys.readouterr().out  # feature: logger


def test_the_log_is_seen_without_any_configuration(app):
    logger = logging.getLogger(f"{create_app.__module__}.audit")
    assert logger.isEnabledFor(logging.INFO)
    assert logger.hasHandlers()
