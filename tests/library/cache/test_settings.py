import pytest
from carafe.config import declare
from carafe.ext.cache import Cache
from carafe.ext.cache.settings import addresses
from carafe.ext.cache.settings import checked
from flask import Flask


def start(**config):
    app = Flask("settings")
    app.config.update(config)
    cache = Cache(app)
    with app.app_context():
        return app.extensions["cache"][cache]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CACHE_DEFAULT_TIMEOUT", 0),
        ("CACHE_DEFAULT_TIMEOUT", -1),
        ("CACHE_DEFAULT_TIMEOUT", -0.5),
        ("CACHE_DEFAULT_TIMEOUT", "soon"),
        ("CACHE_DEFAULT_TIMEOUT", 10**9),
        ("CACHE_DEFAULT_TIMEOUT", None),
        ("CACHE_TYPE", "NoSuchCache"),
        ("CACHE_TYPE", "no.such.Cache"),
        ("CACHE_TYPE", ""),
        ("CARAFE_CACHE_IGNORED_REQUEST_ARGS", "utm"),
        ("CARAFE_CACHE_IGNORED_REQUEST_ARGS", 5),
        ("CARAFE_CACHE_IGNORED_REQUEST_ARGS", None),
        ("CACHE_OPTIONS", 5),
        ("CACHE_THRESHOLD", "abc"),
    ],
)
def test_what_cannot_be_meant_fails_at_start_and_names_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        start(**{key: value})


def test_what_the_app_decides_is_not_given_to_the_cache():
    with pytest.raises(ValueError, match="CARAFE_CACHE_ENABLED .* Set it in app.config"):
        Cache(Flask("settings"), config={"CARAFE_CACHE_ENABLED": False})


@pytest.mark.parametrize(("timeout", "seconds"), [(0.5, 1), (1.0, 1), (59.1, 60)])
def test_a_part_of_a_second_counts_as_one(timeout, seconds):
    assert start(CACHE_DEFAULT_TIMEOUT=timeout).default_timeout == seconds


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://h?nonsense=1", "nonsense"),
        ("redis://h/0?socket_timeout=1&decode_responses=true", "decode_responses"),
        ("rediss://h?protocol=3", "protocol"),
        ("unix:///s?nonsense", "nonsense"),
        ("redis+sentinel://h/main?nonsense=1", "nonsense"),
        ("redis+cluster://h?nonsense=1", "nonsense"),
    ],
)
def test_an_unknown_option_of_a_url_is_refused_by_its_name(url, name):
    with pytest.raises(ValueError, match=f"CACHE_REDIS_URL has unknown options. Remove {name}"):
        Cache(Flask(__name__), config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url})


@pytest.mark.parametrize(
    "url", ["redis://h:99999", "redis://ada:pa/ss@h", "redis://h?socket_timeout=pa"]
)
def test_a_url_that_redis_cannot_read_is_refused_and_not_shown(url):
    with pytest.raises(ValueError, match="CACHE_REDIS_URL: expected a URL such as") as error:
        Cache(Flask(__name__), config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url})
    assert "pa'" not in str(error.value) and "pa/ss" not in str(error.value)


@pytest.mark.parametrize("url", ["http://h", "nonsense", "redis+http://h"])
def test_an_unknown_kind_of_redis_fails_at_start_and_shows_no_secret(url):
    with pytest.raises(ValueError, match="CACHE_REDIS_URL must start with one of redis, ") as error:
        start(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"{url}?password=secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        *("redis+sentinel:///mymaster", "redis+cluster://", "redis+cluster://h:port"),
        *("redis+sentinel://h/main/x", "redis+cluster://h:70000", "redis+sentinel://h/main/-1"),
    ],
)
def test_an_address_without_a_server_fails_at_start(url):
    with pytest.raises(ValueError, match="CACHE_REDIS_URL: expected"):
        start(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=url)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://h", "RedisCache"),
        ("rediss://h", "RedisCache"),
        ("unix:///s", "RedisCache"),
        ("redis+sentinel://h/name", "RedisSentinelCache"),
        ("rediss+sentinel://h/name", "RedisSentinelCache"),
        ("redis+cluster://h", "RedisClusterCache"),
        ("rediss+cluster://h", "RedisClusterCache"),
    ],
)
def test_the_url_says_which_redis_it_is(url, kind):
    assert type(start(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=url)).__name__ == kind


