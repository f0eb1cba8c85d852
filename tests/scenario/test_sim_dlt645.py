# SPDX-License-Identifier: Apache-2.0
"""The simulator's DL/T 645 meters by raw bytes: both editions, blocks over several frames, wildcards,
clocks that drift, passwords and their lock, and relays that behave, refuse, lie, stick or close by
themselves."""
import json, os, termios, time

os.environ["TZ"] = "UTC"
time.tzset()

from dlt645_raw import ALL, ANY, CHAR, Answer, Meter, bcd, di, framed, is_whole, moment
from simulator import Sim

TRIP, PERMIT, CLOSE, ALARM, ALARM_END, KEEP, KEEP_END = 0x1A, 0x1B, 0x1C, 0x2A, 0x2B, 0x3A, 0x3B
TOTAL, CURRENT, POWER = 0x00010000, 0x02020100, 0x02030000

BUSES = """buses:
  - id: floor-1
    line: DIR/bus0:9600:8E1
    meters:
      - {id: one, model: generic-dlt645-2007-1ph, address: 260305510009}
      - {id: three, model: generic-dlt645-2007-3ph, address: 000000000003}
      - {id: old, model: generic-dlt645-1997-3ph, address: 199700000001}
      - {id: slow, model: generic-dlt645-2007-1ph, address: 5}
simulation:
  - {meter: one, energy: 1234.567, load: 2.2, voltage: 220.0, serial: 260305519999, clock: 28800,
     password: 123456}
  - {meter: three, energy: 300, load: 6.6, voltage: 231.4, tariffs: 63, drift: 500000, ct: 40}
  - {meter: old, energy: 98765.43, load: 3.3, voltage: 220.0}
  - {meter: slow, load: 1, travel: 600ms, button: 500ms}
"""
ONE, THREE, OLD, SLOW = "260305510009", "000000000003", "199700000001", "000000000005"


def reading(sim, line):
    one, three = Meter(line, ONE), Meter(line, THREE)
    line.send(framed(ONE, 0x11, di(TOTAL)))
    assert bcd(Answer(line.await_frame(is_whole, 0.5)).data[4:]) == 123456
    # as the corpus has it, from the standard's text
    assert framed(ANY, 0x11, di(TOTAL))[4:].hex() == "68aaaaaaaaaaaa681104333334" "33ae16"
    assert one.number(0x00000000) == 123456 and one.number(0x00000300) == 123456
    assert one.number(0x00010100) == one.number(0x00020000) == 0
    assert one.number(0x02010100) == 2200 and one.number(CURRENT) == 10000 and one.number(POWER) == 22000
    assert one.number(0x02060000) == 1000 and one.number(0x02800002) == 5000
    assert one.read(0x02010200) is None and one.read(0x02020300) is None, "a single phase"
    block = one.read(0x0201FF00)
    assert bcd(block[:2]) == 2200 and block[2:] == b"\xff" * 4, block.hex()
    assert one.read(0x00010500) is None and one.read(0x00FE0000) is None and one.read(0x04000403) is None
    assert one.read(0x04000401)[::-1].hex() == ONE and one.read(0x04000402)[::-1].hex() == "260305519999"
    assert [bcd(three.read(number)) for number in (0x02010100, 0x02010300, 0x02020200, 0x02030000, 0x02030200)] \
        == [2314, 2314, 9507, 66000, 22000]
    currents = three.read(0x0202FF00)
    assert len(currents) == 9 and bcd(currents[:3]) == bcd(currents[6:]) == 9507
    assert three.number(0x04000306) == 40 and three.number(0x00290000) == 10000
    demand = three.read(0x01010000)
    assert bcd(demand[:3]) == 66000 and len(demand) == 8
    words = three.read(0x040005FF)
    assert len(words) == 14 and words == bytes(14), words.hex()
    sim.set("three", "battery")
    assert three.read(0x04000501) == b"\4\0"
    sim.clear("three")
    values = sim.do(values="one")
    assert values["serial"] == "260305519999" and values["values"]["forward_active_energy"] == "1234.56"
    assert values["values"]["current_a"] == "10" and values["values"]["relay_state"] == "1", values


