import time
from contextlib import ExitStack
from uuid import uuid4

import pytest
from carafe.ext.cache import availability

from .servers import cluster
from .servers import HASTY
from .servers import needs_redis
from .servers import PATIENT
from .servers import SLOTS
from .servers import until

pytestmark = [needs_redis, pytest.mark.slow, pytest.mark.usefixtures("impatient")]

NAMES = [f"name{number}" for number in range(30)]
PATHS = [f"/{name}/{number}" for name in NAMES for number in range(3)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture(params=["url", "setting"])
def on_cluster(request, nodes):
    where = ",".join(node.address for node in nodes[:2])
    options = HASTY if request.param == "hasty url" else PATIENT
    common = {"CACHE_KEY_PREFIX": f"test-{uuid4()}:", "CACHE_OPTIONS": options}
    if request.param == "setting":
        return {**common, "CACHE_TYPE": "RedisClusterCache", "CACHE_REDIS_CLUSTER": where}
    return {**common, "CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": f"redis+cluster://{where}"}


@pytest.fixture
def app(make_app, on_cluster):
    app = make_app(**on_cluster)
    for name in NAMES:
        add_view(app, name)
    return app


def add_view(app, name):
    def view(number):
        return {"run": next(app.runs)}

    cached = app.cache.cached_view(namespace=name)(view)
    app.add_url_rule(f"/{name}/<number>", name, cached)


@pytest.fixture
def runs(client):
    """The number of the run that answered, for each path."""

    def runs():
        return {path: client.get(path).json["run"] for path in PATHS}

    return runs


def keys_of(node, app):
    return [key for key in node.ask("KEYS", "*") if key.startswith(app.config["CACHE_KEY_PREFIX"])]


def test_the_second_answer_comes_from_the_cluster_wherever_its_key_lies(app, nodes, runs):
    first = runs()
    assert len(set(first.values())) == len(PATHS)
    assert runs() == first
    for node in nodes:
        assert len(keys_of(node, app)) > 10


def test_another_process_gets_the_same_answers(make_app, app, on_cluster, runs):
    first = runs()
    other = make_app(**on_cluster)
    for name in NAMES:
        add_view(other, name)
    client = other.test_client()
    assert {path: client.get(path).json["run"] for path in PATHS} == first


def test_a_write_invalidates_its_namespaces_and_no_other(app, client, run, runs):
    first, book, shelf, viewer = runs(), run("/books"), run("/shelves"), run("/viewers")
    assert client.post("/books").status_code == 201
    assert run("/books") > book and run("/shelves") > shelf
    assert run("/viewers") == viewer and runs() == first


def test_namespaces_in_different_slots_become_invalid_together(app, runs):
    first, written = runs(), NAMES[::4]
    with app.app_context():
        app.cache.invalidate(*written)
    changed = {path.split("/")[1] for path, run in runs().items() if run != first[path]}
    assert changed == set(written)


def test_flask_cachings_own_methods_reach_every_node(app):
    with app.app_context():
        cache, values = app.cache, {name: index for index, name in enumerate(NAMES)}
        assert cache.set("one", [1]) and cache.get("one") == [1]
        assert cache.add("two", 2) and not cache.add("two", 3)
        cache.set_many(values)
        assert cache.get_many(*NAMES) == list(values.values())
        assert cache.get_dict(*NAMES) == values
        assert cache.has("one") and cache.delete("one") and not cache.has("one")
        cache.delete_many(*NAMES[:10])
        cache.unlink(*NAMES[10:20])
        assert cache.get_many(*NAMES) == [None] * 20 + list(range(20, 30))


@pytest.mark.parametrize("prefixes", [None, NAMES], ids=["all", "prefixes"])
def test_clearing_reaches_every_node_and_keeps_what_is_not_ours(app, nodes, runs, prefixes):
    mine = f"foreign-{uuid4()}"
    for node in nodes:
        for key in keys_in(node, mine):
            node.ask("SET", key, "kept")
        node.ask("CONFIG RESETSTAT")
    first = runs()
    with app.app_context():
        app.cache.clear(prefixes=prefixes)
    stats = [node.ask("INFO", "commandstats") for node in nodes]
    for node, done in zip(nodes, stats, strict=True):
        assert not {"cmdstat_keys", "cmdstat_flushdb", "cmdstat_flushall"} & set(done)
        assert "cmdstat_scan" in done
        assert keys_of(node, app) == []
        assert all(node.ask("GET", key) == "kept" for key in keys_in(node, mine))
    assert not set(runs().values()) & set(first.values())


def keys_in(node, name):
    """Keys whose slots *node* has."""
    keys = [f"{name}-{number}" for number in range(30)]
    here = next(slots[:2] for slots in node.ask("CLUSTER SLOTS") if slots[2][1] == node.port)
    return [key for key in keys if here[0] <= node.ask("CLUSTER KEYSLOT", key) <= here[1]]


@pytest.mark.parametrize("on_cluster", ["hasty url"], indirect=True)
def test_a_cluster_that_is_away_at_start_fails_no_request(make_app, on_cluster, nodes):
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node.stopped())
        client = make_app(**on_cluster).test_client()
        assert [client.get("/books").json["run"] for _ in range(4)] == [1, 2, 3, 4]
        assert client.post("/books").status_code == 201
    until(lambda: client.get("/books").json == client.get("/books").json)


@pytest.mark.parametrize("on_cluster", ["url"], indirect=True)
def test_slots_without_a_node_are_an_outage(nodes, runs, caplog):
    runs()
    nodes[0].ask("CLUSTER DELSLOTSRANGE", *SLOTS[0])
    try:
        until(lambda: nodes[0].ask("CLUSTER INFO")["cluster_state"] == "fail")
        runs()
        assert "The cache does not respond" in caplog.text
        assert "The cache refuses" not in caplog.text
    finally:
        nodes[0].ask("CLUSTER ADDSLOTSRANGE", *SLOTS[0])
    until(lambda: runs() == runs())


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize("on_cluster", ["hasty url"], indirect=True)
def test_a_node_that_says_nothing_fails_no_request_and_heals(app, client, nodes, runs, index):
    first = runs()
    with nodes[index].stopped():
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert client.get(PATHS[0]).status_code == 200
        assert {client.get(path).status_code for path in PATHS} == {200}
        with app.app_context():
            app.cache.invalidate(*NAMES)
    until(lambda: runs() == runs())
    assert not set(runs().values()) & set(first.values())


@pytest.mark.parametrize("on_cluster", ["hasty url"], indirect=True)
def test_what_is_written_while_a_node_says_nothing_is_seen_soon(client, nodes, run):
    for node in nodes:
        book = run("/books")
        with node.stopped():
            assert client.post("/books").status_code == 201
        end = time.monotonic() + 5 * availability.INTERVAL
        while time.monotonic() < end:
            assert run("/books") > book
            time.sleep(0.05)
