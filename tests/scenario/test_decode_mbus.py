# SPDX-License-Identifier: Apache-2.0
"""metergate-bus decode mbus: the fields that scripts rely on, the lines that people read, what it
refuses and how it says so. Where METERGATE_CORPUS names the corpus, its outside check as well."""
import json, os, random, subprocess, sys
from building import BUILD, SANITIZER, SOURCE

TOOL = BUILD / "metergate-bus"


def bus(*arguments, given="", expect=0):
    done = subprocess.run([str(TOOL), "decode", "mbus", *arguments], input=given.encode(), capture_output=True,
                          timeout=120)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not SANITIZER.search(err), err
    assert done.returncode == expect, (arguments, done.returncode, out[-500:], err[-2000:])
    return out


def objects(*hexes, role=(), expect=0):
    lines = bus("--json", *role, given="\n".join(hexes) + "\n", expect=expect).splitlines()
    assert len(lines) == len(hexes), lines
    return [json.loads(line) for line in lines]


def sealed(hexes):
    """A long frame around C, A, CI and data."""
    body = bytes.fromhex(hexes)
    return (bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) % 256, 0x16])).hex()


WATER = ("683c3c680808727803491177040e160a0000000c7878034911041331d40000426c0000441300000000046d0b0bcd13"
         "0227000009fd0e0209fd0f060f00017513d316")

# ---- every field of the contract ----
water, = objects(WATER)
records = water.pop("records")
assert water == {"ok": True, "protocol": "mbus", "kind": "variable", "c": "08", "a": "08", "ci": "72",
                 "name": "variable data with long header", "id": "11490378", "manufacturer": "ACW",
                 "version": 14, "medium": 22, "medium_name": "cold water", "access_no": 10, "status": 0,
                 "signature": "0000", "more_follows": False, "manufacturer_data": "00017513"}, water
assert len(records) == 8
assert records[1] == {"dib_vib": "0413", "data": "31d40000", "function": "inst", "storage": 0, "tariff": 0,
                      "subunit": 0, "quantity": "volume", "unit": "m3", "value": "54.321",
                      "modifiers": []}, records[1]
assert records[2]["value"] is None and "not set" in records[2]["invalid"], records[2]
assert records[4]["value"] == "2014-03-13T11:11" and records[4]["unit"] == "", records[4]

# ---- kinds ----
kinds = objects("e5", "1040fe3e16", "107bfe7916", "680303685301bd1116", "680b0b6853fd52ffffffffffffffff9a16",
                "680606687300" "51017a0342" "16", "680303680801707916", sealed("08017009"),
                sealed("0805737856341" "20a00e97e0100000035010000"), sealed("080178010301"),
                sealed("08017a2a100000010301"), sealed("0801761149037804770e160a00000004130000d431"),
                sealed("0801790102"), sealed("08017a2a002005" + "11" * 32))
assert [k["kind"] for k in kinds] == ["ack", "short", "short", "control", "other", "other", "app_error",
                                      "app_error", "fixed", "variable", "variable", "variable", "other",
                                      "variable"], kinds
assert [k.get("name") for k in kinds[1:6]] == ["SND_NKE", "REQ_UD2", "set baud rate 9600",
                                               "select by secondary address", "data to the meter"]
assert kinds[4]["id"] == "ffffffff" and kinds[5]["records"][0]["quantity"] == "bus_address"
assert kinds[6]["code"] == 0 and kinds[7]["code"] == 9
assert kinds[8]["id"] == "12345678" and [r["value"] for r in kinds[8]["records"]] == ["0.001", "0.135"]
assert kinds[10]["access_no"] == 42 and kinds[10]["status"] == 16 and "id" not in kinds[10]
assert kinds[11]["records"][0]["value"] == "54.321" and kinds[11]["manufacturer"] == "ACW", kinds[11]
assert kinds[12]["name"] == "compact frame" and kinds[12]["data"] == "0102"
assert kinds[13]["security_mode"] == 5 and kinds[13]["records"] == [] and "encrypted" in kinds[13]["note"]

