# feature: auth
"""What is written of a token, and how many there may be."""

from datetime import datetime
from datetime import timedelta
from datetime import UTC

import time_machine
from test_tokens import ada as ada
from test_tokens import machine as machine
from test_tokens import token_of


def test_the_use_of_a_token_is_written_once_an_hour(ada, machine):
    client = machine(token_of(ada))
    used = []
    for hours in (0, 0.5, 2):
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
            client.get("/login").close()
        used.append(ada.get("/tokens").json["items"][0]["last_used_at"])
    assert used[0] == used[1] < used[2]


def test_a_user_has_at_most_50_tokens(ada):
    made = [ada.post("/tokens", {"name": str(number)}) for number in range(51)]
    assert [response.status_code for response in made] == [201] * 50 + [409]
