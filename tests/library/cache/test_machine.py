"""Whatever happens to the backend, and in whatever order, no answer is out of date."""

from contextlib import ExitStack

import pytest
import redis
from flask.views import MethodView
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition
from hypothesis.stateful import rule
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import run_state_machine_as_test

from .servers import stopped
from .servers import until

pytestmark = pytest.mark.slow

which_app, numbers, indexes = st.integers(0, 1), st.integers(0, 2), st.integers(0, 20)

while_it_answers = precondition(lambda machine: not machine.is_stopped)


class Machine(RuleBasedStateMachine):
    """Two apps that share a Redis and a database, which is *versions*."""

    def __init__(self, make_app, config):
        super().__init__()
        self.versions = [0, 0, 0]
        self.apps = [self._with_views(make_app(**config)) for _ in range(2)]
        self.clients = [app.test_client() for app in self.apps]
        self.url = config["CACHE_REDIS_URL"]
        self.server = redis.Redis.from_url(self.url)
        self.server.flushdb()
        self.outage, self.is_stopped = ExitStack(), False
        self.seen = {}

    @rule(app=which_app, number=numbers)
    def read_one(self, app, number):
        assert self._get(app, f"/numbers/{number}")["version"] == self.versions[number]

    @rule(app=which_app)
    def read_what_depends_on_all(self, app):
        assert self._get(app, "/sum")["sum"] == sum(self.versions)

    @rule(app=which_app, number=numbers)
    def write(self, app, number):
        assert self.clients[app].put(f"/numbers/{number}").status_code == 200
        if not self.is_stopped:
            self._wait()  # for a busy machine

    @while_it_answers
    @rule()
    def flush(self):
        self.server.flushdb()

    @while_it_answers
    @rule(index=indexes)
    def evict(self, index):
        for key in self._keys(index):
            self.server.delete(key)

    @while_it_answers
    @rule(index=indexes)
    def remember(self, index):
        for key in self._keys(index):
            self.seen[key] = self.server.get(key)

    @while_it_answers
    @rule(index=indexes)
    def bring_an_entry_back(self, index):
        entries = [key for key in sorted(self.seen) if not key.endswith(b":token")]
        for key in entries[index : index + 1]:
            self.server.set(key, self.seen[key])

    @while_it_answers
    @rule(index=indexes, junk=st.binary(max_size=40))
    def plant(self, index, junk):
        for key in self._keys(index):
            self.server.set(key, junk)

    @while_it_answers
    @rule()
    def stop(self):
        self._read_all()
        self.outage.enter_context(stopped(self.url))
        self.is_stopped = True

    @precondition(lambda machine: machine.is_stopped)
    @rule()
    def go_on(self):
        self.outage.close()
        self.is_stopped = False
        self._wait()
        self._read_all()

    def teardown(self):
        self.go_on()
        self.server.close()

    def _wait(self):
        until(lambda: all(self._state(app) == "up" for app in self.apps))

    def _read_all(self):
        for app in range(len(self.apps)):
            self.read_what_depends_on_all(app)
            for number in range(len(self.versions)):
                self.read_one(app, number)

    def _get(self, app, path):
        return self.clients[app].get(path).json

    def _keys(self, index):
        return sorted(self.server.keys())[index : index + 1]

    def _state(self, app):
        with app.app_context():
            return app.cache.stats()["state"]

    def _with_views(self, app):
        cached = app.cache.cached_view

        class NumberView(MethodView):
            cache_cascade = ["SumView"]

            @cached()
            def get(view, number):
                return {"version": self.versions[number]}

            def put(view, number):
                self.versions[number] += 1
                return {}

        class SumView(MethodView):
            @cached()
            def get(view):
                return {"sum": sum(self.versions)}

        app.add_url_rule("/numbers/<int:number>", view_func=NumberView.as_view("number"))
        app.add_url_rule("/sum", view_func=SumView.as_view("sum"))
        return app


@pytest.mark.usefixtures("impatient")
def test_no_answer_is_out_of_date_whatever_happens(make_app, on_redis):
    config = {**on_redis, "CACHE_OPTIONS": {}}
    run_state_machine_as_test(
        lambda: Machine(make_app, config),
        settings=settings(max_examples=20, stateful_step_count=30, deadline=None),
    )
