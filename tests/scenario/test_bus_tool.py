# SPDX-License-Identifier: Apache-2.0
"""The installer's tool: decodes whatever it is given, reads the simulator by model and raw, and
says by its exit code what went wrong. Where METERGATE_CORPUS names the corpus, all of its Modbus
frames and its outside check as well."""
import fcntl, json, os, random, re, subprocess, sys, threading
from building import BUILD, SANITIZER, SOURCE, Building

TOOL = BUILD / "metergate-bus"
MODELS = ("--models", SOURCE / "config/models")
METERS = [("flat-1", "eastron-sdm120", 1), ("flat-2", "acrel-ddsd1352", 2), ("flat-3", "eastron-sdm120", 3)]


def bus(*arguments, given=None, expect=0):
    """Runs the tool; returns stdout and stderr as text."""
    done = subprocess.run([str(a) for a in (TOOL, *arguments)], input=given or b"", capture_output=True,
                          timeout=120)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not SANITIZER.search(err), err
    assert done.returncode == expect, (arguments, done.returncode, out[-500:], err[-2000:])
    return out, err


def objects(*arguments, **how):
    return [json.loads(line) for line in bus(*arguments, "--json", **how)[0].splitlines()]


# ---- command line ----
assert "decode PROTOCOL" in bus("--help")[0]
assert re.fullmatch(r"metergate-bus \d+\.\d+\.\d+\n", bus("--version")[0])
for words, said in ((["frobnicate"], "no such command"), ([], "command"), (["decode"], "missing"),
                    (["decode", "modbus", "--frobnicate"], "--frobnicate"),
                    (["decode", "profibus"], "profibus"),
                    (["decode", "modbus", "/no/such/file"], "/no/such/file"),
                    (["decode", "modbus", "/"], "cannot be read"),
                    (["decode", "modbus", "--role", "reply"], "reply"),
                    (["decode", "modbus", "--count", "2"], "no option of this command"),
                    (["ports", "x"], "too many"), (["read"], "missing"),
                    (["read", "/dev/null", "modbus", "1"], "needs"),
                    (["read", "/dev/null", "modbus", "0", "coil:0"], "1 to 255"),
                    (["read", "/dev/null", "modbus", "1", "coil:0:8:int16"], "no TYPE"),
                    (["read", "/dev/null", "modbus", "1", "input:0:126"], "125"),
                    (["read", "/dev/null", "modbus", "1", "input:0:3:float32"], "multiple"),
                    (["read", "/dev/null", "modbus", "1", "input:65535:2"], "65535"),
                    (["read", "/dev/null", "modbus", "1", "relay:0"], "TABLE"),
                    (["read", "/dev/null", "mbus", "1", "coil:0"], "dib_vib"),
                    (["read", "/dev/null", "mbus", "251", "all"], "0 to 250"),
                    (["set", "/dev/null", "mbus", "1", "address=7"], "--write"),
                    (["set", "/dev/null", "mbus", "1", "address=300", "--write"], "0 to 250"),
                    (["set", "/dev/null", "mbus", "1", "time=2026-02-30T12:00", "--write"], "time"),
                    (["set", "/dev/null", "modbus", "1", "address=7", "--write"], "mbus"),
                    (["scan", "/dev/null", "--protocol", "modbus"], "mbus"),
                    (["scan", "/dev/null", "--only", "both"], "primary"),
                    (["read", "/dev/null", "--model", "eastron-sdm120", *MODELS], "--address"),
                    (["read", "/dev/null", "--model", "no-such", "--address", "1", *MODELS], "no-such"),
                    (["read", "/dev/null", "--model", "eastron-sdm120", "--address", "300", *MODELS], "247"),
                    (["read", "/dev/null", "--model", "eastron-sdm120", "--address", "1", *MODELS,
                      "voltage_q"], "voltage_a"),
                    (["read", "/dev/x:9600:9E1", "modbus", "1", "coil:0"], "no line"),
                    (["read", "/dev/null", "modbus", "1", "coil:0", "--count", "0"], "count"),
                    (["read", "/dev/null", "modbus", "1", "coil:0", "--interval", "1"], "--count")):
    assert said in bus(*words, expect=1)[1], (words, said)

# ---- decode ----
text = b"""# a comment
01 03 00 00 00 02 C4 0B   # a request

0104044365e6663455\r
\t 01 83 03 01 31
"""
request, response, exception = objects("decode", "modbus", given=text)
assert request == {"ok": True, "protocol": "modbus", "crc_ok": True, "unit": 1, "function": 3,
                   "role": "request", "address": 0, "count": 2}, request
