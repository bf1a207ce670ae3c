import time

from test_metrics import counts
from test_metrics import make_measured as make_measured
from test_metrics import samples
from test_metrics import scrape


def test_the_time_until_the_response_is_measured(make_measured):
    app = make_measured(lambda id: time.sleep(id / 1000) or {})
    app.test_client().get("/things/60")
    [seconds] = samples(scrape(app), "http_request_duration_seconds_sum").values()
    assert seconds > 0.05


def test_no_client_can_make_new_series(make_measured):
    app = make_measured()
    client = app.test_client()

    def attack(number):
        for path in (f"/things/{number}", f"/{number}", f"/things/1?{number}", f"/%0a{number}"):
            for method in ("GET", f"M{number}", "get"):
                headers = {"Host": f"h{number}", "X-HTTP-Method-Override": f"M{number}"}
                client.open(path, method=method, headers=headers)
        return counts(app).keys() - {("GET", "/metrics", "200")}

    first = attack(0)
    assert [attack(number) for number in range(1, 20)] == [first] * 19
    assert {rule for _, rule, _ in first} == {"/things/<int:id>", "none"}
    assert {method for method, _, _ in first} == {"GET", "other"}


def test_two_apps_count_apart(make_measured):
    one, other = make_measured(), make_measured()
    one.test_client().get("/things/1")
    assert counts(one) == {("GET", "/things/<int:id>", "200"): 1}
    assert counts(other) == {}
