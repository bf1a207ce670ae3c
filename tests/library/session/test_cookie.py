import random
import string

import pytest
from carafe.ext.session import interface
from flask import session
from itsdangerous import URLSafeTimedSerializer

from .apps import make_app
from .apps import NEW

RANDOM = random.Random(7)
CHARACTERS = string.ascii_letters + string.digits + '-_.=+/ ;,"\\é\x7f'


@pytest.fixture
def cookie(client):
    client.post("/write/pen")
    return client.get_cookie("session").value


def spoilt(cookie):
    """The cookie, altered in one of many ways."""
    place, other = RANDOM.randrange(len(cookie)), RANDOM.choice(CHARACTERS)
    return RANDOM.choice(
        [
            cookie[:place],
            cookie[:place] + cookie[place + 1 :],
            cookie[:place] + other + cookie[place:],
            cookie[:place] + other + cookie[place + 1 :],
            cookie.swapcase(),
            cookie + cookie,
            cookie[::-1],
            "." + cookie,
            cookie * RANDOM.randrange(2, 60),
        ]
    )


def test_an_altered_cookie_is_a_strangers_and_no_error(cookie):
    client = make_app().test_client()
    for altered in {spoilt(cookie) for _ in range(300)}:
        answer = client.get("/read", headers={"Cookie": f"session={altered}"})
        # A cookie ends where a semicolon, a space or a quote does: it may be whole before it.
        left = {"pen": 1} if answer.json and altered.startswith(cookie[:-1]) else {}
        assert (answer.status_code, answer.json) == (200, left), altered


@pytest.mark.parametrize("value", ["", ".", "a.b.c", "é", "x" * 3000, '"', "eyJhIjoxfQ.aaaa.bbbb"])
def test_what_was_never_signed_is_a_strangers(client, value):
    client.set_cookie("session", value)
    assert client.get("/read").json == {}


@pytest.mark.parametrize("payload", [["pen"], "pen", 7, None])
def test_what_is_signed_and_no_session_is_a_strangers(client, payload):
    interface = client.application.session_interface
    options = {"key_derivation": "hmac", "digest_method": interface.digest_method}
    serializer = URLSafeTimedSerializer(
        NEW, salt=interface.salt, serializer=interface.serializer, signer_kwargs=options
    )
    client.set_cookie("session", serializer.dumps(payload))
    assert client.get("/read").json == {}


@pytest.mark.parametrize(
    ("header", "is_known"),
    [
        ("{0}", True),
        ("theme=dark;{0};lang=en", True),
        ("theme=dark;   {0} ; lang=en", True),
        ("{0}; session=nonsense", True),
        ("session=nonsense; {0}", False),
        ("my{0}", False),
        ("session", False),
        (";;=; {0}", True),
    ],
)
def test_it_is_found_among_other_cookies(client, cookie, header, is_known):
    plain = client.application.test_client(use_cookies=False)
    read = plain.get("/read", headers={"Cookie": header.format(f"session={cookie}")}).json
    assert bool(read) is is_known


def test_a_cookie_is_verified_once_in_a_process(client, cookie, monkeypatch):
    assert client.get("/read").json == {"pen": 1}
    monkeypatch.setattr(URLSafeTimedSerializer, "loads", lambda *args, **kw: pytest.fail("again"))
    assert client.get("/read").json == {"pen": 1}


def test_not_all_cookies_are_remembered(client, monkeypatch):
    monkeypatch.setattr(interface, "MAX_VERIFIED", 3)
    cookies, verified, loads = [], [], URLSafeTimedSerializer.loads

    def count(self, cookie, **kwargs):
        verified.append(cookies.index(cookie))
        return loads(self, cookie, **kwargs)

    for name in "abcd":
        writer = make_app().test_client()
        writer.post(f"/write/{name}")
        cookies.append(writer.get_cookie("session").value)
    monkeypatch.setattr(URLSafeTimedSerializer, "loads", count)
    for index in (0, 1, 2, 0, 1, 2, 3, 0):
        client.set_cookie("session", cookies[index])
        assert client.get("/read").json == {"abcd"[index]: 1}
    assert verified == [0, 1, 2, 3, 0]


def test_what_one_request_changes_another_does_not_see():
    app = make_app()
    app.add_url_rule("/put", view_func=lambda: session.update(pens=[1, 2]) or {})

    @app.get("/spoil")
    def spoil():
        session["pens"].clear()
        return {}

    client = app.test_client()
    client.get("/put")
    client.get("/spoil")
    assert client.get("/read").json == {"pens": [1, 2]}


def test_a_session_that_browsers_forget_is_warned_of(client, caplog):
    app = client.application
    app.add_url_rule(
        "/large", view_func=lambda: session.update(pen=RANDOM.randbytes(4000).hex()) or {}
    )
    with pytest.warns(UserWarning, match="too large"):
        client.get("/large")
    assert "A session of" in caplog.text
    caplog.clear()
    client.post("/clear")
    client.post("/write/pen")
    assert caplog.text == ""


def test_vary_is_added_to_what_is_there():
    app = make_app()
    app.add_url_rule("/vary", view_func=lambda: (dict(session), {"Vary": "Accept"}))
    assert app.test_client().get("/vary").headers["Vary"] == "Accept, Cookie"


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x0b", "\x1f"])
def test_only_a_space_or_a_tab_is_around_a_name(client, cookie, space):
    planted = f"{space}session=planted; \tsession=\t{cookie} "
    answer = client.get("/read", environ_overrides={"HTTP_COOKIE": planted})
    assert answer.json == {"pen": 1}
