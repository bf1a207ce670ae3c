import os
import re
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import notes
import psycopg
import pytest
from accounts import FAST  # feature: auth
from accounts import log_in  # feature: auth
from flask_migrate import upgrade
from sqlalchemy import make_url

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.accounts import auth as auth  # feature: auth
from {{ cookiecutter.package_name }}.accounts import passwords  # feature: auth
from {{ cookiecutter.package_name }}.accounts import throttling  # feature: auth
from {{ cookiecutter.package_name }}.carafe import JSONClient
from {{ cookiecutter.package_name }}.database import db
from {{ cookiecutter.package_name }}.extensions import cache  # feature: cache
from {{ cookiecutter.package_name }}.settings import Settings

for name in [*os.environ]:  # The tests depend on no setting of the developer, and on no .env.
    if name.startswith("FLASK_") or name.lower() in Settings.model_fields:
        del os.environ[name]
os.environ["FLASK_SKIP_DOTENV"] = "1"
MIGRATIONS = Path(__file__).parent.parent / "migrations"
POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/test")
VALUES = ("1", "1.5", "00000000-0000-0000-0000-000000000001")
"""What stands for the variables of a rule, whichever fits."""


@pytest.fixture(scope="session", autouse=True)  # feature: auth
def careful():  # feature: auth
    """The hasher of passwords, which is a fast one in other tests."""
    hasher, passwords._hasher = passwords._hasher, FAST
    return hasher


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/test.db"


@pytest.fixture(scope="session")
def postgresql():
    with schema() as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def migrated(database_url):
    """The application on a database that its migrations made."""
    with disposed(DATABASE_URL=database_url) as app:
        with app.app_context():
            upgrade(str(MIGRATIONS))
        yield app


@pytest.fixture
def make_app():
    """Make applications, as ``make_app(**config)``."""
    with ExitStack() as made:
        yield lambda **config: made.enter_context(disposed(**config))


@pytest.fixture
def app(migrated):
    """The application; whatever a test writes is rolled back."""
    with migrated.app_context():  # feature: cache
        cache.clear()
    throttling.init_app(migrated)  # feature: auth
    with rolled_back(migrated):
        yield migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def lasting(request, make_app, tmp_path):
    """A migrated application on a database of its own, where what is written stays."""
    with ExitStack() as stack:
        is_file = request.param == "sqlite"
        url = f"sqlite:///{tmp_path}/test.db" if is_file else stack.enter_context(schema())
        app = make_app(DATABASE_URL=url)
        with app.app_context():
            upgrade(str(MIGRATIONS))
        yield app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def writer(app):
    """A client that may write."""
    client = app.test_client()
    client = log_in(app, "editor", email="writer@example.com")  # feature: auth
    return client


@pytest.fixture
def operations(app):
    """Every method and path of the application, such as ``("PATCH", "/books/1")``."""
    routes = app.url_map.bind("localhost")
    found = {}
    for rule in app.url_map.iter_rules():
        one_of_any = re.sub(r"<any\(\W*(\w+).*?>", r"\1", rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            paths = [re.sub(r"<.*?>", value, one_of_any) for value in VALUES]
            fitting = [path for path in paths if routes.test(path, method)]
            assert fitting, f"Add to VALUES in conftest.py what fits {rule.rule}."
            found[method, fitting[0]] = None
    return list(found)


@contextmanager
def schema():
    """A schema of its own, in the database at ``TEST_DATABASE_URL``."""
    try:
        connection = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at TEST_DATABASE_URL: {type(error).__name__}")
    name = f"test_{uuid4().hex}"
    with connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield within(name)
        connection.execute(f"DROP SCHEMA {name} CASCADE")


def within(name):
    """The URL of the schema, in addition to the options that ``TEST_DATABASE_URL`` has."""
    url = make_url(POSTGRESQL)
    options = f"{url.query.get('options', '')} -csearch_path={name}".strip()
    return url.update_query_dict({"options": options}).render_as_string(hide_password=False)


@contextmanager
def disposed(**config):
    """An application, with the notes, whose connections are closed at the end.

    It waits long for its database, so that a busy machine is not taken for an outage.
    """
    safe = {"ENVIRONMENT": "development", "TESTING": True, "DATABASE_TIMEOUT": 30}
    safe["REDIS_URL"] = None  # feature: cache
    app = create_app(safe | config)
    app.test_client_class = JSONClient
    notes.init_app(app)
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@contextmanager
def rolled_back(app):
    """Let sessions use one connection to each database, whose transaction is rolled back."""
    with app.app_context():
        engines = db.engines.values()
    factory = db.session.session_factory
    options, base = dict(factory.kw), factory.class_

    class RolledBack(base):
        def get_bind(self, *args, **kwargs):
            engine = super().get_bind(*args, **kwargs)
            return connections.get(engine, engine)

    with ExitStack() as stack:
        connections = {engine: stack.enter_context(engine.connect()) for engine in engines}
        for connection in connections.values():
            stack.callback(connection.begin().rollback)
        factory.configure(join_transaction_mode="create_savepoint")
        factory.class_ = RolledBack
        yield
    factory.class_ = base
    factory.kw.clear()
    factory.kw.update(options)
