"""A process that may not start ends with a reason, whichever server it is."""

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


def test_a_strong_key_starts(tmp_path):
    assert start(tmp_path, "python", SECRET_KEY=STRONG).returncode == 0


@pytest.mark.parametrize("encode", [urlsafe_b64encode, hexlify])
def test_a_random_key_is_not_refused(encode):
    is_weak = import_string(f"{PACKAGE}.settings:is_weak")
    numbers = random.Random(1)  # One key of some millions spells a placeholder by chance.
    for size in (24, 32, 48):
        keys = [encode(numbers.randbytes(size)).decode().rstrip("=") for _ in range(1000)]
        assert not any(map(is_weak, keys))
