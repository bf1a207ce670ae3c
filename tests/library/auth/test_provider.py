from contextlib import nullcontext
from enum import Enum
from enum import StrEnum
from types import SimpleNamespace

import pytest
from carafe.ext.auth import Auth
from carafe.ext.auth import SQLAlchemyAuthProvider
from carafe.ext.auth.provider import role_names
from flask import Flask
from flask_principal import Identity
from flask_principal import RoleNeed
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[str]
    ranks: Mapped[str] = mapped_column(default="captain")
    active: Mapped[bool] = mapped_column(default=True)


class Users(SQLAlchemyAuthProvider):
    __model__ = User


@pytest.fixture
def database():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(id=1, slug="ada", roles="editor"))
        session.commit()
        yield session
    engine.dispose()


def make_app(provider, **config):
    app = Flask(__name__)
    app.config.update(SECRET_KEY="a key for tests", **config)
    Auth(provider).init_app(app)
    return app


def test_a_user_is_found_and_brings_their_roles(database):
    provider = Users(database)
    with make_app(provider).app_context():
        identity = provider.identify(Identity(1))
        assert identity.user.slug == "ada"
        assert identity.provides == {RoleNeed("editor")}
        assert provider.get_user(1).slug == "ada"
        assert provider.get_roles(provider.get_user(1)) == "editor"
        assert provider.identify(Identity(2)) is None


def test_an_inactive_user_is_nobody(database):
    provider = Users(database)
    database.get(User, 1).active = False
    with make_app(provider).app_context():
        assert provider.identify(Identity(1)) is None


@pytest.mark.parametrize(
    ("facts", "is_active"),
    [
        ({}, True),
        ({"active": True, "is_active": True}, True),
        ({"active": False}, False),
        ({"is_active": False}, False),
        ({"active": True, "is_active": False}, False),
    ],
)
def test_a_user_is_active_unless_it_is_said_by_either_name(database, facts, is_active):
    assert Users(database).is_active(SimpleNamespace(**facts)) is is_active


def test_the_keys_are_named_by_the_provider_or_by_config(database):
    class BySlug(Users):
        __id_key__ = "slug"
        __roles_key__ = "ranks"

    config = {"CARAFE_AUTH_IDENTITY_ID_KEY": "slug", "CARAFE_AUTH_IDENTITY_ROLES_KEY": "ranks"}
    for provider, settings in [(BySlug(database), {}), (Users(database), config)]:
        with make_app(provider, **settings).app_context():
            identity = provider.identify(Identity("ada"))
            assert identity.user.id == 1
            assert identity.provides == {RoleNeed("captain")}


@pytest.mark.parametrize("app", [None, Flask("without auth")])
def test_a_provider_works_where_there_is_no_auth(database, app):
    provider = Users(database)
    with app.app_context() if app else nullcontext():
        user = provider.get_user(1)
        assert (user.slug, provider.get_roles(user)) == ("ada", "editor")
        assert provider.identify(Identity(1)).provides == {RoleNeed("editor")}
        assert (provider.__id_key__, provider.__roles_key__) == ("id", "roles")
        assert (Users.__id_key__, Users.__roles_key__) == ("id", "roles")
        assert provider.get_user(None) is None
        assert provider.get_roles(object()) == []


class Rank(Enum):
    captain = 1


class Grade(StrEnum):
    MAJOR = "major"


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (None, set()),
        ("admin", {"admin"}),
        ("", set()),
        ([], set()),
        (["a", "b", "a"], {"a", "b"}),
        ({"a"}, {"a"}),
        ((name for name in "ab"), {"a", "b"}),
        (["é", "中"], {"é", "中"}),
        ([SimpleNamespace(name="a")], {"a"}),
        (SimpleNamespace(name="a"), {"a"}),
        ([Rank.captain], {"captain"}),
        ([Grade.MAJOR], {"major"}),
    ],
)
def test_roles_come_in_many_shapes(roles, names):
    assert role_names(roles) == names


@pytest.mark.parametrize("roles", [1, {"admin": False}, b"admin", [b"admin"], ["a", None], [["a"]]])
def test_a_shape_that_is_not_understood_grants_nothing(roles, caplog):
    assert role_names(roles) == set()
    assert "not understood" in caplog.text


@pytest.mark.parametrize("user_id", ["1", "ada", 1.0, True])
def test_an_id_of_another_type_than_the_column_is_refused(database, user_id):
    auth, app = Auth(Users(database)), Flask(__name__)
    app.config["SECRET_KEY"] = "a key for tests"
    auth.init_app(app)
    with app.test_request_context():
        with pytest.raises(TypeError, match="Pass one of type int"):
            auth.login(user_id)
        auth.login(1)
        assert auth.user_id == 1


@pytest.mark.parametrize(("key", "user_id"), [("id", 2**70), ("slug", "\ud800"), ("slug", "a\0")])
def test_an_id_that_no_database_holds_is_nobody(database, key, user_id):
    provider = Users(database)
    provider.__id_key__ = key
    with make_app(provider).app_context():
        assert provider.identify(Identity(user_id)) is None
        assert provider.get_user(1 if key == "id" else "ada").id == 1
