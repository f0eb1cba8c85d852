# SPDX-License-Identifier: Apache-2.0
"""Faults that come and go on paced lines until so many answers are disturbed, and what was stored
held against the simulated meters: each register has its one true value, and nobody else's."""
import os, random, re, time

from building import SOURCE, Building, wait_for

TOUCH_S = 1  # a meter is not swapped and swapped back within one poll


class Storm(Building):
    """meters: name -> (model, address, keys of simulation), the same on each bus; on bus n it is
    called n-NAME, and {n} in address and keys is the bus's number."""

    def __init__(self, meters, buses, hurry, models, **settings):
        self.places = {f"{n}-{name}": (f"riser-{n}", model, address.replace("{n}", str(n)),
                                       more.replace("{n}", str(n)))
                       for n in range(buses) for name, (model, address, more) in meters.items()}
        super().__init__(speed=0, buses=[], **settings)
        for path in self.models.glob(f"{hurry}*.yaml"):
            path.write_text(path.read_text().replace("line: 2400:8E1", "line: 9600:8E1"))
        for name, (model, keys) in models.items():
            (self.models / f"{name}.yaml").write_text((self.models / f"{model}.yaml").read_text() + keys + "\n")
        self.buses = [(f"riser-{n}", self.dir / f"bus{n}",
                       [(name, model, address) for name, (bus, model, address, _) in self.places.items()
                        if bus == f"riser-{n}"]) for n in range(buses)]
        self.write_files()

    def simulation(self):
        return "simulation:\n" + "".join(
            f"  - {{meter: {name}, energy: {1357 + 911 * i}.{i:02d}, load: {1 + i % 9}.{i:02d}, "
            f"voltage: {215 + i % 20}.{i % 10}{', ' if more else ''}{more}}}\n"
            for i, (name, (_, _, _, more)) in enumerate(self.places.items()))

    def states(self):
        return {m["id"]: m["state"] for bus in self.status()["buses"] for m in bus["meters"]}

    def struck(self):
        return sum(count for bus in self.control({"counts": True})["buses"] for meter in bus["meters"]
                   for count in meter["faults"].values())

    def disturb(self, wanted, faults, dice):
        """faults: model -> list of (kind, terms, chances). Returns the changes it took."""
        touched, changes, names = {}, 0, list(self.places)
        while self.struck() < wanted:
            for name in dice.sample(names, len(names) // 6 + 1):
                if time.monotonic() - touched.get(name, 0) < TOUCH_S:
                    continue
                touched[name] = time.monotonic()
                self.control({"clear": {"meter": name}})
                if dice.random() < 0.7:
                    choice = faults(self.places[name][1])
                    kind, terms = dice.choices([c[:2] for c in choice], [c[2] for c in choice])[0]
                    self.control({"set": {"meter": name, "fault": kind, **terms(dice)}})
                    changes += 1
            time.sleep(0.2)
        for name in names:
            self.control({"clear": {"meter": name}})
        return changes

    def wrong_values(self, truth):
        """(readings, registers, wrong, those of them that are another meter's true value)"""
        words = dict((int(code), word) for code, word in re.findall(
            r"^QUANTITY\((\d+), (\w+),", (SOURCE / "bridges/quantities.def").read_text(), re.M))
        micro = {(name, q): round(float(v) * 1e6) for name, values in truth.items()
                 for q, v in values.items() if v is not None}
        readings, registers, wrong, crossed = 0, set(), [], []
        for meter, code, value, count in self.rows(
                "gateway.db", "SELECT p.meter, p.quantity, r.value, count(*) FROM reading r "
                "JOIN point p ON p.id = r.point GROUP BY 1, 2, 3"):
            key = meter, words[code]
            readings += count
            registers.add(key)
            if value != micro.get(key):
                wrong.append((key, value, micro.get(key), count))
                crossed += [other for other, true in micro.items()
                            if other[1] == key[1] and other[0] != meter and true == value]
        return readings, registers, wrong, crossed


def storm(meters, faults, few, hurry="-", models=None, **settings):
    """The whole story; METERGATE_FAULTS answers are disturbed, or as many as few says, and then
    meters whose model begins with hurry talk at 9600 baud, where they would at 2400. models: of
    this test: name -> (a shipped one, further keys)."""
    hurry = "-" if "METERGATE_FAULTS" in os.environ else hurry
    wanted = int(os.environ.get("METERGATE_FAULTS", str(few)))
    buses = int(os.environ.get("METERGATE_BUSES", "4"))
    seed = int(os.environ.get("METERGATE_SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed}", flush=True)
    with Storm(meters, buses, hurry, models or {}, **settings) as b:
        b.start_sim()
        truth = {name: b.control({"values": name})["values"] for name in b.places}
        b.start_gateway()
        wait_for("all are read", lambda: set(b.states().values()) == {"ok"}, 60)
        from_s = time.monotonic()
        changes = b.disturb(wanted, faults, random.Random(seed))
        took_s, struck = time.monotonic() - from_s, b.struck()
        wait_for("all is read again", lambda: set(b.states().values()) == {"ok"}, 120)
        counts = {k: sum(bus[k] for bus in b.status()["buses"])
                  for k in ("requests", "replies", "timeouts", "damaged", "foreign")}
        assert b.stop("gateway") == 0
        readings, registers, wrong, crossed = b.wrong_values(truth)
        print(f"{counts}; {struck} answers disturbed in {took_s:.0f} s by {changes} faults; {readings} "
              f"readings of {len(registers)} registers of {len(b.places)} meters, {len(wrong)} wrong, "
              f"{len(crossed)} crossed over")
        assert {meter for meter, _ in registers} == set(b.places)
        assert not wrong and not crossed, (seed, wrong, crossed)
