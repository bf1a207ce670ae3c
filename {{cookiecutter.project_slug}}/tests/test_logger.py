import json
import os

import pytest
from conftest import create_app
from flask import request

PACKAGE = create_app.__module__
KEY = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"
SECRETS = {
    "cookie": "canary-cookie-7f3a",
    "bearer": "canary-bearer-7f3a",
    "key": "canary-key-7f3a",
    "query": "canary-query-7f3a",
    "body": "canary-body-7f3a",
    "database": "canary-database-7f3a",
    "environment": "canary-environment-7f3a",
    "SECRET_KEY": KEY,
}
REQUEST = {
    "query_string": {"reset_token": SECRETS["query"]},
    "json": {"user": {"password": SECRETS["body"]}},
    "headers": {
        "Authorization": f"Bearer {SECRETS['bearer']}",
        "Cookie": f"{PACKAGE}={SECRETS['cookie']}",
        "X-API-Key": SECRETS["key"],
        "X-Request-ID": "from-the-proxy.1",
    },
}


@pytest.fixture
def production(make_app, monkeypatch):
    """The application as production has it, with a view that fails and tells all it knows."""
    monkeypatch.setenv("SHOP_LICENSE_KEY", SECRETS["environment"])
    database = f"postgresql://app:{SECRETS['database']}@127.0.0.1/app"
    app = make_app(
        ENVIRONMENT="production",
        TESTING=False,
        SECRET_KEY=KEY,
        DATABASE_URL=database,
        ACCESS_LOG=False,
    )

    def fail():
        assert request.get_json()
        raise ValueError(f"{list(SECRETS.values())}", dict(os.environ), dict(app.config))

    app.add_url_rule("/fail", view_func=fail, methods=["POST"])
    return app


def ask(app):
    answer = app.test_client(use_cookies=False).open("/fail", method="POST", **REQUEST)
    for handler in app.extensions["carafe.logger"].handlers:
        handler.flush()
    return answer


def test_an_error_in_production_is_a_line_of_json_with_the_id_of_the_problem(production, capsys):
    answer = ask(production)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["request_id"] == answer.json["request_id"] == "from-the-proxy.1"
    assert (line["level"], line["logger"], line["request_path"]) == ("ERROR", PACKAGE, "/fail")
    assert "ValueError" in line["exception"]


def test_no_secret_of_a_failed_request_is_in_the_log_or_in_the_answer(production, capsys):
    answer = ask(production)
    captured = capsys.readouterr()
    text = captured.out + captured.err + answer.text + str(answer.headers)
    assert [name for name, secret in SECRETS.items() if secret in text] == []
