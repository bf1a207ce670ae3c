import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers import ask

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]


def test_who_is_told_to_end_finishes_what_it_began_and_takes_no_more(serve):
    server = serve("--workers=1")
    kept = server.connect()
    assert ask(kept, "/health/ready")[0] == 200
    with ThreadPoolExecutor(1) as elsewhere:
        slow = elsewhere.submit(server.get, "/slow")
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        status, headers, problem = ask(kept, "/health/ready")
        assert (status, headers["Connection"]) == (503, "close")
        assert "ending" in problem["detail"]
        assert slow.result()[0] == 200
    kept.close()
    assert server.process.wait(20) == 0


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_each_worker_has_an_application_of_its_own(serve, options):
    server = serve("--workers=2", *options)
    expected = {"is_its_own": True}
    expected["caches"] = False  # feature: cache
    assert [server.get("/process")[2] for _ in range(6)] == [expected] * 6


def test_one_worker_caches_in_memory(serve):  # feature: cache
    assert serve("--workers=1", "--preload").get("/process")[2]["caches"]  # feature: cache


def test_with_everything_away_it_starts_and_says_so(serve):
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    away["REDIS_URL"] = "redis://127.0.0.1:1"  # feature: cache
    server = serve("--workers=1", **away)
    assert server.get("/health/live")[0] == 200
    status, _, problem = server.get("/health/ready")
    assert status == 503 and "database" in problem["detail"]
    assert "cache" in problem["detail"]  # feature: cache
    assert "The database is away." in server.said()
    assert "The cache is away." in server.said()  # feature: cache
    status, headers, _ = server.get("/books")
    assert (status, headers["Retry-After"]) == (503, "5")
