# SPDX-License-Identifier: Apache-2.0
"""The simulator's CJ/T 188 meters by raw bytes: water, heat and gas, both orders of the identifier, units,
addresses, time, and valves that take seconds, refuse, lie, stick or are in no position."""
import json, os, time

os.environ["TZ"] = "UTC"
time.tzset()

from cjt188_raw import ANY, CHAR, Answer, Meter, bcd, framed, is_whole
from simulator import Sim

OPEN, SHUT = 0x55, 0x99
COLD, LITRE, HEAT, GAS, OTHER = ("00000024170567", "78330007061326", "20100318241912", "11223344556677",
                                 "00000000000099")
BUSES = f"""buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters:
      - {{id: cold, model: generic-cjt188-water-valve, address: {COLD}}}
      - {{id: litre, model: generic-cjt188-water, address: {LITRE}}}
      - {{id: heat, model: generic-cjt188-heat, address: 25-{HEAT}}}
      - {{id: gas, model: generic-cjt188-gas-valve, address: {GAS}}}
      - {{id: other, model: generic-cjt188-water-valve-moving, address: {OTHER}}}
simulation:
  - {{meter: cold, energy: 130.07, load: 4, travel: 400ms}}
  - {{meter: litre, energy: 12.3456, load: 4, order: little, unit: l}}
  - {{meter: heat, energy: 54427.88, load: 12.5, clock: 28800}}
  - {{meter: gas, energy: 100, load: 20, no_ser: true}}
  - {{meter: other, travel: 500ms}}
"""


def water(sim, line):
    cold = Meter(line, COLD)
    data = cold.read()
    assert len(data) == 19 and data[:5].hex() == "001300002c", data.hex()
    assert data[5:10] == data[:5] and data[-2:] == b"\0\0", data.hex()
    now = time.strptime(data[15:9:-1].hex(), "%y%m%d%H%M%S")
    assert abs(time.mktime(now) - time.time()) < 3 and data[16] == 0x20, data.hex()
    # the low byte first, and litres
    litre = Meter(line, LITRE, is_little=True)
    data = litre.read()
    assert bcd(data[:4]) == 123456 and data[4] == 0x29, data.hex()
    # each knows one order and is silent to the other
    for meter in (cold, litre):
        other = Meter(line, meter.address, is_little=not meter.is_little)
        for number in (0x901F, 0x810A, 0xA017, 0x9020, 0xD120):
            assert other.ask(1, number, seconds=0.15) == b"", hex(number)
    assert cold.read(0x9020) == cold.read(0xD12B) == bytes.fromhex("001300002c")
    assert len(cold.read(0x907F)) == 7
    gas = Meter(line, GAS, 0x30)
    answer = Answer(gas.ask(1, 0x901F))
    assert answer.kind == 0x30 and answer.data[2] == 0 and bcd(answer.data[3:7]) == 1000, "SER is not given back"
    values = sim.do(values="litre")
    assert values["values"]["volume"] == "1.23456" and values["serial"] == LITRE, values


def heat(sim, line):
    data = Meter(line, HEAT, 0x20).read()
    assert len(data) == 43, data.hex()
    assert data[:5] == data[5:10] == bytes.fromhex("88274405" "05"), data.hex()
    assert bcd(data[5:9]) == 5442788 and data[9] == 0x05, "kWh"
    assert bcd(data[10:14]) == 1250 and data[14] == 0x17, "kW"
    assert bcd(data[15:19]) == 125 and data[19] == 0x35, "m3/h"
    assert bcd(data[20:24]) == 544278 and data[24] == 0x2C, "m3"
    assert bcd(data[25:28]) == 6000 and bcd(data[28:31]) == 5140 and bcd(data[31:34]) == 1000
    now = time.strptime(data[39:33:-1].hex(), "%y%m%d%H%M%S")
    assert abs(time.mktime(now) - time.time() - 28800) < 3 and data[40] == 0x20
    assert Answer(Meter(line, HEAT, 0x20).ask(1, 0x901F)).kind == 0x25, "its true type"


