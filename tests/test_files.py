"""A project is exactly these files."""

import os
import re
import stat

import pytest

from .conftest import ALL
from .conftest import FEATURES

FILES = {
    ".dockerignore",
    ".editorconfig",
    ".env",
    ".env.example",
    ".flaskenv",
    ".gitattributes",
    ".github/dependabot.yml",
    ".github/workflows/ci.yml",
    ".gitignore",
    ".pre-commit-config.yaml",
    "Dockerfile",
    "README.md",
    "compose.yaml",
    "docs/howto.md",
    "gunicorn.conf.py",
    "migrations/env.py",
    "migrations/script.py.mako",
    "migrations/versions/0001_books.py",
    "migrations/versions/0002_accounts.py",
    "migrations/versions/0003_times.py",
    "migrations/versions/0004_tokens.py",
    "nginx.conf",
    "pyproject.toml",
    "src/my_api/__init__.py",
    "src/my_api/about.json",
    "src/my_api/accounts/__init__.py",
    "src/my_api/accounts/audit.py",
    "src/my_api/accounts/commands.py",
    "src/my_api/accounts/login.py",
    "src/my_api/accounts/models.py",
    "src/my_api/accounts/passwords.py",
    "src/my_api/accounts/provider.py",
    "src/my_api/accounts/throttling.py",
    "src/my_api/accounts/tokens.py",
    "src/my_api/carafe/LICENSE",
    "src/my_api/carafe/PROVENANCE.md",
    "src/my_api/carafe/__init__.py",
    "src/my_api/carafe/app.py",
    "src/my_api/carafe/arguments.py",
    "src/my_api/carafe/conditional.py",
    "src/my_api/carafe/config.py",
    "src/my_api/carafe/cors.py",
    "src/my_api/carafe/document.py",
    "src/my_api/carafe/errors.py",
    "src/my_api/carafe/examples.py",
    "src/my_api/carafe/ext/__init__.py",
    "src/my_api/carafe/ext/auth/__init__.py",
    "src/my_api/carafe/ext/auth/identity.py",
    "src/my_api/carafe/ext/auth/provider.py",
    "src/my_api/carafe/ext/auth/require.py",
    "src/my_api/carafe/ext/cache/__init__.py",
    "src/my_api/carafe/ext/cache/availability.py",
    "src/my_api/carafe/ext/cache/entry.py",
    "src/my_api/carafe/ext/cache/memory.py",
    "src/my_api/carafe/ext/cache/redis.py",
    "src/my_api/carafe/ext/cache/serializer.py",
    "src/my_api/carafe/ext/cache/settings.py",
    "src/my_api/carafe/ext/cache/signals.py",
    "src/my_api/carafe/ext/cache/single_flight.py",
    "src/my_api/carafe/ext/cache/views.py",
    "src/my_api/carafe/ext/csrf.py",
    "src/my_api/carafe/ext/logger/__init__.py",
    "src/my_api/carafe/ext/logger/access.py",
    "src/my_api/carafe/ext/logger/handlers.py",
    "src/my_api/carafe/ext/logger/mail.py",
    "src/my_api/carafe/ext/logger/redaction.py",
    "src/my_api/carafe/ext/logger/settings.py",
    "src/my_api/carafe/ext/session/__init__.py",
    "src/my_api/carafe/ext/session/interface.py",
    "src/my_api/carafe/json.py",
    "src/my_api/carafe/names.py",
    "src/my_api/carafe/openapi.py",
    "src/my_api/carafe/operation.py",
    "src/my_api/carafe/reads.py",
    "src/my_api/carafe/request.py",
    "src/my_api/carafe/schema.py",
    "src/my_api/carafe/security.py",
    "src/my_api/carafe/strict.py",
    "src/my_api/carafe/testing.py",
    "src/my_api/carafe/utils.py",
    "src/my_api/checks.py",
    "src/my_api/column_types.py",
    "src/my_api/commands.py",
    "src/my_api/database.py",
    "src/my_api/database_errors.py",
    "src/my_api/extensions.py",
    "src/my_api/health.py",
    "src/my_api/lists.py",
    "src/my_api/metrics.py",
    "src/my_api/models.py",
    "src/my_api/postgresql.py",
    "src/my_api/resources/__init__.py",
    "src/my_api/resources/authors.py",
    "src/my_api/resources/books.py",
    "src/my_api/seed.py",
    "src/my_api/settings.py",
    "src/my_api/sqlite.py",
    "tests/accounts.py",
    "tests/conftest.py",
    "tests/notes.py",
    "tests/test_audit.py",
    "tests/test_authors.py",
    "tests/test_books.py",
    "tests/test_cache.py",
    "tests/test_csrf.py",
    "tests/test_database.py",
    "tests/test_default_deny.py",
    "tests/test_http.py",
    "tests/test_logger.py",
    "tests/test_login.py",
    "tests/test_openapi.py",
    "tests/test_start.py",
    "tests/test_throttling.py",
    "tests/test_tokens.py",
    "tests/test_users.py",
}


def test_the_default_project_is_exactly_these_files(default):
    assert default.files() == FILES


def test_a_project_lacks_what_each_of_its_declined_features_takes(baked, project):
    declined = {name for name in FEATURES if not project.answers[f"use_{name}"]}
    taken = [FILES - baked(ALL - {name}).files() for name in declined]
    if {"auth", "session"} <= declined:
        taken.append(FILES - baked(ALL - {"auth", "session"}).files())
    assert project.files() == FILES.difference(*taken)


def test_no_folder_is_empty(project):
    assert all(any(path.iterdir()) for path in project.path.rglob("*") if path.is_dir())


def test_every_file_is_utf_8_text_with_unix_newlines_and_one_at_its_end(project):
    for name in project.files():
        text = project.read(name)
        assert "\r" not in text, name
        assert not text or re.search(r"[^\n]\n\Z", text), name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_no_file_is_executable(project):
    for path in project.path.rglob("*"):
        assert path.is_dir() or not path.stat().st_mode & stat.S_IXUSR, path


def test_two_files_never_differ_in_case_only(default):
    assert len({name.lower() for name in default.files()}) == len(default.files())
