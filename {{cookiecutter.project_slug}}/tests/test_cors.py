import pytest
from conftest import create_app

APP, OTHER = "https://app.example.com", "https://evil.example"


@pytest.fixture
def client(make_app, database_url, migrated):
    return make_app(DATABASE_URL=database_url, CORS_ORIGINS=[APP]).test_client()


def test_each_site_is_answered_for_itself_whoever_asked_before(client):
    for origin, told in [(APP, APP), (OTHER, None), (None, None), (APP, APP)]:
        headers = {"Origin": origin} if origin else {}
        answer = client.get("/authors", headers=headers)
        assert answer.status_code == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == told
        assert "Origin" in answer.headers["Vary"]


def test_a_listed_site_learns_what_it_may_do(client):
    headers = {"Origin": APP, "Access-Control-Request-Method": "PATCH"}
    answer = client.options("/books/1", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]


def test_errors_are_for_a_listed_site_too(client):
    assert client.get("/%00", headers={"Origin": APP}).headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"CORS_ORIGINS": ["*"], "CORS_CREDENTIALS": True}, "CORS_CREDENTIALS"),
        ({"CORS_ORIGINS": [f"{APP}/path"]}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": APP}, "CORS_ORIGINS"),
        ({"TRUSTED_HOSTS": "a.example"}, "TRUSTED_HOSTS"),
    ],
)
def test_a_list_that_cannot_be_meant_ends_the_process(config, named):
    with pytest.raises(SystemExit, match=named):
        create_app({"ENVIRONMENT": "development", **config})
