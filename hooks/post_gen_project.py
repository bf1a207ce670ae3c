"""Take out every feature that was declined, its files and its lines, and write the secret key.

A line that ends in `# feature: cache` is there if the cache is wanted; `# feature: auth, cache`
asks for both, `# feature: auth or session` for one of them. It is a whole line, which can go.
"""

import json
import os
import re
import secrets
import shutil
import signal
import stat
from contextlib import suppress
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

ANSWERS = json.loads(r"""
{{ cookiecutter | tojson }}
""")

PACKAGE = Path("src", ANSWERS["package_name"])
CARAFE = PACKAGE / "carafe"

FILES = {
    "auth": [
        Path("migrations/versions/0002_accounts.py"),
        PACKAGE / "accounts.py",
        PACKAGE / "attempts.py",
        PACKAGE / "audit.py",
        CARAFE / "ext/auth/__init__.py",
        CARAFE / "ext/auth/identity.py",
        CARAFE / "ext/auth/provider.py",
        CARAFE / "ext/auth/require.py",
        PACKAGE / "checks/demo.py",
        PACKAGE / "credentials.py",
        PACKAGE / "logins.py",
        PACKAGE / "passwords.py",
        PACKAGE / "resources/login.py",
        PACKAGE / "resources/logins.py",
        PACKAGE / "seed_admin.py",
        PACKAGE / "users.py",
        Path("tests/accounts.py"),
        Path("tests/test_attempts.py"),
        Path("tests/test_audit.py"),
        Path("tests/test_default_deny.py"),
        Path("tests/test_login.py"),
        Path("tests/test_login_machine.py"),
        Path("tests/test_users.py"),
    ],
    "auth, cache": [
        PACKAGE / "shared_limiter.py",
        Path("tests/test_private_views.py"),
        Path("tests/test_shared_limiter.py"),
    ],
    "cache": [
        CARAFE / "ext/cache/__init__.py",
        CARAFE / "ext/cache/availability.py",
        CARAFE / "ext/cache/cacheability.py",
        CARAFE / "ext/cache/entry.py",
        CARAFE / "ext/cache/memory.py",
        CARAFE / "ext/cache/redis.py",
        CARAFE / "ext/cache/settings.py",
        CARAFE / "ext/cache/signals.py",
        CARAFE / "ext/cache/single_flight.py",
        CARAFE / "ext/cache/views.py",
        PACKAGE / "checks/redis.py",
        Path("tests/test_cache.py"),
    ],
    "logger": [
        CARAFE / "ext/logger/__init__.py",
        CARAFE / "ext/logger/context.py",
        CARAFE / "ext/logger/file.py",
        CARAFE / "ext/logger/json.py",
        CARAFE / "ext/logger/known.py",
        CARAFE / "ext/logger/mail.py",
        CARAFE / "ext/logger/options.py",
        CARAFE / "ext/logger/outbox.py",
        CARAFE / "ext/logger/record.py",
        CARAFE / "ext/logger/redaction.py",
        CARAFE / "ext/logger/settings.py",
        CARAFE / "ext/logger/sink.py",
        CARAFE / "ext/logger/smtp.py",
        CARAFE / "ext/logger/stderr.py",
        CARAFE / "ext/logger/stream.py",
        CARAFE / "ext/logger/text.py",
        CARAFE / "ext/logger/throttle.py",
        CARAFE / "ext/logger/turn.py",
        Path("tests/test_logger.py"),
        PACKAGE / "checks/log.py",
    ],
    "session": [
        CARAFE / "ext/session/__init__.py",
        CARAFE / "ext/session/interface.py",
        CARAFE / "ext/session/seal.py",
        CARAFE / "ext/session/settings.py",
    ],
    "session or auth": [
        PACKAGE / "checks/cookies.py",
        CARAFE / "ext/csrf.py",
        Path("tests/test_csrf.py"),
    ],
}

