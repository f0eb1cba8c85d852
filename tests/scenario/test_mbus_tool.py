# SPDX-License-Identifier: Apache-2.0
"""metergate-bus on an M-Bus of meters written here, apart from the simulator: scan finds those that
share digits, numbers and primary addresses, read gives telegrams and models, set changes only with
--write. Answers of several meters at once are laid over each other as on the wire."""
import json, os, pathlib, pty, re, signal, subprocess, tempfile, threading, time, tty
from building import BUILD, SANITIZER, SOURCE

TOOL = BUILD / "metergate-bus"
MODELS = ("--models", SOURCE / "config/models")


def bcd(text):
    return bytes.fromhex(text)[::-1]


class Meter:
    def __init__(self, number, maker="ACW", version=14, medium=7, primary=0, records="0413e8030000", more=()):
        code = sum((ord(c) - 64) << shift for c, shift in zip(maker, (10, 5, 0)))
        self.id = bcd(number) + code.to_bytes(2, "little") + bytes([version, medium])
        self.primary, self.telegrams = primary, [bytes.fromhex(r) for r in (records, *more)]
        self.selected, self.at, self.fcb, self.written, self.baud = False, 0, None, [], None

    def fits(self, wanted):
        digits = zip(bcd(self.id[:4].hex()).hex(), bcd(wanted[:4].hex()).hex())
        return (all(w in ("f", d) for d, w in digits) and wanted[4:6] in (b"\xff\xff", self.id[4:6])
                and all(w in (255, d) for d, w in zip(self.id[6:], wanted[6:8])))

    def answer(self, frame):
        """To a frame of the master: the bytes of the answer, or None."""
        c, a = (frame[1], frame[2]) if frame[0] == 0x10 else (frame[4], frame[5])
        data = b"" if frame[0] == 0x10 else frame[6:-2]
        if a == 253 and data[:1] == b"\x52":
            self.selected = self.fits(data[1:])
            self.at, self.fcb = 0, None
            return b"\xe5" if self.selected else None
        if a != self.primary and not (a == 253 and self.selected):
            return None
        if c == 0x40:
            self.at, self.fcb = 0, None
            self.selected = self.selected and a != 253
            return b"\xe5"
        if c & 0x4f == 0x4b:
            if self.fcb is not None and self.fcb != c & 0x20:
                self.at = min(self.at + 1, len(self.telegrams) - 1)
            self.fcb = c & 0x20
            body = bytes([0x08, self.primary, 0x72]) + self.id + bytes([1, 0, 0, 0]) + self.telegrams[self.at]
            return bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) & 255, 0x16])
        self.written.append(data)
        if data[:3] == b"\x51\x01\x7a":
            self.primary = data[3]
        return b"\xe5"


class Bus:
    """The meters on a pty, their answers bit by bit over each other: a space wins."""

    def __init__(self, meters):
        self.meters, self.ends, self.alive = meters, pty.openpty(), True
        tty.setraw(self.ends[0])
        self.line = os.ttyname(self.ends[1]) + ":38400:8E1"
        self.frames = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        held = b""
        while self.alive:
            try:
                held += os.read(self.ends[0], 300)
            except OSError:
                return
            while len(held) >= 5:
                size = 5 if held[0] == 0x10 else held[1] + 6
                if len(held) < size:
                    break
                frame, held = held[:size], held[size:]
                self.frames += 1
                answers = [a for a in (m.answer(frame) for m in self.meters) if a]
                if answers:
                    over = bytearray(b"\xff" * max(map(len, answers)))
                    for a in answers:
                        for i, byte in enumerate(a):
                            over[i] &= byte
                    os.write(self.ends[0], bytes(over))

    def tool(self, command, *arguments, expect=0):
        done = subprocess.run([str(a) for a in (TOOL, command, self.line, *arguments, "--timeout", "10")],
                              capture_output=True, timeout=300)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert not SANITIZER.search(err), err
        assert done.returncode == expect, (command, arguments, done.returncode, out[-800:], err[-2000:])
        return out, err

    def objects(self, *arguments, **how):
        return [json.loads(line) for line in self.tool(*arguments, "--json", **how)[0].splitlines()]


# ---- scan ----
METERS = [Meter("12345678", primary=1), Meter("12345679", primary=2), Meter("12345670", primary=2),
          Meter("55555555", "ABB", 2, 2, primary=3), Meter("55555555", "KAM", 8, 4, primary=4),
          Meter("1234567a", primary=5), Meter("99000001", "EMU", 16, 2, primary=200)]
TWINS = [Meter("77777777", "ELS", 10, 7, primary=9, records="041301000000"),
         Meter("77777777", "ELS", 10, 7, primary=9, records="0413feffff7f")]
EXPECTED = {"12345678.ACW.14.7": 1, "12345679.ACW.14.7": 2, "12345670.ACW.14.7": 2, "55555555.ABB.2.2": 3,
            "55555555.KAM.8.4": 4, "1234567A.ACW.14.7": 5, "99000001.EMU.16.2": 200}
