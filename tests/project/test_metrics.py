import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "jDrQDa2K1B8jzP_k9CcL6t8uDGTy1XihHWXsqnwiZNUE2W_ru8DKTqtsI7sLeysY"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def make_measured(make_app):
    """Make applications that are measured, and have ``/things/<int:id>``."""

    def make(view=lambda id: {}, **config):
        app = make_app(METRICS_TOKEN=TOKEN, **config)
        app.add_url_rule("/things/<int:id>", "things", view)
        return app

    return make


def samples(text, name):
    """The values of a sample, by method, rule and status where it has them."""
    return {
        tuple(sample.labels.get(label) for label in ("method", "rule", "status")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def scrape(app):
    return app.test_client().get("/metrics", headers=BEARER).text


def counts(app):
    return samples(scrape(app), "http_request_duration_seconds_count")


def in_progress(app):
    [number] = samples(scrape(app), "http_requests_in_progress").values()
    return number - 1  # This request is in progress, too.


def test_without_a_token_nothing_is_measured(make_app):
    app = make_app()
    assert "metrics" not in app.extensions
    for headers in ({}, {"Authorization": "Bearer "}):
        assert app.test_client().get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "ü"])
def test_the_metrics_are_protected_by_the_token(make_measured, sent):
    client = make_measured().test_client()
    refused = client.get("/metrics", headers={"Authorization": sent} if sent else {})
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/metrics", headers=BEARER).status_code == 200


def test_the_metrics_are_not_kept_and_not_described(make_measured):
    client = make_measured().test_client()
    assert client.get("/metrics", headers=BEARER).headers["Cache-Control"] == "no-store"
    assert "/metrics" not in client.get("/openapi.json").json["paths"]


def test_the_metrics_are_served_by_any_name(make_measured, monkeypatch):
    monkeypatch.setenv("TRUSTED_HOSTS", '["api.example.com"]')
    client = make_measured().test_client()
    address = {"Host": "192.0.2.1:8000"}
    assert client.get("/metrics", headers=BEARER | address).status_code == 200
    assert client.get("/health/live", headers=address).status_code == 400
    assert client.get("/health/live", headers={"Host": "localhost:8000"}).status_code == 200


def test_requests_are_counted_by_their_rule(make_measured):
    app = make_measured()
    client = app.test_client()
    for id in range(5):
        client.get(f"/things/{id}")
    client.head("/things/1")
    client.post("/things/1")
    client.get("/no/such/thing")
    assert counts(app) == {
        ("GET", "/things/<int:id>", "200"): 5,
        ("HEAD", "/things/<int:id>", "200"): 1,
        ("POST", "none", "405"): 1,
        ("GET", "none", "404"): 1,
    }
    assert counts(app)["GET", "/metrics", "200"] == 1


@pytest.mark.parametrize("propagated", [True, False])
def test_an_error_is_counted_as_500(make_measured, propagated):
    app = make_measured(lambda id: 1 / id, PROPAGATE_EXCEPTIONS=propagated)
    try:
        assert app.test_client().get("/things/0").status_code == 500
    except ZeroDivisionError:
        assert propagated
    rule = "none" if propagated else "/things/<int:id>"
    assert counts(app) == {("GET", rule, "500"): 1}
    assert in_progress(app) == 0


def test_what_waits_for_its_response_is_in_progress(make_measured):
    app = make_measured(lambda id: {"seen": in_progress(app)})
    assert app.test_client().get("/things/1").json == {"seen": 1}
    assert in_progress(app) == 0


def test_the_time_until_the_response_is_measured(make_measured):
    app = make_measured(lambda id: time.sleep(id / 1000) or {})
    app.test_client().get("/things/60")
    [seconds] = samples(scrape(app), "http_request_duration_seconds_sum").values()
    assert seconds > 0.05


def test_no_client_can_make_new_series(make_measured):
    app = make_measured()
    client = app.test_client()

    def attack(number):
        for path in (f"/things/{number}", f"/{number}", f"/things/1?{number}", f"/%0a{number}"):
            for method in ("GET", f"M{number}", "get"):
                headers = {"Host": f"h{number}", "X-HTTP-Method-Override": f"M{number}"}
                client.open(path, method=method, headers=headers)
        return counts(app).keys() - {("GET", "/metrics", "200")}

    first = attack(0)
    assert [attack(number) for number in range(1, 20)] == [first] * 19
    assert {rule for _, rule, _ in first} == {"/things/<int:id>", "none"}
    assert {method for method, _, _ in first} == {"GET", "other"}


def test_two_apps_count_apart(make_measured):
    one, other = make_measured(), make_measured()
    one.test_client().get("/things/1")
    assert counts(one) == {("GET", "/things/<int:id>", "200"): 1}
    assert counts(other) == {}
