"""What is kept, and for whom."""

import pytest
from carafe import FlaskCarafe
from carafe.ext.cache import Cache
from flask import abort
from flask import g
from flask import request
from flask import session
from werkzeug.datastructures import Headers


@pytest.mark.parametrize("status", [201, 301, 404, 500])
def test_only_a_200_is_kept(app, client, status):
    @app.get("/status")
    @app.cache.cached_view()
    def view():
        return {"run": next(app.runs)}, status

    assert client.get("/status").json != client.get("/status").json


def test_other_statuses_are_kept_when_declared(app, client):
    @app.get("/gone")
    @app.cache.cached_view(statuses=[410])
    def gone():
        return {"run": next(app.runs)}, 410

    first = client.get("/gone")
    assert (first.status_code, first.json) == (410, client.get("/gone").json)


def test_an_abort_is_never_kept_and_the_view_runs_once(app, client):
    runs = []

    @app.get("/abort")
    @app.cache.cached_view()
    def view():
        runs.append(1)
        if len(runs) == 1:
            abort(404)
        return {}

    assert [client.get("/abort").status_code for _ in range(3)] == [404, 200, 200]
    assert len(runs) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Set-Cookie": "a=b"},
        {"Cache-Control": "private"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "no-cache"},
        {"Vary": "*"},
        {"Vary": "Cookie"},
        {"Cache-Control": "max-age=0"},
        {"Content-Range": "bytes 0-1/2"},
        {"Connection": "close"},
        {"Cache-Control": "PRIVATE"},
        {"Cache-Control": "max-age=60, No-Store"},
        {"Cache-Control": "Max-Age=0"},
        {"Cache-Control": ["max-age=60", "private"]},
        {"Vary": ["Accept", "Cookie"]},
        {"Vary": ["Accept", "*"]},
    ],
)
def test_a_response_that_is_not_for_everybody_is_not_kept(app, client, headers):
    @app.get("/headers")
    @app.cache.cached_view()
    def view():
        return {"run": next(app.runs)}, Headers(headers)

    assert client.get("/headers").json != client.get("/headers").json


def test_a_streamed_or_oversized_response_is_not_kept(app, client):
    @app.get("/stream")
    @app.cache.cached_view()
    def stream():
        return (str(next(app.runs)) for _ in range(1))

    @app.get("/large")
    @app.cache.cached_view()
    def large():
        return f"{next(app.runs)}" + "x" * 1024 * 1024

    assert client.get("/stream").data != client.get("/stream").data
    assert client.get("/large").data != client.get("/large").data


def test_a_view_that_asks_for_the_session_is_not_kept(app, client):
    @app.get("/mine")
    @app.cache.cached_view()
    def mine():
        return {"run": next(app.runs), "name": session.get("name")}

    assert client.get("/mine").json != client.get("/mine").json


def test_a_session_that_was_read_before_the_view_keeps_the_response_private(app, client):
    @app.before_request
    def name():
        g.name = session.get("name")

    @app.get("/mine-too")
    @app.cache.cached_view()
    def mine_too():
        return {"run": next(app.runs), "name": g.name}

    first, second = client.get("/mine-too"), client.get("/mine-too")
    assert first.json != second.json
    assert first.headers["Vary"] == second.headers["Vary"] == "Cookie"


def test_a_public_view_is_kept_whatever_it_asked_for(app, client):
    @app.get("/public")
    @app.cache.cached_view(public=True)
    def public():
        return {"run": next(app.runs), "name": session.get("name")}

    bearer = {"Authorization": "Bearer x"}
    assert client.get("/public").json == client.get("/public", headers=bearer).json


def test_a_request_with_credentials_goes_around_the_cache(run):
    bearer = {"Authorization": "Bearer x"}
    assert run("/books", headers=bearer) != run("/books", headers=bearer)
    assert run("/books") == 3


def test_the_id_of_a_request_is_for_one_client():
    app = FlaskCarafe("ids")
    cache = Cache(app)
    app.add_url_rule("/", view_func=cache.cached_view()(lambda: {"id": request.id}))
    for name in ("ada", "bob"):
        response = app.test_client().get("/", headers={"X-Request-ID": name})
        assert response.json == {"id": name}


class Tracked(dict):
    """As that of a JSON column."""

    def __reduce__(self):
        return dict, ({**self},)


def test_what_is_plain_when_it_is_copied_is_cached_as_that(app):
    class Other(dict):
        """One that stays what it is."""

    with app.app_context():
        app.cache.set("a", {"b": [Tracked(c=1)]})
        assert app.cache.get("a") == {"b": [{"c": 1}]}
        with pytest.raises(TypeError, match="Other would not come back"):
            app.cache.set("a", Other())
