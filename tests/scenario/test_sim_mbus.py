# SPDX-License-Identifier: Apache-2.0
"""The simulator's M-Bus slaves by raw bytes: link layer and frame count bit, readouts of several
telegrams, real telegrams with changed readings, writes, baud rates, valves, and the faults."""
import json, termios, time

from mbus_raw import CHAR, Bus, Telegram, bcd, framed, is_whole, short
from simulator import Sim

MODELS = {
    "water": """name: Water
protocol: mbus
source: this test
line: 9600:8E1
timeout: 150ms
points:
  - {quantity: volume, record: {quantity: volume, unit: m3}}
  - {quantity: flow, record: {quantity: volume_flow}}
""",
    "heat": """name: Heat
protocol: mbus
source: this test
line: 9600:8E1
timeout: 150ms
manufacturer: EFE
version: 3
medium: 4
points:
  - {quantity: heat_energy_kwh, record: {dib_vib: "0c05"}}
  - {quantity: heat_energy, record: {dib_vib: "040e"}}
  - {quantity: volume, record: {dib_vib: "0515"}}
  - {quantity: heat_power, record: {quantity: power, unit: W}}
  - {quantity: supply_temperature, record: {quantity: flow_temperature, unit: degC}}
  - {quantity: return_temperature, record: {quantity: return_temperature, unit: degC}}
  - {quantity: operating_time, record: {quantity: operating_time, unit: h}}
""",
    "valve": """name: Valve
protocol: mbus
source: this test
line: 9600:8E1
timeout: 150ms
points:
  - {quantity: volume, record: {quantity: volume, unit: m3}}
relay:
  open: 01fd1a00
  closed: 01fd1a01
  state: {record: {dib_vib: "01fd1a"}, mask: 1, open: 0, closed: 1}
""",
}


# ---- the link ----

LINK = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters:
      - {id: cold, model: water, address: 5}
      - {id: warm, model: heat, address: 6}
      - {id: many, model: water, address: 7}
      - {id: plain, model: water, address: 8}
      - {id: endless, model: water, address: 9}
simulation:
  - {meter: cold, energy: 1234567.89, load: 5, serial: 11490378, manufacturer: ACW, version: 14,
     medium: 22}
  - {meter: warm, energy: 1000, load: 12.5, serial: 24083345}
  - {meter: many, telegrams: 3, energy: 10}
  - {meter: plain, telegrams: 3, no_fcb: true}
  - {meter: endless, telegrams: 40}
