# SPDX-License-Identifier: Apache-2.0
"""Adapters are pulled and put back, 100 times in all: polling resumes each time, and no descriptor
is left behind."""
import os, time
from building import Building, wait_for

BUSES, TIMES = 5, 20


def descriptors(b):
    """What is open for good: a client of the local door may be on its way out."""
    counts = []
    for _ in range(10):
        counts.append(len(os.listdir(f"/proc/{b.processes['gateway'].pid}/fd")))
        time.sleep(0.1)
    return min(counts)


def polls(b):
    return {bus["id"]: (bus["up"], sum(m["polls"] - m["failed"] for m in bus["meters"]))
            for bus in b.status()["buses"]}


with Building(buses=[], period="200ms", baud=115200) as b:
    b.buses = [(f"bus{i}", b.dir / f"bus{i}", [(f"meter{i}", "acrel-ddsd1352", 1)])
               for i in range(BUSES)]
    b.write_files()
    b.start_sim()
    b.start_gateway()
    wait_for("all are polled", lambda: all(up and n > 2 for up, n in polls(b).values()))
    before = descriptors(b)
    for turn in range(TIMES):
        for i in range(BUSES):
            b.control({"unplug": f"bus{i}"})
        wait_for("all are gone", lambda: not any(up for up, _ in polls(b).values()))
        for i in range(BUSES):
            b.control({"plug": f"bus{i}"})
        then = polls(b)
        wait_for("all are polled again", lambda: all(
            up and n > then[name][1] + 1 for name, (up, n) in polls(b).items()), 40)
    assert descriptors(b) == before, (descriptors(b), before)
    assert b.stop("gateway") == 0
    print(f"{BUSES * TIMES} times pulled and put back; {before} descriptors before and after")
