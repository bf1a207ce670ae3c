import os

import pytest
import redis
from carafe.ext.cache.redis import OPTIONS
from carafe.ext.cache.redis import RedisCache

from .servers import stopped


class Careless(redis.UnixDomainSocketConnection):
    """A connection that stays open after a failure, as one of Sentinel's does."""

    def read_response(self, *args, **kwargs):
        return super().read_response(*args, **{**kwargs, "disconnect_on_error": False})


def test_a_reply_never_meets_the_wrong_question(redis_url):
    options = {"path": redis_url.removeprefix("unix://"), **OPTIONS}
    pool = redis.ConnectionPool(connection_class=Careless, **options)
    cache = RedisCache(redis.Redis(connection_pool=pool))
    cache.execute(("SET", "a", "A"), ("SET", "b", "B"))
    with stopped(redis_url), pytest.raises(redis.TimeoutError):
        cache.execute(("GET", "a"))
    assert cache.execute(("GET", "b"), ("GET", "a")) == [b"B", b"A"]
    with pytest.raises(redis.ResponseError):
        cache.execute(("GET", "a"), ("NONSENSE",), ("GET", "b"))
    assert cache.execute(("GET", "b")) == [b"B"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_shares_no_connection(redis_url):
    cache = RedisCache(redis.Redis.from_url(redis_url))
    ours = cache.execute(("CLIENT", "ID"))
    child = os.fork()
    if child == 0:
        os._exit(cache.execute(("CLIENT", "ID")) == ours)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.execute(("CLIENT", "ID")) == ours
