import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
from conftest import create_app
from conftest import MIGRATIONS
from prometheus_client.parser import text_string_to_metric_families

TOKEN = secrets.token_urlsafe(48)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PACKAGE = create_app.__module__


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
    return number - 1  # who asks is in progress too


def test_without_a_token_nothing_is_measured(make_app):
    app = make_app()
    assert "metrics" not in app.extensions
    for headers in ({}, {"Authorization": "Bearer "}):
        assert app.test_client().get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "ü"])
def test_the_metrics_are_for_who_has_the_token(make_measured, sent):
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


def test_the_time_until_the_response_is_measured(make_measured):
    app = make_measured(lambda id: time.sleep(id / 1000) or {})
    app.test_client().get("/things/60")
    [seconds] = samples(scrape(app), "http_request_duration_seconds_sum").values()
    assert 0.06 <= seconds < 6


def test_what_waits_for_its_response_is_in_progress(make_measured):
    app = make_measured(lambda id: {"seen": in_progress(app)})
    assert app.test_client().get("/things/1").json == {"seen": 1}
    assert in_progress(app) == 0


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


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
@pytest.mark.parametrize("options", [[], pytest.param(["--preload"], marks=pytest.mark.slow)])
def test_workers_count_together_and_count_those_that_died(tmp_path, options):
    with serving(tmp_path, *options) as ask:
        asked = repeat(lambda: ask("/health/live"), until=lambda: len(pids(tmp_path)) == 2)
        assert {live(ask) for _ in range(10)} == {asked}

        dead = pids(tmp_path).pop()
        os.kill(dead, signal.SIGKILL)
        left = f"metrics-*/gauge_*_{dead}.db"
        repeat(lambda: None, until=lambda: not list(tmp_path.glob(left)))
        asked += repeat(lambda: ask("/health/live"), until=lambda: len(pids(tmp_path)) == 3)
        assert {live(ask) for _ in range(10)} == {asked}
    assert not list(tmp_path.glob("metrics-*"))


def repeat(action, until):
    """Act until it is so; gives how often."""
    for times in range(3000):
        if until():
            return times
        action()
        time.sleep(0.01)
    raise AssertionError("It did not happen.")


def live(ask):
    """How often somebody asked for ``/health/live``."""
    counted = samples(ask("/metrics"), "http_request_duration_seconds_count")
    return counted["GET", "/health/live", "200"]


def pids(folder):
    """The workers that have counted something."""
    return {int(path.stem.split("_")[1]) for path in folder.glob("metrics-*/histogram_*.db")}


@contextmanager
def serving(folder, *options):
    """Serve with gunicorn; gives a function that asks it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLASK_") and not name.endswith("_URL")
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, number = listening.getsockname()[1], listening.fileno()
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", f"--bind=fd://{number}", "--workers=2", *options]
            + [f"--config={MIGRATIONS.parent / 'gunicorn.conf.py'}", f"{PACKAGE}:create_app()"],
            cwd=folder,
            env=inherited
            | {"FLASK_ENVIRONMENT": "development", "SECRET_KEY": "a key for both workers"}
            | {"PYTHONPATH": str(MIGRATIONS.parent / "src"), "TMPDIR": str(folder)}
            | {"METRICS_TOKEN": TOKEN},
            pass_fds=[number],
        )

        def ask(path):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path, headers=BEARER)
            try:
                return connection.getresponse().read().decode()
            finally:
                connection.close()

        try:
            yield ask
        finally:
            server.terminate()
            server.wait(30)
