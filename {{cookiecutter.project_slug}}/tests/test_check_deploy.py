"""``flask check-deploy`` names each fault with its remedy, and never shows a value."""

import pytest
from accounts import make_user  # feature: auth
from conftest import disposed
from conftest import MIGRATIONS
from flask_migrate import downgrade
from flask_migrate import upgrade

STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
SHORT = "Xk29vQ"

FAULTS = [
    ("TESTING", True, "unset FLASK_TESTING"),
    ("SECRET_KEY_FALLBACKS", [STRONG], "take it out"),
    ("MAX_CONTENT_LENGTH", 0, "1048576"),
    ("TRUSTED_HOSTS", ["*"], "list the names"),
    ("CORS_ORIGINS", ["*"], "list your own"),
    ("DATABASE_URL", "sqlite:////no/such/folder/app.db", "does not respond"),
    ("DATABASE_URL", f"postgresql://a:{SHORT}@db.example.invalid/a", "sslmode=verify-full"),
    ("SESSION_COOKIE_SECURE", False, "unset"),  # feature: session or auth
    ("REDIS_URL", f"redis://:{SHORT}@cache.example.invalid", "rediss://"),  # feature: cache
    ("CARAFE_LOGGER_RF_LEVEL", "debug", "INFO"),  # feature: logger
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
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)

    def faults(**changes):
        done = make_app(**safe | changes).test_cli_runner().invoke(args=["check-deploy"])
        assert done.exit_code == (1 if done.stdout else 0), done.output
        assert SHORT not in done.output
        return [line.split(": ", 1) for line in done.stdout.splitlines()]

    return faults


def test_the_defaults_of_production_have_no_fault(faults):
    assert faults() == []


@pytest.mark.parametrize(("name", "value", "remedy"), FAULTS)
def test_a_fault_is_named_with_its_remedy(faults, name, value, remedy):
    found = faults(**{name: value})
    assert {one for one, _ in found} <= {name, "TRUSTED_HOSTS"}
    assert [text for _, text in found if remedy in text]


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
