# SPDX-License-Identifier: Apache-2.0
"""The installer's tool switches: DL/T 645 relays with passwords, CJ/T 188 valves, Modbus boards. Meters of a
few lines stand behind a TCP line and lie as they are told; every lie is named, and what counts wrong passwords
outlives the tool."""
import json, pathlib, re, socket, subprocess, tempfile, threading
from building import BUILD, SANITIZER, SOURCE

TOOL = BUILD / "metergate-bus"
FOLDER = pathlib.Path(tempfile.mkdtemp())
PASSWORD = "563412"


class Meter(threading.Thread):
    """Answers what answer(request) gives, if anything; requests come whole."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.heard = answer, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.line = f"tcp:127.0.0.1:{self.server.getsockname()[1]}"
        self.start()

    def run(self):
        while True:
            connection, _ = self.server.accept()
            while request := connection.recv(300):
                self.heard.append(request)
                if reply := self.answer(request):
                    connection.sendall(reply)


def bus(*arguments, expect=0):
    done = subprocess.run([str(a) for a in (TOOL, *arguments)], capture_output=True, timeout=60)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not SANITIZER.search(err), err
    assert done.returncode == expect, (arguments, done.returncode, out, err)
    return out, err


def summed(head):
    return head + bytes([sum(head) & 0xff, 0x16])


def model(name):
    """A shipped model that waits less."""
    text = (SOURCE / "config/models" / f"{name}.yaml").read_text()
    text = re.sub(r"delay: \w+", "delay: 100ms", re.sub(r"limit: \w+", "limit: 300ms", text))
    text = re.sub(r"timeout: \w+", "timeout: 300ms", text)
    path = FOLDER / f"{name}.yaml"
    path.write_text(text)
    return path


# ---- DL/T 645 ----
class Power:
    """A DL/T 645-2007 meter: a relay, a clock, a password."""

    def __init__(self):
        self.state, self.current, self.lie, self.tries = 0, 0, "", 0
        self.alarm, self.account = "00050000", 0

    def say(self, request, control, data):
        address = request[1:7]
        return b"\xfe" + summed(b"\x68" + address + b"\x68" + bytes([control, len(data)]) +
                                bytes((b + 0x33) & 0xff for b in data))

    def order(self, request, data):
        self.tries += 1
        if data[1:4].hex() != PASSWORD:
            return self.say(request, 0xdc, b"\4")
        order = {0x1a: 0x50, 0x1b: 0x10, 0x1c: 0x00}[data[8]]
        assert data[10:].hex() == "003000010127", data[10:].hex()  # an hour behind the meter's clock
        if self.lie != "stuck":
            self.state = order
        self.current = 5 if self.lie == "bridged" else 0
        return None if self.lie == "mute" else self.say(request, 0x9c, b"")

    def write(self, request, data):
        self.tries += 1
        if data[5:8].hex() != PASSWORD:
            return self.say(request, 0xd4, b"\4")
        assert data[:4].hex() == "01100004" and data[8:12].hex() == "00000000", data.hex()
        if self.lie != "stuck":
            self.alarm = data[12:].hex()
        return None if self.lie == "mute" else self.say(request, 0x94, b"")

    def __call__(self, request):
        frame = request.lstrip(b"\xfe")
        data = bytes((b - 0x33) & 0xff for b in frame[10:-2])
        if frame[8] == 0x1c:
            return self.order(frame, data)
        if frame[8] == 0x14:
            return self.write(frame, data)
        if frame[8] != 0x11:  # of 1997: not its language
            return None
        values = {"02010004": bytes.fromhex("003023"), "01010004": bytes.fromhex("04311226"),
                  "03050004": bytes([self.state, self.account]), "01100004": bytes.fromhex(self.alarm), "00ff0202": bytes([0, self.current, 0] * 3),
                  "00000100": bytes.fromhex("86010000")}
        value = values.get(data.hex())
        return self.say(frame, 0x91, data + value) if value else self.say(frame, 0xd1, b"\2")


def fresh_credentials(password="123456"):
    path = FOLDER / "passwords.yaml"
    path.write_text(f'credentials:\n  - {{address: "98765432", password: "{password}"}}\n')
    path.chmod(0o600)
    return path


passwords = fresh_credentials()
power = Power()
meter = Meter(power)
relay = ("relay", meter.line, "--model", model("generic-dlt645-2007-3ph"), "--address", "98765432")


def switch(word, *more, expect=0):
    out, err = bus(*relay, word, "--json", *more, expect=expect)
    return [json.loads(line) for line in out.splitlines()], err


assert "switches a supply" in switch("open", "--credentials", passwords, expect=1)[1]
assert "no password" in switch("open", "--write", expect=1)[1]
assert "none of open" in switch("toggle", "--write", expect=1)[1]
assert not meter.heard, "nothing was sent until here"
said, _ = switch("status")
assert said[0]["state"] == "closed" and said[0]["answer"] == "not_sent", said
act = ("--write", "--credentials", passwords)
said, _ = switch("open", *act)
assert (said[0]["state"], said[0]["answer"], said[0]["verdict"]) == ("open", "acknowledged", "verified"), said
said, _ = switch("permit", *act)
assert (said[0]["state"], said[0]["command"], said[0]["verdict"]) == ("open", "closed", "verified"), said
said, _ = switch("close", *act)
assert (said[0]["state"], said[0]["verdict"]) == ("closed", "verified"), said
power.lie = "stuck"
said, _ = switch("open", *act, expect=4)
assert (said[0]["answer"], said[0]["verdict"]) == ("acknowledged", "not_done"), said
assert "accepted the order and did not do it" in said[1]["detail"], said
power.lie = "mute"
said, _ = switch("open", *act)
assert (said[0]["answer"], said[0]["verdict"], said[0]["state"]) == ("no_answer", "verified", "open"), said
power.lie = "bridged"
said, _ = switch("open", *act, expect=4)
assert (said[0]["state"], said[0]["verdict"], said[0]["load"]) == ("open", "contradicted", "0.5"), said
# no password on the screen, nor what would tell of it
_, err = bus(*relay, "close", *act, "--verbose")
order = [line for line in err.splitlines() if " 68 1c 10 " in line]
assert len(order) == 1 and " 68 1c 10 35 ** ** ** 33" in order[0] and order[0].endswith(" ** 16"), order
assert "89 67 45" not in err, "123456 + 333333, low byte first"

# ---- parameters ----
parameter = ("set", meter.line, "dlt645", "98765432")


def write(what, *more, expect=0):
    out, err = bus(*parameter, what, "--timeout", "300", "--json", *more, expect=expect)
    return [json.loads(line) for line in out.splitlines()], err


power.lie = ""
before = len(meter.heard)
assert "--write" in write("alarm-amount-1=12.5", "--credentials", passwords, expect=1)[1]
assert "--credentials" in write("alarm-amount-1=12.5", "--write", expect=1)[1]
assert "no such value" in write("alarm-amount-1=1000000", *act, expect=1)[1]
assert "no such value" in write("trip-delay=0.5", *act, expect=1)[1]
assert "is none of" in write("balance=5", *act, expect=1)[1]
assert "number" in write("trip-delay", *act, expect=1)[1]
assert len(meter.heard) == before, "nothing was sent until here"
said, _ = write("alarm-amount-1=12.5", *act)
assert said[0]["sent"] and said[0]["value"] == "12.5" and power.alarm == "50120000", (said, power.alarm)
tries = power.tries
assert not write("alarm-amount-1=12.5", *act)[0][0]["sent"] and power.tries == tries, "it is there already"
assert "gives" not in write("trip-delay=3", *act, expect=4)[1] and power.tries == tries, "it has none"
power.lie = "mute"
assert write("alarm-amount-1=7", *act)[0][0]["sent"] and power.alarm == "00070000" and power.tries == tries + 1
power.lie = "stuck"
assert "has another one" in write("alarm-amount-1=8", *act, expect=4)[0][0]["detail"]
power.lie = ""
_, err = bus(*parameter, "alarm-amount-1=9", "--timeout", "300", "--verbose", *act)
sent = [line for line in err.splitlines() if " 68 14 10 " in line]
assert len(sent) == 1 and "89 67 45" not in err and " 35 ** ** ** " in sent[0], err

# ---- an account of its own ----
power.account = 2
tries = power.tries
assert "account" in switch("open", *act, expect=4)[0][-1]["detail"] and power.tries == tries
assert switch("status")[0][0]["state"], "looking is allowed"
power.account = 0

# ---- passwords ----
passwords.chmod(0o644)
assert "chmod 600" in switch("open", *act, expect=1)[1]
power.lie, power.tries = "", 0
for password, sent in (("000000", 1), ("000000", 1), ("000000", 1), ("111111", 2), ("222222", 2), ("123456", 2)):
    fresh_credentials(password)
    said, _ = switch("open", *act, expect=4)
    assert power.tries == sent, (password, power.tries, said)
refused = pathlib.Path(f"{passwords}.refused")
assert refused.stat().st_mode & 0o777 == 0o600 and "123456" not in refused.read_text(), refused.read_text()
assert power.tries == 2, "a third wrong password never reaches a meter"
said, _ = switch("open", "--write", "--credentials", passwords, expect=4)
refused.unlink()  # a person has looked
said, _ = switch("open", *act)
assert said[0]["verdict"] == "verified" and not refused.read_text(), said
refused.write_text("nonsense\n")
assert ".refused cannot be read" in switch("open", *act, expect=1)[1]
refused.unlink()

# ---- raw ----
raw = json.loads(bus("read", meter.line, "dlt645", "98765432", "00010000", "--json")[0])
assert raw["values"] == [{"name": "forward_active_energy", "unit": "kWh", "value": "1.86"}], raw
assert raw["address"] == "000098765432", raw
assert "relay_state" in bus("read", meter.line, "dlt645", "98765432", "04000503")[0]
assert "no_requested_data" in bus("read", meter.line, "dlt645", "1", "02800002", expect=4)[1]
assert "no answer" in bus("read", meter.line, "dlt645", "98765432", "1000", "--timeout", "300", expect=2)[1]
for words, said in ((["dlt645", "x", "00010000"], "digits"), (["dlt645", "1", "voltage"], "hex digits"),
                    (["cjt188", "1", "00010000"], "4 hex"), (["cjt188", "x-1", "901f"], "two hex digits")):
    assert said in bus("read", meter.line, *words, expect=1)[1], words
out = bus("read", meter.line, "--model", model("generic-dlt645-2007-1ph"), "--address", "98765432",
          "forward_active_energy", "relay_state")[0]
assert re.search(r"forward_active_energy +1.86 kWh", out) and re.search(r"relay_state +0", out), out


# ---- CJ/T 188 ----
class Water:
    """A water meter with a valve that wants its identifiers low byte first."""

    def __init__(self):
        self.shut, self.volume, self.lie = False, 0x1000, ""

    def __call__(self, request):
        frame = request.lstrip(b"\xfe")
        if frame[11:13] not in (b"\x1f\x90", b"\x17\xa0"):
            return None
        data = frame[11:14]
        if frame[9] == 0x04:
            before = self.shut
            self.shut = frame[14] == 0x99 if self.lie != "stuck" else self.shut
            data += bytes([before, 0])
        else:
            self.volume += self.lie == "leaks"
            data += self.volume.to_bytes(4, "little") + b"\x2c" + bytes(4) + b"\x2c" + bytes(7) + \
                bytes([self.shut, 0])
        return summed(b"\x68\x10" + frame[2:9] + bytes([frame[9] | 0x80, len(data)]) + data)


water = Water()
tap = Meter(water)
relay = ("relay", tap.line, "--model", model("generic-cjt188-water-valve"), "--address", "26004140")
said, _ = switch("status")
assert said[0]["state"] == "open", said
assert "add --write" in switch("close", expect=1)[1]
said, _ = switch("close", "--write")
assert (said[0]["state"], said[0]["verdict"], water.shut) == ("closed", "verified", True), said
said, _ = switch("open", "--write")
assert (said[0]["state"], said[0]["verdict"], water.shut) == ("open", "verified", False), said
water.lie = "stuck"
assert switch("close", "--write", expect=4)[0][0]["verdict"] == "not_done"
water.lie = "leaks"
assert switch("close", "--write", expect=4)[0][0]["verdict"] == "contradicted"
water.lie = ""
raw = json.loads(bus("read", tap.line, "cjt188", "26004140", "901f", "--json", "--timeout", "300")[0])
assert {"name": "valve", "unit": "", "value": "closed"} in raw["values"], raw
assert raw["address"] == "00000026004140", raw


# ---- Modbus ----
def crc(frame):
    value = 0xffff
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xa001 if value & 1 else 0)
    return frame + value.to_bytes(2, "little")


class Board:
    """A relay board with a feedback input."""

    def __init__(self):
        self.coil, self.lie = 0, ""

    def __call__(self, request):
        if request[1] == 5:
            self.coil = request[4] == 0xff if self.lie != "stuck" else self.coil
            return None if self.lie == "mute" else request
        return crc(bytes([request[0], request[1], 1, self.coil]))


board = Board()
wall = Meter(board)
relay = ("relay", wall.line, "--model", model("generic-relay-fc05-feedback"), "--address", "1")
said, _ = switch("close", "--write")
assert (said[0]["state"], said[0]["answer"], said[0]["verdict"]) == ("closed", "acknowledged", "verified"), said
said, _ = switch("open", "--write")
assert (said[0]["state"], said[0]["verdict"]) == ("open", "verified"), said
assert "cannot be ordered so" in switch("permit", "--write", expect=1)[1]
board.lie = "stuck"
assert switch("close", "--write", expect=4)[0][0]["verdict"] == "not_done"
board.lie = "mute"
said, _ = switch("close", "--write")
assert (said[0]["answer"], said[0]["verdict"]) == ("no_answer", "verified"), said
print("relays: every lie named, no third password")