assert response == {"ok": True, "protocol": "modbus", "crc_ok": True, "unit": 1, "function": 4,
                    "role": "response", "registers": [17253, 58982]}, response
assert exception == {"ok": True, "protocol": "modbus", "crc_ok": True, "unit": 1, "function": 3,
                     "role": "exception", "exception": 3}, exception
lines = bus("decode", "modbus", given=text)[0].splitlines()
assert lines[0] == ("modbus ok  crc_ok=yes  unit=1  function=3 (read holding registers)  role=request"
                    "  address=0 (0x0000)  count=2"), lines[0]
assert len(lines) == 3 and lines[2].endswith("exception=3 (illegal data value)"), lines
assert bus("decode", "modbus", given=b"")[0] == "" == bus("decode", "modbus", given=b"# x\n\n")[0]
assert [o["error"] for o in objects("decode", "modbus", expect=3, given=
        b"0103008c000205f8\n0103\n0001040443696978106e00\n011000030002020607" b"c3d1\nzz\n010\n")] == \
    ["checksum", "incomplete", "frame", "checksum", "frame", "frame"]
assert bus("decode", "modbus", "-", given=text)[0].splitlines() == lines
# of the application alone: byte count and count disagree, the CRC is right
broken, = objects("decode", "modbus", expect=3, given=b"0103 00 20f0\n")
assert broken["error"] == "application" and broken["crc_ok"] and broken["unit"] == 1, broken
# DL/T 645: a relay's order, without its password for the eye, and what became of it
text = (b"fefefefe68090051050326681c1035674533333333334d348c8c566445ccc816 68"
        b"\nfefefefe68090051050326681c1035674533333333334d348c8c566445ccc816\n68611001301215689106363833378333be16\n"
        b"fefefefe6860079204009168d101376716\n6895320600000068810444e93333b516\n")
late, order, state, refusal, old = objects("decode", "dlt645", given=text, expect=3)
assert late["error"] == "frame" and "ends with byte 32" in late["detail"], late
assert order["data"] == "02341200000000001a01595923311299" and "values" not in order, order
assert state == {
    "ok": True, "protocol": "dlt645", "version": "2007", "address": "151230011061", "control": "91",
    "from_slave": True, "abnormal": False, "more_frames": False, "function": "read", "di": "04000503",
    "data": "030500045000", "values": [{"name": "status_word_3", "value": "0050", "unit": ""},
                                       {"name": "relay_state", "value": "disconnected", "unit": ""},
                                       {"name": "relay_command", "value": "disconnect", "unit": ""}]}, state
assert refusal["abnormal"] and refusal["error_bits"] == ["wrong_password_or_unauthorised"], refusal
assert old["version"] == "1997" and old["di"] == "b611" and old["values"] == [
    {"name": "voltage_a", "value": "0", "unit": "V"}], old
lines = bus("decode", "dlt645", given=text, expect=3)[0].splitlines()
assert "data=02******000000001a01595923311299" in lines[1] and "341200" not in lines[1], lines[1]
assert "trip, level 02, operator 00000000, until 2099-12-31T23:59:59" in lines[1], lines[1]
assert lines[3:6] == ["    status_word_3=0050", "    relay_state=disconnected", "    relay_command=disconnect"], lines
assert lines[-1] == "    voltage_a=0 V", lines
assert [o["error"] for o in objects("decode", "dlt645", expect=3, given=
        b"68090051050326689c00f516\n68090051050326689c00\n6809005105032668\n00\n68090051050326689c00f400\n"
        b"1009005105\n68090051050327009c00f416\n")] == \
    ["checksum", "incomplete", "incomplete", "frame", "frame", "frame", "frame"]
for wakes in (0, 1, 32, 33, 1000):
    assert "function=trip_close" in bus("decode", "dlt645", given=b"fe" * wakes + b"68090051050326689c00f416")[0]

# CJ/T 188: both orders of the identifier; a maker's own sum is refused and explained
text = (b"fefefe6810180212202000008116901f00000200002c000200002c0000000000000000ff8516\n"
        b"6810112233445566778108d12001132333432cca16\nfefefe68103442608000000001031f90008116\n")
water, own, request = objects("decode", "cjt188", given=text, expect=3)
assert water == {
    "ok": True, "protocol": "cjt188", "type": "10", "address": "00002020120218", "control": "81",
    "from_slave": True, "abnormal": False, "di": "901f", "ser": "00",
    "values": [{"name": "cumulative", "value": "2.00", "unit": "m3"},
               {"name": "settlement_or_month", "value": "2.00", "unit": "m3"},
               {"name": "time", "value": None, "unit": "", "invalid": "no date or time: not set"},
               {"name": "status", "value": "00ff", "unit": ""}],
    "status": {"valve": "open", "battery": "ok"}}, water
