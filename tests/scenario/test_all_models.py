# SPDX-License-Identifier: Apache-2.0
"""Every shipped model against the simulator, meters of several protocols on one bus: the gateway reads
each of their values, and they are those the simulated meters hold."""
import re
from building import SOURCE, Building, wait_for

MODELS = sorted(p.stem for p in (SOURCE / "config/models").glob("*.yaml"))
PER_BUS = 8


def quantities(model):
    text = (SOURCE / "config/models" / f"{model}.yaml").read_text()
    return set(re.findall(r"^ *- *\{? *quantity:\s*([a-z0-9_]+)", text, re.M))


with Building(buses=[], period="2s", speed=0, baud=115200) as b:
    b.buses = [(f"bus{n}", b.dir / f"bus{n}", [(f"m-{model}", model, i + 1)
                                              for i, model in enumerate(MODELS[at:at + PER_BUS])])
               for n, at in enumerate(range(0, len(MODELS), PER_BUS))]
    b.write_files()
    b.start_sim()
    truth = {model: b.control({"values": f"m-{model}"})["values"] for model in MODELS}
    b.start_gateway()
    meters = lambda: {m["model"]: m for bus in b.status()["buses"] for m in bus["meters"]}
    wait_for("every model is read", lambda: all(m["state"] == "ok" and m["polls"] > 1
                                                for m in meters().values()), 60)
    for model, meter in meters().items():
        assert meter["failed"] == 0 and meter["invalid"] == 0, meter
        assert set(meter["values"]) == quantities(model), (model, set(meter["values"]) ^ quantities(model))
        for quantity, value in meter["values"].items():
            assert float(truth[model][quantity]) == float(value), (model, quantity, value, truth[model])
    assert b.stop("gateway") == 0
    print(f"{len(MODELS)} models, {sum(len(t) for t in truth.values())} values, all as the registers hold them")
