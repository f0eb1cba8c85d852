# SPDX-License-Identifier: Apache-2.0
"""Each fault of the simulator does on the wire what its name says, and is counted; no byte comes
earlier than on a real line. The master is raw Python; mbpoll and pymodbus look over its shoulder."""
import json, os, re, socket, struct, subprocess, termios, time

from simulator import CHAR, Line, Sim

SILENCE, TURNAROUND = 3.5 * CHAR, 0.020
ENERGY = 0x0048  # of an SDM120: float, two registers
PYTHON = "/usr/bin/python3"


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def sealed(data):
    return data + crc(data)


def is_good(frame):
    return len(frame) > 4 and crc(frame[:-2]) == frame[-2:]


def read_of(unit, start=ENERGY, count=2, function=4):
    return sealed(struct.pack(">BBHH", unit, function, start, count))


def acrel(count=2):
    return read_of(2, 0, count, 3)


def kwh(frame):
    return round(struct.unpack(">f", frame[3:7])[0], 3)


BUSES = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8N1
    meters:
      - {id: flat-1, model: eastron-sdm120, address: 1}
      - {id: flat-2, model: acrel-ddsd1352, address: 2}
  - id: floor-2
    line: tcp:127.0.0.1:0:9600:8N1
    meters: [{id: flat-3, model: eastron-sdm120, address: 1}]
  - id: floor-3
    line: modbus-tcp:127.0.0.1:0
    meters: [{id: flat-4, model: eastron-sdm120, address: 1}]
simulation:
  - {meter: flat-1, energy: 1000.5, serial: 12345678}
  - {meter: flat-3, energy: 3000}
  - {meter: flat-4, energy: 4000}
