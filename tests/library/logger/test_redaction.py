import json
import logging
import os
import time
import timeit
from collections import namedtuple

import pytest
from carafe.ext.logger import Formatter
from carafe.ext.logger import JSONFormatter
from carafe.ext.logger import Logger
from carafe.ext.logger.redaction import MAX_LENGTH
from carafe.ext.logger.redaction import redact_text
from carafe.request import TOKEN_PREFIX
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.datastructures import ImmutableMultiDict

from .configs import file_config
from .configs import mail_config
from .mailbox import text_of

CANARY = "canary-7f3a"


def test_the_hints_miss_nothing_that_looks_like_a_secret():
    names = ["password", "passwd", "PWD", "passphrase", "Secret", "token", "cookie", "csrf", "DSN"]
    names += ["db_pass", "MAIL_PASS", "jwt", "signing_key", "AccountKey", "ssh-key"]
    names += ["authorization", "api_key", "access-key", "private-key", "credentials", "session"]
    texts = [f"{name}={CANARY}" for name in names]
    texts += [f"dump --{name} {CANARY}" for name in names]
    texts += [f"<{name}>{CANARY}</{name}>" for name in names]
    texts += [f"Authorization: {CANARY}", f"Bearer {'a' * 16}{CANARY}", f"eyJ{'a' * 8}.{CANARY}"]
    texts += [f"https://{CANARY}@host", f"ftp://ada:{CANARY}@host", f"carafe_{'a' * 31}-{CANARY}"]
    texts += [f"pa\u017f\u017fword={CANARY}", f"credent\u0131al={CANARY}"]
    texts += [f"Too short [type=string_too_short, input_value='{CANARY}', input_type=str]"]
    texts += [f"[(b'Set-Cookie', b'sid={CANARY}'), (b'Authorization',b'Basic {CANARY}')]"]
    texts += [f"/login?next=%2Freset%3Ftoken%3D{CANARY}", f"%22password%22%3a{CANARY}"]
    texts += [f"user[password]={CANARY}", f"user%5Bpassword%5D={CANARY}"]
    texts += [f"Key (token)=({CANARY}) already exists.", f'config["SECRET_KEY"] = "{CANARY}"']
    texts += [f"headers[b'authorization'] = b'Basic {CANARY}'"]
    texts += [f"Job(credentials=aws.Creds(user='u', value='{CANARY}'), id=1)"]
    assert [text for text in map(redact_text, texts) if CANARY in text] == []


NESTED = {"aws": {"id": 1, "tags": ["a"]}, "gcp": CANARY}
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{'a' * 3000}\n{CANARY}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("write", [json.dumps, str, lambda value: json.dumps(json.dumps(value))])
@pytest.mark.parametrize("secret", [NESTED, [NESTED, [CANARY]], (1, (2, CANARY)), PEM])
def test_a_secret_in_a_text_is_masked_as_a_whole(secret, write):
    shown = redact_text(f"body {write({'credentials': secret, 'next': 'shown'})} end")
    assert CANARY not in shown and "a" * 9 not in shown
    assert "shown" in shown and shown.endswith("end")


def test_a_private_key_is_masked_without_its_name():
    assert redact_text(f"loaded {PEM}, and more") == "loaded ***, and more"
    assert CANARY not in redact_text(PEM[:-30])
    pgp = PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
    assert redact_text(f"loaded {pgp}, and more") == "loaded ***, and more"


@pytest.fixture
def app(file):
    app = Flask("shop")
    app.config.update(file_config(file))
    Logger(app)
    return app


def log(app, message, *args, **extra):
    """Log to the handlers of *app* alone: pytest's own raise what a format raises."""
    record = app.logger.makeRecord("shop", 40, __file__, 1, message, args, None, extra=extra)
    for handler in app.extensions["carafe.logger"].handlers:
        handler.handle(record)


Person = namedtuple("Person", "name password")


def test_a_named_tuple_has_its_names(app, file):
    log(app, "%s", Person("ada", CANARY))
    assert "Person(name='ada', password=***)" in file.read_text()


@pytest.mark.parametrize("formatter", [Formatter, JSONFormatter])
def test_the_formatter_of_another_handler_knows_the_secrets_of_the_process(monkeypatch, formatter):
    monkeypatch.setenv("STRIPE_TOKEN", CANARY)
    app = Flask("shop")
    app.config["SHOP_SECRET"] = "another-" + CANARY[::-1]
    message = f"paid with {CANARY} and {app.config['SHOP_SECRET']}"
    record = logging.makeLogRecord({"msg": message})
    with app.app_context():
        assert "paid with *** and ***" in formatter().format(record)


class Account:
    def __repr__(self):
        return f"Account(name='ada', password='{CANARY}')"


