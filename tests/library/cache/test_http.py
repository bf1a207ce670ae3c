import time
from datetime import date

import pytest
from carafe import openapi
from carafe import security
from carafe.ext.cache import Cache
from carafe.operation import operation
from flask import Flask
from flask import request
from flask import Response as FlaskResponse
from flask import url_for

from .apps import close


@pytest.fixture
def view(app):
    """Cache a view: ``view(function, **options)`` is its path."""

    def view(function, **options):
        path = f"/{function.__name__}"
        app.add_url_rule(path, view_func=app.cache.cached_view(**options)(function))
        return path

    return view


def test_an_answer_has_a_strong_etag_and_is_to_be_asked_for_again(client):
    for answer in (client.get("/books"), client.get("/books")):
        etag, is_weak = answer.get_etag()
        assert etag and not is_weak
        assert answer.headers["Cache-Control"] == "no-cache"


def test_the_age_is_the_time_since_the_answer_was_made(client, monkeypatch):
    now = time.time()
    for seconds, age in [(0, "0"), (7, "7"), (-100, "0")]:
        monkeypatch.setattr(time, "time", lambda later=now + seconds: later)
        assert client.get("/books").headers["Age"] == age


@pytest.mark.parametrize("known", ["{etag}", '"other", {etag}', "W/{etag}", "*"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_what_the_client_has_is_not_sent_again(client, method, known):
    whole = client.get("/books")
    known = {"If-None-Match": known.format(etag=whole.headers["ETag"])}
    answer = getattr(client, method)("/books", headers=known)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == whole.headers["ETag"]
    assert answer.headers["Cache-Control"] == whole.headers["Cache-Control"]
    assert "Content-Type" not in answer.headers and "Content-Length" not in answer.headers


def test_a_hit_and_a_304_say_that_the_operation_is_deprecated(app, client, view):
    openapi.init_app(app)
    runs = []

    @operation(deprecated=date(2027, 1, 31), sunset=date(2028, 1, 31))
    def old() -> dict[str, int]:
        runs.append(1)
        return {"a": 1}

    path = view(old)
    whole = client.get(path)
    known = {"If-None-Match": whole.headers["ETag"]}
    hit, unchanged = client.get(path), client.get(path, headers=known)
    assert (len(runs), unchanged.status_code) == (1, 304)
    for response in (whole, hit, unchanged):
        assert response.headers.getlist("Deprecation") == ["@1801353600"]
        assert response.headers.getlist("Sunset") == ["Mon, 31 Jan 2028 00:00:00 GMT"]


def test_a_hit_and_a_304_have_the_id_of_their_own_request(app, client):
    security.init_app(app)
    for number, sent in enumerate([{}, {}, {"If-None-Match": "*"}]):
        answer = client.get("/books", headers=sent | {"X-Request-ID": str(number)})
        assert answer.headers.getlist("X-Request-ID") == [str(number)]
    assert answer.status_code == 304


def test_what_the_client_has_not_is_sent(client):
    old = client.get("/books").headers["ETag"]
    client.post("/books")
    answer = client.get("/books", headers={"If-None-Match": old})
    assert answer.status_code == 200
    assert client.get("/books", headers={"If-None-Match": old}).json == answer.json


def test_a_miss_can_be_a_304(client):
    etag = client.get("/shelves").headers["ETag"]
    answer = client.get("/shelves", headers={"If-None-Match": etag})
    assert answer.status_code == 304


def test_only_a_success_is_conditional(view, client):
    def gone():
        return "gone", 410

    path = view(gone, statuses=[410])
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 410


def test_a_date_is_as_good_as_an_etag(view, client):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"

    def dated():
        return "text", {"Last-Modified": date}

    path = view(dated)
    client.get(path)
    assert client.get(path, headers={"If-Modified-Since": date}).status_code == 304
    old = "Wed, 21 Oct 2014 07:28:00 GMT"
    assert client.get(path, headers={"If-Modified-Since": old}).status_code == 200


def test_the_headers_of_a_view_are_its_own(view, client):
    sent = {"ETag": '"mine"', "Cache-Control": "max-age=60", "Vary": "Accept", "X-Pen": "1"}
    sent["Link"] = '</own?page=2>; rel="next"'

    def own():
        return "text", sent

    path = view(own)
    for known in ({}, {}, {"If-None-Match": '"mine"'}):
        answer = client.get(path, headers=known)
        assert {name: answer.headers[name] for name in sent} == sent
    assert answer.status_code == 304


def test_an_answer_is_kept_no_longer_than_it_says(make_app, on_redis):
    app = make_app(**on_redis)

    @app.get("/brief")
    @app.cache.cached_view()
    def brief():
        return "text", {"Cache-Control": "max-age=60, s-maxage=20"}

    app.test_client().get("/brief")
    with app.app_context():
        key = f"{on_redis['CACHE_KEY_PREFIX']}brief:view:/brief"
        assert 15 < app.cache.server.ttl(key) <= 20


def test_not_all_answers_end_at_once(make_app, on_redis):
    app = make_app(**on_redis)
    client = app.test_client()
    for number in range(30):
        client.get(f"/books?number={number}")
    with app.app_context():
        pattern = f"{on_redis['CACHE_KEY_PREFIX']}BookView:view:*"
        ttls = {app.cache.server.ttl(key) for key in app.cache.server.scan_iter(pattern)}
    assert len(ttls) > 5
    assert 265 < min(ttls) and max(ttls) <= 300


def test_head_is_answered_with_the_headers_of_get(client):
    whole, head = client.get("/books"), client.head("/books")
    assert head.data == b""
    assert dict(head.headers) == dict(whole.headers)


def test_a_hook_may_change_headers_and_body(app, client):
    @app.after_request
    def change(response):
        response.headers.add("X-Hook", "1")
        if request.args.get("body"):
            response.set_data(b"changed")
        return response

    for _ in range(3):
        assert client.get("/books").headers.getlist("X-Hook") == ["1"]
    assert client.get("/books?body=1").data == b"changed"
    changed = client.get("/books?body=1")
    assert (changed.data, changed.headers["Content-Length"]) == (b"changed", "7")


def test_a_response_that_is_closed_tells_its_hooks(app, client):
    closed = []

    @app.after_request
    def tell(response):
        response.call_on_close(lambda: closed.append(1))
        return response

    client.get("/books").close()
    client.get("/books").close()
    assert closed == [1, 1]


def test_a_class_of_responses_stays_what_it_is(make_app, backend):
    app = make_app(**backend)
    kinds = []
    app.after_request(lambda response: kinds.append(type(response)) or response)
    client = app.test_client()
    client.get("/books")
    client.get("/books")
    assert all(issubclass(kind, app.response_class) for kind in kinds)


def test_a_link_to_itself_names_the_host_that_was_asked(view, client):
    def linked():
        return {"url": url_for("linked", _external=True)}

    path = view(linked)
    for host in ("here.example", "evil.example", "here.example"):
        assert client.get(path, headers={"Host": host}).json["url"] == f"http://{host}{path}"


def test_what_a_response_class_adds_is_no_others(backend):
    class Response(FlaskResponse):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.notes = []

    app = Flask("noting")
    app.response_class = Response
    app.config.update(backend)
    app.cache = Cache()
    app.cache.init_app(app)
    app.add_url_rule("/it", view_func=app.cache.cached_view()(lambda: "it"), endpoint="it")

    @app.after_request
    def note(response):
        response.notes.append(request.headers["X-Name"])
        response.headers["X-Notes"] = ",".join(response.notes)
        return response

    client = app.test_client()
    answers = [client.get("/it", headers={"X-Name": name}) for name in "abc"]
    assert [answer.headers["X-Notes"] for answer in answers] == ["a", "b", "c"]
    close(app)