"""


def clean(sim, line):
    answer = line.ask(read_of(1))
    assert is_good(answer) and kwh(answer) == 1000.5, answer.hex()
    line.check_pace(line.sent, 8 * CHAR + SILENCE + TURNAROUND)
    assert is_good(line.ask(acrel(18), 0.3)), "flat-2"
    values = sim.do(values="flat-1")
    assert values["values"]["forward_active_energy"] == "1000.5", values
    assert values["serial"] == "12345678", values


def late(sim, line):
    sim.set("flat-1", "late", delay_ms=400)
    start = line.send(read_of(1))
    assert line.listen(0.1) == b"", "the late answer came early"
    assert is_good(line.ask(acrel(), 0.1)), "another meter is disturbed by one that is late"
    answer = line.listen(0.5)
    assert is_good(answer) and kwh(answer) == 1000.5, answer.hex()
    line.check_pace(start, 8 * CHAR + SILENCE + TURNAROUND + 0.4)
    # in the middle of another meter's turnaround
    sim.set("flat-1", "late", delay="150ms")
    sim.set("flat-2", "slow", delay_ms=400)
    line.send(read_of(1))
    time.sleep(0.03)
    got = line.ask(acrel(), 0.6)
    assert got[:2] == b"\x01\x04" and got[9:11] == b"\x02\x03", got.hex()
    assert is_good(got[:9]) and is_good(got[9:]), got.hex()
    # two answers at once: overlapping characters come out as one, the AND of both
    sim.set("flat-1", "late", delay_ms=50)
    sim.set("flat-2", "slow", delay_ms=20)
    before = sim.bus()
    start = line.send(read_of(1, 0, 60))
    time.sleep(0.03)
    got = line.ask(acrel(18), 0.5)
    line.check_pace(start, 8 * CHAR + SILENCE)
    merged = sim.bus()["merged_bytes"] - before["merged_bytes"]
    assert merged > 5 and len(got) + merged == 125 + 41, (len(got), merged)
    # a request while somebody talks is heard by nobody
    sim.clear()
    sim.clear("flat-2")
    before = sim.bus()
    line.send(read_of(1, 0, 60))
    time.sleep(0.08)
    got = line.ask(acrel(), 0.4)
    after = sim.bus()
    assert len(got) == 125 and is_good(got), got.hex()
    assert after["collision_bytes"] - before["collision_bytes"] == 8, after
    assert sim.struck("flat-1", "late") == 3 and sim.struck("flat-2", "slow") == 2, after


def damage(sim, line):
    sim.set("flat-1", "crc", every=2)
    assert [is_good(line.ask(read_of(1), 0.1)) for _ in range(6)] == [True, False] * 3
    assert sim.struck("flat-1", "crc") == 3
    sim.set("flat-1", "crc", bits=1)
    for _ in range(4):
        got = line.ask(read_of(1), 0.1)
        want = sealed(read_of(1)[:2] + b"\x04" + struct.pack(">f", 1000.5))
        flipped = sum(bin(a ^ b).count("1") for a, b in zip(got, want))
        assert len(got) == len(want) and flipped == 1, got.hex()
    sim.clear()
    sim.set("flat-1", "truncate", bytes=4)
    assert line.ask(read_of(1), 0.15) == bytes.fromhex("01040444")
    sim.clear()
    sim.set("flat-1", "glitch")
    got = line.ask(read_of(1), 0.15)
    assert got[:1] == got[-1:] == b"\0" and is_good(got[1:-1]), got.hex()
    sim.set("flat-1", "glitch", byte=255)
    assert line.ask(read_of(1), 0.15)[:1] == b"\xff"
    sim.clear()


def lies(sim, line):
    sim.set("flat-1", "wrong-address", unit=9)
    got = line.ask(read_of(1), 0.15)
    assert got[0] == 9 and is_good(got), got.hex()
    sim.clear()
    sim.set("flat-1", "exception", code=6)
    assert line.ask(read_of(1), 0.15) == sealed(b"\x01\x84\x06")
    sim.clear()
    sim.set("flat-1", "dead")
    heard = sim.bus()["requests"]
    assert line.ask(read_of(1), 0.2) == b"" and sim.bus()["requests"] == heard + 1
    assert is_good(line.ask(acrel(), 0.15)), "the others go on"
    sim.clear()
    sim.set("flat-1", "slow", delay_ms=300)
    assert line.ask(read_of(1), 0.28) == b"", "a slow meter is slow"
    line.send(read_of(1))  # deaf: it is still busy with the first
    got = line.listen(0.4)
    assert is_good(got) and len(got) == 9, got.hex()
    sim.clear()
    sim.set("flat-1", "swap-serial", serial="99", energy="7.25")
    assert kwh(line.ask(read_of(1), 0.15)) == 7.25
    assert sim.do(values="flat-1")["serial"] == "99"
    sim.clear()
    assert kwh(line.ask(read_of(1), 0.15)) == 1000.5
    for fault in ("wrong-address", "exception", "dead", "swap-serial"):
        assert sim.struck("flat-1", fault) == 1, fault


def merge(sim, line):
    one = line.ask(read_of(1), 0.15)
    other = sealed(one[:3] + struct.pack(">f", 77))
    sim.set("flat-1", "merge", energy="77", share=0)
    got = line.ask(read_of(1), 0.15)
    assert got == bytes(a & b for a, b in zip(one, other)) and not is_good(got), got.hex()
    sim.set("flat-1", "merge", energy="77", share=100)
    seen = {line.ask(read_of(1), 0.1) for _ in range(12)}
    assert seen == {one, other}, seen
    sim.set("flat-1", "merge", energy="77", share=0, delay_ms=3)  # the other starts 3 ms later
    got = line.ask(read_of(1), 0.15)
    assert 9 <= len(got) <= 12 and got[:2] == one[:2] and not is_good(got), got.hex()
    sim.clear()


def echo(sim, line):
    sim.do(bus="floor-1", fault="echo")
    got = line.ask(read_of(1), 0.2)
    assert got[:8] == read_of(1) and is_good(got[8:]) and len(got) == 17, got.hex()
    line.check_pace(line.sent)
    assert line.ask(b"\x55" * 20, 0.2) == b"\x55" * 20, "every byte, whatever it is"
    sim.do(clear={"bus": "floor-1", "fault": "echo"})
    assert is_good(line.ask(read_of(1), 0.2))


def babble(sim, line):
    sim.do(bus="floor-1", fault="babble", bytes=5, pause_ms=200)
    bursts = line.listen(0.99)
    line.check_pace(line.came[0][0] - 5 * CHAR - 0.05)
    assert 20 <= len(bursts) <= 25 and len(bursts) % 5 == 0, len(bursts)
    sim.do(bus="floor-1", fault="babble")
    before = sim.bus()["answered"]
    start = line.send(read_of(1))
    noise = line.listen(1)
    assert 0.8 < len(noise) / (1 / CHAR) <= 1.01, len(noise)
    line.check_pace(start - 0.03)
    assert sim.bus()["answered"] == before, "somebody heard a request in all that noise"
    sim.do(clear={"bus": "floor-1"})
    line.listen(0.1)
    assert is_good(line.ask(read_of(1), 0.2))
    return bursts[:20]


def other_rate(sim):
    """A meter of another rate hears nothing, and a client of another rate hears rubbish."""
    with sim.line(baud=termios.B2400) as line:
        assert line.ask(read_of(1)) == b""
    sim.set("flat-1", "late", delay_ms=200)
    with sim.line() as line:
        line.send(read_of(1))
        time.sleep(0.1)
        line.set_baud(termios.B2400)
        line.send(b"\0")  # the rate is seen when something is said
        got = line.listen(0.4)
        assert len(got) == 9 and not is_good(got), got.hex()
    sim.clear("flat-1")


def plugging(sim):
    with sim.line() as line:
        first = os.readlink(sim.dir / "bus0")
        sim.do(unplug="floor-1")
        assert not (sim.dir / "bus0").exists() and not sim.bus()["plugged"]
        try:
            gone = os.read(line.fd, 1) == b""
        except OSError:
            gone = True
        assert gone, "the old port is still there"
        assert not sim.raw('{"unplug": "floor-1"}')["ok"]
        sim.do(plug="floor-1")
        second = os.readlink(sim.dir / "bus0")
        assert first != second, second
    with sim.line() as line:
        assert is_good(line.ask(read_of(1), 0.2))


def refusals(sim):
    for line in ("", "{", "[]", "{}", '{"set": 1}', '{"set": {"meter": "flat-1"}}', '{"counts": 1}',
                 '{"set": {"meter": "nobody", "fault": "dead"}}', '{"values": "nobody"}',
                 '{"set": {"meter": "flat-1", "fault": "odd"}}', '{"plug": "floor-1"}',
                 '{"set": {"meter": "flat-1", "fault": "late"}}', '{"clear": {}}',
                 '{"set": {"meter": "flat-1", "fault": "late", "delay_ms": -1}}',
                 '{"set": {"meter": "flat-1", "fault": "dead", "unit": 3}}',
                 '{"set": {"meter": "flat-1", "fault": "dead", "x": 3}}',
                 '{"set": {"meter": "flat-1", "bus": "floor-1", "fault": "dead"}}',
                 '{"set": {"meter": "flat-1", "fault": "echo"}}',
                 '{"set": {"meter": "flat-4", "fault": "crc"}}', '{"unplug": "nowhere"}',
                 '{"counts": true, "values": "flat-1"}', '{"fault": "dead"}'):
        answer = sim.raw(line)
        assert answer["ok"] is False and answer["error"], (line, answer)


def over_tcp(sim):
    port = sim.port("floor-2")
    first = socket.create_connection(("127.0.0.1", port))
    line = Line(first.fileno())
    got = line.ask(read_of(1))
    assert is_good(got) and kwh(got) == 3000, got.hex()
    line.check_pace(line.sent, 8 * CHAR + SILENCE + TURNAROUND)
    second = socket.create_connection(("127.0.0.1", port))
    line = Line(second.fileno())
    assert line.ask(read_of(1)) == b"", "two clients at once"
    first.close()
    got = line.listen(0.3)
    assert is_good(got), "the second client's turn has come: " + got.hex()
    sim.do(unplug="floor-2")
    assert second.recv(1) == b""
    sim.do(plug="floor-2")
    assert sim.port("floor-2") == port
    with socket.create_connection(("127.0.0.1", port)) as third:
        assert is_good(Line(third.fileno()).ask(read_of(1)))
    second.close()


def modbus_tcp(sim):
    port = sim.port("floor-3")
    with socket.create_connection(("127.0.0.1", port)) as a, \
            socket.create_connection(("127.0.0.1", port)) as b:
        one, two = Line(a.fileno()), Line(b.fileno())
        one.send(struct.pack(">HHH", 7, 0, 6) + read_of(1)[:-2])
        two.send(struct.pack(">HHH", 65535, 0, 6) + read_of(1)[:-2])
        for line, number in ((one, 7), (two, 65535)):
            got = line.listen(0.1)
            assert got[:7] == struct.pack(">HHHB", number, 0, 7, 1), got.hex()
            assert struct.unpack(">f", got[9:13])[0] == 4000, got.hex()
            assert line.came[0][0] - line.sent >= TURNAROUND
        sim.set("flat-4", "late", delay_ms=200)
        assert one.ask(struct.pack(">HHH", 8, 0, 6) + read_of(1)[:-2], 0.18) == b""
        assert one.listen(0.15)[:2] == b"\0\x08"
        sim.clear("flat-4")
        one.send(b"\0\1\0\1\0\6" + read_of(1)[:-2])
        assert a.recv(1) == b"", "a protocol that is not Modbus"


def strangers(sim):
    def mbpoll(*arguments):
        out = subprocess.run(["mbpoll", "-a", "1", "-t", "3:float", "-B", "-0", "-r", str(ENERGY),
                              "-1", "-o", "2", *map(str, arguments)], capture_output=True,
                             text=True, timeout=30)
        return re.findall(r"^\[\d+\]:\s+(\S+)", out.stdout, re.M), out.stdout + out.stderr
    got, text = mbpoll("-m", "rtu", "-b", 9600, "-P", "none", sim.dir / "bus0")
    assert got == ["1000.5"], text
    got, text = mbpoll("-m", "tcp", "-p", sim.port("floor-3"), "127.0.0.1")
    assert got == ["4000"], text
    code = ("import sys, struct\nfrom pymodbus.client import ModbusTcpClient\n"
            "from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer\n"
            "framer = ModbusRtuFramer if sys.argv[1] == 'rtu' else ModbusSocketFramer\n"
            "c = ModbusTcpClient('127.0.0.1', port=int(sys.argv[2]), framer=framer)\n"
            "assert c.connect()\nr = c.read_input_registers(72, 2, slave=1)\n"
            "print(struct.unpack('>f', struct.pack('>HH', *r.registers))[0])\n")
    for framing, bus, want in (("rtu", "floor-2", "3000.0"), ("socket", "floor-3", "4000.0")):
        out = subprocess.run([PYTHON, "-c", code, framing, str(sim.port(bus))],
                             capture_output=True, text=True, timeout=30)
        assert out.stdout.strip() == want, out.stdout + out.stderr


SCRIPT = BUSES + """script:
  - {at: 0s, meter: flat-1, fault: exception, code: 4}
  - {at: 3s, meter: flat-1, fault: none}
  - {at: 3s, bus: floor-1, fault: dead}
  - {at: 4s, bus: floor-1, fault: none}