def following(sim, line):
    """64 values of a block in two frames; what follows is asked for by number."""
    three = Meter(line, THREE)
    first = Answer(three.ask(0x11, di(0x0001FF00)))
    assert first.control == 0xB1 and len(first.data) == 200 and first.data[:4] == di(0x0001FF00)
    assert Answer(three.ask(0x12, di(0x0001FF00) + b"\1")).control == 0x92
    first = Answer(three.ask(0x11, di(0x0001FF00)))
    second = Answer(three.ask(0x12, di(0x0001FF00) + b"\1"))
    assert second.data[:4] == di(0x0001FF00) and second.data[-1] == 1
    data = first.data[4:] + second.data[4:-1]
    values = [bcd(data[i:i + 4]) for i in range(0, len(data), 4)]
    assert len(values) == 64 and values[0] == values[3] == 30000 and sum(values[1:]) == values[0], values
    over = Answer(three.ask(0x12, di(0x0001FF00) + b"\2"))
    assert over.control == 0xD2 and over.data == b"\2", "there is no third"
    assert Answer(three.ask(0x12, di(0x0000FF00) + b"\1")).control == 0xD2, "another one was asked for"


def addresses(sim, line):
    one = Meter(line, ONE)
    assert Answer(one.ask(0x11, di(TOTAL), "AAAAAA510009")).address == ONE, "short address"
    assert one.ask(0x11, di(TOTAL), "AAAAAA510008", 0.2) == b""
    assert one.ask(0x11, di(TOTAL), "260305510008", 0.2) == b""
    everybody = one.ask(0x13, b"", ANY)
    assert len(everybody) >= 18 and not is_whole(everybody), "all of them at once"
    for name in ("three", "old", "slow"):
        sim.set(name, "dead")
    answer = Answer(one.ask(0x13, b"", ANY))
    assert answer.control == 0x93 and answer.data[::-1].hex() == answer.address == ONE
    for name in ("three", "old", "slow"):
        sim.clear(name)
    good = framed(ONE, 0x11, di(TOTAL))
    for bad in (good[:-2] + bytes([good[-2] ^ 1, 0x16]), good[:-1] + b"\x17", framed(ONE, 0x91, di(TOTAL)),
                framed(ONE, 0x05), framed(ONE, 0x01, di(0x9010, 2))):
        line.send(bad)
        assert line.await_frame(is_whole, 0.2) == b"", bad.hex()
    # any number of wake-up bytes, none too
    for wake in (0, 1, 12):
        line.send(b"\xfe" * wake + good[4:])
        assert is_whole(line.await_frame(is_whole, 0.5)), wake
    # FE before the answers: each meter has its own number of them
    counts = {len(got) - len(got.lstrip(b"\xfe")) for got in
              (Meter(line, a).ask(c, d) for a, c, d in ((ONE, 0x11, di(TOTAL)), (THREE, 0x11, di(TOTAL)),
                                                        (SLOW, 0x11, di(TOTAL)), (OLD, 1, di(0x9010, 2))))}
    assert counts == {0, 1, 2, 3}, counts
    # another rate, acknowledged at the old one
    assert Answer(one.ask(0x17, b"\x08")).data == b"\x08" and one.ask(0x11, di(TOTAL), seconds=0.2) == b""
    line.set_baud(termios.B2400)
    assert Answer(one.ask(0x11, di(TOTAL), seconds=1)).address == ONE
    assert Answer(one.ask(0x17, b"\x20", seconds=1)).control == 0x97
    line.set_baud(termios.B9600)
    assert one.number(TOTAL) == 123456 and Answer(one.ask(0x17, b"\x03")).control == 0xD7


def edition_1997(sim, line):
    old = Meter(line, OLD)
    value = lambda number: bcd(old.read(number, 2))
    assert value(0x9010) == 9876543 and value(0x9013) == 9876543 and value(0x9011) == value(0x9020) == 0
    assert value(0xB611) == 220 and value(0xB621) == 500 and value(0xB630) == 33000 and value(0xB632) == 11000
    assert value(0xB650) == 1000 and old.read(0x9015, 2) is None and old.read(0xB614, 2) is None
    block = old.read(0x901F, 2)
    assert [bcd(block[i:i + 4]) for i in range(0, 20, 4)] == [9876543, 0, 0, 9876543, 0] and len(block) == 20
    assert len(old.read(0xB61F, 2)) == 6 and len(old.read(0xB63F, 2)) == 12
    assert old.ask(0x11, di(TOTAL), seconds=0.2) == b"", "it knows nothing of 2007"
    assert old.ask(0x1C, bytes(16), seconds=0.2) == b""
    # time of day, by a password of its own
    assert Answer(old.ask(0x04, di(0xC011, 2) + b"\x02\x00\x00\x00" + b"\x00\x30\x12")).control == 0x84
    assert old.read(0xC011, 2)[1:] == b"\x30\x12"
    assert Answer(old.ask(0x04, di(0xC011, 2) + b"\x02\x01\x00\x00" + b"\x00\x30\x12")).data == b"\4"


