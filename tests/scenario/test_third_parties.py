# SPDX-License-Identifier: Apache-2.0
"""Strangers at both ends of the line: the gateway reads a python3-pymodbus slave and libmodbus's
own server over socat ptys; mbpoll reads our simulator; all values agree."""
import pathlib, re, shutil, subprocess, sys
from building import BUILD, Building, wait_for

HERE = pathlib.Path(__file__).parent


class Strangers(Building):
    def start_pair(self, name):
        self.start(f"socat-{name}", "socat", f"pty,raw,echo=0,link={self.dir}/{name}",
                   f"pty,raw,echo=0,link={self.dir}/{name}-far")
        wait_for("socat made the ptys", lambda: (self.dir / f"{name}-far").exists())

    def mbpoll(self, address, table, first, count=1):
        out = subprocess.run(["mbpoll", "-m", "rtu", "-b", "19200", "-P", "none", "-a", str(address),
                              "-t", table, "-B", "-0", "-r", str(first), "-c", str(count), "-1",
                              "-o", "2", self.dir / "bus0"], capture_output=True, text=True, timeout=30)
        values = re.findall(r"^\[\d+\]:\s+(\S+)", out.stdout, re.M)
        assert len(values) == count, out.stdout + out.stderr
        return values


def values_of(b, meter):
    found = b.meter(meter)
    return found["values"] if found and found["state"] == "ok" and found["values"] else None


buses = [("py", "py", [("py-sdm120", "eastron-sdm120", 1)]),
         ("lib", "lib", [("lib-ddsd", "acrel-ddsd1352", 7)])]
with Strangers() as b:
    b.buses = [(name, b.dir / path, meters) for name, path, meters in buses]
    b.write_files()
    for name in ("py", "lib"):
        b.start_pair(name)
    b.start("slave-py", sys.executable, HERE / "pymodbus_slave.py", b.dir / "py-far", 19200, 1)
    b.start("slave-lib", BUILD / "tests/scenario/libmodbus_slave", b.dir / "lib-far", 19200, 7)
    for name in ("slave-py", "slave-lib"):
        wait_for(f"{name} is ready", lambda: "ready" in b.log(name))
    b.start_broker()
    b.start_headend()
    b.start_gateway()
    got = wait_for("pymodbus answers", lambda: values_of(b, "py-sdm120"))
    # 12345.678 as a float is 12345.677734375: the model's resolution gives it back
    assert got == {"voltage_a": "230.2", "current_a": "4.567", "active_power_total": "1.0513",
                   "apparent_power_total": "1.06", "reactive_power_total": "-0.0995",
                   "power_factor_total": "0.991", "frequency": "49.98",
                   "forward_active_energy": "12345.678", "reverse_active_energy": "1.5",
                   "forward_reactive_energy": "77.25", "reverse_reactive_energy": "0",
                   "combined_active_energy": "12347.178"}, got
    got = wait_for("libmodbus answers", lambda: values_of(b, "lib-ddsd"))
    assert got == {"combined_active_energy": "42949671.29", "combined_active_energy_t1": "0",
                   "combined_active_energy_t2": "0", "combined_active_energy_t3": "123.45",
                   "combined_active_energy_t4": "0", "voltage_a": "230.3", "current_a": "5.15",
                   "active_power_total": "-1.234", "reactive_power_total": "0",
                   "apparent_power_total": "0", "power_factor_total": "-1",
                   "frequency": "50.02"}, got
    wait_for("all of it reaches the cloud end", lambda: b.is_delivered(24))
    print("pymodbus and libmodbus slaves: every value agrees")

with Strangers(speed=0) as b:  # registers stand still, so that two masters see the same
    b.start_sim()
    b.start_gateway()
    flat1 = wait_for("the gateway reads flat-1", lambda: values_of(b, "flat-1"))
    flat2 = wait_for("the gateway reads flat-2", lambda: values_of(b, "flat-2"))
    assert b.stop("gateway") == 0
    voltage, energy = b.mbpoll(1, "3:float", 0)[0], b.mbpoll(1, "3:float", 72)[0]
    assert float(voltage) == float(flat1["voltage_a"]), (voltage, flat1)
    assert float(energy) == float(flat1["forward_active_energy"]), (energy, flat1)
    total = b.mbpoll(2, "4:int", 0)[0]
    assert int(total) == round(float(flat2["combined_active_energy"]) * 100), (total, flat2)
    print("mbpoll and the gateway read the same from the simulator")
