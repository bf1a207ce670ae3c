# feature: auth
"""Which e-mail addresses an account may have, and how they are spelled."""

import pytest
from accounts import PASSWORD
from test_users import BOB
from test_users import flask as flask


@pytest.mark.parametrize(
    "email",
    [
        *("", "@", "a@", "@b.c", "a@.", "a@.b", "a@b..c", "a@b@c", "<a@b.c>", "a@b.c,d"),
        *("a b@c", "a@b.c d", "a\t@b.c", "a@b.c\nx", "a\0@b.c", "a\x7f@b.c", "a@b\u00a0c"),
        *("\u200ba@b.c", "a@b\u200d.c", "a@b\u00ad.c", "\u202ea@b.c", "a@b\ufe0f.c"),
        *("a@\u3164", "\u2800@b.c", "a\uff20b.c", "jos\u00e9\uff20b.c"),
        *("a" * 195 + "@b.com", "a@" + "\u00e9." * 90 + "c"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(flask, client, email):
    refused = flask("users", "create", email, "--password", "battery staple")
    assert refused.exit_code == 1
    assert "not a valid e-mail address" in refused.output
    assert flask("users", "list").output == ""
    assert 400 <= client.post("/login", {**BOB, "email": email}).status_code < 500


def test_an_argument_that_is_not_text_is_refused(flask):
    refused = flask("users", "create", "\udc80@b.c", "--password", "battery staple")
    assert "not a valid e-mail address" in refused.output
    assert "No user" in flask("users", "disable", "\udc80@b.c").output


@pytest.mark.parametrize(
    ("email", "stored"),
    [
        ("root@localhost", "root@localhost"),
        ("Ada.Lovelace+api@corp.local", "ada.lovelace+api@corp.local"),
        (" o'neil/x=1@example.com. ", "o'neil/x=1@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("J\u030c@example.com", "\u01f0@example.com"),
        ("a@M\u00dcller.de", "a@xn--mller-kva.de"),
        ("a@mu\u0308ller.de", "a@xn--mller-kva.de"),
        ("a@XN--MLLER-KVA.de", "a@xn--mller-kva.de"),
        ("a@m\u00fcller\u3002de", "a@xn--mller-kva.de"),
        ("a@stra\u00dfe.de", "a@xn--strae-oqa.de"),
        ("a@\uff45xample.com", "a@example.com"),
        ("a@\u4f8b\u5b50.\u6d4b\u8bd5", "a@xn--fsqu00a.xn--0zwm56d"),
    ],
)
def test_one_address_is_one_account_however_it_is_written(flask, client, email, stored):
    assert flask("users", "create", email, "--password", PASSWORD).exit_code == 0
    again = flask("users", "create", stored, "--password", PASSWORD)
    assert f"User {stored} already exists." in again.output
    for written in (email, stored, stored.upper()):
        answer = client.post("/login", {"email": written, "password": PASSWORD})
        assert (answer.status_code, answer.json["email"]) == (200, stored)
