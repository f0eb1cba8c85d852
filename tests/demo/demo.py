#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A short story in plain lines: a building is metered, balances fall through bands and tiers, the
cloud goes away and comes back, the gateway is killed, and nothing is lost. KEEP=1 in the environment: stays up until Ctrl-C."""
import datetime, os, pathlib, signal, sys, time

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
FLATS = ["flat-101", "flat-102", "flat-201"]
TIERS = [0.30, 0.45, 0.80]  # of the day band; the night is half as dear
STEPS = [2, 5]              # kWh of a month after which the next tier begins
OPENING = 15
began = time.monotonic()


def tell(text):
    print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)


def bands():
    """Night and day take turns every minute, so that nobody has to wait for the evening."""
    now = datetime.datetime.now(datetime.timezone.utc)
    first = now.hour * 60 + now.minute
    slots = {0: "night"} | {first + i: ("day", "night")[i % 2] for i in range(40)}
    return ", ".join(f"{m // 60:02}:{m % 60:02} {band}" for m, band in sorted(slots.items()) if m < 1440)


class Demo(Building):
    def accounts(self):
        (self.dir / "tariffs").mkdir(exist_ok=True)
        (self.dir / "tariffs/demo.yaml").write_text(
            "id: demo\ncurrency: EUR\nzone: UTC\neffective: 2020-01-01T00:00:00Z\nprices:\n"
            f"  - {{band: day, tiers: {TIERS}}}\n"
            f"  - {{band: night, tiers: {[price / 2 for price in TIERS]}}}\n"
            f"calendar: [{{slots: [{bands()}]}}]\n"
            f"ladder: {{period: month, thresholds: {STEPS}}}\ntax: {{rate: 0.19}}\n")
        lines = [f"  - {{id: {flat}, opening: {OPENING}, tariffs: {{electricity: demo}}, meters: "
                 f"[{{meter: {flat}, register: forward_active_energy}}]}}\n" for flat in FLATS]
        return "accounts:\n" + "".join(lines)

    def money_where(self):
        return f", zone: UTC, tariffs: {self.dir}/tariffs"

    def counted(self, flat):
        return float(self.meter(flat)["values"].get("forward_active_energy", 0))

    def used(self, flat):
        """What a flat has used since its first reading, in kWh."""
        return self.counted(flat) - self.first[flat]

    def show_accounts(self):
        for flat in FLATS:
            account, used = self.account(flat), self.used(flat)
            tier = sum(used > step for step in STEPS) + 1
            tell(f"    {flat:<9} {account['balance']:>10} EUR left of {OPENING}, {used:5.2f} kWh used, "
                 f"tier {tier} of 3, {account['entries']} entries in its ledger")

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
    wait_for("the flats were read", lambda: all(b.counted(flat) for flat in FLATS))
    b.first = {flat: b.counted(flat) for flat in FLATS}
    wait_for("readings are acknowledged", lambda: b.is_delivered(150), 40)
    stream = b.stream()
    tell(f"{stream['acked']} readings stored, sent, committed by the cloud end and acknowledged back")
    wait_for("the dead meter is known", lambda: b.meter("cellar")["state"] == "lost", 40)
    b.show_meters()
    tell("three flats pay: a day band and a night band, three tiers, tax on top; credit at the start")
    b.show_accounts()
    entries = b.account(FLATS[0])["entries"]
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
    tell("the same flats again; no unit was charged twice for it, and none was forgotten")
    b.show_accounts()
    wait_for("a band has ended",
             lambda: all(b.account(flat)["entries"] > entries for flat in FLATS), 70)
    wait_for("a tier is passed", lambda: max(b.used(flat) for flat in FLATS) > STEPS[0], 60)
    tell("a band has ended meanwhile (they take turns every minute here), and a tier was passed:")
    b.show_accounts()


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
