# SPDX-License-Identifier: Apache-2.0
"""One pair of wires, three protocols: Modbus at 9600, DL/T 645 and CJ/T 188 at 2400, and a second pair
with M-Bus among them. Every meter is read at its own rate, faults or not, and no value crosses over."""
import random, time

from building import Building, wait_for

METERS = {
    "flat-1": ("acrel-ddsd1352", "1", ""),
    "flat-2": ("acrel-ddsy1352", "2", "serial: 4711"),
    "flat-3": ("eastron-sdm630", "3", ""),
    "shop-1": ("generic-dlt645-2007-1ph-prepaid", "260305510009", "drift: 20"),
    "shop-2": ("generic-dlt645-1997-1ph", "260305510008", ""),
    "cold-1": ("generic-cjt188-water-valve", "00000024170567", ""),
    "cold-2": ("generic-cjt188-water", "00000024170568", "order: little"),
    "heat-1": ("generic-cjt188-heat", "25-20100318241912", "order: little, no_ser: true"),
    "shop-3": ("generic-dlt645-2007-1ph", "199700000001", ""),
    "pump-1": ("acrel-ddsd1352", "1", ""),
    "bath-1": ("generic-mbus-water", "1", "serial: 11490378"),
    "bath-2": ("generic-mbus-water", "11490379", ""),
    "gas-1": ("generic-cjt188-gas-valve", "1", ""),
}
FIRST = 7  # of them on the first line
FAULTS = [("late", {"delay_ms": 300}), ("crc", {"share": 60}),
          ("crc", {"every": 2, "bits": 4}), ("truncate", {"bytes": 7}), ("dead", {}), ("glitch", {"byte": 255}),
          ("exception", {"code": 2}), ("wrong-address", {"unit": 8})]


class Metered(Building):
    def simulation(self):
        return "simulation:\n" + "".join(
            f"  - {{meter: {name}, energy: {1357 + 911 * i}.{i:02d}, load: {1 + i}, voltage: {221 + i}.5"
            f"{', ' if more else ''}{more}}}\n" for i, (name, (_, _, more)) in enumerate(METERS.items()))


def states(b):
    return {m["id"]: m["state"] for bus in b.status()["buses"] for m in bus["meters"]}


with Metered(speed=0, baud=None, period="4s", buses=[]) as b:
    names = list(METERS)
    b.buses = [(f"riser-{n}", b.dir / f"bus{n}", [(name, METERS[name][0], METERS[name][1]) for name in part])
               for n, part in enumerate((names[:FIRST], names[FIRST:]))]
    b.write_files()
    b.start_all()
    truth = {name: b.control({"values": name})["values"] for name in names}
    wait_for("all are read", lambda: set(states(b).values()) == {"ok"}, 40)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        fault, terms = dice.choice(FAULTS)
        b.control({"set": {"meter": dice.choice(names), "fault": fault, **terms}})
        time.sleep(dice.uniform(0.05, 0.4))
        b.control({"clear": {"meter": dice.choice(names)}})
    for name in names:
        b.control({"clear": {"meter": name}})
    wait_for("all is read again", lambda: set(states(b).values()) == {"ok"}, 40)
    wait_for("the stream is acknowledged", lambda: b.is_delivered(50), 40)
    for name in names:
        told = b.meter(name)["values"]
        assert set(told) == {q for q, v in truth[name].items() if v is not None}, (name, told, truth[name])
    counts = {k: sum(bus[k] for bus in b.status()["buses"]) for k in ("requests", "replies", "timeouts", "foreign")}
    assert b.stop("gateway") == 0 and b.stop("headend") == 0
    ours, theirs = b.check_equal_copies()
    seen = {}
    for meter, value in b.rows("gateway.db", "SELECT p.meter || ' ' || p.quantity, r.value FROM reading r "
                                             "JOIN point p ON p.id = r.point"):
        seen.setdefault(meter, set()).add(value)
    assert {key.split()[0] for key in seen} == set(names)
    for key, values in seen.items():
        micro = {round(float(v) * 1e6) for v in truth[key.split()[0]].values() if v is not None}
        assert len(values) == 1 and values <= micro, (seed, key, values, truth[key.split()[0]])
    print(f"{counts}; {len(seen)} registers of {len(names)} meters, {ours} readings, {theirs} at the cloud end")
