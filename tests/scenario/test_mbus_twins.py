# SPDX-License-Identifier: Apache-2.0
"""metergate-bus on simulated M-Bus meters that have their secondary address in common: scan tells them
apart by their fabrication numbers, --every-maker finds manufacturers nothing on the bus shows, and
read ... alarms asks for class 1 data."""
import json, pathlib, signal, subprocess, tempfile

from building import BUILD, SANITIZER, SOURCE, wait_for
from simulator import Sim

BUILDING = """buses:
  - id: floor-1
    line: DIR/bus0:38400:8E1
    meters:
      - {id: a, model: generic-mbus-water, address: 11}
      - {id: b, model: generic-mbus-water, address: 12}
      - {id: c, model: generic-mbus-water, address: 13}
      - {id: d, model: generic-mbus-water, address: 14}
simulation:
  - {meter: a, energy: 10, serial: 12345678, fabrication: 77000001, turnaround: 1ms}
  - {meter: b, energy: 20, serial: 12345678, fabrication: 77000002, turnaround: 1ms}
  - {meter: c, energy: 30, serial: 12345678, fabrication: 12000002, turnaround: 1ms}
  - {meter: d, energy: 40, serial: 50000000, turnaround: 1ms}
"""
MAKERS = """buses:
  - id: floor-1
    line: DIR/bus0:38400:8E1
    meters:
      - {id: a, model: generic-mbus-water, address: 11}
      - {id: b, model: generic-mbus-water, address: 12}
simulation:
  - {meter: a, energy: 10, serial: 50000000, manufacturer: AAB, turnaround: 1ms}
  - {meter: b, energy: 20, serial: 50000000, manufacturer: AAC, turnaround: 1ms}
"""
TIMEOUT = "25"


def tool(sim, command, *arguments, expect=0):
    done = subprocess.run([str(a) for a in (BUILD / "metergate-bus", command, f"{sim.dir}/bus0:38400:8E1",
                                            *arguments, "--timeout", TIMEOUT)], capture_output=True, timeout=280)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not SANITIZER.search(err), err
    assert done.returncode == expect, (command, arguments, done.returncode, out[-800:], err[-2000:])
    return out, err


with Sim(BUILDING) as sim, tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "found.yaml")
    found = [json.loads(line) for line in tool(sim, "scan", "--only", "secondary", "--json", "--write-config", path,
                                               "--models", SOURCE / "config/models")[0].splitlines()]
    twins = {o["fabrication"]: o["primary"] for o in found if o.get("ok") and o["address"].startswith("12345678.")}
    assert twins == {"77000001": 11, "77000002": 12, "12000002": 13}, found
    assert all("fabrication" not in o for o in found if str(o.get("address", "")).startswith("5"))
    print(f"{found[-1]['meters']} meters by {found[-1]['probes']} probes")
    # what has no secondary address of its own is read by its primary one
    config = path.read_text()
    for primary in (11, 12, 13):
        assert f"address: {primary}, period: 15m, serial: 12345678." in config, config

    # ---- alarms ----
    assert json.loads(tool(sim, "read", "mbus", "14", "alarms", "--json")[0]) == {
        "ok": True, "protocol": "mbus", "alarm": False}
    assert tool(sim, "read", "mbus", "50000000", "alarms")[0] == "no alarm\n"
    sim.set("d", "battery")
    for address in ("50000000", "14"):
        sim.clear("d")
        tool(sim, "read", "mbus", address, "alarms")
        sim.set("d", "battery")
        alarm = json.loads(tool(sim, "read", "mbus", address, "alarms", "--json")[0])
        assert alarm["ok"] and alarm["ci"] == "71" and alarm["data"] == "04", alarm
    sim.set("d", "dead")
    tool(sim, "read", "mbus", "14", "alarms", expect=2)
    print("alarms as the meter has them")

with Sim(MAKERS) as sim:
    scan = subprocess.Popen([BUILD / "metergate-bus", "scan", f"{sim.dir}/bus0:38400:8E1", "--only", "secondary",
                             "--every-maker", "--timeout", TIMEOUT], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("the manufacturers are tried", lambda: sim.bus()["requests"] > 330, 60)
    scan.send_signal(signal.SIGINT)  # 18000 of them take too long
    out, err = (b.decode() for b in scan.communicate(timeout=30))
    assert scan.returncode == 2 and "stopped" in err and not SANITIZER.search(err), (scan.returncode, out, err)
    assert "50000000.AAB.1.7" in out and "50000000.AAC.1.7" in out, out
    print("both manufacturers, neither seen before")
