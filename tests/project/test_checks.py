"""``flask check-deploy`` names each fault with its remedy, and never shows a value."""

import os

import pytest
from accounts import make_user  # feature: auth
from conftest import disposed
from conftest import MIGRATIONS
from flask_migrate import downgrade
from flask_migrate import upgrade

STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
SHORT = "Xk29vQ"
KNOWN = "change-me-change-me-change-me-now"
FAR = f"postgresql://app:{SHORT}@db.example.invalid/app"
SAFE = f"{FAR}?sslmode=verify-full"

DEVELOPMENT = [
    ("ENVIRONMENT", "development", "FLASK_ENVIRONMENT=production"),
    ("SECRET_KEY", KNOWN, "token_urlsafe"),
    ("SECRET_KEY", SHORT, "token_urlsafe"),
    ("SECRET_KEY_FALLBACKS", [KNOWN], "take it out"),
    ("SECRET_KEY_FALLBACKS", [SHORT], "take it out"),
]

SEEDED = [
    ("TESTING", True, "unset FLASK_TESTING"),
    ("SECRET_KEY_FALLBACKS", [STRONG], "take it out"),
    ("PROPAGATE_EXCEPTIONS", True, "unset"),
    ("TRAP_HTTP_EXCEPTIONS", True, "unset"),
    ("TRAP_BAD_REQUEST_ERRORS", True, "unset"),
    ("MAX_CONTENT_LENGTH", 0, "1048576"),
    ("MAX_CONTENT_LENGTH", 2**30, "1048576"),
    ("PROXY_HOPS", None, "only to 0"),
    ("PROXY_HOPS", 9, "how many"),
    ("CORS_ORIGINS", ["*"], "list your own"),
    ("CORS_ORIGINS", ["http://app.example.com"], "https://"),
    ("DATABASE_URL", "sqlite://", "name a file"),
    ("DATABASE_URL", "sqlite:////no/such/folder/app.db", "does not respond"),
    ("DATABASE_URL", SAFE.replace(f":{SHORT}", ""), "PGPASSWORD"),
    ("DATABASE_URL", FAR, "sslmode=verify-full"),
    ("DATABASE_URL", SAFE.replace("verify-full", "prefer"), "sslmode=verify-full"),
    ("DATABASE_URL", SAFE.replace(SHORT, "change-me"), "choose another"),
    ("DATABASE_URL", "postgresql://app:app@localhost:1/app", "choose another"),
    ("DATABASE_TIMEOUT", 60, "1.5"),
    ("SQLALCHEMY_ECHO", True, "unset"),
    ("SQLALCHEMY_RECORD_QUERIES", True, "unset"),
    ("SQLALCHEMY_ENGINE_OPTIONS", {"hide_parameters": False}, "hide_parameters"),
    ("SESSION_COOKIE_SECURE", False, "unset"),  # feature: session or auth
    ("SESSION_COOKIE_HTTPONLY", False, "unset"),  # feature: session or auth
    ("SESSION_COOKIE_SAMESITE", None, "unset"),  # feature: session or auth
    ("SESSION_COOKIE_SAMESITE", "None", "unset"),  # feature: session or auth
    ("SESSION_COOKIE_NAME", "session", "__Host-"),  # feature: session or auth
    ("SESSION_COOKIE_NAME", "session", "__Host-"),  # feature: session or auth
    ("SESSION_COOKIE_DOMAIN", "example.com", "unset"),  # feature: session or auth
    ("APPLICATION_ROOT", "/api", "SESSION_COOKIE_PATH=/"),  # feature: session or auth
    ("PERMANENT_SESSION_LIFETIME", 10**8, "90 days"),  # feature: session or auth
    ("PERMANENT_SESSION_LIFETIME", 0, "90 days"),  # feature: session or auth
    ("CARAFE_CSRF_ENABLED", False, "unset"),  # feature: session or auth
    ("PROXY_PREFIX_HOPS", 1, "PROXY_HOPS at most"),
    ("CARAFE_CSRF_FORMS", True, "unset"),  # feature: session or auth
    ("CARAFE_CSRF_TRUSTED_ORIGINS", ["http://a.com"], "https://"),  # feature: session or auth
    ("REDIS_URL", f"redis://:{SHORT}@cache.example.invalid", "rediss://"),  # feature: cache
    ("REDIS_URL", "rediss://cache.example.invalid", "credentials"),  # feature: cache
    ("REDIS_URL", "rediss+sentinel://a,b.example.invalid/c", "credentials"),  # feature: cache
    ("CARAFE_LOGGER_RF_LEVEL", "debug", "INFO"),  # feature: logger
    ("CARAFE_LOGGER_RF_MAXBYTES", 0, "unset it"),  # feature: logger
    ("CARAFE_LOGGER_RF_BACKUPCOUNT", 0, "unset it"),  # feature: logger
    ("CARAFE_LOGGER_SMTP_LEVEL", "INFO", "WARNING"),  # feature: logger
    ("CARAFE_LOGGER_SMTP_USE_TLS", False, "true"),  # feature: logger
]


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """A configuration that is fit for production, with a migrated database."""
    folder = tmp_path_factory.mktemp("deploy")
    config = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": STRONG,
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "DATABASE_TIMEOUT": 0.3,
        "PROXY_HOPS": 0,
        "TESTING": False,
    }
    config["SESSION_COOKIE_SAMESITE"] = "lax"  # feature: session or auth
    config["REDIS_URL"] = "redis://localhost:6379/0"  # feature: cache
    config["CARAFE_LOGGER_RF_ENABLED"] = True  # feature: logger
    config["CARAFE_LOGGER_RF_FILENAME"] = f"{folder}/log"  # feature: logger
    config["CARAFE_LOGGER_RF_MAXBYTES"] = 2**20  # feature: logger
    config["CARAFE_LOGGER_SMTP_ENABLED"] = True  # feature: logger
    config["CARAFE_LOGGER_SMTP_SERVER"] = "mail.example.invalid"  # feature: logger
    config["CARAFE_LOGGER_SMTP_USE_TLS"] = True  # feature: logger
    config["CARAFE_LOGGER_SMTP_FROMADDR"] = "api@example.com"  # feature: logger
    config["CARAFE_LOGGER_SMTP_TOADDRS"] = ["ada@example.com"]  # feature: logger
    with disposed(**config) as app, app.app_context():
        upgrade(str(MIGRATIONS))
    return config


