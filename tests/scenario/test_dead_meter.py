# SPDX-License-Identifier: Apache-2.0
"""One dead meter among eight: the others keep their period, the dead one is said to be lost once
and costs ever less. (Exact to the poll in virtual time: unit/gateway/planner.)"""
import time
from building import Building, wait_for

METERS = [(f"flat-{i}", "acrel-ddsd1352", i) for i in range(1, 9)]


class OneDead(Building):
    def simulation(self):
        return "simulation:\n  - {meter: flat-5, dead: true}\n"


with OneDead(meters=METERS, period="2s") as b:
    b.start_sim()
    b.start_gateway()
    wait_for("flat-5 is lost", lambda: (b.meter("flat-5") or {}).get("state") == "lost", 60)
    before = {m["id"]: m["polls"] for m in b.status()["buses"][0]["meters"]}
    time.sleep(20)
    status = b.status()
    after = {m["id"]: m["polls"] - before[m["id"]] for m in status["buses"][0]["meters"]}
    living = {name: polls for name, polls in after.items() if name != "flat-5"}
    assert all(polls >= 9 for polls in living.values()), after
    assert after["flat-5"] <= 4, after
    assert b.stop("gateway") == 0
    assert b.log("gateway").count("meter does not answer") == 1, b.log("gateway")
    gaps = []
    for name in living:
        times = [t for (t,) in b.rows("gateway.db", "SELECT at_ms FROM reading JOIN point ON point.id"
                                      f"=point WHERE meter='{name}' AND quantity=1 ORDER BY seq")]
        gaps.append(max(b - a for a, b in zip(times, times[1:])))
    print(f"polls in 20 s: {after}; longest gap of a living meter {max(gaps)} ms")
    dead = b.rows("gateway.db", "SELECT count(*) FROM reading JOIN point ON point.id=point "
                                "WHERE meter='flat-5'")
    assert dead == [(0,)], dead