bus = Bus(METERS + TWINS)
before = bus.frames
found = bus.objects("scan", "--protocol", "mbus")
assert {o["address"]: o["primary"] for o in found if o.get("ok")} == EXPECTED, found
assert all(o["selectable"] for o in found if o.get("ok"))
alike = [o["alike"] for o in found if "alike" in o]
assert len(alike) == 1 and alike[0].startswith("77777777."), found
assert {o["primary"]: o["meters"] for o in found if o.get("ok") is False and "primary" in o} == {2: 2, 9: 0}, found
total = found[-1]
assert total["meters"] == 7 and total["complete"] and total["probes"] == bus.frames - before, total
print(f"{total['meters']} meters by {total['probes']} probes in {float(total['time_ms']) / 1000:.0f} s")
bus = Bus(METERS)
only = bus.objects("scan", "--only", "primary")
assert {o["address"]: o["primary"] for o in only if o.get("ok")} == \
    {a: p for a, p in EXPECTED.items() if p != 2}, only
text = bus.tool("scan", "--only", "secondary")[0]
assert "12345678.ACW.14.7" in text and re.search(r"\n7 meters, \d+ probes", text), text

# ---- what it writes can be read, and is never written over ----
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "bus.yaml")
    bus.tool("scan", "--only", "secondary", "--write-config", path, *MODELS)
    config = path.read_text()
    assert "model: emu-professional-375, address: 99000001.EMU.16.2" in config, config
    assert "model: generic-mbus-water, address: 12345678.ACW.14.7" in config, config
    assert "model: kamstrup-multical-601, address: 55555555.KAM.8.4" in config, config
    assert config.startswith("buses:\n") and config.count("serial: ") == 7, config
    main = pathlib.Path(folder, "main.yaml")
    main.write_text(f"gateway: {{operator: demo, site: s, id: gw-1, models: {SOURCE}/config/models}}\n" + config)
    checked = subprocess.run([BUILD / "metergated", "--config", main, "--check-config"], capture_output=True)
    assert checked.returncode == 0 and b"bus-1" in checked.stdout, checked
    assert "exists" in bus.tool("scan", "--only", "primary", "--write-config", path, expect=1)[1]
    assert path.read_text() == config

# ---- Ctrl-C tells what there is ----
scan = subprocess.Popen([TOOL, "scan", bus.line, "--timeout", "50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
time.sleep(3)
scan.send_signal(signal.SIGINT)
out, err = (b.decode() for b in scan.communicate(timeout=30))
assert scan.returncode == 2 and "12345678.ACW.14.7" in out and "stopped" in err, (scan.returncode, out, err)

# ---- read ----
bus = Bus([Meter("00217819", "ABB", 32, 2, primary=7, records="0e84005634120000001f",
                 more=["04a900660800001f", "04fdc8ff8100fe080000"]),
           Meter("12345678", primary=1), Meter("12345679", primary=2, records="0413")])
told = bus.objects("read", "mbus", "7", "all")
assert [o["access_no"] for o in told] == [1, 1, 1] and [o["more_follows"] for o in told] == [True, True, False]
assert bus.objects("read", "mbus", "12345678", "volume")[0]["records"][0]["value"] == "1"
assert bus.objects("read", "mbus", "00217819.ABB", "04a900")[0]["records"][0]["quantity"] == "power"
assert "no such record" in bus.tool("read", "mbus", "1", "energy", expect=4)[1]
assert "no answer" in bus.tool("read", "mbus", "77", "all", expect=2)[1]
values = {v["name"]: v["value"] for v in bus.objects("read", "--model", "abb-a41-mbus", "--address", "7", *MODELS)[0]["values"]}
assert values["forward_active_energy"] == "1234.56" and values["active_power_total"] == "0.0215", values
assert values["voltage_a"] == "230.2" and values["current_a"] is None, values
assert bus.objects("read", "--model", "generic-mbus-water", "--address", "12345678", "volume", *MODELS)[0]["serial"] == "12345678.ACW.14.7"
bus.tool("read", "--model", "abb-a41-mbus", "--address", "1", *MODELS, expect=3)  # another meter
bus.tool("read", "--model", "generic-mbus-water", "--address", "2", *MODELS, expect=3)  # broken records

# ---- set ----
meter = bus.meters[1]
assert "--write" in bus.tool("set", "mbus", "1", "address=9", expect=1)[1] and not meter.written
done = bus.objects("set", "mbus", "1", "address=9", "--write")[0]
assert meter.primary == 9 and done["checked"] and done["serial"] == "12345678.ACW.14.7", done
bus.tool("set", "mbus", "12345678", "baud=2400", "--write")
bus.tool("set", "mbus", "9", "time=2012-12-31T23:59", "--write")
bus.tool("set", "mbus", "9", "reset=10", "--write")
bus.tool("set", "mbus", "9", "readout=08130806", "--write")
assert [w.hex() for w in meter.written] == ["51017a09", "bb", "51046d3b179f1c", "5010", "5108130806"], meter.written
assert bus.tool("set", "mbus", "1", "reset", "--write", expect=2) and not bus.meters[0].written
print("read and set as the meters have it")
