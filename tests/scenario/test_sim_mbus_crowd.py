# SPDX-License-Identifier: Apache-2.0
"""The simulator's M-Bus slaves on one bus: secondary addresses, wildcards, enhanced selection, answers
that lie over each other, and a search by the book that finds every one of them."""
import json, time

from mbus_raw import CHAR, Bus, Telegram, is_whole, selection, short
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
}

CROWD = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters:
      - {id: a, model: water, address: 12345676.ACW.14.7}
      - {id: b, model: water, address: 12345679.ACW.14.7}
      - {id: c, model: water, address: 12345676.EFE.14.7}
      - {id: d, model: water, address: 9000000A.ACW.1.6}
      - {id: e, model: heat, address: 55550001}
      - {id: f, model: water, address: 3}
simulation:
  - {meter: a, energy: 10, fabrication: 77000001}
  - {meter: b, energy: 20, fabrication: 77000002}
  - {meter: f, energy: 60, serial: 33333333, version: 9}
  - {meter: e, turnaround: 40ms}
"""
A, B, C, D, E = ("12345676.0477.0e.07", "12345679.0477.0e.07", "12345676.14c5.0e.07",
                 "9000000a.0477.01.06", "55550001.14c5.03.04")


def secondary(sim, bus):
    for one in (A, B, C, D, E):
        assert bus.select(one) == b"\xe5", one
        telegram = Telegram(bus.read(0xfd))
        own = f"{telegram.id}.{telegram.maker}.{telegram.version:02x}.{telegram.medium:02x}"
        assert own == one and telegram.a == 0, own
    # whoever does not fit is selected no more
    assert bus.select(A) == b"\xe5" and bus.select("99999999") == b"" and bus.read(0xfd) == b""
    assert bus.select(A) == b"\xe5" and bus.ask(short(0x40, 0xfd)) == b"\xe5"
    assert bus.read(0xfd) == b"" and bus.ask(short(0x40, 0xfd)) == b"", "deselected"
    # wildcards, each alone
    for text, own in (("ffffffff.ffff.01.ff", D), ("5fffffff", E),
                      ("ffffffff.ffff.ff.04", E), ("123456f6.14c5", C), ("1234567f.ffff.0e.07", None),
                      ("fffffff8.ffff.ff.08", ""), ("ffffffff.ffff.02", "")):
        assert bus.select(text) == (b"" if own == "" else b"\xe5"), text
        got = bus.read(0xfd)
        if own:
            assert Telegram(got).id == own[:8], text
        else:  # several at once may check by chance, but then they are nobody
            assert got == b"" if own == "" else not is_whole(got) or "70" in Telegram(got).id, text
    # by the fabrication number, with a wildcard and without
    assert bus.select("1234567f", bytes.fromhex("0c780200f077")) == b"\xe5"
    assert Telegram(bus.read(0xfd)).id == "12345679"
    assert bus.select("ffffffff", bytes.fromhex("0c78010000ff")) == b"\xe5"
    assert Telegram(bus.read(0xfd)).id == "12345676"
    assert bus.select("1234567f", bytes.fromhex("0c7803000077")) == b""
    # CI 56: the same high byte first
    assert bus.say(0xfd, 0x56, bytes.fromhex("12345679" "0477" "0e07")) == b"\xe5"
    assert Telegram(bus.read(0xfd)).id == "12345679"
    # a selected meter keeps its own frame count, apart from the primary address
    assert bus.select("33333333") == b"\xe5" and Telegram(bus.read(0xfd)).a == 3
    assert Telegram(bus.read(3)).access == Telegram(bus.read(0xfd, 0)).access - 1


def overlaid(sim, bus):
    """What comes of several answers at once: the AND, byte by byte, as space wins."""
    alone = {}
    for one in (A, B):
        bus.select(one)
        alone[one] = bus.read(0xfd)
    before = sim.bus()["merged_bytes"]
    assert bus.select("1234567f.0477") == b"\xe5", "two acknowledgements are one clean one"
    assert sim.bus()["merged_bytes"] == before + 1
    got = bus.read(0xfd)
    same = [i for i in range(len(got)) if alone[A][i] == alone[B][i]]
    assert len(got) == len(alone[A]) and len(same) > 20
    assert all(got[i] == alone[A][i] for i in same if i not in (15, len(got) - 2)), "the access number has moved on"
    assert got[7] == 0x76 & 0x79, got.hex()
    # all of them: primary 0 has five, FE every one, FF every one in silence
    for request in (short(0x7b, 0), short(0x7b, 0xfe)):
        assert bus.ask(request, 0.5) and not is_whole(bus.ask(request, 0.5)), request.hex()
    assert bus.ask(short(0x40, 0), 0.2).replace(b"\xe5", b"") == b""
    assert bus.ask(short(0x40, 0xfe), 0.2) in (b"\xe5\xe5", b"\xe5\xe5\xe5"), "one answers later"
    assert bus.ask(short(0x40, 0xff), 0.2) == b""
    # three alone on FE: one that is dead does not collide
    for name in "abcde":
        sim.set(name, "dead")
    assert Telegram(bus.read(0xfe)).id == "33333333"
    for name in "abcde":
        sim.clear(name)


def search(sim, bus):
    """A search by the book, in this file: finds every one of them."""
    found, probes = set(), 0

    def look(mask, digit):
        nonlocal probes
        for value in "0123456769abcdef"[:15]:
            text = mask[:digit] + value + mask[digit + 1:]
            probes += 1
            if not bus.ask_select(text):
                continue
            got = bus.read(0xfd)
            one = Telegram(got) if is_whole(got) else None
            if one and bus.ask_select(f"{one.id}.{one.maker}"):  # else they check by chance
                found.add((one.id, one.maker))
            elif digit < 7:
                look(text, digit + 1)
            else:
                for maker in ("0477", "14c5"):
                    if bus.ask_select(f"{text}.{maker}"):
                        found.add((text, Telegram(bus.read(0xfd)).maker))

    bus.ask_select = lambda text: bus.line.send(selection(text)) and bus.line.await_frame(is_whole, 0.1)
    look("ffffffff", 0)
    assert found == {("12345676", "0477"), ("12345679", "0477"), ("12345676", "14c5"),
                     ("9000000a", "0477"), ("55550001", "14c5"), ("33333333", "34f3")}, found
    print(f"search: {probes} selections")


with Sim(CROWD, models=MODELS) as sim, sim.line(char=CHAR) as line:
    for story in (secondary, overlaid, search):
        start = time.monotonic()
        story(sim, Bus(line))
        print(f"{story.__name__} {time.monotonic() - start:.1f} s", flush=True)
    print(json.dumps({k: v for k, v in sim.bus().items() if k != "meters"}))
