import pytest
from carafe.reads import environ_of
from flask import make_response
from flask import request


@pytest.fixture
def add(app):
    """Cache a view: ``add(function, **options)``."""

    def add(function, **options):
        app.add_url_rule("/it", view_func=app.cache.cached_view(**options)(function))

    return add


@pytest.fixture
def get(client):
    """The answer to a request with these headers."""

    def get(**headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get("/it", headers=named)

    return get


def test_an_answer_varies_on_what_it_says(app, add, get):
    def french():
        language = environ_of(request).get("HTTP_ACCEPT_LANGUAGE")  # unseen
        return {"run": next(app.runs), "language": language}, {"Vary": "Accept-Language"}

    add(french)
    first, second, none = get(Accept_Language="fr").json, get(Accept_Language="en").json, get().json
    assert (first["language"], second["language"], none["language"]) == ("fr", "en", None)
    assert get(Accept_Language="fr").json == first
    assert get(Accept_Language="en").json == second
    assert get().json == none
    assert get(Accept_Language="").json["run"] not in (first["run"], second["run"], none["run"])


@pytest.mark.parametrize(
    "read",
    [
        lambda: str(request.accept_languages),
        lambda: request.headers.get("Accept-Language"),
        lambda: request.headers.getlist("Accept-Language"),
    ],
)
def test_an_answer_varies_on_what_its_view_read(app, add, get, read):
    app.before_request(lambda: request.accept_languages and None)
    add(lambda: {"run": next(app.runs), "language": read()})
    first, second = get(Accept_Language="fr"), get(Accept_Language="en")
    assert first.json["run"] != second.json["run"]
    assert get(Accept_Language="fr").json == first.json
    assert "Accept-Language" in first.vary and "Accept-Language" in get(Accept_Language="en").vary


@pytest.mark.parametrize("read", ["host", "host_url", "url", "base_url", "root_url"])
def test_the_host_counts_where_it_was_read(app, add, get, read):
    app.before_request(lambda: request.url and None)
    tenants = {"a.example": 1, "b.example": 2}
    add(lambda: {"tenant": [n for name, n in tenants.items() if name in getattr(request, read)]})
    for _ in range(2):
        assert get(Host="a.example").json == {"tenant": [1]}
        assert get(Host="b.example").json == {"tenant": [2]}
    assert "Host" not in get(Host="a.example").vary


def test_the_host_makes_no_difference_where_it_was_not(client):
    answers = [client.get("/books", headers={"Host": host}) for host in ("a.example", "b.example")]
    assert answers[0].json == answers[1].json


def test_an_origin_that_is_allowed_is_allowed_alone(add, get):
    def shared():
        response = make_response({})
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        return response

    add(shared)
    for origin in ("https://a.example", "https://evil.example") * 2:
        answer = get(Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.vary


def test_a_view_that_reads_credentials_answers_one_alone(app, add, client):
    def mine():
        return {"run": next(app.runs), "theme": request.cookies.get("theme")}

    add(mine)
    assert client.get("/it").json != client.get("/it").json


def test_what_the_client_has_already_makes_no_difference(app, add, get):
    add(lambda: {"run": next(app.runs), "known": str(request.if_none_match) * 0})
    assert get(If_None_Match='"a"').json == get(If_None_Match='"b"').json


def test_a_view_may_read_more_of_some_requests(app, add, get):
    def odd():
        answer = {"run": next(app.runs)}
        if request.headers.get("X-Kind") == "b":
            answer["accept"] = request.headers.get("X-Extra")
        return answer

    add(odd)
    plain = get(X_Kind="a").json
    assert get(X_Kind="b", X_Extra="1").json["accept"] == "1"
    assert get(X_Kind="b", X_Extra="2").json["accept"] == "2"
    assert get(X_Kind="b").json["accept"] is None
    assert get(X_Kind="b", X_Extra="1").json["accept"] == "1"
    assert get(X_Kind="a").json["run"] == get(X_Kind="a").json["run"] >= plain["run"]
    known = get(X_Kind="b", X_Extra="1").json
    get(X_Kind="c")
    assert get(X_Kind="b", X_Extra="1").json == known


def test_a_variant_is_one_round_trip_once_it_is_known(make_app, on_redis):
    app, other = make_app(**on_redis), make_app(**on_redis)
    for one in (app, other):
        one.add_url_rule(
            "/it",
            "it",
            one.cache.cached_view(namespace="it")(lambda: {"a": request.headers.get("Accept")}),
        )
    one, two = app.test_client(), other.test_client()
    one.get("/it")
    with app.app_context():
        server = app.cache.server
    for client, trips in ((one, 1), (two, 2), (two, 1)):
        server.config_resetstat()
        client.get("/it")
        assert server.info("commandstats")["cmdstat_mget"]["calls"] == trips


@pytest.mark.parametrize("options", [{"include_request_args": ["page"]}, {}])
def test_an_argument_that_makes_no_difference_is_not_seen(make_app, backend, options):
    app = make_app(**backend, CARAFE_CACHE_IGNORED_REQUEST_ARGS=["utm"])

    @app.get("/it")
    @app.cache.cached_view(**options)
    def it():
        return {"url": request.url, "args": request.args, "query": request.query_string.decode()}

    client = app.test_client()
    answer = client.get("/it?utm=evil&page=1&utm=%3Cb%3E").json
    assert answer == {
        "url": "http://localhost/it?page=1",
        "args": {"page": "1"},
        "query": "page=1",
    }
    assert client.get("/it?page=1&utm=other").json == answer


def test_the_request_is_whole_again_after_the_view(make_app, backend):
    app = make_app(**backend)
    seen = []
    app.after_request(lambda response: seen.append(request.args.to_dict()) or response)

    @app.get("/it")
    @app.cache.cached_view(include_request_args=False)
    def it():
        return request.args

    assert app.test_client().get("/it?a=1").json == {}
    assert seen == [{"a": "1"}]


def test_a_request_with_a_body_goes_around_the_cache(app, client):
    def get():
        return client.get("/books", data=b"text").json

    assert get() != get()
