"""Whatever is sent, the answer is one that the document describes."""

from itertools import count  # feature: auth
from pathlib import Path
from tempfile import gettempdir

import pytest
import schemathesis
from accounts import log_in  # feature: auth
from conftest import attempts  # feature: auth
from conftest import create_app
from conftest import disposed
from conftest import MIGRATIONS
from flask_migrate import upgrade
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # and not the folder of the project

NUMBERS = count()  # feature: auth

document = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    create_app({"ENVIRONMENT": "development"}),
    config=schemathesis.Config.from_path(Path(__file__).with_name("schemathesis.toml")),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The application, with a database in which all that is sent stays."""
    path = tmp_path_factory.mktemp("contract")
    with disposed(DATABASE_URL=f"sqlite:///{path}/app.db") as app:
        with app.app_context():
            upgrade(str(MIGRATIONS))
        yield app


@pytest.fixture
def sender(app):
    """Somebody who may do everything, as arguments of a call."""
    sender = {}
    attempts.init_app(app)  # feature: auth
    client = log_in(app, "admin", "editor", email=f"{next(NUMBERS)}@example.com")  # feature: auth
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])  # feature: auth
    sender["cookies"] = {cookie.key: cookie.value}  # feature: auth
    return sender


@document.parametrize()
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_answer_is_described(case, app, sender):
    case.call_and_validate(app=app, **sender)
