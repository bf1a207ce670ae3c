import os
import random
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from binascii import hexlify

import pytest
from conftest import create_app
from conftest import MIGRATIONS
from flask import request
from werkzeug.utils import import_string

STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
PACKAGE = create_app.__module__
SERVERS = {
    "python": [sys.executable, "-c", f"import {PACKAGE}; {PACKAGE}.create_app()"],
    "flask": [sys.executable, "-m", "flask", "--app", PACKAGE, "openapi"],
    "gunicorn": [
        *(sys.executable, "-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:0"),
        f"{PACKAGE}:create_app()",
    ],
}

WEAK = {
    "missing": "",
    "short": STRONG[:31],
    "one character": "a" * 64,
    "few characters": "abcdefg" * 9 + "a",
    "placeholder": "change-me-" * 5,
    "known": f"not-so-SECRET-{STRONG}",
    "repeated": STRONG[:20] * 2,
    "in a row": "abcdefghijklmnopqrstuvwxyz0123456789",
    "backwards": "zyxwvutsrqponmlkjihgfedcba9876543210",
}


def start(tmp_path, server, **environment):
    """Start it in an empty folder, and wait for its end."""
    ours = ("_URL", "_FALLBACKS", "SECRET_KEY")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLASK_") and not name.endswith(ours)
    }
    path = str(MIGRATIONS.parent / "src")
    shutil.copy(MIGRATIONS.parent / "gunicorn.conf.py", tmp_path)  # away from .env
    return subprocess.run(
        SERVERS[server],
        cwd=tmp_path,
        env={**inherited, "PYTHONPATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
@pytest.mark.parametrize("server", SERVERS)
def test_a_weak_key_ends_the_process_with_a_reason_and_no_traceback(tmp_path, server):
    key = f"changethis-{STRONG}"
    ended = start(tmp_path, server, SECRET_KEY=key)
    assert ended.returncode != 0
    assert "SECRET_KEY" in ended.stderr
    assert "secrets.token_urlsafe" in ended.stderr
    assert key not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SECRET_KEY": STRONG, "SECRET_KEY_FALLBACKS": f'["{STRONG[:20]}"]'}, "FALLBACKS"),
        ({"SECRET_KEY": STRONG, "SECRET_KEY_FALLBACKS": STRONG}, "FALLBACKS"),
        ({"SECRET_KEY": STRONG, "FLASK_SECRET_KEY_FALLBACKS": f'"{STRONG}"'}, "FALLBACKS"),
        ({"SECRET_KEY": STRONG, "FLASK_DEBUG": "1"}, "DEBUG"),
        ({"SECRET_KEY": STRONG, "MAX_CONTENT_LENGTH": "much"}, "MAX_CONTENT_LENGTH"),
        ({"SECRET_KEY": STRONG, "FLASK_ENVIRONMENT": "staging"}, "ENVIRONMENT"),
        ({"SECRET_KEY": STRONG, "DATABASE_URL": "mysql://ada:secret@a/b"}, "DATABASE_URL"),
        ({"SECRET_KEY": STRONG, "DATABASE_TIMEOUT": "0"}, "DATABASE_TIMEOUT"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": "abcdefgh" * 4}, "METRICS_TOKEN"),
        ({"SECRET_KEY": "1234567890123456"}, "SECRET_KEY"),
        ({"SECRET_KEY": STRONG, "FLASK_CARAFE_SESSION_SALT": '""'}, "SALT"),  # feature: session
    ],
)
def test_what_is_not_safe_is_named_and_not_shown(monkeypatch, capsys, environment, named):
    monkeypatch.delenv("FLASK_ENVIRONMENT", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        create_app()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert named in said
    for value in environment.values():
        assert len(value) < 16 or value not in said


@pytest.mark.slow
def test_a_strong_key_starts(tmp_path):
    assert start(tmp_path, "python", SECRET_KEY=STRONG).returncode == 0


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK)
def test_a_key_that_can_be_guessed_is_refused(key):
    with pytest.raises(ValueError, match="SECRET_KEY"):
        create_app({"ENVIRONMENT": "production", "SECRET_KEY": key})


@pytest.mark.parametrize("encode", [urlsafe_b64encode, hexlify])
def test_a_random_key_is_not_refused(encode):
    is_weak = import_string(f"{PACKAGE}.settings:is_weak")
    numbers = random.Random(1)  # One key of some millions spells a placeholder by chance.
    for size in (24, 32, 48):
        keys = [encode(numbers.randbytes(size)).decode().rstrip("=") for _ in range(1000)]
        assert not any(map(is_weak, keys))


def test_the_address_of_a_client_is_what_a_trusted_proxy_says(make_app):
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    for count, address in [(0, "127.0.0.1"), (1, "192.0.2.2"), (2, "192.0.2.1")]:
        with make_app(PROXY_HOPS=count).test_client() as client:
            client.get("/health/live", headers=headers)
            assert request.remote_addr == address
