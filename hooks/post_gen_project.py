"""Take out every feature that was declined, and write the secret key.

A file or folder that is named for a feature goes with it. So does a file whose first line is
`# feature: auth`, and a line that ends in `# feature: cache`, with the block that it opens.
`# feature: auth, cache` asks for both features, `# feature: auth or session` for one of them.
"""

import json
import os
import re
import secrets
import shutil
import signal
import stat
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

ANSWERS = json.loads(r"""
{{ cookiecutter | tojson }}
""")

PACKAGE = Path("src", ANSWERS["package_name"])

FEATURES = {"auth", "cache", "logger", "session"}
WANTED = {name for name in FEATURES if ANSWERS[f"use_{name}"]}
NAMES = {name: name for name in FEATURES} | {"accounts": "auth", "csrf": "auth or session"}

FILE_TAG = re.compile(r"\A# feature: ([a-z, ]+)\n")
LINE_TAG = re.compile(r"  # feature: ([a-z, ]+)$")


def make_writable() -> None:
    """Let the owner write every file: cookiecutter copies the modes of a read-only template."""
    for path in filter(Path.is_file, Path().rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def take_out(folder: Path) -> None:
    """Remove the files and folders of declined features, and their lines in the other files."""
    for path in folder.iterdir():
        names = NAMES.get(path.stem.removeprefix("test_"))
        if names and not is_wanted(names) and path != PACKAGE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif path.is_dir():
            take_out(path)
        elif path.suffix != ".md" and b"# feature: " in path.read_bytes():
            text = path.read_text(encoding="utf-8")
            tag = FILE_TAG.match(text)
            if tag and not is_wanted(tag[1]):
                path.unlink()
            else:
                text = untag(FILE_TAG.sub("", text))
                path.write_text(text, encoding="utf-8", newline="\n")


def untag(text: str) -> str:
    """The text without the lines of declined features, and without the paragraphs this empties."""
    parts = re.split(r"(\n\n+)", text.strip("\n"))
    kept = gap = ""
    block = None  # the indentation of a line that goes with the block below it
    for paragraph, after in zip_longest(parts[::2], parts[1::2], fillvalue=""):
        lines, code = paragraph.split("\n"), []
        for line in lines:
            indentation = len(line) - len(line.lstrip())
            if block is None or indentation <= block:
                content, *names = LINE_TAG.split(line)
                is_kept = not names or is_wanted(names[0])
                block = None if is_kept or not content.endswith(":") else indentation
                code += [content] if is_kept else []
        if code:
            kept += gap + "\n".join(code)
            gap = "\n" if code[-1].endswith(":") and len(code) < len(lines) else after
        elif kept:
            gap = max(gap, after)
    return kept + "\n"


def is_wanted(names: str) -> bool:
    """Whether all the features are wanted, or all those on one side of an `or`."""
    return any(WANTED.issuperset(side.split(", ")) for side in names.split(" or "))


def write_secret() -> None:
    """Make `.env`, which is the owner's from then on: one that exists stays as it is."""
    try:
        file = os.open(".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with open(file, "w", encoding="utf-8", newline="\n") as env:
        env.write("# For this machine only; git ignores it.\nFLASK_ENVIRONMENT=development\n")
        env.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\n")


def clear() -> None:
    """Leave nothing in the folder, which was empty before."""
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def report() -> None:
    """Say what is in the project, what is not, and what to do next."""
    print("Included:", ", ".join(sorted(WANTED)) or "only the core")
    print("Left out:", ", ".join(sorted(FEATURES - WANTED)) or "nothing")
    print(f"\nNext:\n  cd {ANSWERS['project_slug']}\n  uv run flask dev\n  uv run pytest")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make_writable()
        take_out(Path())
        write_secret()
        report()
    except BaseException as fault:
        clear()
        if isinstance(fault, KeyboardInterrupt):
            with suppress(OSError):  # After any other fault cookiecutter does it.
                Path.cwd().rmdir()
        raise
