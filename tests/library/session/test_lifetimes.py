from datetime import timedelta

import pytest
from flask import session

from .apps import cookie_of
from .apps import make_app

DAY = 24 * 3600


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
    travel(0)
    assert "Expires=" in cookie_of(client.get("/read"))
    assert cookie_of(client.get("/nothing")) == ""


@pytest.mark.parametrize("name", ["SESSION_REFRESH_EACH_REQUEST", "CARAFE_SESSION_PERMANENT"])
def test_renewal_can_be_turned_off(travel, name):
    client = make_app(**{"PERMANENT_SESSION_LIFETIME": 1000, name: False}).test_client()
    travel(-600)
    client.post("/write/pen")
    travel(0)
    assert cookie_of(client.get("/read")) == ""


def test_a_clock_that_is_a_minute_ahead_logs_nobody_out(client, travel):
    travel(60)
    client.post("/write/pen")
    travel(0)
    assert client.get("/read").json == {"pen": 1}


def test_what_was_signed_in_the_future_is_a_strangers(client, travel):
    travel(63)
    client.post("/write/pen")
    travel(0)
    assert client.get("/read").json == {}


def test_an_idle_session_ends_to_the_second(travel):
    client = make_app(PERMANENT_SESSION_LIFETIME=100).test_client()
    for age, left in [(98, {"pen": 1}), (102, {})]:
        travel(-age)
        client.post("/write/pen")
        cookie = client.get_cookie("session").value
        travel(0)
        assert client.get("/read", headers={"Cookie": f"session={cookie}"}).json == left


@pytest.mark.parametrize("lifetime", [90 * DAY, timedelta(days=90), None])
def test_a_session_ends_however_often_it_is_used(travel, lifetime):
    config = {} if lifetime is None else {"CARAFE_SESSION_ABSOLUTE_LIFETIME": lifetime}
    client = make_app(**config).test_client()
    client.post("/write/pen")
    for days in (20, 40, 60, 80, 89):
        travel(days * DAY)
        client.post("/write/ink")
        assert client.get("/read").json == {"pen": 1, "ink": 1}
    travel(90 * DAY + 60)
    assert client.get("/read").json == {}


def test_reading_does_not_lengthen_the_absolute_lifetime(travel):
    config = {"PERMANENT_SESSION_LIFETIME": 600, "CARAFE_SESSION_ABSOLUTE_LIFETIME": 1000}
    client = make_app(**config).test_client()
    client.post("/write/pen")
    for seconds in (400, 800):
        travel(seconds)
        assert "Expires=" in cookie_of(client.get("/read"))
    travel(1010)
    assert client.get("/read").json == {}


def test_a_session_that_was_cleared_begins_anew(client, travel):
    app = client.application
    app.add_url_rule("/renew", view_func=lambda: session.clear() or session.update(pen=2) or {})
    client.post("/write/pen")
    travel(30 * DAY)
    client.get("/renew")
    for days in (60, 90, 119):
        travel(days * DAY)
        assert client.get("/read").json == {"pen": 2}
    travel(121 * DAY)
    assert client.get("/read").json == {}


def test_the_absolute_lifetime_can_be_none(travel):
    client = make_app(CARAFE_SESSION_ABSOLUTE_LIFETIME=0).test_client()
    client.post("/write/pen")
    for days in range(20, 400, 20):
        travel(days * DAY)
        assert client.get("/read").json == {"pen": 1}


def test_an_absolute_lifetime_that_is_no_duration_is_refused_by_name():
    with pytest.raises(ValueError, match="CARAFE_SESSION_ABSOLUTE_LIFETIME is not a duration"):
        make_app(CARAFE_SESSION_ABSOLUTE_LIFETIME="90 days")
