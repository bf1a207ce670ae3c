# feature: auth
"""What is written of a token, and how many there may be."""

from datetime import datetime
from datetime import timedelta
from datetime import UTC
from hashlib import sha256

import pytest
import time_machine
from accounts import log_in
from conftest import db
from notes import NOTE
from notes import PATH
from sqlalchemy import text
from test_login import GOOD
from test_tokens import ada as ada
from test_tokens import give
from test_tokens import machine as machine
from test_tokens import run
from test_tokens import token_of

ITEM = ["id", "name", "roles", "last_four", "created_at", "expires_at", "last_used_at"]
CREATE = ["tokens", "create", "ada@example.com", "--name", "Job"]


@pytest.fixture
def fifty(ada):
    """As many tokens as a user may have."""
    return [token_of(ada) for _ in range(50)]


def later(**time):
    return time_machine.travel(datetime.now(UTC) + timedelta(**time))


def last_use_of(client):
    return client.get("/tokens").json["items"][0]["last_used_at"]


def test_a_token_has_256_random_bits(app, fifty):
    texts = [token.removeprefix(f"{app.import_name}_") for token in fifty]
    assert {len(text) for text in texts} == {43}
    assert len({*"".join(texts)}) == 64


def test_the_database_has_a_digest_of_a_token_and_not_its_text(app, ada):
    token = token_of(ada)
    with app.app_context():
        [row] = db.session.execute(text("SELECT * FROM tokens")).mappings()
    assert row["digest"] == sha256(token.encode()).hexdigest()
    assert token not in str(row)


def test_a_token_is_shown_with_these_fields_and_no_others(ada):
    made = ada.post("/tokens", {"name": "Job", "roles": ["editor"]}).json
    assert [*made] == [*ITEM, "token"]
    assert (made["name"], made["roles"], made["last_used_at"]) == ("Job", ["editor"], None)
    age = datetime.now(UTC) - datetime.fromisoformat(made["created_at"])
    assert timedelta(0) <= age < timedelta(hours=1)
    token_of(ada)
    page = ada.get("/tokens?limit=1").json
    assert [[*item] for item in page["items"]] == [ITEM]
    assert len(ada.get(f"/tokens?cursor={page['next']}").json["items"]) == 1


def test_the_use_of_a_token_is_written_once_an_hour_when_the_response_has_left(ada, machine):
    client = machine(token_of(ada))
    used = [None]
    for hours in (0, 0.5, 2):
        with later(hours=hours):
            response = client.get("/login")
            assert last_use_of(ada) == used[-1]
            response.close()
        used.append(last_use_of(ada))
    assert used[1] == used[2] < used[3]


def test_of_two_uses_at_once_one_is_written(ada, machine):
    client = machine(token_of(ada))
    responses = [client.get("/login"), client.get("/login")]
    responses[0].close()
    used = last_use_of(ada)
    with later(hours=0.5):
        responses[1].close()
    assert last_use_of(ada) == used


def test_a_token_that_is_refused_is_not_used(app, ada, machine):
    client = machine(token_of(ada))
    with later(days=91):
        assert client.get("/login", buffered=True).status_code == 401
    run(app, "users", "disable", "ada@example.com")
    assert client.get("/login", buffered=True).status_code == 401
    run(app, "users", "enable", "ada@example.com")
    ada.post("/login", GOOD)
    assert last_use_of(ada) is None


def test_a_user_has_at_most_50_tokens(app, ada, fifty):
    assert ada.post("/tokens", {"name": "One too many"}).status_code == 409
    refused = run(app, *CREATE)
    assert (refused.exit_code, "There are 50 tokens" in refused.output) == (1, True)
    token_of(log_in(app, email="eve@example.com"))
    with later(days=91):
        ada.post("/login", GOOD)
        token_of(ada)


def test_an_expired_token_is_listed_for_30_days(ada):
    expires_at = datetime.now(UTC) + timedelta(days=1)
    token_of(ada, expires_at=expires_at.isoformat())
    for days, names in [(30, ["Nightly import", "Later"]), (32, ["Later"])]:
        with later(days=days):
            ada.post("/login", GOOD)
            if days == 30:
                token_of(ada, name="Later")
            assert [item["name"] for item in ada.get("/tokens").json["items"]] == names


@pytest.mark.parametrize(("options", "days"), [([], 90), (["--days", "30"], 30)])
def test_a_command_makes_a_token_with_these_roles_for_so_many_days(
    app, ada, machine, options, days
):
    made = run(app, *CREATE, "--role", "admin", *options)
    assert machine(made.stdout.strip()).post(PATH, NOTE).status_code == 403
    [item] = ada.get("/tokens").json["items"]
    lasts = datetime.fromisoformat(item["expires_at"]) - datetime.now(UTC)
    assert item["roles"] == ["admin"]
    assert timedelta(days=days - 1) < lasts <= timedelta(days=days)


def test_a_command_makes_no_token_that_cannot_be(app, ada):
    give(app, "editor")
    assert run(app, *CREATE, "--role", "admin").exit_code == 1
    assert run(app, *CREATE, "--days", "367").exit_code == 2
    assert run(app, *CREATE[:-2]).exit_code == 2