assert not own["ok"] and own["error"] == "checksum" and "data alone" in own["detail"], own
assert own["values"] == [{"name": "history_month_1", "value": "433323.13", "unit": "m3"}], own
assert request["di"] == "901f" and not request["from_slave"] and "values" not in request, request
lines = bus("decode", "cjt188", given=text, expect=3)[0].splitlines()
assert lines[0].endswith("  status=valve=open,battery=ok"), lines[0]
assert lines[3] == "    time=- (no date or time: not set)", lines
key = bus("decode", "cjt188", "--json", given=b"681012000000000000040ca01401021122334455667788b516\n")[0]
assert json.loads(key)["values"] == [
    {"name": "di_a014_1", "value": "2", "unit": "", "data": "02"},
    {"name": "di_a014_2", "value": None, "unit": "", "invalid": "a key: not shown"}], key

# auto takes the protocol whose frame is whole and checks
found = objects("decode", "auto", expect=3, given=
                b"1040fe3e16\n68090051050326689c00f416\n6810aaaaaaaaaaaaaa0404a01700553216\n010300000002C40B\n"
                b"68090051050326689c00f516\nffff\n")
assert [(o["protocol"], o["ok"]) for o in found] == [
    ("mbus", True), ("dlt645", True), ("cjt188", True), ("modbus", True), ("dlt645", False),
    ("modbus", False)], found

# a huge line is one refusal, the largest allowed one too, and the next line is still read
huge = b"01" * 40000 + b"\n" + b"01" * 32768 + b"\n" + b"# " + b"x" * 200000 + b"\n0183030131\n"
assert [o["ok"] for o in objects("decode", "modbus", expect=3, given=huge)] == [False, False, True]
# garbage: one answer a line, no crash
chance = random.Random(7)
for size in (1, 100, 5000, 200000):
    garbage = chance.randbytes(size)
    for words in (["modbus"], ["modbus", "--role", "request"], ["modbus", "--role", "response"],
                  ["modbus", "--role", "exception"], ["dlt645"], ["cjt188"], ["auto"]):
        done = subprocess.run([TOOL, "decode", "--json", *words], input=garbage,
                              capture_output=True, timeout=60)
        assert done.returncode in (0, 3) and not SANITIZER.search(done.stderr.decode()), done
        for line in done.stdout.splitlines():
            json.loads(line)
