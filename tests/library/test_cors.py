import pytest
from carafe import cors
from carafe import errors
from carafe import FlaskCarafe
from flask import abort
from flask import Blueprint

APP, OTHER = "https://app.example.com", "https://evil.example"
EXPOSED = {"Deprecation", "ETag", "Link", "Location", "Retry-After", "Sunset", "WWW-Authenticate"}
QUESTION = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x"}


def make_client(**config):
    app = FlaskCarafe(__name__)
    app.config.update(config)
    errors.init_app(app)
    cors.init_app(app)
    app.add_url_rule("/", view_func=dict, methods=["GET", "PUT"])
    guarded = Blueprint("guarded", __name__, url_prefix="/guarded")
    guarded.before_request(lambda: abort(401))
    guarded.add_url_rule("", view_func=dict, endpoint="view", methods=["GET", "PUT"])
    app.register_blueprint(guarded)
    return app.test_client()


@pytest.fixture
def client():
    return make_client(CORS_ORIGINS=[APP, "http://localhost:3000"])


def told(response):
    """What a browser is told about sharing."""
    start = "access-control-"
    return {
        name.lower().removeprefix(start): value
        for name, value in response.headers.items()
        if name.lower().startswith(start)
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        *(
            (origin, origin)
            for origin in ("capacitor://localhost", "http://[::1]:3000", "ionic://a")
        ),
        ("HTTPS://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_compared_as_browsers_send_it(given, sent):
    response = make_client(CORS_ORIGINS=[given]).get("/", headers={"Origin": sent})
    assert told(response)["allow-origin"] == sent


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_nothing_is_shared_by_default(method):
    response = make_client().open("/", method=method, headers={"Origin": APP, **QUESTION})
    assert told(response) == {}
    assert "Vary" not in response.headers


@pytest.mark.parametrize("path", ["/", "/nowhere", "/guarded"])
def test_a_listed_site_reads_answers_and_errors(client, path):
    response = client.get(path, headers={"Origin": APP})
    assert told(response)["allow-origin"] == APP
    exposed = set(told(response)["expose-headers"].split(", "))
    assert exposed == {"Allow", "X-Request-ID", *EXPOSED}
    assert "allow-credentials" not in told(response)
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "*", OTHER, f"{APP}.evil.example", f"{APP}:444", APP.upper(), f"{APP}/"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_another_site_is_told_nothing(client, origin, method):
    headers = QUESTION if origin is None else {"Origin": origin, **QUESTION}
    response = client.open("/", method=method, headers=headers)
    assert told(response) == {}
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/", "/guarded"])
def test_a_browser_that_asks_first_is_told_the_methods_and_headers(client, path):
    response = client.options(path, headers={"Origin": APP, **QUESTION})
    assert (response.status_code, response.data) == (204, b"")
    assert told(response)["allow-origin"] == APP
    methods = set(told(response)["allow-methods"].split(", "))
    assert (
        methods == set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT"}
    )
    conditions = {"If-Match", "If-None-Match"}
    allowed = set(told(response)["allow-headers"].split(", "))
    assert allowed == {"Authorization", "Content-Type", "X-Request-ID", *conditions}
    assert 0 < int(told(response)["max-age"]) <= 3600


def test_an_address_that_is_not_there_is_a_404_for_who_asks_first_too(client):
    assert client.options("/nowhere", headers={"Origin": APP, **QUESTION}).status_code == 404


def test_options_without_a_question_passes_the_guards(client):
    assert client.options("/guarded", headers={"Origin": APP}).status_code == 401


def test_every_site_reads_what_is_for_all():
    response = make_client(CORS_ORIGINS=["*"]).get("/", headers={"Origin": OTHER})
    assert told(response)["allow-origin"] == "*"
    assert "Vary" not in response.headers


def test_cookies_come_along_from_listed_sites_when_asked_for():
    client = make_client(CORS_ORIGINS=[APP], CORS_CREDENTIALS=True)
    assert told(client.get("/", headers={"Origin": APP}))["allow-credentials"] == "true"
    assert told(client.get("/", headers={"Origin": OTHER})) == {}


def test_every_site_with_cookies_is_refused():
    with pytest.raises(ValueError, match="CORS_CREDENTIALS"):
        make_client(CORS_ORIGINS=["*"], CORS_CREDENTIALS=True)


@pytest.mark.parametrize(
    "origins",
    [
        *("*", APP, None, {APP: 1}),
        *([APP, "*"], ["https://*.example.com"], ["https://a@b"], ["null"], [f"{APP}/"]),
        *([f"{APP}/a"], ["app.example.com"], ["https://"], [1], [""]),
    ],
)
def test_what_is_no_list_of_origins_is_refused(origins):
    with pytest.raises(ValueError, match="CORS_ORIGINS is not a list of origins"):
        make_client(CORS_ORIGINS=origins)