@pytest.mark.parametrize(
    "args",
    [
        ("%s", {"password": CANARY}),
        ("%(password)s", {"password": CANARY}),
        ("%s", {"a": [{"b": {"Session_Id": CANARY}}]}),
        ("%s %s", "form", ImmutableMultiDict([("passwd", CANARY)])),
        ("%s", Headers({"Authorization": f"Basic {CANARY}"})),
        ("%s", [("X-Api-Key", CANARY)]),
        ({"event": "login", "API_KEY": CANARY},),
        ("%s=%s", "csrf_token", CANARY),
        ("%s", Account()),
        ("reset_token=%s", CANARY),
        (f"GET /reset?token={CANARY}&page=2",),
        (f"Authorization: Bearer {CANARY}",),
        (f"Cookie: theme=dark; sid={CANARY}; x={CANARY}",),
        (f"sent Bearer {CANARY}{CANARY}",),
        (f'{{"secret": "with spaces {CANARY}"}}',),
        (f'"{{\\"secret\\": \\"with spaces {CANARY}\\"}}"',),
        (f"SENTRY_DSN=https://{CANARY}@sentry.example/1",),
        (f"https://{CANARY}@sentry.example/1",),
        (f"cannot reach postgresql+psycopg://shop:{CANARY}@db:5432/shop",),
        (f"cannot reach redis://:p@{CANARY}@localhost:6379/0",),
        ("%s", {"environ": {"HTTP_COOKIE": CANARY, "SECRET_KEY": CANARY}}),
        ("pwd=%s", CANARY),
        ("%s", {"aws_access_key_id": CANARY}),
        (f"a JWT: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{CANARY}",),
        (f"a cookie of Flask: eyJ1c2VyX2lkIjoxfQ.aSVj4A.{CANARY}",),
        ("%d", {"password": CANARY}),
        ("%d of %s", "x", {"password": CANARY}),
    ],
)
def test_a_secret_reaches_no_sink(app, file, mailbox, args):
    office = Flask("office")
    office.config.update(mail_config(mailbox.port))
    Logger(office)
    log(app, *args)
    log(office, *args)
    assert CANARY not in file.read_text()
    assert CANARY not in text_of(*mailbox.wait_for(1))


@pytest.mark.parametrize(
    "extra",
    [
        {"token": CANARY},
        {"user": {"password": CANARY}},
        {"headers": [("X-Api-Key", CANARY)]},
        {"user": Account()},
        {"user": {"account": Account()}},
        {"url": f"redis://:{CANARY}@localhost"},
        {"deep": [[[[[[[[[[{"password": CANARY}]]]]]]]]]]},
    ],
)
def test_a_secret_in_extra_reaches_no_format(app, file, extra):
    (name,) = extra
    app.extensions["carafe.logger"].handlers[0].setFormatter(logging.Formatter(f"%({name})s"))
    app.logger.error("hello", extra=extra)
    assert "***" in file.read_text()
    assert CANARY not in file.read_text()


def test_a_secret_in_a_traceback_reaches_no_sink(app, file):
    try:
        try:
            raise ValueError(f"password={CANARY}")
        except ValueError as error:
            raise RuntimeError(f"redis://:{CANARY}@localhost failed") from error
    except RuntimeError:
        app.logger.exception("failed", stack_info=True)
    text = file.read_text()
    assert CANARY not in text
    assert "\n  Stack (most recent call last):\n" in text
    assert "ValueError: password=***" in text and "RuntimeError: redis://:***@localhost" in text


@pytest.mark.parametrize("formatter", [Formatter, JSONFormatter])
def test_what_looks_like_a_token_reaches_no_sink(app, file, formatter):
    app.extensions["carafe.logger"].handlers[0].setFormatter(formatter())
    token = f"{TOKEN_PREFIX}{CANARY * 9}"[: len(TOKEN_PREFIX) + 43]
    app.add_url_rule("/<path:path>", view_func=lambda path: app.logger.error("seen %s", path) or {})
    app.test_client().get(f"/a/{token}?x={token}", headers={"User-Agent": token})
    try:
        raise ValueError(token)
    except ValueError:
        app.logger.exception(token, extra={"name_of_it": token})
    assert token not in file.read_text()
    assert file.read_text().count("***") >= 4


def test_no_part_of_a_token_is_left_where_a_text_is_cut(app, file):
    app.add_url_rule("/<path:path>", view_func=lambda path: app.logger.error("seen") or {})
    before, token = "-" * 20, f"{TOKEN_PREFIX}{CANARY * 9}"[: len(TOKEN_PREFIX) + 43]
    path = f"/{before:->490}{token}"
    app.test_client().get(path, headers={"User-Agent": path})
    app.logger.error(f"{before:->{MAX_LENGTH // 2 - 30}}{token}{before:->{MAX_LENGTH}}")
    assert token[:20] not in file.read_text()


