# SPDX-License-Identifier: Apache-2.0
"""Events on their way to the cloud end: a meter is lost and comes back while the broker is away
and the gateway is killed, and every event is at the head-end exactly once, in order, byte for
byte; people see it in the head-end's log and with metergatectl watch."""
import time
from building import Building, wait_for


def records(b, name):
    return b.status()["records"][name]


def all_delivered(b):
    status = b.status()
    return status and b.is_delivered(1) and all(
        status["records"][name]["acked"] == status["records"][name]["head"]
        for name in ("ledger", "events", "results"))


def set_dead(b, meter, dead):
    b.control({"set": {"meter": meter, "fault": "dead"}} if dead else {"clear": {"meter": meter}})


def state(b, meter):
    return (b.meter(meter) or {}).get("state")


with Building(period="400ms") as b:
    b.start_all()
    b.start_watch()
    wait_for("readings are acknowledged", lambda: b.is_delivered(20), 60)
    assert b.status()["records"]["ledger_is_whole"] is True
    assert records(b, "events") == {"head": 0, "acked": 0}

    print("a meter is lost and comes back")
    set_dead(b, "flat-2", True)
    wait_for("the loss is acknowledged", lambda: records(b, "events") == {"head": 1, "acked": 1}, 60)
    set_dead(b, "flat-2", False)
    wait_for("the return is acknowledged", lambda: records(b, "events") == {"head": 2, "acked": 2}, 60)

    print("another one while the broker is away, and the gateway is killed in between")
    b.kill("broker")
    set_dead(b, "flat-1", True)
    wait_for("it is lost", lambda: records(b, "events")["head"] == 3, 60)
    for _ in range(3):
        b.kill("gateway")
        b.start_gateway()
        wait_for("it is lost again", lambda: state(b, "flat-1") == "lost", 60)
    assert records(b, "events") == {"head": 3, "acked": 2}, records(b, "events")
    set_dead(b, "flat-1", False)
    wait_for("it is back", lambda: records(b, "events")["head"] == 4, 60)
    b.start_broker()
    wait_for("all is delivered", lambda: all_delivered(b), 60)

    print("and once more, with the head-end killed before it could commit")
    b.kill("headend")
    set_dead(b, "flat-3", True)
    wait_for("it is lost", lambda: records(b, "events")["head"] == 5, 60)
    b.start_headend()
    wait_for("all is delivered", lambda: all_delivered(b), 60)

    log = b.log("headend")
    for line in ("seq=1 code=METER_LOST", "seq=2 code=METER_BACK", "seq=5 code=METER_LOST"):
        assert log.count(f"event gateway=gw-1 {line}") == 1, (line, log)
    # what is sent twice is seen twice, and what is sent before the watcher is back at the broker is
    # not seen: it is no party to the acknowledgements
    seen = {e["seq"]: (e["event"], e["severity"], e["meter"], e["cleared"])
            for e in b.watched() if e["type"] == "event"}
    told = {1: ("METER_LOST", "warning", "flat-2", False),
            2: ("METER_BACK", "info", "flat-2", False),
            3: ("METER_LOST", "warning", "flat-1", False),
            4: ("METER_BACK", "info", "flat-1", False),
            5: ("METER_LOST", "warning", "flat-3", False)}
    assert {1, 2, 5} <= set(seen) and seen.items() <= told.items(), seen
    b.stop_all()
    b.check_equal_copies()
    (ours,) = b.rows("gateway.db", "SELECT count(*) FROM record WHERE stream = 1")
    (theirs,) = b.rows("headend.db", "SELECT count(*) FROM record WHERE stream = 3")
    assert ours == theirs == (5,), (ours, theirs)
    print(f"{theirs[0]} events, each once")
