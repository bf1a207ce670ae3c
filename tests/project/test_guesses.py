# feature: auth
"""No way around the limits of ``tests/test_throttling.py``."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import time_machine
from accounts import make_user
from conftest import passwords
from test_throttling import ask as ask
from test_throttling import GOOD
from test_throttling import others
from test_throttling import WRONG


def test_guesses_at_the_same_moment_are_no_more_guesses(lasting, monkeypatch):
    with lasting.app_context():
        make_user(lasting)
    hashed, verified = [], passwords.is_right
    monkeypatch.setattr(passwords, "is_right", lambda *args: hashed.append(1) or verified(*args))

    def guess(_):
        return lasting.test_client().post("/login", WRONG).status_code

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(guess, range(40))) == {401: 10, 429: 30}
    assert len(hashed) == 10


def test_right_passwords_at_the_same_moment_are_all_right(lasting):
    with lasting.app_context():
        make_user(lasting)
    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(lasting.test_client().post, "/login", GOOD) for _ in range(20)]
        assert {one.result().status_code for one in sent} == {200}


def test_who_was_there_before_may_not_guess_for_ever(ask):
    ask(GOOD)
    assert [ask(WRONG).status_code for _ in range(11)] == [401] * 10 + [429]


def test_a_client_with_many_ipv6_addresses_is_one_client(ask):
    for number in range(10):
        ask({**WRONG, "email": f"{number}@example.com"}, f"2001:db8:1:2:{number}::1")
    assert ask(GOOD, "2001:db8:1:2:ffff::1%eth0").status_code == 429
    assert ask(GOOD, "2001:db8:1:3::1").status_code == 200


def test_two_apps_count_for_themselves(make_app, tmp_path):
    from_one, from_other = (
        make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").extensions["throttling"]
        for _ in range(2)
    )
    assert from_one is not from_other


def test_other_spellings_of_an_account_are_no_more_guesses(ask):
    addresses = others()
    spellings = ["jos\u00e9@m\u00fcller.de", "JOSE\u0301@xn--mller-kva.de."] * 5
    for email in spellings:
        ask({**WRONG, "email": email}, next(addresses))
    assert ask({**WRONG, "email": spellings[0]}, next(addresses)).status_code == 429


def test_clients_of_ipv4_on_a_socket_of_ipv6_are_apart(ask):
    emails = [f"user{number}@example.com" for number in range(10)]
    for email in emails:
        ask({**WRONG, "email": email}, "::ffff:192.0.2.1")
    assert ask(GOOD, "::ffff:192.0.2.1").status_code == 429
    assert ask(GOOD, "192.0.2.1").status_code == 429
    assert ask(GOOD, "::ffff:192.0.2.2").status_code == 200


def test_where_its_user_was_in_the_last_30_days_an_account_stays_open(ask):
    with time_machine.travel("2030-01-01T00:00Z", tick=False) as clock:
        for _ in range(2):
            assert ask(GOOD, "203.0.113.1").status_code == 200
            clock.shift(timedelta(days=20))
        addresses = others()
        for _ in range(11):
            ask(WRONG, next(addresses))
        assert ask(GOOD, "203.0.113.1").status_code == 200


def test_what_succeeds_is_not_counted(ask):
    assert {ask(GOOD).status_code for _ in range(12)} == {200}


def test_an_unknown_account_is_limited_like_a_known_one(ask):
    addresses, nobody = others(), {**WRONG, "email": "nobody@example.com"}
    statuses = [ask(nobody, next(addresses)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_a_wrong_current_password_is_counted_too(ask, client):
    ask(GOOD)
    change = {"current_password": "wrong horse", "new_password": "battery staple"}
    statuses = [client.put("/login/password", change).status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]
