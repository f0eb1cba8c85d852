# SPDX-License-Identifier: Apache-2.0
"""The clocks of an electricity and a water meter on one pair of wires: both go wrong, which is told
once; one is set by broadcast, the other one by writing; far off, the first is written too, with its
password. The right time is read back by hand. A gateway that is not sure of its own time judges nobody."""
import contextlib, os, re, termios, time, tty

import cjt188_raw
from building import BUILD, Building, wait_for
from dlt645_raw import Answer, Meter, di
from simulator import Line

POWER, WATER = "260305510009", "00000024170567"
PASSWORD = "123456"
# a zone in which it is about noon: nothing is set near midnight
EAST = 12 - time.gmtime().tm_hour
ZONE = f"Etc/GMT{'-' if EAST >= 0 else '+'}{abs(EAST)}"


class Clocks(Building):
    writes = "true"

    def simulation(self):
        return ("simulation:\n"
                f"  - {{meter: power, clock: {EAST * 3600 + 90}, drift: 2000, password: {PASSWORD}}}\n"
                f"  - {{meter: water, clock: {EAST * 3600 - 200}, drift: -1000}}\n")

    def write_files(self):
        super().write_files()
        path = self.dir / "gateway.yaml"
        text = path.read_text().replace("gateway: {", f"gateway: {{zone: {ZONE}, ")
        path.write_text(text.replace("    meters:", f"    writes: {self.writes}\n"
                                     "    credentials: passwords.yaml\n    meters:"))
        passwords = self.dir / "passwords.yaml"
        passwords.unlink(missing_ok=True)
        passwords.touch(0o600)
        passwords.write_text(f'credentials:\n  - {{address: "{POWER}", password: "{PASSWORD}"}}\n')

    def start_gateway(self, is_synced=True):
        before = dict(os.environ)
        if is_synced:
            os.environ["LD_PRELOAD"] = str(BUILD / "tests/scenario/libsynced_clock.so")
            os.environ["ASAN_OPTIONS"] = before.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        try:
            super().start_gateway()
        finally:
            os.environ.clear()
            os.environ.update(before)

    @contextlib.contextmanager
    def line(self):
        fd = os.open(self.dir / "bus0", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd)
        line = Line(fd, 11 / 2400)
        line.set_baud(termios.B2400)
        try:
            yield line
        finally:
            os.close(fd)

    def said(self, pattern):
        return re.findall(pattern, self.log("gateway"))

    def events(self):
        return self.said(r"(event|event is over) code=CLOCK_DRIFT bus=riser meter=(\w+)")

    def settings(self):
        return self.said(r"clock is set bus=riser meter=(\w+) by=(\w+) error_s=(-?\d+)")


def water_clock(line):
    """Seconds since 1970: ss mm hh DD MM YY CC before the status."""
    stamp = cjt188_raw.Meter(line, WATER).read()[-9:-2][::-1].hex()
    return time.mktime(time.strptime(stamp, "%Y%m%d%H%M%S")) - time.timezone


def check_by_hand(b):
    with b.line() as line:
        right = time.time() + EAST * 3600
        assert abs(Meter(line, POWER).clock() - right) < 3, "power"
        assert abs(water_clock(line) - right) < 4, "water"


with Clocks(speed=1, baud=None, period="2s", buses=[]) as b:
    b.buses = [("riser", b.dir / "bus0", [("power", "generic-dlt645-2007-1ph-prepaid", POWER),
                                          ("water", "generic-cjt188-water-valve", f'"{WATER}"')])]
    b.write_files()
    b.start_sim()
    b.start_gateway()
    wait_for("both are right again", lambda: len(b.events()) == 4, 60)
    assert sorted(b.events()[:2]) == [("event", "power"), ("event", "water")], b.events()
    assert sorted(b.events()[2:]) == [("event is over", "power"), ("event is over", "water")], b.events()
    (first, how, off), (second, how_2, off_2) = b.settings()
    assert (first, how) == ("power", "broadcast") and 88 <= int(off) <= 93, b.settings()
    assert (second, how_2) == ("water", "write") and -203 <= int(off_2) <= -198, b.settings()
    assert all(abs(b.meter(name)["clock_error_s"]) <= 2 for name in ("power", "water"))
    assert "clock_wrong" not in b.meter("power")["flags"] + b.meter("water")["flags"]
    assert b.stop("gateway") == 0
    check_by_hand(b)

    # twenty minutes off: no broadcast may move that, nor may there be a second one today
    with b.line() as line:
        late = time.strftime("%S%M%H", time.gmtime(time.time() + EAST * 3600 - 1200))
        auth = b"\x02" + bytes.fromhex(PASSWORD)[::-1] + b"\0" * 4
        assert Answer(Meter(line, POWER).ask(0x14, di(0x04000102) + auth + bytes.fromhex(late))).control == 0x94

    # not sure of the time: nobody is judged
    (b.dir / "gateway.log").unlink()
    b.start_gateway(is_synced=False)
    if b.status()["clock"] != "synced":  # else this machine has a time server after all
        wait_for("polls", lambda: b.meter("water")["polls"] > 4, 40)
        assert not b.events() and not b.settings(), b.events()
    assert b.stop("gateway") == 0

    (b.dir / "gateway.log").unlink()
    b.start_gateway()
    wait_for("power is right again", lambda: len(b.events()) == 2, 60)
    assert b.events() == [("event", "power"), ("event is over", "power")], b.events()
    ((name, how, off),) = b.settings()
    assert (name, how) == ("power", "write") and -1202 <= int(off) <= -1195, b.settings()
    assert b.stop("gateway") == 0
    assert PASSWORD not in b.log("gateway")
    check_by_hand(b)
    print("told, set by broadcast and by writing, read back")
