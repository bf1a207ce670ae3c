import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from notes import PATH
from servers import ask
from servers import LONG
from servers import serve as serve
from servers import wait_for

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]


def test_a_server_that_is_told_to_end_serves_on_then_takes_no_more_then_finishes(serve):
    server = serve("--workers=1", DRAIN_SECONDS="5")
    open_connection = server.connect()
    assert ask(open_connection, "/health/ready")[0] in (200, 503)
    with ThreadPoolExecutor(1) as elsewhere:
        slow = elsewhere.submit(server.get, "/slow")
        wait_for(lambda: "It is slow." in server.output())
        server.process.send_signal(signal.SIGTERM)

        wait_for(lambda: "shutting down" in str(ask(open_connection, "/health/ready")[2]))
        assert server.get("/health/live")[0] == 200
        if sys.platform == "linux":
            wait_for(lambda: is_refused(server))
        wait_for(lambda: ask(open_connection, "/health/live")[1]["Connection"] == "close")
        (server.folder / "go").touch()
        assert slow.result()[0] == 200
    open_connection.close()
    assert server.process.wait(LONG) == 0


def is_refused(server):
    try:
        return not server.get("/health/live")
    except ConnectionRefusedError:
        return True


def test_a_body_that_no_view_reads_ends_no_connection(serve):
    """A proxy that is still sending would respond with a 502."""
    connection = serve("--workers=1").connect()
    for path, status in [("/nowhere", 404), ("/write", 413)]:
        connection.request("POST", path, b" " * 5_000_000, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (status, True)
    assert ask(connection, "/health/live")[0] == 200
    connection.close()


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_each_worker_has_an_application_of_its_own(serve, options):
    server = serve("--workers=2", *options)
    expected = {"is_its_own": True}
    expected["caches"] = False  # feature: cache
    assert [server.get("/process")[2] for _ in range(6)] == [expected] * 6


def test_with_everything_unavailable_it_starts_and_says_so(serve):
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    away["REDIS_URL"] = "redis://127.0.0.1:1"  # feature: cache
    server = serve("--workers=1", **away)
    assert server.get("/health/live")[0] == 200
    status, headers, problem = server.get("/health/ready")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "database" in problem["detail"]
    assert "cache" in problem["detail"]  # feature: cache
    assert "The database is " in server.output()
    assert "The cache is " in server.output()  # feature: cache
    status, headers, _ = server.get(PATH)
    assert (status, headers["Retry-After"]) == (503, "5")
