"""The document describes every route, and every response, whatever is sent."""

import json
import os
import re
from itertools import count  # feature: auth
from pathlib import Path
from tempfile import gettempdir

import pytest
import schemathesis
from accounts import log_in  # feature: auth
from conftest import create_app
from conftest import disposed
from conftest import MIGRATIONS
from conftest import throttling  # feature: auth
from flask_migrate import upgrade
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from notes import PATH
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import ignored_auth  # feature: auth
from schemathesis.specs.openapi.checks import negative_data_rejection
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Not in the folder of the project, and for each user of the machine.
set_hypothesis_home_dir(Path(gettempdir(), f"hypothesis-{getattr(os, 'getuid', str)()}"))

NUMBERS = count()  # feature: auth
UNDESCRIBED = ("/docs", "/openapi.json")
REFUSALS = [401, 403, 404, 409, 412, 422, 429]
"""How a body that matches its schema can still be refused: it refers to a row that does not exist,
has a value that is taken already, or one that is not permitted; or something has changed since.
"""


def test_the_document_is_valid_and_lists_every_route(client, app):
    document = client.get("/openapi.json").json
    validate(document)
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    served = {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(UNDESCRIBED) and rule.rule != "/"
    }
    assert served == described, "Decorate a view with @operation, or add it to UNDESCRIBED."


def test_every_refusal_is_described(client):
    operations = client.get("/openapi.json").json["paths"][PATH]
    assert {"201", "400", "415", "422", "503"} <= set(operations["post"]["responses"])
    assert {"401", "403"} <= set(operations["post"]["responses"])  # feature: auth


def test_the_page_that_shows_it_loads_nothing_from_elsewhere(client):
    page = client.get("/docs/")
    assert page.status_code == 200
    assert set(re.findall(r"://([^/\"]+)", page.text)) <= {"localhost"}


def test_the_command_prints_the_document(app, client):
    printed = app.test_cli_runner().invoke(args=["openapi"]).output
    assert json.loads(printed) == client.get("/openapi.json").json


@pytest.fixture(scope="module")
def lasting_app(tmp_path_factory):
    """An application whose database keeps whatever is sent."""
    with disposed(DATABASE_URL=f"sqlite:///{tmp_path_factory.mktemp('openapi')}/app.db") as app:
        with app.app_context():
            upgrade(str(MIGRATIONS))
        yield app


@pytest.fixture
def sender(lasting_app):
    """The application and the cookies of a client that may do everything."""
    sender = {"app": lasting_app}
    throttling.init_app(lasting_app)  # feature: auth
    email = f"{next(NUMBERS)}@example.com"  # feature: auth
    client = log_in(lasting_app, "admin", "editor", email=email)  # feature: auth
    cookie = client.get_cookie(lasting_app.config["SESSION_COOKIE_NAME"])  # feature: auth
    sender["cookies"] = {cookie.key: cookie.value}  # feature: auth
    return sender


document = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    create_app({"ENVIRONMENT": "development", "DATABASE_URL": "sqlite://"}),
    config=schemathesis.Config.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", *REFUSALS]}
            },
            "generation": {"with-security-parameters": False},  # feature: auth
        }
    ),
)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # It does not close what is downloaded.
@document.parametrize()
@settings(
    max_examples=20,
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_response_is_described(case, sender):
    excluded = []
    if not re.fullmatch(r'\*|".*"', (case.headers or {}).get("If-Match", "*")):
        excluded.append(positive_data_acceptance)  # It takes 0 for a text with quotes.
    excluded.append(ignored_auth)  # It takes the sender's cookie for a bad one.  # feature: auth
    if case.media_type == "multipart/form-data":  # Every value is a text, also a wrong one.
        excluded.append(negative_data_rejection)
    case.call_and_validate(**sender, excluded_checks=excluded)
