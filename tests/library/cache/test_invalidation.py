import gc
import sys
import threading
from itertools import count
from types import SimpleNamespace

import pytest
import redis
from carafe.ext.cache import after_delete
from carafe.ext.cache import after_patch
from carafe.ext.cache import after_post
from carafe.ext.cache import after_put
from carafe.ext.cache import Cache
from flask import Flask
from flask.views import MethodView

from .apps import app_with
from .apps import close

SIGNALS = {"post": after_post, "put": after_put, "patch": after_patch, "delete": after_delete}


@pytest.mark.parametrize("method", SIGNALS)
def test_a_write_invalidates_its_own_and_cascaded_namespaces_and_no_other(client, run, method):
    book, variant, shelf, viewer = before = [
        run(path) for path in ("/books", "/books?a=1", "/shelves", "/viewers")
    ]
    getattr(client, method)("/books")
    after = [run(path) for path in ("/books", "/books?a=1", "/shelves", "/viewers")]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False] * 3 + [True]


def test_the_cascade_has_one_direction(client, run):
    book, shelf = run("/books"), run("/shelves")
    client.post("/shelves")
    assert run("/books") == book
    assert run("/shelves") != shelf


def test_a_write_is_one_command_whatever_it_makes_invalid(make_app, on_redis):
    app = make_app(**on_redis)
    with redis.Redis.from_url(on_redis["CACHE_REDIS_URL"]) as server, app.app_context():
        app.cache.invalidate("connect")
        server.config_resetstat()
        app.cache.invalidate(*"abcdefgh")
        calls = {name: each["calls"] for name, each in server.info("commandstats").items()}
    assert calls == {"cmdstat_config|resetstat": 1, "cmdstat_unlink": 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_write_that_was_refused_invalidates_nothing(client, run, status):
    book = run("/books")
    client.post(f"/books?status={status}")
    assert run("/books") == book


@pytest.mark.parametrize("signal", SIGNALS.values())
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_can_be_sent_by_hand(app, run, signal, times):
    book, shelf, viewer = run("/books"), run("/shelves"), run("/viewers")
    with app.app_context():
        for _ in range(times):
            signal.send(app.views["BookView"])
    assert run("/books") != book
    assert run("/shelves") != shelf
    assert run("/viewers") == viewer


def test_an_instance_and_the_view_function_are_senders_too(app, run):
    for sender in (app.views["BookView"](), app.view_functions["books"]):
        book = run("/books")
        with app.app_context():
            after_post.send(sender)
        assert run("/books") != book


def test_a_function_view_is_a_sender_before_and_after_it_was_read(app, client):
    @app.get("/named")
    @app.cache.cached_view(namespace="elsewhere")
    def named():
        return {"run": next(app.runs)}

    for _ in range(2):
        with app.app_context():
            after_put.send(named)
        first = client.get("/named").json
        assert client.get("/named").json == first
    with app.app_context():
        after_put.send(named)
    assert client.get("/named").json != first


def test_a_class_is_the_sender_for_the_namespaces_of_its_methods(app, client):
    class Mixed(app.views["ShelfView"]):
        @app.cache.cached_view(namespace="mixed:list")
        def get(self):
            return {"run": next(app.runs)}

    app.add_url_rule("/mixed", view_func=Mixed.as_view("mixed"))
    first = client.get("/mixed").json
    assert client.get("/mixed").json == first
    client.post("/mixed")
    assert client.get("/mixed").json != first


def test_invalidate_takes_names_and_classes(app, run):
    for namespace in ("BookView", app.views["BookView"]):
        book, shelf = run("/books"), run("/shelves")
        with app.app_context():
            app.cache.invalidate(namespace)
        assert run("/books") != book
        assert run("/shelves") == shelf


@pytest.mark.parametrize(
    "name", ["a*b", "[x]", "{y}", "%s", "a:view:/b", "\r\n\0", "é中", "n" * 20_000]
)
def test_any_text_is_a_namespace(app, client, name):
    @app.get("/odd")
    @app.cache.cached_view(namespace=name)
    def odd():
        return {"run": next(app.runs)}

    first = client.get("/odd").json
    assert client.get("/odd").json == first
    with app.app_context():
        app.cache.invalidate(name)
    assert client.get("/odd").json != first


def test_a_view_that_was_running_during_a_write_is_not_kept(app, client, run):
    started, finish = threading.Event(), threading.Event()

    @app.get("/slow")
    @app.cache.cached_view(namespace="BookView")
    def slow():
        started.set()
        assert finish.wait(60)
        return {"run": next(app.runs)}

    seen = []
    reader = threading.Thread(target=lambda: seen.append(app.test_client().get("/slow").json))
    reader.start()
    assert started.wait(60)
    client.post("/books")
    finish.set()
    reader.join()
    assert client.get("/slow").json not in seen


def test_a_lost_token_never_brings_an_old_answer_back(app, run):
    first = run("/books")
    with app.app_context():
        entry = app.cache.get("BookView:view:/books")
        app.cache.delete("BookView:token")
    second = run("/books")
    assert second != first
    with app.app_context():
        app.cache.set("BookView:view:/books", entry)
    assert run("/books") not in (first, second)


def test_two_apps_never_meet(make_app, backend):
    cache = Cache()
    here = make_app(cache, **backend)
    there = make_app(cache, **{**backend, "CACHE_KEY_PREFIX": "test-there:"})
    client = here.test_client()
    first = client.get("/books").json
    with there.app_context():
        after_post.send(here.views["BookView"])
        cache.invalidate("BookView")
    assert client.get("/books").json == first


def test_what_other_code_made_is_not_served(on_redis, monkeypatch, tmp_path):
    file, runs, clients = tmp_path / "__init__.py", count(1), []
    monkeypatch.setitem(sys.modules, "code", SimpleNamespace(__file__=str(file)))
    for code in ("old", "new", "new"):
        (tmp_path / "models.py").write_text(code)
        file.touch()
        app = app_with(None, "code", **on_redis)
        view = app.cache.cached_view(namespace="it")(lambda: f"{next(runs)}")
        app.add_url_rule("/it", "it", view)
        clients.append(app.test_client())
    old, new, same = clients
    assert [client.get("/it").text for client in (old, old, new, new, same)] == [*"11222"]
    for client in clients:
        close(client.application)


@pytest.mark.parametrize("name", ["SECRET_KEY", "SQLALCHEMY_DATABASE_URI"])
def test_an_app_with_another_key_or_database_shares_nothing(make_app, on_redis, name):
    found = []
    for value in ("one", "another"):
        app = make_app(None, **on_redis, **{name: value})
        view = app.cache.cached_view(namespace="it")(lambda value=value: value)
        app.add_url_rule("/it", "it", view)
        found += [app.test_client().get("/it").text for _ in range(2)]
    assert found == ["one", "one", "another", "another"]


def test_a_signal_outside_a_context_warns_and_does_no_harm(app, run, caplog):
    book = run("/books")
    after_post.send(app.views["BookView"])
    assert "outside an application context" in caplog.text
    assert run("/books") == book


def test_an_app_that_is_gone_listens_no_more():
    gc.collect()
    before = set(after_post.receivers)
    Cache().init_app(Flask("short-lived"))
    assert set(after_post.receivers) > before
    gc.collect()
    assert set(after_post.receivers) == before


@pytest.mark.parametrize("way", ["composed", "around"])
def test_a_write_to_a_base_reaches_a_view_whose_decorator_an_owner_composed(make_app, way):
    app = make_app()

    def cached_for(seconds):
        return lambda view: app.cache.cached_view(seconds)(view)

    class Base(MethodView):
        decorators = [cached_for(60)] if way == "composed" else []

        def get(self):
            return {"run": next(runs)}

        def post(self):
            return {}

    class Derived(Base):
        pass

    runs, around = count(), cached_for(60) if way == "around" else lambda view: view
    for kind in (Base, Derived):
        app.add_url_rule(f"/{kind.__name__}", view_func=around(kind.as_view(kind.__name__)))
    client = app.test_client()
    for written in ("Base", "Derived"):
        before = client.get("/Derived").json
        assert client.get("/Derived").json == before
        client.post(f"/{written}")
        assert client.get("/Derived").json != before
