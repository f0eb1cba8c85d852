# SPDX-License-Identifier: Apache-2.0
"""SIGHUP touches only what has changed, a bad file changes nothing, and what needs a restart is
said; a swapped meter is never read as the old one, until the configuration says it belongs there."""
import signal
from building import Building, wait_for

SERIAL_MODEL = "acrel-ddsy1352"


class Changing(Building):
    def simulation(self):
        return "simulation:\n  - {meter: c1, serial: 4711}\n"

    def reload(self, text, word):
        (self.dir / "gateway.yaml").write_text(text)
        said = self.log("gateway").count(word)
        self.processes["gateway"].send_signal(signal.SIGHUP)
        wait_for(f"the gateway says: {word}", lambda: self.log("gateway").count(word) > said)


def polls(b, meter):
    return (b.meter(meter) or {}).get("polls", 0)


with Changing(buses=[], period="500ms") as b:
    b.buses = [("a", b.dir / "a", [("a1", "acrel-ddsd1352", 1)]),
               ("b", b.dir / "b", [("b1", "acrel-ddsd1352", 1), ("b2", "eastron-sdm630", 2)]),
               ("c", b.dir / "c", [("c1", SERIAL_MODEL, 1)])]
    b.write_files()
    good = (b.dir / "gateway.yaml").read_text()
    b.start_all()
    wait_for("all are polled", lambda: all(polls(b, m) > 2 for m in ("a1", "b1", "b2", "c1")))

    # a bad file, an empty one, one that needs a restart: nothing changes
    for text, word in ((good.replace("id: b2", "id: b1"), "nothing has changed"),
                       ("", "nothing has changed"), (good[:-30], "nothing has changed"),
                       (good.replace("id: gw-1", "id: gw-2"), "nothing has changed")):
        b.reload(text, word)
        assert {bus["id"] for bus in b.status()["buses"]} == {"a", "b", "c"}
    assert "needs a restart" in b.log("gateway")

    # one meter of bus b goes, the period of a stays: a is not touched
    opened = b.log("gateway").count("line is open bus=a")
    before = polls(b, "a1")
    lines = [l for l in good.splitlines(keepends=True) if "id: b2" not in l]
    b.reload("".join(lines), "configuration is in force")
    wait_for("b2 is gone", lambda: b.meter("b2") is None and polls(b, "b1") > 2)
    assert polls(b, "a1") >= before, "its counters go on"
    assert b.log("gateway").count("line is open bus=a") == opened
    assert b.log("gateway").count("line is open bus=b") == 2

    # it comes back, and a bus goes
    b.reload(good, "configuration is in force")
    wait_for("b2 is back", lambda: polls(b, "b2") > 2)
    wait_for("the stream goes on", lambda: b.is_delivered(100), 60)

    # another meter at c1's place: nothing of it is read
    b.control({"set": {"meter": "c1", "fault": "swap-serial", "energy": 99}})
    wait_for("the swap is noticed", lambda: b.meter("c1")["state"] == "wrong-meter")
    values = b.meter("c1")["values"]
    seen = polls(b, "c1")
    wait_for("it is asked on", lambda: polls(b, "c1") > seen + 2)
    assert b.meter("c1")["values"] == values
    assert "another meter answers" in b.log("gateway")
    # also after a restart of the gateway
    assert b.stop("gateway") == 0
    b.start_gateway()
    wait_for("it is still the wrong one", lambda: (b.meter("c1") or {}).get("state") == "wrong-meter")
    # the installer says it belongs there
    serial = b.control({"values": "c1"})["serial"]
    b.reload(good.replace("id: c1, ", f"id: c1, serial: '{serial}', "), "configuration is in force")
    wait_for("it is read", lambda: b.meter("c1")["state"] == "ok" and polls(b, "c1") > 2)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    print(f"{ours} readings, {theirs} at the cloud end")
