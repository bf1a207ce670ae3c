import time
from datetime import timedelta

import pytest
from flask import Flask
from flask import session
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from ...ext import session as extension

OLD = "an older key, long enough to sign with"
NEW = "a newer key, long enough to sign with"


def make_app(**config):
    app = Flask(__name__)
    app.config.update(SECRET_KEY=NEW, **config)
    extension.init_app(app)

    @app.get("/nothing")
    def nothing():
        return {}

    @app.get("/read")
    def read():
        return dict(session)

    @app.post("/write/<name>")
    def write(name):
        session[name] = 1
        return {}

    @app.post("/clear")
    def clear():
        session.clear()
        return {}

    return app


@pytest.fixture
def client():
    return make_app().test_client()


@pytest.fixture
def travel(monkeypatch):
    """Sign and check as if so many seconds from now."""

    def to(seconds):
        now = time.time() + seconds
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(now))

    return to


def cookie_of(response):
    return response.headers.get("Set-Cookie", "")


def test_the_interface_and_the_session_are_secure_cookie_ones():
    app = make_app()
    assert isinstance(app.session_interface, SecureCookieSessionInterface)
    assert issubclass(app.session_interface.session_class, SecureCookieSession)
    with app.test_request_context():
        assert isinstance(session._get_current_object(), SecureCookieSession)


def test_what_was_written_is_read_by_the_next_request(client):
    client.post("/write/pen")
    assert client.get("/read").json == {"pen": 1}


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


def test_disabled_leaves_flasks_own_interface():
    app = make_app(CARAFE_SESSION_ENABLED=False)
    assert type(app.session_interface) is SecureCookieSessionInterface


def test_projects_with_different_salts_refuse_each_others_cookies():
    here = make_app(CARAFE_SESSION_SALT="here").test_client()
    there = make_app(CARAFE_SESSION_SALT="there").test_client()
    here.post("/write/pen")
    there.set_cookie("session", here.get_cookie("session").value)
    assert there.get("/read").json == {}


def test_a_session_is_permanent_by_default_and_only_with_content(client):
    assert "Expires=" in cookie_of(client.post("/write/pen"))
    assert client.get("/read").json == {"pen": 1}


@pytest.mark.parametrize(
    "config", [{"CARAFE_SESSION_PERMANENT": False}, {"PERMANENT_SESSION_LIFETIME": 0}]
)
def test_a_session_that_is_not_permanent_ends_with_the_browser(config, travel):
    client = make_app(**config).test_client()
    assert "Expires=" not in cookie_of(client.post("/write/pen"))
    travel(60)
    assert client.get("/read").json == {"pen": 1}


def test_a_view_may_overrule_permanence():
    app = make_app(CARAFE_SESSION_PERMANENT=False)

    @app.post("/stay")
    def stay():
        session.permanent = True
        return {}

    assert "Expires=" in cookie_of(app.test_client().post("/stay"))


@pytest.mark.parametrize("name", ["PERMANENT_SESSION_LIFETIME", "SESSION_PERMANENT_LIFETIME"])
@pytest.mark.parametrize("lifetime", [90, timedelta(seconds=90)])
def test_the_lifetime_has_two_names_and_two_types(name, lifetime):
    app = make_app(**{name: lifetime})
    assert app.permanent_session_lifetime == timedelta(seconds=90)


def test_of_two_lifetimes_flasks_name_wins_with_a_warning():
    with pytest.warns(UserWarning, match="PERMANENT_SESSION_LIFETIME and SESSION_PERMANENT"):
        app = make_app(PERMANENT_SESSION_LIFETIME=90, SESSION_PERMANENT_LIFETIME=60)
    assert app.permanent_session_lifetime == timedelta(seconds=90)


@pytest.mark.parametrize("lifetime", [-1, True, "60", timedelta(seconds=-1)])
def test_a_lifetime_that_is_no_duration_is_refused_by_name(lifetime):
    with pytest.raises(ValueError, match="SESSION_PERMANENT_LIFETIME is not a duration"):
        make_app(SESSION_PERMANENT_LIFETIME=lifetime)


def test_an_expired_session_is_a_strangers(client, travel):
    client.post("/write/pen")
    travel(32 * 24 * 3600)
    assert client.get("/read").json == {}


def test_a_session_that_is_read_is_renewed_after_half_its_lifetime(travel):
    client = make_app(PERMANENT_SESSION_LIFETIME=1000).test_client()
    travel(-600)
    client.post("/write/pen")
    assert "Expires=" in cookie_of(client.get("/read"))
    assert cookie_of(client.get("/nothing")) == ""


def test_renewal_can_be_turned_off(travel):
    config = {"PERMANENT_SESSION_LIFETIME": 1000, "SESSION_REFRESH_EACH_REQUEST": False}
    client = make_app(**config).test_client()
    travel(-600)
    client.post("/write/pen")
    assert cookie_of(client.get("/read")) == ""


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


def test_a_key_that_is_no_text_is_refused():
    app = Flask(__name__)
    app.secret_key = 1234567890123456
    with pytest.raises(ValueError, match="SECRET_KEY is neither text nor bytes") as refused:
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


@pytest.mark.parametrize("cookie", ["", ".", "a.b.c", "é", "x" * 3000, '"', "eyJhIjoxfQ.aaaa.bbbb"])
def test_an_altered_cookie_is_a_strangers(client, cookie):
    client.set_cookie("session", cookie)
    assert client.get("/read").json == {}


def test_a_second_init_app_is_refused():
    app = make_app()
    with pytest.raises(RuntimeError, match="Call init_app once"):
        extension.init_app(app)


def test_two_apps_keep_their_own_settings():
    make_app(PERMANENT_SESSION_LIFETIME=90, CARAFE_SESSION_SALT="one")
    other = make_app()
    assert other.session_interface.salt == SecureCookieSessionInterface.salt
    assert other.permanent_session_lifetime == timedelta(days=31)
