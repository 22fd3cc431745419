"""The clock of the machine jumps by a day and back under a running server: answers and events go on."""

from pathlib import Path

import pytest

from tests.faults.conftest import Place
from tests.faults.processes import serving, until

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


@pytest.mark.skipif(LIBRARY is None, reason="needs Debian's libfaketime")
def test_a_clock_that_jumps_by_a_day_and_back_stops_no_answer_and_loses_no_event(on_sqlite: Place) -> None:
    clock = on_sqlite.folder / "clock"
    clock.write_text("+0")
    # The clock that only counts goes on, as it does when somebody sets the other one.
    faked = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    env = on_sqlite.env() | faked | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with serving(env, on_sqlite.folder / "log") as server:
        server.wait_until_live()
        server.activate("a")
        before = server.get("/users/u3/recommendations?limit=20")[1]["items"]
        times = []
        for number, jump in enumerate(("+0", "+1d", "-1d", "+0")):
            clock.write_text(jump)
            event = {"event_id": f"at {jump} {number}", "user_id": "u9", "item_id": f"i{10 + number}", "type": "view"}
            assert server.ask("POST", "/events", [event])[1]["accepted"] == 1
            history = {item["item_id"]: item["ts"] for item in server.get("/users/u9/history")[1]["items"]}
            times.append(history[event["item_id"]])
            seen = [item["item_id"] for item in server.get("/users/u9/recommendations?limit=30")[1]["items"]]
            assert event["item_id"] not in seen
            assert server.get(f"/users/u3/recommendations?limit=20&exclude=x{number}")[1]["items"] == before
        # The jumps were seen: otherwise nothing was tried.
        assert times[1] - times[0] > 80_000
        assert times[1] - times[2] > 160_000
        server.activate("b")
        until(lambda: server.get("/users/u3/recommendations")[1]["release"] == "b")
