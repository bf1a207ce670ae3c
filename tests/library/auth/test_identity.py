import threading

from carafe.ext.auth import Auth
from carafe.ext.auth import AuthProvider
from flask import Flask
from flask import g
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_changed
from flask_principal import identity_loaded
from flask_principal import Permission
from flask_principal import RoleNeed
from flask_principal import UserNeed


def test_principals_signals_fire_at_login_and_logout(app, auth):
    heard = []

    def on_changed(sender, identity):
        heard.append(("changed", identity.id))

    def on_loaded(sender, identity):
        heard.append(("loaded", identity.id))

    with (
        identity_changed.connected_to(on_changed, app),
        identity_loaded.connected_to(on_loaded, app),
        app.test_request_context(),
    ):
        auth.login("ada")
        auth.logout()
    assert sorted(heard[:2]) == [("changed", "ada"), ("loaded", "ada")]
    assert sorted(heard[2:], key=str) == [("changed", None), ("loaded", None)]


def test_identity_loaded_may_add_needs_and_read_the_identity(client, app, auth, login):
    def add_role(sender, identity):
        assert g.identity is identity
        identity.provides.add(RoleNeed("editor"))

    with identity_loaded.connected_to(add_role, app):
        login(1)
        assert client.get("/editors").status_code == 200


def test_a_provider_may_return_another_identity():
    class Masked(AuthProvider):
        def identify(self, identity):
            return Identity(f"masked-{identity.id}")

    auth, app = Auth(), Flask(__name__)
    app.secret_key = "a key for tests"
    auth.init_app(app, provider=Masked())
    with app.test_request_context():
        auth.login(7)
        assert auth.user_id == "masked-7"
        assert UserNeed("masked-7") in g.identity.provides
        assert isinstance(auth.provider, Masked)


def test_principals_own_permissions_see_the_same_identity(client, app, login):
    @app.get("/raw")
    @Permission(RoleNeed("admin")).require(403)
    def raw():
        return {}

    refused = client.get("/raw")
    assert (refused.status_code, refused.json["title"]) == (403, "Forbidden")
    assert "admin" not in refused.text
    login("ada")
    assert client.get("/raw").status_code == 200


def test_the_identity_may_be_set_for_a_request(app, auth):
    @app.before_request
    def by_header():
        g.identity = Identity("machine")

    with app.test_client() as client:
        assert client.get("/me").json == {"id": "machine"}


def test_outside_a_request_there_is_a_stranger(app, auth):
    with app.app_context():
        assert auth.user_id is None
        assert isinstance(g.identity, AnonymousIdentity)


def test_an_identity_never_outlives_its_request(app, auth, login):
    stranger = app.test_client()
    with app.app_context():
        login("ada")
        assert stranger.get("/me").json == {"id": None}


def test_parallel_requests_keep_their_own_identities(app, auth, people):
    seen = []

    def ask(user_id):
        with app.test_request_context():
            auth.login(user_id)
            barrier.wait()
            seen.append((user_id, auth.user_id))

    ids = list(range(10, 26))
    people.roles = dict.fromkeys(ids, ())
    barrier = threading.Barrier(len(ids))
    threads = [threading.Thread(target=ask, args=[user_id]) for user_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(user_id, user_id) for user_id in ids]


def test_two_apps_never_share_an_identity(app, auth, people):
    other = Flask(__name__)
    other.secret_key = app.secret_key
    strangers = type(people)()
    strangers.roles = {}
    auth.init_app(other, provider=strangers)
    with other.test_request_context():
        auth.login("ada")
        assert auth.user_id is None
    with app.test_request_context():
        auth.login("ada")
        assert auth.user_id == "ada"