@pytest.fixture
def faults(safe, make_app, tmp_path, monkeypatch):
    """The faults that the command finds, as pairs of a setting and a text."""
    (tmp_path / "migrations").symlink_to(MIGRATIONS, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    for name in ("PGHOST", "PGPASSWORD", "PGPASSFILE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WEB_CONCURRENCY", "1")

    def faults(**changes):
        done = make_app(**safe | changes).test_cli_runner().invoke(args=["check-deploy"])
        assert done.exit_code == (1 if done.stdout else 0), done.output
        assert SHORT not in done.output
        return [line.split(": ", 1) for line in done.stdout.splitlines()]

    return faults


def test_the_defaults_of_production_have_no_fault(faults):
    assert faults() == []


@pytest.mark.parametrize(("name", "value", "remedy"), SEEDED)
def test_every_fault_is_named_with_its_remedy(faults, name, value, remedy):
    found = faults(**{name: value})
    assert {one for one, _ in found} <= {name, "TRUSTED_HOSTS"}
    assert [text for _, text in found if remedy in text]
    assert "change-me" not in str(found)


@pytest.mark.parametrize(("name", "value", "remedy"), DEVELOPMENT)
def test_what_production_refuses_to_start_with_is_found_before(faults, name, value, remedy):
    found = faults(**{"ENVIRONMENT": "development", name: value})
    assert [text for one, text in found if one == name and remedy in text]


def test_a_debugger_is_found(faults, monkeypatch):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    found = faults(ENVIRONMENT="development")
    assert ["DEBUG", "it shows the code to everybody; unset FLASK_DEBUG"] in found


def test_behind_a_proxy_the_names_of_the_api_are_asked_for(faults):
    [[name, _]] = faults(PROXY_HOPS=1)
    assert name == "TRUSTED_HOSTS"
    assert faults(PROXY_HOPS=1, TRUSTED_HOSTS=["api.example.com", ".example.org"]) == []


def test_a_bind_is_checked_as_the_first_database(faults):
    url = "postgresql://app@db.example.invalid/app"
    found = [text for name, text in faults(SQLALCHEMY_BINDS={"audit": url}) if "audit" in name]
    reasons = [text.partition(";")[0] for text in found]
    assert reasons == ["it has no secret", "data travels unencrypted"]


def test_a_password_and_a_host_in_the_environment_count(faults, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "change-me")
    monkeypatch.setenv("PGHOST", "db.example.invalid")
    found = "; ".join(text for _, text in faults(DATABASE_URL="postgresql://app@/app"))
    assert "its secret is well known" in found and "travels unencrypted" in found


def test_neighbours_need_neither_encryption_nor_credentials(faults):
    found = faults(DATABASE_URL="postgresql://app@postgres/app")
    assert [text.split(";")[0] for _, text in found] == ["a database does not respond"]
    assert faults(REDIS_URL="redis://redis:6379/0") == []  # feature: cache


@pytest.mark.parametrize("workers", ["4", "auto", None])
def test_several_workers_need_a_server_for_their_database(faults, monkeypatch, workers):
    monkeypatch.delenv("WEB_CONCURRENCY")
    if workers is not None:
        monkeypatch.setenv("WEB_CONCURRENCY", workers)
    assert [name for name, _ in faults()] == ["DATABASE_URL"]


@pytest.mark.parametrize("type_", ["NullCache", "SimpleCache"])  # feature: cache
def test_production_needs_a_server_for_its_cache(faults, type_):  # feature: cache
    given = {"REDIS_URL": None, "CACHE_TYPE": type_}
    [[name, _]] = faults(**given, CARAFE_CACHE_ENABLED=True)
    assert name == "REDIS_URL"
    assert faults(**given, CARAFE_CACHE_ENABLED=False) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_secrets_that_others_can_read_are_found(faults, tmp_path):
    (tmp_path / ".env").touch(0o600)
    assert faults() == []
    (tmp_path / ".env").chmod(0o640)
    [[name, text]] = faults()
    assert name == ".env" and "chmod 600" in text


def test_it_asks_for_the_folder_of_the_migrations(faults, tmp_path):
    (tmp_path / "migrations").unlink()
    [[name, _]] = faults()
    assert name == "migrations"


def test_missing_migrations_are_found(faults, safe, make_app):
    with make_app(**safe).app_context():
        downgrade(str(MIGRATIONS), "base")
        found = faults()
        upgrade(str(MIGRATIONS))
    [[name, text]] = found
    assert name == "DATABASE_URL" and "flask db upgrade" in text


def test_the_user_of_the_demonstration_is_found(faults, safe, make_app):  # feature: auth
    app = make_app(**safe)
    make_user(app, "admin", email="admin@example.com")
    [[name, text]] = faults()
    assert name == "DATABASE_URL" and "disable" in text
    app.test_cli_runner().invoke(args=["users", "disable", "admin@example.com"])
    assert faults() == []