"""


def link(sim, bus):
    start = bus.line.send(short(0x40, 5))
    assert bus.line.listen(0.1) == b"\xe5"
    bus.line.check_pace(start, 5 * CHAR + 0.020)
    for stray in (short(0x40, 4), short(0x40, 251), short(0x40, 0xff), short(0x40, 0xfd),
                  short(0x49, 5), b"\xe5", b"\x10\x40\x05\x46\x16", b"\x10\x40\x05\x45\x17",
                  framed(b"\x08\x05\x72" + bytes(12))):
        assert bus.ask(stray, 0.12) == b"", stray.hex()
    assert bus.ask(b"\x68\x10\x40" + short(0x40, 5)) == b"\xe5", "within a false frame"
    one = Telegram(bus.read(5))
    assert (one.a, one.id, one.maker, one.version, one.medium, one.status) == \
        (5, "11490378", "0477", 14, 22, 0), vars(one)
    assert bcd(one.records["0c13"]) == 23456789 and bcd(one.records["0c78"]) == 11490378
    # 123456.789 m3 have rolled over
    assert bcd(one.records["0b3b"]) == 500 and not one.more, one.records
    minute, hour, day, month = one.records["046d"]
    now = time.gmtime()
    assert abs((hour & 31) * 60 + (minute & 63) - now.tm_hour * 60 - now.tm_min) <= 1
    assert day & 31 == now.tm_mday and month & 15 == now.tm_mon
    assert (day >> 5 | month >> 1 & 0x78) == now.tm_year % 100
    # the same bit: the same bytes; the other: a new answer
    again, new = bus.read(5), bus.read(5, 0)
    assert Telegram(again).access == one.access and Telegram(new).access == one.access + 1
    assert bus.read(5, 0) == new
    assert bus.ask(short(0x40, 5)) == b"\xe5"
    assert Telegram(bus.read(5, 0)).access == one.access + 2, "forgotten after SND_NKE"
    assert bus.ask(short(0x7a, 5)) == b"\xe5", "no alarm"
    heat = Telegram(bus.read(6))
    assert (heat.maker, heat.version, heat.medium, heat.a) == ("14c5", 3, 4, 6), vars(heat)
    assert bcd(heat.records["0c05"]) == 10000, "100 Wh"
    assert int.from_bytes(heat.records["040e"], "little") == 3600, "1000 kWh in MJ"
    assert heat.records["0515"].hex() == "00007a44", "1000 times 0.1 m3, a real"
    assert bcd(heat.records["0b2b"]) == 12500 and bcd(heat.records["0a5a"]) == 600
    assert bcd(heat.records["0a5e"]) == 514 and bcd(heat.records["0b26"]) == 1000


def telegrams(sim, bus):
    bus.ask(short(0x40, 7))
    got, fcb = [], 1
    for _ in range(4):
        frame = bus.read(7, fcb)
        assert bus.read(7, fcb) == frame, "asked again"
        got.append(Telegram(frame))
        fcb = 1 - fcb
    assert [one.more for one in got] == [True, True, False, True], "and from the beginning"
    assert [one.access for one in got] == list(range(got[0].access, got[0].access + 4))
    heads = [set(one.records) for one in got]
    assert heads[3] == heads[0] and heads[0] | heads[1] | heads[2] == {"0c78", "046d", "0c13", "0b3b"}
    assert not heads[0] & heads[1] and not heads[1] & heads[2], heads
    bus.read(7, fcb)
    assert bus.say(7, 0x50, b"\x10", 0x73 if not fcb else 0x53) == b"\xe5"
    assert set(Telegram(bus.read(7, fcb)).records) == heads[0], "after an application reset"
    same = [Telegram(bus.read(8, i % 2)) for i in range(4)]
    assert all(one.more and set(one.records) == set(same[0].records) for one in same)
    bus.ask(short(0x40, 9))
    assert all(Telegram(bus.read(9, (i + 1) % 2)).more for i in range(33)), "never ends"


# ---- writing ----

WRITES = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters:
      - {id: cold, model: water, address: 5}
      - {id: shut, model: valve, address: 6}
      - {id: slow, model: valve, address: 7}
simulation:
  - {meter: cold, clock: 3600, serial: 11111111}
  - {meter: shut, energy: 100, load: 10}
  - {meter: slow, travel: 500ms}
"""


def writes(sim, bus):
    minutes = lambda record: (record[1] & 31) * 60 + (record[0] & 63)
    now = time.gmtime()
    ahead = minutes(Telegram(bus.read(5)).records["046d"]) - now.tm_hour * 60 - now.tm_min
    assert ahead % 1440 in (59, 60, 61), ahead
    # 2031-07-09 03:04 as type F, then the date alone as type G
    assert bus.say(5, 0x51, bytes.fromhex("046d" "0403e937")) == b"\xe5"
    record = Telegram(bus.read(5)).records["046d"]
    assert minutes(record) in (184, 185) and record[2:] == b"\xe9\x37", record.hex()
    assert bus.say(5, 0x51, bytes.fromhex("026c" "ea37")) == b"\xe5"
    record = Telegram(bus.read(5)).records["046d"]
    assert minutes(record) in (184, 185) and record[2] & 31 == 10, record.hex()
    # the address: at once, and by selection
    assert bus.say(5, 0x51, b"\x01\x7a\x2a") == b"\xe5" and bus.ask(short(0x40, 5), 0.12) == b""
    assert bus.ask(short(0x40, 42)) == b"\xe5" and Telegram(bus.read(42)).a == 42
    assert bus.select("11111111") == b"\xe5" and bus.say(0xfd, 0x51, b"\x01\x7a\x05", 0x73) == b"\xe5"
    assert bus.ask(short(0x40, 42), 0.12) == b"" and bus.ask(short(0x40, 5)) == b"\xe5"
    # its number
    assert bus.say(5, 0x51, bytes.fromhex("0c7976563412")) == b"\xe5"
    assert sim.do(values="cold")["serial"] == "12345676" and Telegram(bus.read(5)).id == "12345676"
    # what it does not know is acknowledged by the link and refused by the application, once
    bus.ask(short(0x40, 5))
    assert bus.say(5, 0x99, b"\0\0") == b"\xe5" and bus.read(5, 0) == b"\xe5", "the same bit again"
    assert bus.read(5, 1) == framed(b"\x08\x05\x70\x01") and Telegram(bus.read(5, 0)).a == 5
    # a write that is repeated acts once
    assert bus.say(5, 0x51, b"\x01\x7a\x09", 0x73) == b"\xe5" and bus.say(9, 0x51, b"\x01\x7a\x0b", 0x73) == b"\xe5"
    assert bus.ask(short(0x40, 11), 0.12) == b"" and bus.ask(short(0x40, 9)) == b"\xe5"
    # another rate: acknowledged at the old one
    assert bus.say(9, 0xbb) == b"\xe5" and bus.ask(short(0x40, 9), 0.12) == b""
    bus.line.set_baud(termios.B2400)
    assert bus.ask(short(0x40, 9)) == b"\xe5" and bus.ask(short(0x40, 6), 0.12) == b""
    assert bus.say(9, 0xbd) == b"\xe5"
    bus.line.set_baud(termios.B9600)
    assert bus.ask(short(0x40, 9)) == b"\xe5"


