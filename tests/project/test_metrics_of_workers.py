import os
import signal

import pytest
from servers import LONG
from servers import serve as serve
from servers import wait_for
from test_metrics import BEARER
from test_metrics import samples
from test_metrics import TOKEN


@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_workers_count_together_and_count_those_that_died(serve, tmp_path, options):
    server = serve("--workers=2", *options, METRICS_TOKEN=TOKEN, TMPDIR=str(tmp_path))
    requests = ["that of serve"]

    def live():
        """How many requests for ``/health/live`` were counted."""
        text = server.get("/metrics", BEARER)[2]
        counted = samples(text, "http_request_duration_seconds_count")
        return counted["GET", "/health/live", "200"]

    def have_counted(number):
        """Whether so many workers have counted something; if not, send another request."""
        found = {int(path.stem.split("_")[1]) for path in tmp_path.glob("metrics-*/histogram_*.db")}
        if len(found) >= number:
            return found
        requests.append(server.get("/health/live"))

    dead = wait_for(lambda: have_counted(2)).pop()
    assert {live() for _ in range(10)} == {len(requests)}
    os.kill(dead, signal.SIGKILL)
    wait_for(lambda: not list(tmp_path.glob(f"metrics-*/gauge_*_{dead}.db")))
    wait_for(lambda: have_counted(3))
    assert {live() for _ in range(10)} == {len(requests)}
    server.process.terminate()
    server.process.wait(LONG)
    assert not list(tmp_path.glob("metrics-*"))
