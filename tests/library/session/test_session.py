from datetime import datetime
from datetime import timedelta
from datetime import UTC

import pytest
from carafe.ext import session as extension
from carafe.json import JSONProvider
from flask import jsonify
from flask import session
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from .apps import cookie_of
from .apps import make_app


def test_the_interface_and_the_session_are_secure_cookie_ones():
    app = make_app()
    assert isinstance(app.session_interface, SecureCookieSessionInterface)
    assert issubclass(app.session_interface.session_class, SecureCookieSession)
    with app.test_request_context():
        assert isinstance(session._get_current_object(), SecureCookieSession)


def test_what_was_written_is_read_by_the_next_request(client):
    client.post("/write/pen")
    assert client.get("/read").json == {"pen": 1}


@pytest.mark.parametrize("value", [{1}, timedelta(1), bytearray(b"a"), 1j, object()])
def test_what_would_not_come_back_is_refused_as_flask_refuses_it(value):
    app = make_app()
    app.json = JSONProvider(app)
    with app.test_request_context():
        session["value"] = value
        with pytest.raises(TypeError):
            app.process_response(app.response_class())


@pytest.mark.parametrize("value", [float("inf"), (1, b"a"), datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_flask_brings_back_comes_back(value):
    app = make_app()
    app.json = JSONProvider(app)
    client = app.test_client()
    with client.session_transaction() as stored:
        stored["value"] = value
    with client.session_transaction() as stored:
        assert stored["value"] == value


def test_jsonify_reads_a_session(client):
    client.application.json = JSONProvider(client.application)
    client.application.add_url_rule("/json", "json", lambda: jsonify([session]))
    client.post("/write/pen")
    response = client.get("/json")
    assert response.json == [{"pen": 1}]
    assert response.headers["Vary"] == "Cookie"


def test_a_request_that_does_not_ask_opens_nothing(client, monkeypatch):
    client.post("/write/pen")
    monkeypatch.setattr(URLSafeTimedSerializer, "loads", lambda *args, **kw: pytest.fail("opened"))
    response = client.get("/nothing")
    assert "Vary" not in response.headers
    assert cookie_of(response) == ""


def test_a_request_that_reads_says_so_and_sets_no_cookie(client):
    client.post("/write/pen")
    response = client.get("/read")
    assert response.headers["Vary"] == "Cookie"
    assert cookie_of(response) == ""


def test_an_empty_session_sets_no_cookie(client):
    assert cookie_of(client.get("/read")) == ""


def test_a_cleared_session_takes_its_cookie_back(client):
    client.post("/write/pen")
    assert "Max-Age=0" in cookie_of(client.post("/clear"))
    assert client.get("/read").json == {}


@pytest.mark.parametrize(
    "use",
    [
        lambda s: "pen" in s,
        lambda s: s["pen"],
        lambda s: s.get("pen"),
        lambda s: len(s),
        lambda s: list(s) == ["pen"],
        lambda s: list(s.keys()) == ["pen"],
        lambda s: list(s.values()) == [1],
        lambda s: list(s.items()) == [("pen", 1)],
        lambda s: s == {"pen": 1},
        lambda s: not s != {"pen": 1},
        lambda s: dict(s) == {"pen": 1},
        lambda s: {**s} == {"pen": 1},
        lambda s: (s | {}) == {"pen": 1},
        lambda s: s.copy() == {"pen": 1},
        lambda s: s.setdefault("pen", 2) == 1,
        lambda s: s.pop("pen") == 1,
        lambda s: s.popitem() == ("pen", 1),
        lambda s: s.update(ink=2) is None and dict(s) == {"pen": 1, "ink": 2},
        lambda s: "pen" in repr(s),
        lambda s: list(reversed(s)) == ["pen"],
        lambda s: bool(s),
    ],
)
def test_every_way_of_using_the_session_opens_it_first(use):
    app = make_app()
    app.add_url_rule("/use", view_func=lambda: {"used": bool(use(session))})
    client = app.test_client()
    client.post("/write/pen")
    assert client.get("/use").json == {"used": True}


def test_writing_keeps_what_was_there(client):
    client.post("/write/pen")
    client.post("/write/ink")
    assert client.get("/read").json == {"pen": 1, "ink": 1}


def test_flasks_own_kind_of_session_is_saved_too():
    app = make_app()
    plain, response = SecureCookieSession({"pen": 1}), app.response_class()
    plain.modified = True
    with app.test_request_context():
        app.session_interface.save_session(app, plain, response)
    cookie = cookie_of(response).partition(";")[0]
    assert app.test_client(use_cookies=False).get("/read", headers={"Cookie": cookie}).json == plain


def test_disabled_leaves_flasks_own_interface():
    app = make_app(CARAFE_SESSION_ENABLED=False)
    assert type(app.session_interface) is SecureCookieSessionInterface


def test_projects_with_different_salts_refuse_each_others_cookies():
    here = make_app(CARAFE_SESSION_SALT="here").test_client()
    there = make_app(CARAFE_SESSION_SALT="there").test_client()
    here.post("/write/pen")
    there.set_cookie("session", here.get_cookie("session").value)
    assert there.get("/read").json == {}


def test_a_session_that_is_marked_as_modified_is_saved(client):
    @client.application.get("/renew")
    def renew():
        session.modified = True
        return {}

    client.post("/write/pen")
    renewed = client.get("/renew")
    assert "session=" in renewed.headers["Set-Cookie"]
    assert client.get("/read").json == {"pen": 1}


def test_a_second_init_app_is_refused():
    app = make_app()
    with pytest.raises(RuntimeError, match="Call init_app once"):
        extension.init_app(app)


def test_two_apps_keep_their_own_settings():
    make_app(PERMANENT_SESSION_LIFETIME=90, CARAFE_SESSION_SALT="one")
    other = make_app()
    assert other.session_interface.salt == SecureCookieSessionInterface.salt
    assert other.permanent_session_lifetime == timedelta(days=31)
