"""The application starts with settings that are safe, refuses all others, and says how it is."""

import pytest
from conftest import create_app

STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
SITE = "https://app.example.com"

WEAK = {
    "missing": None,
    "empty": "",
    "short": STRONG[:31],
    "one character": "a" * 64,
    "few characters": "abcdefg" * 9 + "a",
    "placeholder": "change-me-" * 5,
    "known": f"not-so-SECRET-{STRONG}",
    "repeated": STRONG[:20] * 2,
    "in a row": "abcdefghijklmnopqrstuvwxyz0123456789",
    "backwards": "zyxwvutsrqponmlkjihgfedcba9876543210",
}


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK)
def test_production_refuses_a_key_that_can_be_guessed_and_does_not_show_it(key, capsys):
    with pytest.raises(SystemExit, match="SECRET_KEY") as refused:
        create_app({"SECRET_KEY": key} if key is not None else None)
    assert refused.value.code == 3
    assert "secrets.token_urlsafe" in (said := capsys.readouterr().err)
    assert not key or key not in said


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SECRET_KEY_FALLBACKS": f'["{STRONG[:20]}"]'}, "SECRET_KEY_FALLBACKS"),
        ({"SECRET_KEY_FALLBACKS": STRONG}, "FALLBACKS"),
        ({"FLASK_SECRET_KEY_FALLBACKS": f'"{STRONG}"'}, "FALLBACKS"),
        ({"FLASK_DEBUG": "1"}, "DEBUG"),
        ({"MAX_CONTENT_LENGTH": "much"}, "MAX_CONTENT_LENGTH"),
        ({"FLASK_ENVIRONMENT": "staging"}, "ENVIRONMENT"),
        ({"DATABASE_URL": "mysql://ada:secret@a/b"}, "DATABASE_URL"),
        ({"DATABASE_TIMEOUT": "0"}, "DATABASE_TIMEOUT"),
        ({"DATABASE_TIMEOUT": "inf"}, "DATABASE_TIMEOUT"),
        ({"PROXY_HOPS": "-1"}, "PROXY_HOPS"),
        ({"METRICS_TOKEN": "abcdefgh" * 4}, "METRICS_TOKEN"),
        ({"SECRET_KEY": "1234567890123456"}, "SECRET_KEY"),
        ({"CORS_ORIGINS": '["*"]', "CORS_CREDENTIALS": "true"}, "CORS_CREDENTIALS"),
        ({"CORS_ORIGINS": f'["{SITE}/path"]'}, "CORS_ORIGINS"),
        ({"TRUSTED_HOSTS": "a.example"}, "TRUSTED_HOSTS: expected a JSON list"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: expected a URL"),  # feature: cache
        ({"TRUSTED_HOSTS": '["*.a.example"]'}, "TRUSTED_HOSTS"),
        ({"TRUSTED_HOSTS": '["my_api"]'}, "TRUSTED_HOSTS"),
        ({"TRUSTED_HOSTS": '["https://a.example"]'}, "TRUSTED_HOSTS"),
        ({"FLASK_MAX_FORM_PARTS": "many"}, "MAX_FORM_PARTS"),
        ({"FLASK_TESTING": "perhaps"}, "TESTING"),
        ({"FLASK_SESSION_COOKIE_NAME": "a b"}, "COOKIE_NAME"),  # feature: session or auth
        ({"FLASK_SESSION_COOKIE_SAMESITE": "Loose"}, "SAMESITE"),  # feature: session or auth
        ({"FLASK_CARAFE_SESSION_SALT": '""'}, "SALT"),  # feature: session
    ],
)
def test_what_is_not_safe_is_named_and_not_shown(monkeypatch, capsys, environment, named):
    for name, value in ({"SECRET_KEY": STRONG} | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        create_app()
    assert refused.value.code == 3
    assert named in (said := capsys.readouterr().err)
    for value in environment.values():
        assert len(value) < 16 or value not in said


def test_all_settings_that_are_wrong_are_named_at_once():
    with pytest.raises(ValueError, match="(?s)ENVIRONMENT.*MAX_CONTENT_LENGTH"):
        create_app({"ENVIRONMENT": "staging", "MAX_CONTENT_LENGTH": "much"})


def test_production_starts_with_a_strong_key():
    app = create_app({"SECRET_KEY": STRONG})
    assert app.config["ENVIRONMENT"] == "production"
    assert app.config["SESSION_COOKIE_SECURE"] is True  # feature: session or auth
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")  # feature: session or auth


def test_flask_dev_refuses_to_be_the_server_in_production():
    refused = create_app({"SECRET_KEY": STRONG}).test_cli_runner().invoke(args=["dev"])
    assert refused.exit_code != 0
    assert "gunicorn" in refused.output


def test_development_makes_a_key_of_its_own(make_app):
    one, other = make_app(), make_app()
    assert len(one.secret_key) >= 32
    assert one.secret_key != other.secret_key


def test_it_lives_and_is_ready(client):
    assert client.get("/health/live").json == {"status": "ok"}
    ready = client.get("/health/ready").json
    assert ready["status"] == "ok"
    assert set(ready["checks"].values()) == {"ok"}


def test_without_its_database_it_lives_and_is_not_ready(make_app, tmp_path):
    client = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder.db").test_client()
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.mimetype) == (503, "application/problem+json")
