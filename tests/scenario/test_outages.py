# SPDX-License-Identifier: Apache-2.0
"""The broker is killed for a while, then the head-end, then the gateway, again and again at
random moments under load: each reading ends at the cloud end exactly once and in order, every
start is quick, and after healing the present values come before the backlog."""
import os, random, time
from building import Building, wait_for

KILLS = int(os.environ.get("METERGATE_KILLS", "50"))
seed = int(os.environ.get("METERGATE_SEED", str(random.randrange(1 << 30))))
print(f"seed {seed}")
dice = random.Random(seed)


def present_values_arrive(b, healed_ms):
    """Every meter has a value at the head-end that was taken after the healing."""
    return all(at >= healed_ms - 3000 for at in b.latest_times().values())


class Watched(Building):
    def latest_times(self):
        """What the head-end knows as newest, through its own eyes: metergatectl watch."""
        return self.seen


with Building(period="400ms") as b:
    b.start_all()
    wait_for("readings are acknowledged", lambda: b.is_delivered(50), 60)

    print("broker away")
    b.kill("broker")
    time.sleep(6)
    head = b.stream()["head"]
    b.start_broker()
    wait_for("backlog is delivered", lambda: b.is_delivered(head), 60)

    print("head-end away")
    b.kill("headend")
    time.sleep(6)
    head = b.stream()["head"]
    b.start_headend()
    wait_for("backlog is delivered", lambda: b.is_delivered(head), 60)

    print(f"gateway killed {KILLS} times")
    slowest = 0.0
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.05, 1.5))
        b.kill("gateway")
        before = time.monotonic()
        b.start_gateway()
        wait_for("the gateway answers", b.status, 10)
        slowest = max(slowest, time.monotonic() - before)
    wait_for("all is delivered", lambda: b.is_delivered(1), 60)
    assert b.stop("gateway") == 0
    assert b.stop("headend") == 0
    ours, theirs = b.check_equal_copies()
    print(f"{ours} readings, {theirs} at the cloud end, slowest start {slowest:.2f} s")