def valves(sim, bus):
    def told():
        bus.ask(short(0x40, 6))
        one = Telegram(bus.read(6))
        values = sim.do(values="shut")
        return one.records["01fd1a"][0], values["relay"], values["relay_says"]

    def moves():
        bus.ask(short(0x40, 6))
        before = bcd(Telegram(bus.read(6)).records["0c13"])
        time.sleep(0.3)
        return bcd(Telegram(bus.read(6, 0)).records["0c13"]) > before

    def order(state):
        bus.ask(short(0x40, 6))
        return bus.say(6, 0x51, bytes([1, 0xfd, 0x1a, state]))

    assert told() == (1, "closed", "closed") and moves()
    assert order(0) == b"\xe5" and told() == (0, "open", "open") and not moves()
    assert order(1) == b"\xe5" and told() == (1, "closed", "closed") and moves()
    for fault, says, stands in (("stuck-relay", (1, "closed", "closed"), False),
                                ("lie", (0, "closed", "open"), False),
                                ("no-ack", (0, "open", "open"), True)):
        sim.set("shut", fault)
        assert (order(0) == b"\xe5") == (fault != "no-ack"), fault
        assert told() == says and moves() != stands, fault
        sim.clear("shut")
        assert order(1) == b"\xe5"
    answer = Telegram(bus.say(6, 0x51, b"\1\xfd\x1a\0", 0x43))
    assert answer.records["01fd1a"] == b"\0", "SND_UD2 is answered by data at once"
    assert order(1) == b"\xe5"
    sim.set("shut", "refuse", code=4)
    bus.ask(short(0x40, 6))
    assert bus.say(6, 0x51, b"\1\xfd\x1a\0", 0x53) == b"\xe5"
    assert bus.read(6) == framed(b"\x08\x06\x70\x04") and told()[0] == 1
    sim.clear("shut")
    assert bus.say(7, 0x51, b"\1\xfd\x1a\0") == b"\xe5" and sim.do(values="slow")["relay"] == "closed"
    time.sleep(0.55)
    assert sim.do(values="slow")["relay"] == "open", "it has arrived"
    assert order(0) == b"\xe5"
    sim.set("shut", "closes-itself", delay_ms=300)
    assert told() == (0, "open", "open")
    time.sleep(0.35)
    assert told() == (1, "closed", "closed") and sim.struck("shut", "closes-itself") == 1


# ---- real telegrams ----

def replay(name, text, meter):
    return f"""buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters: [{{id: real, model: {meter}, address: 1}}]
simulation:
  - {{meter: real, energy: 4321.25, load: 3, serial: 87654321, telegram: {text}}}
"""


# an Itron BM +m: shared with tests/captures; 54.321 m3 and its clock come first
ITRON = ("683c3c680808727803491177040e160a0000000c7878034911041331d40000426c0000441300000000046d0b0bcd13"
         "0227000009fd0e0209fd0f060f00017513d316")


