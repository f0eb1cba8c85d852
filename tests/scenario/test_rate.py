#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`metergatectl rate`: cases in, answers out in the same order; what is wrong is said in the line where it
stands, the others are answered, and the exit code tells."""
import json, os, pathlib, subprocess, sys

TOOL = pathlib.Path(os.environ["METERGATE_BUILD"]) / "metergatectl"
FLAT = {"id": "F", "effective": "2020-01-01T00:00:00Z", "price": {"all": ["0.5"]}}
DAY = [{"t": "2025-03-01T00:00:00Z", "r": "100"}, {"t": "2025-03-02T00:00:00Z", "r": "110"}]
CASE = {"kind": "rate", "tz": "UTC", "tariffs": [FLAT], "readings": DAY}


def run(lines, *arguments):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run([TOOL, "rate", *arguments], input=text, capture_output=True, text=True, timeout=60)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def changed(**members):
    return {**CASE, **members}


def of_tariff(**members):
    return changed(tariffs=[{**FLAT, **members}])


def answer(case):
    code, lines = run([case])
    assert len(lines) == 1, lines
    return code, json.loads(lines[0])


def good_cases_are_answered_in_order():
    code, lines = run([changed(tax_ppm=130000), "", changed(minor=0)])
    assert code == 0 and len(lines) == 2, lines
    first, second = map(json.loads, lines)
    assert (first["energy_micro"], first["tax_micro"], first["statement"]) == (5000000, 650000, "5.65")
    assert second["statement"] == "5"
    assert first["lines"] == [{"tariff": "F", "band": "all", "tier": 1, "qty": "10", "price": "0.5",
                               "amount": "5", "method": ["read"]}]


def one_bad_case_spoils_no_other():
    code, lines = run([CASE, "nonsense", CASE])
    assert code == 1 and len(lines) == 3, lines
    assert json.loads(lines[0])["total_micro"] == json.loads(lines[2])["total_micro"] == 5000000
    assert json.loads(lines[1])["error"].startswith("not JSON")


def what_is_wrong_is_said_with_its_place():
    tou = lambda slots: of_tariff(price={"a": ["1"]}, tou=[{"slots": slots}])
    tiers = lambda **members: of_tariff(tiers={"period": "month", "thresholds": ["1"], **members})
    for case, wanted in [
        ([1], "a case must be a JSON object"),
        ({}, "kind: is missing"),
        (changed(kind="rates"), "kind: \"rates\" is none of"),
        (changed(tz="Mars/Base"), "tz: \"Mars/Base\" is no time zone"),
        (changed(tz="../../etc/passwd"), "tz: "),
        (changed(tariffs={}), "tariffs: must be a list"),
        (of_tariff(price={"all": [0.5]}), "tariffs[0].price.all[0]: write the decimal as text"),
        (of_tariff(price={"all": ["-1"]}), "tariffs[0].price.all[0]: a price must not be below 0"),
        (of_tariff(price={"all": ["0.1234567"]}), "no decimal of at most six places"),
        (of_tariff(price={}), "tariffs[0].price: must be an object of bands"),
        (of_tariff(effective="2020-01-01"), "tariffs[0].effective: \"2020-01-01\" is no instant"),
        (tou([["00:00", "b"]]), "tariffs[0].tou[0].slots[0]: band \"b\" has no price"),
        (tou([["01:00", "a"]]), "tariffs[0]: calendar[0].slots: must begin at 00:00"),
        (tou([["00:00", "a"], ["25:00", "a"]]), "tariffs[0].tou[0].slots[1]: \"25:00\" is no time"),
        (tiers(period="week"), "tariffs[0].tiers.period: \"week\" is none of"),
        (tiers(thresholds=["2", "1"]), "tariffs[0].tiers.thresholds[1]: must be above"),
        (tiers(reset_day=0), "tariffs[0].tiers.reset_day: must be a whole number, 1 to 31"),
        (changed(readings=[{"t": "2025-03-01T00:00:00Z"}]), "readings[0].r: is missing"),
        (changed(holidays=["2025-02-30"]), "holidays: \"2025-02-30\" is no date"),
        (changed(tax_ppm="5"), "tax_ppm: must be a whole number"),
        (of_tariff(effective="2025-03-01T00:00:01Z"), "at 2025-03-01T00:00:00+00:00: no tariff is in force"),
        (of_tariff(price={"x": ["1"]}), "tariff F has no band for this time"),
        ({"kind": "convert", "price": ["1"]}, "balance: is missing"),
        ({"kind": "topup", "topups": [-1]}, "topups[0]: must be a whole number"),
    ]:
        code, got = answer(case)
        assert code == 1 and list(got) == ["error"] and wanted in got["error"], (wanted, got)


def what_is_not_known_is_named():
    code, got = answer(changed(taxppm=5))
    assert code == 0 and got["ignored"] == ["taxppm"], got


def people_get_the_arithmetic():
    code, lines = run([changed(tax_ppm=50000)], "--explain")
    text = "\n".join(lines)
    for part in ["F from 2020-01-01T00:00:00+00:00", "register 100 -> 110 = 10", "10 x 0.5 = 5",
                 "tax 0.25 (5 %) = 5.25", "statement 5.25"]:
        assert part in text, (part, text)
    assert code == 0


def a_file_is_read_and_a_missing_one_said():
    path = pathlib.Path(os.environ["METERGATE_SOURCE"]) / "tests/fuzz/corpus/rate/r29"
    done = subprocess.run([TOOL, "rate", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout)["adjustment_debit_micro"] == -565000, done
    done = subprocess.run([TOOL, "rate", "/nowhere"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "/nowhere" in done.stderr, done


for story in [good_cases_are_answered_in_order, one_bad_case_spoils_no_other, what_is_wrong_is_said_with_its_place,
              what_is_not_known_is_named, people_get_the_arithmetic, a_file_is_read_and_a_missing_one_said]:
    story()
    print(story.__name__.replace("_", " "))
sys.exit(0)
