# SPDX-License-Identifier: Apache-2.0
"""A building of M-Bus meters, from the wire to the cloud: primary and secondary addresses, several that
differ in one digit, readouts of several telegrams, real telegrams, while answers are late, damaged or lie
over each other. Every stored value is that of its own meter; a meter that is swapped is never read as
the old one."""
import random, time

from building import Building, wait_for

# an Itron BM +m; the simulator puts in its own readings
ITRON = ("683c3c680808727803491177040e160a0000000c7878034911041331d40000426c0000441300000000046d0b0bcd13"
         "0227000009fd0e0209fd0f060f00017513d316")
# model, address, keys of simulation; the next number is that of the other meter in merge and swap-serial
METERS = {
    "bath-1": ("itron-bm-plus-m", "1", f"serial: 11490376, telegram: {ITRON}"),
    "bath-2": ("itron-bm-plus-m", "11490379.ACW.14.22", f"telegram: {ITRON}"),
    "cold-1": ("generic-mbus-water", "55550004", "telegrams: 3"),
    "cold-2": ("generic-mbus-water", "55550002", "telegrams: 2"),
    "cold-3": ("generic-mbus-water", "5555000A.ELS.7.7", ""),
    "heat-1": ("generic-mbus-heat", "7", "serial: 70000005, telegrams: 4"),
    "heat-2": ("generic-mbus-heat", "70000008", ""),
    "flat-1": ("generic-mbus-electricity", "9", "serial: 90000009"),
    "gas-1": ("generic-mbus-gas", "250", "serial: 30000250"),
}
FAULTS = [("late", {"delay_ms": 120}), ("late", {"delay_ms": 400}), ("crc", {"share": 60}),
          ("crc", {"every": 2, "bits": 3}), ("truncate", {"bytes": 9}), ("dead", {}), ("glitch", {"byte": 0}),
          ("slow", {"delay_ms": 60}), ("exception", {"code": 8}), ("wrong-address", {"unit": 33}),
          ("merge", {"share": 0, "energy": 7}), ("merge", {"share": 30, "energy": 7})]


class Metered(Building):
    def simulation(self):
        return "simulation:\n" + "".join(
            f"  - {{meter: {name}, energy: {4321 + 977 * i}.{i:02d}, load: {1 + i}{', ' if more else ''}{more}}}\n"
            for i, (name, (_, _, more)) in enumerate(METERS.items()))


def states(b):
    return {m["id"]: m["state"] for bus in b.status()["buses"] for m in bus["meters"]}


with Metered(speed=0, baud=9600, timeout="150ms", period="1s", buses=[]) as b:
    names = list(METERS)
    b.buses = [(f"riser-{n}", b.dir / f"bus{n}", [(name, METERS[name][0], METERS[name][1]) for name in part])
               for n, part in enumerate((names[:5], names[5:]))]
    b.write_files()
    b.start_all()
    truth = {name: b.control({"values": name}) for name in names}
    wait_for("all are read", lambda: set(states(b).values()) == {"ok"}, 40)
    wait_for("the readings are acknowledged", lambda: b.is_delivered(50), 40)
    for name in names:
        told = b.meter(name)["values"]
        assert told and all(float(truth[name]["values"][q]) == float(v) for q, v in told.items()), (name, told)
    # faults come and go, on the meters that differ least
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    until = time.monotonic() + 12
    while time.monotonic() < until:
        name = dice.choice(names)
        fault, terms = dice.choice(FAULTS)
        b.control({"set": {"meter": name, "fault": fault, **terms}})
        time.sleep(dice.uniform(0.05, 0.4))
        b.control({"clear": {"meter": dice.choice(names)}})
    for name in names:
        b.control({"clear": {"meter": name}})
    wait_for("all is read again", lambda: set(states(b).values()) == {"ok"}, 40)
    # another meter in the place of two of them
    swapped = ("bath-1", "flat-1")
    for name in swapped:
        b.control({"set": {"meter": name, "fault": "swap-serial", "energy": 1}})
    wait_for("the swaps are noticed", lambda: all(states(b)[name] == "wrong-meter" for name in swapped), 20)
    # one that was known by its secondary address is not there any more
    b.control({"set": {"meter": "heat-2", "fault": "swap-serial", "serial": "70000009", "energy": 1}})
    wait_for("nobody answers to the old number", lambda: states(b)["heat-2"] == "lost", 20)
    wait_for("the stream is acknowledged", lambda: b.is_delivered(50), 40)
    assert b.stop("gateway") == 0 and b.stop("headend") == 0
    ours, theirs = b.check_equal_copies()
    registers = b.rows("headend.db", "SELECT DISTINCT meter, quantity FROM point")
    assert {meter for meter, _ in registers} == set(names), registers
    seen = {}
    for meter, value in b.rows("gateway.db", "SELECT p.meter || ' ' || p.quantity, r.value FROM reading r "
                                             "JOIN point p ON p.id = r.point"):
        seen.setdefault(meter, set()).add(value)
    for key, values in seen.items():
        micro = {round(float(v) * 1e6) for v in truth[key.split()[0]]["values"].values() if v is not None}
        assert len(values) == 1 and values <= micro, (seed, key, values, truth[key.split()[0]])
    print(f"{len(seen)} registers of {len(names)} meters, {ours} readings, {theirs} at the cloud end")
