#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A short story in plain lines: a building is metered, the cloud goes away and comes back, the
gateway is killed, and nothing is lost. KEEP=1 in the environment: stays up until Ctrl-C."""
import os, pathlib, signal, sys, time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("METERGATE_SOURCE", str(HERE.parent.parent))
os.environ.setdefault("METERGATE_BUILD", str(HERE.parent.parent / "build"))
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "scenario"))
from building import Building, wait_for  # noqa: E402

BUSES = [("floor-1", "floor-1", [("flat-101", "eastron-sdm120", 1), ("flat-102", "eastron-sdm120", 2),
                                 ("flat-103", "acrel-ddsd1352", 3), ("flat-104", "acrel-ddsd1352", 4)]),
         ("floor-2", "floor-2", [("flat-201", "eastron-sdm630", 1), ("flat-202", "acrel-ddsd1352", 2),
                                 ("shop", "eastron-sdm630", 3), ("cellar", "acrel-ddsd1352", 9)])]
began = time.monotonic()


def tell(text):
    print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)


class Demo(Building):
    def simulation(self):
        return "simulation:\n  - {meter: cellar, dead: true}\n"

    def show_meters(self):
        for bus in self.status()["buses"]:
            for meter in bus["meters"]:
                values = meter["values"]
                energy = values.get("forward_active_energy") or values.get("combined_active_energy")
                power = values.get("active_power_total")
                what = (f"{energy:>10} kWh, {power} kW now" if energy else "does not answer: asked ever more "
                        "seldom, so that the others keep their period")
                tell(f"    {meter['id']:<9} {meter['model']:<15} {what}")

    def restart_cloud(self):
        unsent = self.stream()["head"] - self.stream()["acked"]
        tell(f"{unsent} readings wait on the gateway's disk, the meters were read all the while")
        self.start_broker()
        wait_for("the backlog is delivered", lambda: self.is_delivered(1), 40)


def story(b):
    tell(f"a broker on 127.0.0.1:{b.port}, a building of 8 meters on two RS-485 lines at 19200 baud")
    b.start_broker(), b.start_sim()
    tell("the cloud end and the gateway start; energy counts 600 times faster than in life")
    b.start_headend(), b.start_gateway()
    wait_for("readings are acknowledged", lambda: b.is_delivered(150), 40)
    stream = b.stream()
    tell(f"{stream['acked']} readings stored, sent, committed by the cloud end and acknowledged back")
    wait_for("the dead meter is known", lambda: b.meter("cellar")["state"] == "lost", 40)
    b.show_meters()
    tell("the link to the cloud is cut: the broker is killed")
    b.kill("broker")
    time.sleep(8)
    b.restart_cloud()
    tell(f"healed: all {b.stream()['acked']} readings are at the cloud end")
    tell("the gateway is killed in the middle of its work (kill -9), three times")
    for _ in range(3):
        b.kill("gateway")
        b.start_gateway()
        wait_for("the gateway is back", b.status, 10)
        time.sleep(1.5)
    wait_for("all is delivered", lambda: b.is_delivered(1), 40)


def finish(b):
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    tell(f"both databases compared: {theirs} readings, each exactly once, in order, equal; "
         f"{ours - theirs} not sent yet")
    tell("done; nothing is left running")


def stay(b):
    tell("staying up; end with Ctrl-C. Look around, from another terminal:")
    build = os.environ["METERGATE_BUILD"]
    tell(f"    {build}/metergatectl --local {b.dir}/gw.sock status")
    tell(f"    {build}/metergatectl --broker mqtt://127.0.0.1:{b.port} --plaintext-on-loopback "
         "--operator demo watch")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with Demo(buses=[], period="1s", speed=600) as building:
    building.buses = [(name, building.dir / path, meters) for name, path, meters in BUSES]
    building.write_files()
    story(building)
    if os.environ.get("KEEP"):
        stay(building)
    finish(building)
