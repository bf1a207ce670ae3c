import re

import pytest
from accounts import log_in

PUBLIC = {
    "GET /authors",
    "GET /authors/1",
    "GET /books",
    "GET /books/1",
    "GET /docs/",
    "GET /docs/1",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "POST /login",
    "DELETE /login",
}
"""What strangers may do; all else is refused, also what somebody adds tomorrow."""

FOR_EDITORS = {"POST /authors", "PUT /authors/1", "PATCH /authors/1", "DELETE /authors/1"}


@pytest.fixture
def operations(app):
    """All that the application does, as ``("GET", "/books/1")``."""
    return sorted(
        (method, re.sub(r"<.*?>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    )


def test_a_stranger_is_refused_everything_that_is_not_public(client, operations):
    for method, path in operations:
        answer = client.open(path, method=method, json={})
        assert (answer.status_code != 401) == (f"{method} {path}" in PUBLIC), (method, path)


def test_with_auth_off_the_doors_stay_shut(make_app, operations):
    client = make_app(CARAFE_AUTH_ENABLED=False).test_client()
    for method, path in operations:
        if f"{method} {path}" not in PUBLIC:
            assert client.open(path, method=method, json={}).status_code == 401, (method, path)


def test_somebody_without_a_role_is_refused_what_needs_one(app, operations):
    reader = log_in(app)
    refused = {
        f"{method} {path}"
        for method, path in operations
        if not path.startswith("/login")
        and reader.open(path, method=method, json={}).status_code == 403
    }
    assert refused == FOR_EDITORS


def test_the_list_of_what_is_public_is_up_to_date(operations):
    assert PUBLIC | FOR_EDITORS <= {f"{method} {path}" for method, path in operations}


def test_no_other_method_opens_a_door(client, operations):
    for path in {path for _, path in operations}:
        for method in ("TRACE", "PURGE", "LINK"):
            assert client.open(path, method=method).status_code == 405, (method, path)
