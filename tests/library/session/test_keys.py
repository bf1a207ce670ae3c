import pytest
from carafe.ext import session as extension
from flask import Flask
from flask import session

from .apps import cookie_of
from .apps import make_app
from .apps import NEW
from .apps import OLD


def test_an_older_key_is_accepted_and_a_removed_one_is_not():
    cookie = _cookie_signed_with(OLD)
    rotated = make_app(SECRET_KEY_FALLBACKS=[OLD]).test_client()
    rotated.set_cookie("session", cookie)
    assert rotated.get("/read").json == {"pen": 1}
    removed = make_app().test_client()
    removed.set_cookie("session", cookie)
    assert removed.get("/read").json == {}


def _cookie_signed_with(key):
    app = Flask(__name__)
    app.secret_key = key
    extension.init_app(app)
    return app.session_interface.get_signing_serializer(app).dumps({"pen": 1})


@pytest.mark.parametrize("fallbacks", ["an older key", b"bytes", {"a": 1}, [""], [None], [1]])
def test_fallbacks_that_are_no_list_of_keys_are_refused(fallbacks):
    with pytest.raises(ValueError, match="SECRET_KEY_FALLBACKS") as refused:
        make_app(SECRET_KEY_FALLBACKS=fallbacks)
    assert "older key," not in str(refused.value)


@pytest.mark.parametrize("key", [1234567890123456, "", b""])
def test_a_key_that_is_no_text_is_refused(key):
    app = Flask(__name__)
    app.secret_key = key
    with pytest.raises(ValueError, match="SECRET_KEY is empty, or neither text") as refused:
        extension.init_app(app)
    assert "1234" not in str(refused.value)


def test_without_a_key_reading_works_and_writing_says_what_is_missing():
    app = Flask(__name__)
    extension.init_app(app)
    with app.test_request_context(), pytest.raises(RuntimeError, match="secret"):
        assert "pen" not in session
        session["pen"] = 1


def test_the_signature_is_sha256(client):
    client.post("/write/pen")
    assert len(client.get_cookie("session").value.rpartition(".")[2]) == 43


def test_what_an_older_key_signed_is_signed_anew_when_it_is_read():
    client = make_app(SECRET_KEY_FALLBACKS=[OLD], SESSION_REFRESH_EACH_REQUEST=False).test_client()
    client.set_cookie("session", _cookie_signed_with(OLD))
    assert cookie_of(client.get("/nothing")) == ""
    assert cookie_of(client.get("/read")) != ""
    again = client.get("/read")
    assert (cookie_of(again), again.json) == ("", {"pen": 1})
    removed = make_app().test_client()
    removed.set_cookie("session", client.get_cookie("session").value)
    assert removed.get("/read").json == {"pen": 1}


def test_a_key_that_was_removed_while_the_app_runs_is_removed():
    client = make_app(SECRET_KEY_FALLBACKS=[OLD]).test_client()
    cookie = _cookie_signed_with(OLD)
    client.set_cookie("session", cookie)
    assert client.get("/read").json == {"pen": 1}
    client.application.config["SECRET_KEY_FALLBACKS"] = []
    client.set_cookie("session", cookie)
    assert client.get("/read").json == {}


def test_a_cookie_that_only_a_newer_key_can_read_is_left_alone():
    client = make_app(SECRET_KEY=OLD).test_client()
    client.set_cookie("session", _cookie_signed_with(NEW))
    answer = client.get("/read")
    assert (answer.json, cookie_of(answer)) == ({}, "")


def test_no_character_of_a_key_is_a_key():
    client = make_app(SECRET_KEY_FALLBACKS=[OLD]).test_client()
    for key in set(OLD + NEW):
        client.set_cookie("session", _cookie_signed_with(key))
        assert client.get("/read").json == {}