"""


def scripted():
    with Sim(SCRIPT) as sim, sim.line() as line:
        ready = time.monotonic()
        assert line.ask(read_of(1), 0.15) == sealed(b"\x01\x84\x04")
        line.listen(3.3 - (time.monotonic() - ready))
        assert line.ask(read_of(1), 0.15) == b"" == line.ask(acrel(), 0.15)
        line.listen(4.3 - (time.monotonic() - ready))
        assert is_good(line.ask(read_of(1), 0.15)) and is_good(line.ask(acrel(), 0.15))


def by_chance(seed):
    """What happens by chance in one run."""
    with Sim(BUSES, "--seed", seed) as sim, sim.line() as line:
        sim.do(bus="floor-1", fault="babble", bytes=8, pause_ms=100)
        noise = line.listen(0.5)[:24]
        sim.do(clear={"bus": "floor-1"})
        line.listen(0.1)
        sim.set("flat-1", "crc", share=50)
        return noise, [line.ask(read_of(1), 0.1) for _ in range(12)]


MODELS = {"prepaid": """name: a meter with a relay
protocol: modbus
source: of this test
line: 9600:8N1
serial: {register: 0x43, words: 3, type: bcd}
relay_write: {function: 16, register: 0x57, open: 0001 0002, closed: 0001 0001}
relay_state: {function: 3, register: 0x22, mask: 0x20, closed: 0x20, open: 0}
points:
  - {quantity: combined_active_energy, function: 3, register: 0, type: uint32, scale: 1/1000000}
  - {quantity: voltage_a, function: 3, register: 2, type: bcd16, scale: 1/10}
  - {quantity: active_power_total, function: 3, register: 3, type: uint16, scale: 1/1000}
  - {quantity: current_transformer_ratio, function: 3, register: 4, type: uint16}
  - {quantity: forward_active_energy, function: 3, register: 6, type: uint32, scale: 1/1000,
     multiply: ct}
