# feature: auth
import pytest

ALLOWED = {("POST", "/login"), ("DELETE", "/login")}
"""What a client that is not logged in may do, apart from reading. All else is refused with 401,
also what you add, until it is listed here.
"""


@pytest.fixture
def guarded(operations):
    return [operation for operation in operations if operation[0] != "GET"]


def refused(client, operations):
    """Those operations that *client* is refused with 401."""
    return {
        (method, path)
        for method, path in operations
        if client.open(path, method=method, json={}).status_code == 401
    }


def test_a_stranger_changes_nothing(client, guarded):
    assert refused(client, guarded) == set(guarded) - ALLOWED


def test_a_stranger_changes_nothing_where_auth_is_disabled_either(make_app, guarded, tmp_path):
    client = make_app(
        CARAFE_AUTH_ENABLED=False, DATABASE_URL=f"sqlite:///{tmp_path}/test.db"
    ).test_client()
    assert refused(client, guarded) >= set(guarded) - ALLOWED


def test_no_method_is_allowed_beside_those_of_the_views(client, operations):
    for path in {path for _, path in operations}:
        for method in ("TRACE", "PURGE", "LINK"):
            assert client.open(path, method=method).status_code == 405, (method, path)
