"""The IP address of a client is one text, however a proxy or a socket writes it."""

import pytest
from carafe import FlaskCarafe
from carafe import security
from flask import request

PEER = "192.0.2.9"
SPELLINGS = [
    ("203.0.113.7", "203.0.113.7"),
    ("203.0.113.7:5555", "203.0.113.7"),
    ("::ffff:203.0.113.7", "203.0.113.7"),
    ("::FFFF:cb00:7107", "203.0.113.7"),
    ("0:0:0:0:0:ffff:203.0.113.7", "203.0.113.7"),
    ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
    ("2001:db8::1", "2001:db8::1"),
    ("2001:0DB8:0:0::0001", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("[fe80::1%25eth0]:443", "fe80::1"),
    ("::1", "::1"),
]
NO_ADDRESSES = [
    *("unknown", "_hidden", "localhost", "203.0.113", "203.0.113.007", "203.0.113.256", "1"),
    *("203.0.113.7.", "2001:db8::1::1", "[]:443", ":443", "::ffff:1.2.3", "é"),
    *("203.0.113.7/24", "%eth0", "f" * 5000),
]


def remote_addr(hops=0, peer=PEER, sent=None):
    app = FlaskCarafe(__name__)
    security.init_app(app, hops=hops)
    app.add_url_rule("/", view_func=lambda: {"address": request.remote_addr})
    headers = {} if sent is None else {"X-Forwarded-For": sent}
    return app.test_client().get("/", headers=headers, environ_base={"REMOTE_ADDR": peer}).json


@pytest.mark.parametrize(("sent", "address"), SPELLINGS)
def test_an_address_is_read_in_every_spelling(sent, address):
    assert remote_addr(peer=sent) == {"address": address}
    assert remote_addr(1, sent=f"198.51.100.1, {sent}") == {"address": address}
    assert remote_addr(1, sent=f'"{sent}"') == {"address": address}
    assert remote_addr(2, sent=f"{sent}, 198.51.100.1:80") == {"address": address}


@pytest.mark.parametrize(
    "forged", ['"', '1.2.3.4:"', '[1.2.3.4]"', '1.2.3.4%"', '1.2.3.4, "', '"1.2.3.4', '\\"']
)
def test_no_quote_of_a_client_hides_what_a_proxy_appended(forged):
    assert remote_addr(1, sent=f"{forged}, 203.0.113.7") == {"address": "203.0.113.7"}
    assert remote_addr(2, sent=f"{forged}, 203.0.113.7, 10.0.0.1") == {"address": "203.0.113.7"}


@pytest.mark.parametrize("sent", NO_ADDRESSES)
def test_what_is_no_address_is_that_of_the_proxy(sent):
    assert remote_addr(1, sent=sent) == {"address": PEER}
    assert remote_addr(1, peer="::ffff:192.0.2.9", sent=sent) == {"address": PEER}
    assert remote_addr(1, peer="", sent=sent) == {"address": ""}


@pytest.mark.parametrize("peer", ["", "unknown", "/run/gunicorn.sock"])
def test_a_peer_without_an_address_has_an_empty_one(peer):
    assert remote_addr(peer=peer) == {"address": ""}
    assert remote_addr(1, peer=peer, sent="203.0.113.7") == {"address": "203.0.113.7"}


def test_without_trusted_proxies_the_header_does_not_count():
    assert remote_addr(0, sent="203.0.113.7") == {"address": PEER}
    assert remote_addr(2, sent="203.0.113.7") == {"address": PEER}