@pytest.mark.parametrize("shown", [MAX_LENGTH // 2 - 10, MAX_LENGTH - 2000])
@pytest.mark.parametrize("name", ["password", "token"])
def test_no_part_of_a_secret_is_left_where_a_text_is_cut(app, file, name, shown):
    others = '"password": "x", ' * 2000
    secret = f'"{name}": "{CANARY * 20}", '
    app.logger.error(f"{others[:shown]}{secret}{others}")
    app.logger.error(f"{others}{secret}{others[-shown:]}")
    assert CANARY not in file.read_text()


def test_what_is_no_secret_stays(app, file):
    app.logger.error(
        "%s of %d, %.1f at %s", {"name": "ada", "page": 2}, 3, 0.5, "http://h:80/x?a=b@c"
    )
    assert "{'name': 'ada', 'page': 2} of 3, 0.5 at http://h:80/x?a=b@c" in file.read_text()


def test_the_record_itself_is_left_to_other_handlers(app, caplog):
    values = {"password": CANARY}
    app.logger.error("%s", values, extra={"token": CANARY})
    (record,) = caplog.records
    assert record.args is values
    assert record.token == CANARY


def test_a_handler_of_your_own_is_as_careful_with_the_formatter():
    record = logging.makeLogRecord({"msg": "a\nb %s", "args": ({"token": CANARY},)})
    text = Formatter("%(request_path)s %(message)s").format(record)
    assert text == r"- a\nb {'token': ***}"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
        ("\udcff", r"\udcff"),
    ],
)
def test_no_character_forges_a_line_or_drives_a_terminal(app, file, raw, shown):
    app.logger.error("a message: %s", raw)
    assert file.read_text("utf-8").endswith(f"a message: {shown}\n")


def test_ordinary_text_of_the_world_is_left_alone(app, file):
    app.logger.error("žluťoučký 日本語 🙂")
    assert "žluťoučký 日本語 🙂" in file.read_text("utf-8")


def test_a_traceback_keeps_its_lines_and_cannot_forge_one(app, file):
    try:
        raise ValueError("x\n2026-01-01T00:00:00.000Z INFO shop [- - - -] all is well\x1b[2J")
    except ValueError:
        app.logger.exception("failed")
    lines = file.read_text("utf-8").split("\n")
    assert lines[1] == "  Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("2026-01-01")] == []
    assert lines[-2].endswith(r"all is well\x1b[2J")


def test_arguments_that_do_not_fit_keep_their_record(app, file):
    log(app, "%d of %d", "one")
    assert "%d of %d (TypeError in its arguments)" in file.read_text()


class Broken:
    def __str__(self):
        raise RuntimeError("no text")


def test_arguments_that_cannot_be_shown_raise_nothing(app, file, capsys):
    log(app, "broken: %s", Broken())
    log(app, "broken", thing=Broken(), things=[Broken()])
    try:
        raise ValueError(Broken())
    except ValueError:
        app.logger.exception("failed", extra={"thing": Broken()})
    text = file.read_text()
    assert "broken: %s (RuntimeError in its arguments)" in text
    for args in ((), ("an argument",)):
        record = logging.makeLogRecord({"msg": Broken(), "args": args, "thing": Broken()})
        assert "<Broken: RuntimeError>" in Formatter("%(thing)s").format(record)
        assert "<Broken: RuntimeError>" in Formatter("%(message)s").format(record)
    assert "in test_arguments_that_cannot_be_shown_raise_nothing" in text
    assert capsys.readouterr().err == ""


def test_values_that_contain_themselves_end(app, file):
    values = {}
    values["again"] = values
    app.logger.error("%s", values)
    assert "again" in file.read_text()


def test_a_very_long_message_loses_its_middle(app, file):
    app.logger.error("start %s end", "x" * 1_000_000)
    text = file.read_text()
    assert "start" in text and "end" in text
    assert len(text) < 40_000


@pytest.mark.skipif(os.name == "nt", reason="Windows counts processor time in steps of 16 ms")
@pytest.mark.parametrize(
    "piece",
    [
        *("eyJa", "eyJaaaaaaaa.", "token=[", "token", "a://b:", "token='\\", "password=("),
        *("=", '"', "jwt={[", "pass={a{", "token=[]]", "-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_the_time_to_search_a_text_grows_as_its_length(piece):
    text = piece * (8192 // len(piece))
    assert seconds(text * 8) < 24 * seconds(text)  # 64 times, if it grew as the square


def seconds(text):
    """The processor time that a text takes."""
    repeat = {"repeat": 3, "number": 1, "timer": time.process_time}
    return min(timeit.repeat(lambda: redact_text(text), **repeat))