# it streams: the answer is there while the input is still open
stream = subprocess.Popen([TOOL, "decode", "modbus"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
stream.stdin.write(b"0183030131\n")
stream.stdin.flush()
killer = threading.Timer(30, stream.kill)
killer.start()
assert b"exception=3" in stream.stdout.readline()
stream.stdin.close()
assert stream.wait(20) == 0
killer.cancel()

corpus = SOURCE / os.environ.get("METERGATE_CORPUS", "no-corpus")  # a relative one: from the source
if (corpus / "modbus/frames.jsonl").exists():
    items = [json.loads(line) for line in open(corpus / "modbus/frames.jsonl")]
    items = [i for i in items if i["kind"] in ("frame", "device")]
    given = "\n".join(i["hex"] for i in items).encode()
    for item, got in zip(items, objects("decode", "modbus", given=given, expect=3), strict=True):
        assert got["ok"] == item["crc_ok"], (item, got)
        pdu = item["pdu"] or {}
        for key in ("unit", "function", "address", "count", "registers", "exception"):
            assert key not in pdu or got[key] == pdu[key], (item["name"], key, got)
        if "bits_hex" in pdu:
            bits = int.from_bytes(bytes.fromhex(pdu["bits_hex"]), "little")
            assert sum(b << n for n, b in enumerate(got["bits"])) == bits, (item, got)
        role = "exception" if "exception" in pdu else item["role"]
        echo = pdu.get("function") in (5, 6) and role != "exception"
        assert not item["crc_ok"] or got["role"] == ("request" if echo else role), (item, got)
    check = corpus.parent / "tools/check_decode"
    if check.exists():
        print(subprocess.run([sys.executable, check, TOOL, corpus], check=True,
                             capture_output=True, text=True).stdout.strip())
    print(f"decode: {len(items)} frames of the corpus")
else:
    print("decode: METERGATE_CORPUS names no corpus, its frames are skipped")

# ---- ports ----
for port in objects("ports"):
    assert port["path"].startswith("/dev/"), port
bus("ports")


class Tool(Building):
    def simulation(self):
        return ("simulation:\n  - {meter: flat-1, load: 1.5, energy: 1234.56, voltage: 230.0}\n"
                "  - {meter: flat-3, dead: true}\n")


with Tool(meters=METERS, speed=0) as b:
    b.start_sim()
    line = f"{b.dir}/bus0:19200:8N1"
    model = ("--model", "eastron-sdm120", "--address", "1", *MODELS)

    # ---- read by model ----
    whole, = objects("read", line, *model)
    values = {v["name"]: v for v in whole["values"]}
    assert whole["ok"] and whole["model"] == "eastron-sdm120" and len(values) == 12, whole
    assert values["forward_active_energy"] == {"name": "forward_active_energy", "value": "1234.56",
                                               "unit": "kWh"}, values
    assert values["voltage_a"]["value"] == "230", values
    assert float(whole["rtt_ms"]) > 5, whole
    by_path = ("--model", SOURCE / "config/models/eastron-sdm120.yaml", "--address", "1")
    out, _ = bus("read", line, *by_path, "forward_active_energy", "voltage_a")
    assert [l.split() for l in out.splitlines()] == [["voltage_a", "230", "V"],
                                                     ["forward_active_energy", "1234.56", "kWh"]], out
    other, = objects("read", line, "--model", "acrel-ddsd1352", "--address", "2", *MODELS, "frequency")
    assert [v["name"] for v in other["values"]] == ["frequency"], other

    # ---- raw ----
    raw, = objects("read", line, "modbus", "1", "input:0x0048:2:float32")
    assert raw["values"] == ["1234.560059"] and raw["registers"] == [0x449a, 0x51ec], raw
    assert raw["address"] == 0x48 and raw["count"] == 2 and raw["function"] == 4, raw
    out, err = bus("read", line, "modbus", "1", "input:72:2", "--verbose")
    assert out == "input 72 (0x0048): 17562 (0x449a)\ninput 73 (0x0049): 20972 (0x51ec)\n", out
    assert re.search(r"> 01 04 00 48 00 02 f1 dd\n", err) and "< 01 04 04 44 9a 51 ec " in err, err
    swapped, = objects("read", line, "modbus", "1", "input:72:2:uint32:cdab")
    assert swapped["values"] == [str(0x51ec449a)], swapped

    # ---- many ----
    *each, tally = objects("read", line, *model, "voltage_a", "--count", "20", "--interval", "0.02")
    assert len(each) == 20 and all(e["ok"] for e in each), each
    assert tally["reads"] == 20 and tally["failed"] == 0 and tally["failure_share"] == "0", tally
    rtt = [float(tally["rtt_ms"][k]) for k in ("min", "median", "p99", "max")]
    # 8 + 9 characters at 19200 baud, 3.5 of silence and 5 ms of turnaround cannot take less
    assert rtt == sorted(rtt) and rtt[0] > 13, rtt
    assert "20 reads, 0 failed" in bus("read", line, *model, "voltage_a", "--count", "20")[0]

    # ---- what goes wrong ----
    dead = ("modbus", "3", "input:0:2", "--timeout", "50")
    assert "no answer within 50 ms" in bus("read", line, *dead, expect=2)[1]
    failure, = objects("read", line, *dead, expect=2)
    assert failure["ok"] is False and failure["error"] == "timeout", failure
    *each, tally = objects("read", line, *dead, "--count", "3", expect=2)
    assert (tally["failed"], tally["failure_share"], tally["rtt_ms"]) == (3, "1", {}), tally
    assert "exception 2 (illegal data address)" in bus("read", line, "modbus", "1", "input:9000:2",
                                                       expect=4)[1]
    wrong = ("--model", "acrel-ddsd1352", "--address", "1", *MODELS)
    assert "exception 2" in bus("read", line, *wrong, expect=4)[1]
    *_, tally = objects("read", line, *wrong, "frequency", "--count", "3", expect=4)
    assert tally["failed"] == 3, tally
    failure, = objects("read", line, "modbus", "1", "input:9000:2", expect=4)
    assert failure["error"] == "refused", failure
    assert "plugged in" in bus("read", f"{b.dir}/gone:9600", "modbus", "1", "coil:0", expect=5)[1]
    failure, = objects("read", "usb:ffff:ffff:none", "modbus", "1", "coil:0", expect=5)
    assert failure["error"] == "port", failure
    bus("read", "/dev/null", "modbus", "1", "coil:0", expect=5)
    with open(b.dir / "bus0", "rb+", buffering=0) as port:  # we hold it
        fcntl.flock(port, fcntl.LOCK_EX)
        _, err = bus("read", line, "modbus", "1", "input:0:2", expect=5)
        assert re.search(rf"is held by \S+.*\(pid {os.getpid()}\)", err), err
    bus("read", line, "modbus", "1", "input:0:2")  # and let go
print("bus tool: command line, decode, ports, read by model and raw, exit codes")