def clocks(sim, line):
    one, three = Meter(line, ONE), Meter(line, THREE)
    assert abs(one.clock() - time.time() - 28800) < 3, "eight hours ahead"
    ahead = three.clock() - time.time()
    time.sleep(2.5)
    assert three.clock() - time.time() - ahead > 0.2, "half a second a second"
    # to all: at most five minutes, once a day, and unanswered
    assert one.ask(0x08, moment(time.time() + 28800 + 400), ALL, 0.2) == b""
    assert abs(one.clock() - time.time() - 28800) < 3, "too far"
    assert one.ask(0x08, moment(time.time() + 28800 + 200), ALL, 0.2) == b""
    assert abs(one.clock() - time.time() - 29000) < 3
    assert one.ask(0x08, moment(time.time() + 28800), ALL, 0.2) == b""
    assert abs(one.clock() - time.time() - 29000) < 3, "a second time today"
    # by writing: any distance, with the password
    auth = b"\x02\x56\x34\x12" + b"\x78\x56\x34\x12"
    assert Answer(one.ask(0x14, di(0x04000102) + auth + b"\x30\x15\x04")).control == 0x94
    hour = one.read(0x04000102)
    assert hour[2] == 4 and hour[1] == 0x15, hour.hex()
    assert Answer(one.ask(0x14, di(0x04000101) + auth + b"\x00\x09\x07\x31")).control == 0x94
    assert one.read(0x04000101)[1:] == b"\x09\x07\x31"
    assert Answer(one.ask(0x14, di(0x04000402) + auth + b"\0" * 6)).data == b"\2", "not to be written"
    assert Answer(one.ask(0x14, di(0x04000102) + auth + b"\x61\x15\x04")).data == b"\1", "no such second"


def passwords(sim, line):
    """Three wrong ones lock it: then the right one is refused too."""
    three = Meter(line, THREE)
    for password, level in (("000001", 2), ("123456", 2), ("000000", 7)):
        assert not sim.do(values="three")["locked"]
        assert Answer(three.order(ALARM, password, level=level)).data == b"\4"
    assert sim.do(values="three")["locked"] and sim.do(values="three")["wrong_passwords"] == 3
    answer = Answer(three.order(ALARM, until=moment(time.time() + 86400)))
    assert answer.control == 0xDC and answer.data == b"\4"
    assert three.relay() == (0, 0) and three.number(TOTAL) == 30000, "it can still be read"