def addresses(sim, line):
    cold = Meter(line, COLD)
    assert Answer(cold.ask(1, 0x901F, kind=0xAA)).address == COLD
    assert Answer(cold.ask(1, 0x901F, kind=0x11)).kind == 0x10, "another water meter's type"
    assert cold.ask(1, 0x901F, kind=0x20, seconds=0.15) == b""
    assert cold.ask(1, 0x901F, address="00000024170568", seconds=0.15) == b""
    for name in ("litre", "heat", "gas", "other"):
        sim.set(name, "dead")
    answer = Answer(cold.ask(3, 0x810A, kind=0xAA, address=ANY))
    assert answer.control == 0x83 and answer.address == COLD and answer.data[:2] == b"\x81\x0a"
    for name in ("litre", "heat", "gas", "other"):
        sim.clear(name)
    got = cold.ask(1, 0x901F, kind=0xAA, address=ANY)
    assert len(got) > 35 and not is_whole(got), "all of them at once"
    # from the standard's text
    assert framed(0x10, ANY, 4, b"\xa0\x17\0\x55", 0).hex() == "6810aaaaaaaaaaaaaa0404a01700553216"
    good = framed(0x10, COLD, 1, b"\x90\x1f\1")
    for bad in (good[:-2] + bytes([good[-2] ^ 4, 0x16]), good[:-1] + b"\x17", framed(0x10, COLD, 0x81, b"\x90\x1f\1"),
                framed(0x10, COLD, 9, b"\x81\x06\1")):
        line.send(bad)
        assert line.await_frame(is_whole, 0.15) == b"", bad.hex()
    for wake in (0, 1, 20):
        line.send(b"\xfe" * wake + good[2:])
        assert is_whole(line.await_frame(is_whole, 0.5)), wake
    # what it does not have: SER and ST, C with bit 6
    refused = Answer(cold.ask(1, 0x9999))
    assert refused.control == 0xC1 and len(refused.data) == 3 and refused.data[0] == cold.ser
    assert Answer(cold.ask(4, 0xA016, bytes(5))).control == 0xC4, "the counter is not set"
    assert Answer(Meter(line, LITRE, is_little=True).order(SHUT)).control == 0xC4, "it has no valve"
    # the clock
    assert Answer(cold.ask(4, 0xA015, bytes.fromhex("30150409073120"))).control == 0x84
    assert cold.read(0x907F)[1:].hex() == "150409073120"


def valves(sim, line):
    cold = Meter(line, COLD)

    def moves():
        before = cold.volume()
        time.sleep(0.1)
        return cold.volume() > before

    def told():
        values = sim.do(values="cold")
        return values["relay"], values["relay_says"]

    def settled(order):
        answer = Answer(cold.order(order))
        assert answer.control == 0x84 and answer.data[:3] == b"\xa0\x17" + bytes([cold.ser])
        time.sleep(0.45)
        return answer.data[3] & 3

    assert cold.valve() == 0 and moves()
    answer = Answer(cold.order(SHUT))
    assert answer.control == 0x84 and answer.data[3:] == b"\0\0" and cold.valve() == 0, "the old position"
    assert told() == ("closed", "closed"), "water still flows"
    time.sleep(0.45)
    assert cold.valve() == 1 and not moves() and told() == ("open", "open")
    assert settled(OPEN) == 1 and cold.valve() == 0 and moves()
    assert Answer(cold.order(0x77)).control == 0xC4 and cold.valve() == 0
    for fault, code, state, runs in (("stuck-relay", 0x84, 0, True), ("lie", 0x84, 1, True),
                                     ("no-ack", None, 1, False), ("refuse", 0xC4, 0, True),
                                     ("battery", 0xC4, 4, True), ("abnormal", 0x84, 3, True)):
        sim.set("cold", fault)
        got = cold.order(SHUT)
        assert got == b"" if code is None else Answer(got).control == code, fault
        time.sleep(0.45)
        assert (cold.valve(), moves()) == (state, runs), fault
        assert sim.struck("cold", fault) == 1, fault
        sim.clear("cold")
        settled(OPEN)
        assert cold.valve() == 0 and moves(), fault
    # bits by another maker: 01 moving, 10 closed
    other = Meter(line, OTHER)
    assert other.valve() == 0 and Answer(other.order(SHUT)).control == 0x84 and other.valve() == 1
    time.sleep(0.5)
    assert other.valve() == 2 and Answer(other.order(OPEN)).control == 0x84 and other.valve() == 1
    # where nothing is said a valve needs five seconds
    gas = Meter(line, GAS, 0x30)
    assert Answer(gas.order(SHUT)).control == 0x84
    time.sleep(1)
    assert sim.do(values="gas")["relay"] == "closed"
    time.sleep(4.1)
    assert sim.do(values="gas")["relay"] == "open" and Answer(gas.ask(1, 0x901F)).data[-2] == 1
    assert other.valve() == 0


def faults(sim, line):
    cold = Meter(line, COLD)
    ask = lambda **more: cold.ask(1, 0x901F, **more)
    good = ask()
    sim.set("cold", "crc", every=1)
    got = ask()
    assert len(got) == len(good) and not is_whole(got)
    sim.clear("cold")
    sim.set("cold", "exception", code=2)
    refused = Answer(ask())
    assert refused.control == 0xC1 and refused.data == bytes([cold.ser, 0, 2])
    sim.clear("cold")
    sim.set("cold", "wrong-address", unit=66)
    assert Answer(ask()).address == COLD[:-2] + "66"
    sim.clear("cold")
    sim.set("cold", "battery")
    assert cold.valve() == 4
    sim.clear("cold")
    sim.set("cold", "swap-serial", energy="5")
    assert cold.volume() == 50
    sim.clear("cold")
    sim.set("cold", "truncate", bytes=9)
    assert len(ask()) == 9
    sim.clear("cold")


for speed, stories in (("0", (water, heat, addresses, faults)), ("3600", (valves,))):
    with Sim(BUSES, "--speed", speed) as sim, sim.line(char=CHAR / 4) as line:
        for story in stories:
            start = time.monotonic()
            story(sim, line)
            print(f"{story.__name__} {time.monotonic() - start:.1f} s", flush=True)
        print(json.dumps({k: v for k, v in sim.bus().items() if k != "meters"}))
