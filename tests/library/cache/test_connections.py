import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from carafe.ext.cache.redis import Connections
from carafe.ext.cache.redis import OPTIONS

from .servers import stopped


class Careless(redis.UnixDomainSocketConnection):
    """A connection that stays open after a failure, as one of Sentinel's does."""

    def read_response(self, *args, **kwargs):
        return super().read_response(*args, **{**kwargs, "disconnect_on_error": False})


def test_a_reply_never_meets_the_wrong_question(redis_url):
    options = {"path": redis_url.removeprefix("unix://"), **OPTIONS}
    pool = redis.ConnectionPool(connection_class=Careless, **options)
    connections = Connections(pool)
    connections.ask(("SET", "a", "A"), ("SET", "b", "B"))
    with stopped(redis_url), pytest.raises(redis.TimeoutError):
        connections.ask(("GET", "a"))
    assert connections.ask(("GET", "b"), ("GET", "a")) == [b"B", b"A"]
    with pytest.raises(redis.ResponseError):
        connections.ask(("GET", "a"), ("NONSENSE",), ("GET", "b"))
    assert connections.ask(("GET", "b")) == [b"B"]
    connections.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_shares_no_connection(redis_url):
    connections = Connections(redis.Redis.from_url(redis_url).connection_pool)
    ours = connections.ask(("CLIENT", "ID"))
    child = os.fork()
    if child == 0:
        os._exit(connections.ask(("CLIENT", "ID")) == ours)
    assert os.waitpid(child, 0)[1] == 0
    assert connections.ask(("CLIENT", "ID")) == ours
    connections.close()


def test_closing_ends_the_connections_of_every_thread(redis_url):
    with redis.Redis.from_url(redis_url) as server:
        connections = Connections(server.connection_pool)
        with ThreadPoolExecutor(2) as pool:
            barrier = threading.Barrier(2)
            ours = {
                number
                for [number] in pool.map(
                    lambda _: (barrier.wait(), connections.ask(("CLIENT", "ID")))[1], range(2)
                )
            }
            assert len(ours) == 2
            connections.close()
            assert not ours & {int(each["id"]) for each in server.client_list()}