""", "board": """name: a relay board
protocol: modbus
source: of this test
line: 9600:8N1
relay_write: {function: 5, register: 0, open: 0000, closed: ff00}
relay_state: {function: 1, register: 0, mask: 1, closed: 1, open: 0}
points:
  - {quantity: relay_state, function: 1, register: 0, type: bit}
  - {quantity: relay_command, function: 1, register: 7, type: bit}
"""}
RELAYS = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8N1
    meters:
      - {id: flat-1, model: prepaid, address: 1}
      - {id: board, model: board, address: 2}
      - {id: flat-2, model: prepaid, address: 3}
simulation:
  - {meter: flat-1, load: 4, energy: 50, serial: 123456789012, voltage: 231.5}
  - {meter: flat-2, load: 2, energy: 60, behind: board, ct: 40, serial: 77}
"""


def relay_of(unit, word):
    return sealed(struct.pack(">BBHHBHH", unit, 0x10, 0x57, 2, 4, 1, word))


def relays():
    with Sim(RELAYS, "--speed", "3600", models=MODELS) as sim, sim.line() as line:
        def register(unit, start, count=1, function=3):
            got = line.ask(read_of(unit, start, count, function), 0.1)
            assert is_good(got) and got[2] == 2 * count, got.hex()
            return int.from_bytes(got[3:-2], "big")

        def moves(unit):
            """Does its energy go on?"""
            before = register(unit, 0, 2)
            after = register(unit, 0, 2)
            assert after >= before
            return after > before

        def told(meter):
            values = sim.do(values=meter)
            return values["relay"], values["relay_says"]

        assert register(1, 0x43, 3) == 0x123456789012 and register(3, 0x43, 3) == 0x77
        assert sim.do(values="flat-2")["serial"] == "000000000077"
        assert register(1, 2) == 0x2315 and register(3, 4) == 40
        energy = register(3, 0, 2) / 1e6
        assert abs(register(3, 6, 2) * 40 / 1000 - energy) < 1.5, "behind the transformer"
        assert moves(1) and register(1, 0x22) == 0x20 and register(1, 3) == 4000
        assert line.ask(relay_of(1, 2), 0.1) == sealed(relay_of(1, 2)[:6])
        assert told("flat-1") == ("open", "open") and register(1, 0x22) == 0
        assert not moves(1) and register(1, 3) == 0 and moves(3)
        assert line.ask(relay_of(1, 1), 0.1) == sealed(relay_of(1, 1)[:6])
        assert told("flat-1") == ("closed", "closed") and register(1, 0x22) == 0x20 and moves(1)
        for fault, says in (("stuck-relay", "closed"), ("lie", "open")):
            sim.set("flat-1", fault)
            assert line.ask(relay_of(1, 2), 0.1) == sealed(relay_of(1, 2)[:6])
            assert told("flat-1") == ("closed", says) and moves(1)
            assert register(1, 0x22) == (0x20 if says == "closed" else 0)
            assert sim.struck("flat-1", fault) == 1
            sim.clear()
        off, on = sealed(b"\2\5\0\0\0\0"), sealed(b"\2\5\0\0\xff\0")
        coils = read_of(2, 0, 8, 1)
        assert line.ask(on, 0.1) == on and line.ask(coils, 0.1) == sealed(b"\2\1\1\1")
        assert line.ask(off, 0.1) == off and line.ask(coils, 0.1) == sealed(b"\2\1\1\0")
        assert told("board") == ("open", "open") and told("flat-2")[0] == "open" and not moves(3)
        many = sealed(b"\2\x0f\0\0\0\1\1\1")
        assert line.ask(many, 0.1) == sealed(many[:6]) and moves(3)
        free = sealed(b"\2\5\0\7\xff\0")
        assert line.ask(free, 0.1) == free and line.ask(coils, 0.1) == sealed(b"\2\1\1\x81")
        # what cannot be: no such coil, a measured register, a wrong value, a wrong length
        for request, code in ((sealed(b"\2\5\0\1\xff\0"), 2), (sealed(b"\1\6\0\0\0\5"), 2),
                              (sealed(b"\2\5\0\0\1\0"), 3), (sealed(b"\2\7" + b"\0" * 4), None),
                              (sealed(b"\1\x10\0\x57\0\2\2\0\1"), 3)):
            want = sealed(bytes((request[0], request[1] | 0x80, code))) if code else b""
            assert line.ask(request, 0.15) == want, request.hex()
        # everybody at once: nobody answers
        line.ask(relay_of(0, 2), 0.15)
        assert not line.came and told("flat-1")[0] == told("flat-2")[0] == "open"


with Sim(BUSES) as sim:
    with sim.line() as wire:
        for story in (clean, late, damage, lies, merge, echo, babble):
            story(sim, wire)
            print(story.__name__, flush=True)
    for story in (other_rate, plugging, refusals, over_tcp, modbus_tcp, strangers):
        story(sim)
        print(story.__name__, flush=True)
    print(json.dumps(sim.bus()))
scripted()
print("scripted", flush=True)
relays()
print("relays", flush=True)
first, again, another = by_chance("5"), by_chance("5"), by_chance("6")
assert first == again != another, "the seed decides"
assert 0 < sum(map(is_good, first[1])) < 12, "a share is a share"
