# SPDX-License-Identifier: Apache-2.0
"""A bus with 8 of 32 meters dead: the living keep their period. (Exact in virtual time:
unit/gateway/planner.)"""
import time
from building import Building, wait_for

METERS = [(f"flat-{i}", "acrel-ddsd1352", i) for i in range(1, 33)]
DEAD = {f"flat-{i}" for i in range(4, 33, 4)}


class EightDead(Building):
    def simulation(self):
        return "simulation:\n" + "".join(f"  - {{meter: {name}, dead: true}}\n" for name in sorted(DEAD))


with EightDead(meters=METERS, period="8s") as b:
    b.start_sim()
    b.start_gateway()
    wait_for("the dead are known", lambda: sum(
        m["state"] == "lost" for m in b.status()["buses"][0]["meters"]) == 8, 90)
    before = {m["id"]: m["polls"] for m in b.status()["buses"][0]["meters"]}
    time.sleep(33)
    status = b.status()["buses"][0]
    after = {m["id"]: m["polls"] - before[m["id"]] for m in status["meters"]}
    assert all(polls >= 4 for name, polls in after.items() if name not in DEAD), after
    assert sum(m["failed"] for m in status["meters"] if m["id"] not in DEAD) == 0, status
    print(f"24 living polled {min(p for n, p in after.items() if n not in DEAD)} times or more in 33 s "
          f"at a period of 8 s; {status['utilisation_percent']} % of the line in use")