def test_sentinels_are_named_by_url_or_by_settings():
    by_url = start(
        CACHE_TYPE="RedisCache",
        CACHE_REDIS_URL="redis+sentinel://me:p%40ss@a:1,b/service/2",
        CACHE_REDIS_SENTINEL_PASSWORD="other",
    )
    by_settings = start(
        CACHE_TYPE="RedisSentinelCache",
        CACHE_REDIS_SENTINELS=[["a", "1"], ["b", 26379]],
        CACHE_REDIS_SENTINEL_MASTER="service",
        CACHE_REDIS_SENTINEL_PASSWORD="other",
        CACHE_REDIS_PASSWORD="p@ss",
        CACHE_REDIS_DB=2,
    )
    for backend in (by_url, by_settings):
        pool = backend._write_client.connection_pool
        assert backend._read_client is backend._write_client
        assert pool.service_name == "service"
        assert pool.connection_kwargs["db"] == 2
        assert pool.connection_kwargs["password"] == "p@ss"
        sentinels = [one.connection_pool for one in pool.sentinel_manager.sentinels]
        assert [one.connection_kwargs["host"] for one in sentinels] == ["a", "b"]
        assert [int(one.connection_kwargs["port"]) for one in sentinels] == [1, 26379]
        assert {one.connection_kwargs["password"] for one in sentinels} == {"other"}


def test_an_url_is_taken_apart():
    app = Flask("settings")
    app.config["CACHE_REDIS_URL"] = "rediss+cluster://me:p%2Fw@[::1]:7000,b:7001,c"
    app.config["CACHE_TYPE"] = "RedisCache"
    declare(app, "CARAFE_CACHE_", ENABLED=True, IGNORED_REQUEST_ARGS=[])
    found = checked(app, {"CACHE_OPTIONS": {"socket_timeout": 1}})
    assert found["CACHE_REDIS_CLUSTER"] == "[::1]:7000,b:7001,c"
    assert found["CACHE_REDIS_PASSWORD"] == "p/w"
    assert found["CACHE_OPTIONS"] == {"username": "me", "ssl": True, "socket_timeout": 1}
    app.config["CACHE_REDIS_URL"] = "redis+sentinel://a/service/0"
    found = checked(app, {"CACHE_REDIS_DB": 2})
    assert (found["CACHE_REDIS_SENTINEL_MASTER"], found["CACHE_REDIS_DB"]) == ("service", 0)
    assert addresses("[::1]:7000,b:7001, c", 6379) == [("::1", 7000), ("b", 7001), ("c", 6379)]


@pytest.mark.parametrize("prefix", ["p" * 20_000, "é中", "a b\r\n\0", "[x]*?\\^{}%:"])
def test_any_text_is_a_prefix(on_redis, make_app, prefix):
    app = make_app(**{**on_redis, "CACHE_KEY_PREFIX": prefix})
    client = app.test_client()
    first = client.get("/books").json
    assert client.get("/books").json == first
    with app.app_context():
        app.cache.clear()
    assert client.get("/books").json != first


def test_prefixes_that_begin_alike_share_nothing(make_app, on_redis):
    names = [("a:", "b:c"), ("a:b:", "c")]
    answers = []
    for number, (prefix, namespace) in enumerate(names):
        app = make_app(
            **{**on_redis, "CACHE_KEY_PREFIX": f"{on_redis['CACHE_KEY_PREFIX']}{prefix}"}
        )
        view = app.cache.cached_view(namespace=namespace)(lambda number=number: {"app": number})
        app.add_url_rule("/it", "it", view)
        answers.append(app.test_client().get("/it").json["app"])
    assert answers == [0, 1]
