# feature: cache
"""A cached view and the transaction of its request do not disturb each other."""

import pytest
from conftest import db
from test_cache import app as app
from test_cache import change_elsewhere
from test_cache import Saying


def test_what_the_request_read_before_a_miss_is_read_again(app, client):
    @app.before_request
    def read_before_the_change():
        assert db.session.get(Saying, 1).text == "old"
        change_elsewhere(app)

    assert client.get("/saying").json == {"text": "new"}


@pytest.mark.parametrize("has_flushed", [False, True])
def test_an_uncommitted_change_is_neither_lost_nor_cached(app, client, has_flushed):
    changes = ["new"]

    @app.before_request
    def change():
        if changes:
            db.session.get(Saying, 1).text = changes.pop()
        if has_flushed:
            db.session.flush()

    assert client.get("/saying").json == {"text": "new"}
    assert client.get("/saying").json == {"text": "old"}


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_savepoint_does_not_end_what_was_written_before_it(app, client, ends):
    @app.before_request
    def write():
        db.session.add(Saying(id=2, text="new"))
        db.session.flush()
        getattr(db.session.begin_nested(), ends)()

    @app.after_request
    def keep(response):
        db.session.commit()
        return response

    assert client.get("/saying").json == {"text": "old"}
    with app.app_context():
        assert db.session.get(Saying, 2).text == "new"


def test_a_list_is_cached_by_its_arguments_and_a_search_is_not(lasting):
    client = lasting.test_client()
    for query in ("", "sort=title", "sort=-title", "author_id=1", "author_id=1&limit=1"):
        found = [client.get(f"/books?{query}").headers["Cache-Status"] for _ in range(2)]
        assert [status.removeprefix("carafe; ") for status in found] == ["fwd=miss; stored", "hit"]
    for _ in range(2):
        assert "stored" not in client.get("/books?q=a").headers["Cache-Status"]
    for query in ("titel=a", "author_id=1&author_id=1", "limit=1&Limit=1"):
        assert client.get(f"/books?{query}").status_code == 422