def relays(sim, line):
    one = Meter(line, ONE)

    def moves():
        before = one.number(TOTAL)
        time.sleep(0.1)
        return one.number(TOTAL) > before

    def told():
        values = sim.do(values="one")
        return values["relay"], values["relay_says"]

    done = lambda answer: Answer(answer).control == 0x9C and Answer(answer).data == b""
    code = lambda answer: Answer(answer).control == 0xDC and Answer(answer).data[0]
    until = moment(time.time() + 28800 + 3600)
    order = lambda n1, **more: one.order(n1, "123456", **{"until": until, **more})

    assert one.relay() == (0, 0) and told() == ("closed", "closed") and moves() and one.number(CURRENT) == 10000
    assert done(order(TRIP)) and one.relay() == (1, 1) and told() == ("open", "open")
    assert not moves() and one.number(CURRENT) == one.number(POWER) == 0
    assert done(order(TRIP)) and one.relay() == (1, 1), "again"
    assert done(order(CLOSE)) and one.relay() == (0, 0) and moves() and one.number(CURRENT) == 10000
    # permitted, and nobody presses the button
    assert done(order(TRIP)) and done(order(PERMIT)) and one.relay() == (1, 0) and not moves()
    assert done(order(CLOSE)) and one.relay() == (0, 0) and moves()
    # by the meter's own clock, which is eight hours ahead
    assert code(order(TRIP, until=moment(time.time() + 3600))) == 1 and one.relay() == (0, 0)
    assert code(order(TRIP, until=b"\x59\x59\x23\x32\x12\x30")) == 1, "no such day"
    assert done(order(TRIP, until=b"\x59\x59\x23\x31\x12\x99", n2=1)) and one.relay() == (1, 1)
    assert done(order(CLOSE)) and code(order(0x1D)) == 1 and moves()
    # keeping power: trips are refused until it ends
    assert done(order(KEEP)) and int.from_bytes(one.read(0x04000503), "little") == 1 << 12
    assert code(order(TRIP)) == 1 and one.relay() == (0, 0) and moves()
    assert done(order(KEEP_END)) and done(order(TRIP)) and one.relay() == (1, 1) and done(order(CLOSE))
    assert done(order(ALARM)) and int.from_bytes(one.read(0x04000503), "little") == 1 << 7
    assert done(order(ALARM_END)) and one.relay() == (0, 0)
    # broadcast and wildcards
    assert one.ask(0x1C, b"\x02\x56\x34\x12" + bytes(4) + bytes([TRIP, 0]) + until, ALL, 0.2) == b""
    assert one.relay() == (1, 1) and done(order(CLOSE)), "to all: done without a word"

    # what may go wrong; each is seen by one of status, current and register, and counted
    for fault, answer, status, current, runs in (
            ("refuse", 1, (0, 0), 10000, True), ("stuck-relay", None, (0, 1), 10000, True),
            ("lie", None, (1, 1), 10000, True), ("no-ack", b"", (1, 1), 0, False),
            ("wrong-current", None, (1, 1), 10000, False)):
        sim.set("one", fault)
        got = order(TRIP)
        assert got == b"" if answer == b"" else code(got) == answer if answer else done(got), fault
        assert (one.relay(), one.number(CURRENT), moves()) == (status, current, runs), fault
        if fault != "wrong-current":
            assert sim.struck("one", fault) == 1, fault
        sim.clear("one")
        assert done(order(CLOSE)) and one.relay() == (0, 0) and moves(), fault
    sim.set("one", "refuse", code=4)
    assert code(order(TRIP)) == 4
    sim.clear("one")
    sim.set("one", "closes-itself", delay_ms=700)
    assert done(order(TRIP)) and one.relay() == (1, 1) and not moves()
    time.sleep(0.7)
    assert one.relay() == (0, 1) and moves() and told()[0] == "closed", "ordered open, and closed"
    sim.clear("one")
    # one that takes its time, and a button that somebody presses
    slow = Meter(line, SLOW)
    assert done(slow.order(TRIP)) and slow.relay() == (0, 1)
    time.sleep(0.7)
    assert slow.relay() == (1, 1) and done(slow.order(PERMIT)) and slow.relay() == (1, 0)
    time.sleep(0.6)
    assert slow.relay() == (0, 0)
    assert sim.do(values="one")["wrong_passwords"] == 0


def faults(sim, line):
    one = Meter(line, ONE)
    good = one.ask(0x11, di(TOTAL))
    sim.set("one", "crc", every=1)
    got = one.ask(0x11, di(TOTAL))
    assert got[:-2] == good[:-2] and got[-2] != good[-2]
    sim.clear("one")
    sim.set("one", "exception", code=2)
    assert Answer(one.ask(0x11, di(TOTAL))).data == b"\2"
    sim.clear("one")
    sim.set("one", "wrong-address", unit=77)
    assert Answer(one.ask(0x11, di(TOTAL))).address == ONE[:-2] + "77"
    sim.clear("one")
    sim.set("one", "swap-serial", serial="260305518888", energy="5")
    assert one.read(0x04000402)[::-1].hex() == "260305518888" and one.number(TOTAL) == 500
    sim.clear("one")
    sim.set("one", "merge", energy="77", share=0)
    got = one.ask(0x11, di(TOTAL))
    other = framed(ONE, 0x91, di(TOTAL) + bytes.fromhex("00770000"))[4:]
    assert got == bytes(a & b for a, b in zip(good, other)), got.hex()
    sim.clear("one")
    sim.set("one", "late", delay_ms=400)
    assert one.ask(0x11, di(TOTAL), seconds=0.3) == b"" and is_whole(line.await_frame(is_whole, 0.5))
    sim.clear("one")


for speed, stories in (("0", (reading, following, addresses, edition_1997, clocks, passwords, faults)),
                       ("3600", (relays,))):
    with Sim(BUSES, "--speed", speed) as sim, sim.line(char=CHAR / 4) as line:
        for story in stories:
            start = time.monotonic()
            story(sim, line)
            print(f"{story.__name__} {time.monotonic() - start:.1f} s", flush=True)
        print(json.dumps({k: v for k, v in sim.bus().items() if k != "meters"}))