# ---- values that are none, and what modifiers do ----
odd, = objects(sealed("080178" "0c13ffffffff" "0413" "00000080" "02fc034852257434" "12" "049315" "01000000"
                      "04bb50" "0a000000" "9410da6f32147a18" "055b0000c07f" "02863b" "0100" "1f"))
rows = odd["records"]
assert rows[0]["value"] is None and "BCD" in rows[0]["invalid"]
assert rows[1]["value"] == "-2147483.648"
assert (rows[2]["unit"], rows[2]["value"], rows[2]["corrected"]) == ("%RH", "4660", "46.6"), rows[2]
assert rows[2]["dib_vib"] == "02fc74" and rows[2]["modifiers"] == ["74"]
assert rows[3]["modifiers"] == ["15"] and rows[3]["modifier_names"] == ["no data available"]
assert (rows[4]["unit"], rows[4]["value"]) == ("s", "10"), rows[4]
assert (rows[5]["unit"], rows[5]["value"]) == ("", "2011-08-26T20:50"), rows[5]
assert rows[6]["value"] is None and rows[6]["invalid"]
assert rows[7]["modifiers"] == ["3b"] and odd["more_follows"] is True

# ---- refusals ----
refused = objects("683c3c6808", "680b0b6853fd52ffffffffffffffff5016", "680000680816", "e500105b015c16", "00",
                  sealed("080178" "010301" "04130000"), sealed("08017278563412"), "683c", expect=3)
assert [r["error"] for r in refused] == ["incomplete", "checksum", "frame", "frame", "frame", "application",
                                         "application", "incomplete"], refused
assert not any(r["ok"] for r in refused) and all(r["detail"] for r in refused)
assert "sum is 9a" in refused[1]["detail"] and "5 bytes starts at byte 2" in refused[3]["detail"]
assert refused[5]["records"][0]["value"] == "1", refused[5]
broken_write, = objects(sealed("530151" "01"))  # a master's telegram is named, whatever it holds
assert broken_write["ok"] and broken_write["note"], broken_write

# ---- roles ----
assert [o["ok"] for o in objects("e5", "107bfe7916", WATER, role=("--role", "request"), expect=3)] == \
    [False, True, False]
assert [o["ok"] for o in objects("e5", "107bfe7916", WATER, role=("--role", "response"), expect=3)] == \
    [True, False, True]

# ---- text: the frame's line, its records beneath ----
lines = bus(given=WATER + "\n").splitlines()
assert len(lines) == 9 and lines[0].startswith("mbus ok  kind=variable  c=08 (RSP_UD)  a=08"), lines
assert "dib_vib=0413" in lines[2] and "unit=m3  value=54.321" in lines[2], lines[2]
escape = bus(given=sealed("080178" "0dfd11041b5b324a") + "\n")
assert "\x1b" not in escape and "J2[?" in escape, escape

# ---- garbage: one answer a line, no crash ----
chance = random.Random(11)
given = [sealed("0801" + chance.choice(("72", "73", "76", "78", "7a", "51", "70")) +
                chance.randbytes(chance.randrange(60)).hex()) for _ in range(3000)]
for line, got in zip(given, bus("--json", given="\n".join(given), expect=3).splitlines(), strict=True):
    assert json.loads(got)["protocol"] == "mbus", (line, got)
bus(given="\n".join(given), expect=3)

corpus = SOURCE / os.environ.get("METERGATE_CORPUS", "no-corpus")  # a relative one: from the source
check = corpus.parent / "tools/check_decode"
if check.exists():
    print(subprocess.run([sys.executable, check, TOOL, corpus, "mbus"], check=True, capture_output=True,
                         text=True).stdout.strip())
else:
    print("decode mbus: METERGATE_CORPUS names no corpus, its check is skipped")