TAGGED = [
    Path(".env.example"),
    Path(".github/workflows/ci.yml"),
    Path("compose.yaml"),
    Path("gunicorn.conf.py"),
    Path("pyproject.toml"),
    PACKAGE / "__init__.py",
    PACKAGE / "attempts.py",
    PACKAGE / "checks/__init__.py",
    PACKAGE / "commands.py",
    PACKAGE / "extensions.py",
    PACKAGE / "health.py",
    PACKAGE / "models.py",
    PACKAGE / "resources/__init__.py",
    PACKAGE / "resources/authors.py",
    PACKAGE / "resources/books.py",
    PACKAGE / "settings.py",
    Path("tests/conftest.py"),
    Path("tests/notes.py"),
    Path("tests/served.py"),
    Path("tests/test_app.py"),
    Path("tests/test_authors.py"),
    Path("tests/test_books.py"),
    Path("tests/test_check_deploy.py"),
    Path("tests/test_contract.py"),
    Path("tests/test_dev.py"),
    Path("tests/test_openapi.py"),
    Path("tests/test_raw_input.py"),
    Path("tests/test_serving.py"),
    Path("tests/test_start.py"),
]

TAG = re.compile("  # feature: ([a-z, ]+)$")
FEATURES = {"auth", "cache", "logger", "session"}
WANTED = {name for name in FEATURES if ANSWERS[f"use_{name}"]}
DECLINED = FEATURES - WANTED


def finish() -> None:
    """Make the whole that cookiecutter wrote into the project that was asked for."""
    make_writable()
    for names, paths in FILES.items():
        for path in paths if not is_wanted(names) else ():
            remove(path)
    for path in filter(Path.exists, TAGGED):
        path.write_text(untag(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    write_sums()
    write_secret()


def make_writable() -> None:
    """Let the owner write every file: cookiecutter copies the modes of a read-only template."""
    for path in filter(Path.is_file, Path().rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def remove(path: Path) -> None:
    """Remove the file, and the folders that this leaves empty."""
    path.unlink()
    for folder in path.parents:
        try:
            folder.rmdir()
        except OSError:
            break


def untag(text: str) -> str:
    """The text without the lines of declined features, and without the paragraphs this empties."""
    parts = re.split(r"(\n\n+)", text.strip("\n"))
    kept = gap = ""
    for paragraph, after in zip_longest(parts[::2], parts[1::2], fillvalue=""):
        lines = [TAG.split(line) for line in paragraph.split("\n")]
        code = [code for code, *names in lines if not names or is_wanted(names[0])]
        if code:
            kept += gap + "\n".join(code)
            lost_its_beginning = code[-1].endswith(":") and len(code) < len(lines)
            gap = "\n" if lost_its_beginning else after
        elif kept:
            gap = max(gap, after)
    return kept + "\n"


def is_wanted(names: str) -> bool:
    """Whether all the features are wanted, or all those on one side of an `or`."""
    return any(WANTED.issuperset(side.split(", ")) for side in names.split(" or "))


def write_sums() -> None:
    """Note what the library is, so that its owner can see what they have changed."""
    files = filter(Path.is_file, CARAFE.rglob("*"))
    names = sorted(path.relative_to(CARAFE).as_posix() for path in files)
    sums = [f"{sha256((CARAFE / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (CARAFE / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")


def write_secret() -> None:
    """Make `.env`, which is the owner's from then on: one that exists stays as it is."""
    try:
        file = os.open(".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with open(file, "w", encoding="utf-8", newline="\n") as env:
        env.write("# For this machine only; git ignores it.\n")
        env.write("FLASK_ENVIRONMENT=development\n")
        env.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\n")


def clear() -> None:
    """Leave nothing in the folder, which was empty before."""
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def report() -> None:
    """Say what is in the project, what is not, and what to do next."""
    print("In: ", ", ".join(sorted(WANTED)) or "nothing but the core")
    print("Out:", ", ".join(sorted(DECLINED)) or "nothing")
    print(f"\nNext:\n  cd {ANSWERS['project_slug']}\n  uv run flask dev\n  uv run pytest")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        finish()
        report()
    except BaseException as fault:
        clear()
        if isinstance(fault, KeyboardInterrupt):
            with suppress(OSError):  # After any other fault cookiecutter does it.
                Path.cwd().rmdir()
        raise
