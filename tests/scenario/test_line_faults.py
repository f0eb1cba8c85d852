# SPDX-License-Identifier: Apache-2.0
"""Every fault a line can have, coming and going at random on paced lines while the gateway polls:
whatever is stored is what the meter's registers hold, to the last digit; late answers from 0 to 3
times the timeout are never taken for another request. METERGATE_TRANSACTIONS sets how many."""
import os, random, time
from building import Building, wait_for

BUSES = int(os.environ.get("METERGATE_BUSES", "4"))
WANTED = int(os.environ.get("METERGATE_TRANSACTIONS", "1500"))
seed = int(os.environ.get("METERGATE_SEED", str(random.randrange(1 << 30))))
print(f"seed {seed}")
dice = random.Random(seed)
TIMEOUT_MS = 60
MODELS = ["acrel-ddsd1352", "eastron-sdm120", "eastron-sdm630", "acrel-ddsy1352"]
HAS_SERIAL = "acrel-ddsy1352"


def fault_of_meter(model):
    kinds = [("late", {"delay_ms": dice.randrange(0, 3 * TIMEOUT_MS + 1)}), ("crc", {"share": 50}),
             ("crc", {"every": 2, "bits": dice.randrange(1, 9)}), ("dead", {}),
             ("truncate", {"bytes": dice.randrange(1, 12)}), ("wrong-address", {"unit": dice.randrange(1, 9)}),
             ("exception", {"code": dice.choice([1, 4, 6])}), ("glitch", {"byte": dice.choice([0, 255])}),
             ("slow", {"delay_ms": dice.randrange(1, TIMEOUT_MS)})]
    if model == HAS_SERIAL:  # only a serial number tells another meter at the same address; two at
        # once that answer cleanly in turns can pass for one until it is looked at
        kinds += [("swap-serial", {"energy": 77}), ("merge", {"energy": 55, "share": 0})]
    return dice.choice(kinds)


def fault_of_bus():
    return dice.choice([("babble", {"bytes": dice.randrange(1, 40), "pause_ms": dice.randrange(1, 200)}),
                        ("babble", {"bytes": 3, "pause_ms": 7}), ("none", {})])


def requests(b):
    status = b.status()
    return sum(bus["requests"] for bus in status["buses"]) if status else 0


class Faulty(Building):
    def simulation(self):
        return "simulation:\n" + "".join(
            f"  - {{meter: {meter}, energy: {100 + 7 * i}.{i:02d}, voltage: {220 + i}.5, load: 0.{i + 1}"
            + (f", serial: {1000 + i}" if model == HAS_SERIAL else "") + "}\n"
            for i, (meter, model) in enumerate(PLACES))


PLACES = [(f"bus{bus}-{model}", model) for bus in range(BUSES) for model in MODELS]
with Faulty(speed=0, baud=115200, timeout=f"{TIMEOUT_MS}ms", period="200ms", buses=[]) as b:
    b.turnaround = "1ms"
    b.buses = [(f"bus{bus}", b.dir / f"bus{bus}", [(f"bus{bus}-{model}", model, i + 1)
                                                   for i, model in enumerate(MODELS)])
               for bus in range(BUSES)]
    b.write_files()
    b.start_sim()
    truth = {meter: b.control({"values": meter})["values"] for meter, _ in PLACES}
    b.start_gateway()
    wait_for("the serial numbers are learnt",
             lambda: b.log("gateway").count("known by its serial number") == BUSES, 60)
    changes, touched = 0, {}
    while requests(b) < WANTED:
        meter, model = dice.choice(PLACES)
        if time.monotonic() - touched.get(meter, 0) < 1:
            time.sleep(0.05)  # a meter is not swapped and swapped back within one poll
            continue
        touched[meter] = time.monotonic()
        kind, terms = fault_of_meter(model)
        b.control({"set": {"meter": meter, "fault": kind, **terms}})
        if dice.random() < 0.3:
            kind, terms = fault_of_bus()
            name = f"bus{dice.randrange(BUSES)}"
            b.control({"set": {"bus": name, "fault": kind, **terms}} if kind != "none"
                      else {"clear": {"bus": name}})
        if dice.random() < 0.7:
            other = dice.choice(PLACES)[0]
            if time.monotonic() - touched.get(other, 0) >= 1:
                touched[other] = time.monotonic()
                b.control({"clear": {"meter": other}})
        changes += 1
        time.sleep(dice.uniform(0.02, 0.3))
    for bus in range(BUSES):
        b.control({"clear": {"bus": f"bus{bus}"}})
    for meter, _ in PLACES:
        b.control({"clear": {"meter": meter}})
    heads = b.stream()["head"]
    wait_for("all is read again", lambda: all(m["state"] == "ok" for bus in b.status()["buses"]
                                              for m in bus["meters"]), 60)
    counts = {k: sum(bus[k] for bus in b.status()["buses"])
              for k in ("requests", "replies", "timeouts", "damaged", "foreign")}
    assert b.stop("gateway") == 0
    names = dict(b.rows("gateway.db", "SELECT id, meter || ' ' || quantity FROM point"))
    stored = b.rows("gateway.db", "SELECT DISTINCT point, value FROM reading")
    seen = {}
    for point, value in stored:
        seen.setdefault(names[point], set()).add(value)
    for name, values in seen.items():
        meter = name.split()[0]
        assert len(values) == 1, (seed, name, values, truth[meter])
        micro = {round(float(v) * 1e6) for v in truth[meter].values()}
        assert next(iter(values)) in micro, (seed, name, values, truth[meter])
    print(f"{counts}, {changes} changes of fault; {len(seen)} registers, each with its one true value")
