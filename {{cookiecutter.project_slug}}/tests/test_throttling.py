# feature: auth
from itertools import count

import pytest
import time_machine
from accounts import make_user
from accounts import PASSWORD

GOOD = {"email": "ada@example.com", "password": PASSWORD}
WRONG = {**GOOD, "password": "wrong horse"}


@pytest.fixture
def ask(app, client):
    """Log in, as ``ask(credentials, address)``."""
    make_user(app)
    make_user(app, email="bob@example.com")

    def ask(credentials, address="192.0.2.1"):
        return client.post("/login", credentials, environ_base={"REMOTE_ADDR": address})

    return ask


def others():
    """Addresses, each used once."""
    return (f"198.51.100.{number}" for number in count(1))


def test_an_address_fails_ten_times_and_then_has_to_wait(ask):
    emails = [f"user{number}@example.com" for number in range(10)]
    assert [ask({**WRONG, "email": email}).status_code for email in emails] == [401] * 10
    refused = ask(GOOD)
    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 180
    assert ask(GOOD, "192.0.2.2").status_code == 200


def test_the_wait_is_over_after_three_minutes(ask):
    with time_machine.travel("2030-01-01T00:00Z", tick=False) as clock:
        for _ in range(10):
            ask(WRONG)
        seconds = int(ask(GOOD).headers["Retry-After"])
        clock.shift(seconds - 2)
        assert ask(GOOD).status_code == 429
        clock.shift(3)
        assert ask(GOOD).status_code == 200


def test_an_account_fails_ten_times_from_everywhere_together(ask):
    addresses = others()
    statuses = [ask(WRONG, next(addresses)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert ask({**GOOD, "email": " ADA@example.com"}, next(addresses)).status_code == 429
    assert ask({**GOOD, "email": "bob@example.com"}, next(addresses)).status_code == 200


def test_an_account_that_is_attacked_stays_open_to_where_its_user_was_before(ask):
    assert ask(GOOD, "203.0.113.1").status_code == 200
    addresses = others()
    for _ in range(11):
        ask(WRONG, next(addresses))
    assert ask(GOOD, next(addresses)).status_code == 429
    assert ask(GOOD, "203.0.113.1").status_code == 200