def real():
    with Sim(replay("itron", ITRON, "water"), models=MODELS) as sim, \
            sim.line(char=CHAR) as line:
        bus = Bus(line)
        one, other = Telegram(bus.read(1)), Telegram(bus.read(1, 0))
        was = Telegram(bytes.fromhex(ITRON))
        assert (one.id, one.maker, one.version, one.medium, one.a) == ("87654321", "0477", 14, 22, 1)
        assert list(one.records) == list(was.records) and one.maker_data == was.maker_data
        changed = {head for head in was.records if one.records[head] != was.records[head]}
        assert changed == {"0413", "046d"}, changed
        assert int.from_bytes(one.records["0413"], "little") == 432125
        assert other.access == one.access + 1
        values = sim.do(values="real")
        assert values["values"]["volume"] == "432.125" and values["serial"] == "87654321", values
    # several at once as telegrams of one readout
    text = replay("itron", ITRON, "water").replace("telegram:", "telegrams: 2, telegram:")
    with Sim(text, models=MODELS) as sim, sim.line(char=CHAR) as line:
        bus = Bus(line)
        one, other = Telegram(bus.read(1)), Telegram(bus.read(1, 0))
        assert one.more and {**one.records, **other.records}.keys() == was.records.keys()


# ---- faults ----

def faults(sim, bus):
    bus.ask(short(0x40, 5))
    good = bus.read(5)
    sim.set("cold", "crc", every=1)
    got = bus.read(5)
    assert got[:-2] == good[:-2] and got[-2] != good[-2] and not is_whole(got)
    assert bus.ask(short(0x40, 5), 0.1) != b"\xe5"
    sim.clear("cold")
    sim.set("cold", "truncate", bytes=10)
    assert bus.read(5) == bus.read(5)[:10] and len(bus.read(5)) == 10
    sim.clear("cold")
    sim.set("cold", "wrong-address", unit=77)
    assert Telegram(bus.read(5, 0)).a == 77
    sim.set("cold", "exception", code=9)
    assert bus.read(5, 1) == framed(b"\x08\x4d\x70\x09")
    sim.clear("cold")
    sim.set("cold", "battery")
    alarm = Telegram(bus.read(5, 0))
    assert alarm.status == 4 and alarm.c == 0x28, "class 1 data wait"
    assert bus.ask(short(0x7a, 5)) == framed(b"\x08\x05\x71\x04")
    assert bus.ask(short(0x5a, 5)) == b"\xe5" and Telegram(bus.read(5)).c == 0x08
    sim.clear("cold")
    sim.set("cold", "swap-serial", serial="99000001", energy="7")
    bus.ask(short(0x40, 5))
    swapped = Telegram(bus.read(5))
    assert swapped.id == "99000001" and bcd(swapped.records["0c13"]) == 700
    sim.clear("cold")
    sim.set("cold", "merge", serial="11490387", energy="1234567.89", share=0)
    bus.ask(short(0x40, 5))
    got = bus.read(5)
    assert len(got) == len(good) and got[7:11].hex() == "00034911", got.hex()
    assert bus.select("114903ff") == b"\xe5" and bus.read(0xfd)[7:11].hex() == "00034911"
    for number in ("11490378", "11490387"):
        assert bus.select(number) == b"\xe5" and Telegram(bus.read(0xfd)).id == number
    sim.clear("cold")
    sim.set("cold", "late", delay_ms=300)
    assert bus.ask(short(0x40, 5), 0.2) == b"" and bus.line.listen(0.3) == b"\xe5"
    sim.clear("cold")


for text, speed, stories in ((LINK, "0", (link, telegrams, faults)),
                             (WRITES, "3600", (writes, valves))):
    with Sim(text, "--speed", speed, models=MODELS) as sim, sim.line(char=CHAR) as line:
        for story in stories:
            start = time.monotonic()
            story(sim, Bus(line))
            print(f"{story.__name__} {time.monotonic() - start:.1f} s", flush=True)
        print(json.dumps({k: v for k, v in sim.bus().items() if k != "meters"}))
real()
print("real", flush=True)
