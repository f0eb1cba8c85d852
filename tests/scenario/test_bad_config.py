# SPDX-License-Identifier: Apache-2.0
"""Broken configuration files: every fault at once with its line, exit 78, nothing started."""
import pathlib, subprocess, tempfile
from building import BUILD, SOURCE

HEAD = f"gateway: {{operator: demo, site: s, id: gw-1, models: {SOURCE}/config/models}}\n"
BUS = "buses:\n  - id: b1\n    line: /dev/ttyUSB0\n    meters:\n"
METER = "      - {id: m1, model: eastron-sdm120, address: 1}\n"

MONEY = HEAD[:-2] + ", zone: Asia/Shanghai, tariffs: TARIFFS}\naccounts:\n"
PAYS = "tariffs: {electricity: flat}, meters: [{meter: m1, register: forward_active_energy"

CASES = {  # what is wrong: (text, [(line or None, words)])
    "empty": ("", [(None, "empty")]),
    "only comments": ("# nothing\n\n# here\n", [(None, "empty")]),
    "not YAML": (HEAD + "buses: [\n", [(3, "not YAML")]),
    "no buses": (HEAD, [(1, "buses: is missing")]),
    "unknown key": (HEAD + "colour: red\n" + BUS + METER, [(2, 'unknown key "colour"')]),
    "wrong type": (HEAD + "store: {keep_readings: many}\n" + BUS + METER,
                   [(2, "keep_readings")]),
    "out of range": (HEAD + "store: {commit_every: 5s}\n" + BUS + METER,
                     [(2, "out of range (10ms to 1s)")]),
    "a list for a value": (HEAD + "store: {path: [a]}\n" + BUS + METER, [(2, "path: must be a single value")]),
    "key twice": (HEAD + HEAD + BUS + METER, [(2, "gateway: is given twice")]),
    "plaintext": (HEAD + "sync: {broker: mqtt://10.0.0.1}\n" + BUS + METER,
                  [(2, "not encrypted"), (2, "keys")]),
    "money without a zone": (HEAD + f"accounts:\n  - {{id: a, {PAYS}}}]}}\n" + BUS + METER,
                             [(1, "zone: is missing")]),
    "no such zone": ((MONEY + f"  - {{id: a, {PAYS}}}]}}\n" + BUS + METER).replace("Shanghai", "Shangha"),
                     [(1, '"Asia/Shangha" is no time zone')]),
    "another zone": ((MONEY + f"  - {{id: a, {PAYS}}}]}}\n" + BUS + METER).replace("Shanghai", "Tokyo"),
                     [(3, "is meant for Asia/Shanghai, and this site is in Asia/Tokyo")]),
    "accounts": (
        MONEY + f"  - {{id: a, {PAYS}, share: 60}}]}}\n"
        f"  - {{id: a, {PAYS}, share: 30}}]}}\n"
        "  - {id: c, tariffs: {electricity: falt, water: flat}, meters: [{meter: m9, register: volume}]}\n"
        "  - {id: d, tariffs: {electricity: uk-standing-charge}, meters: [{meter: m2, register: voltage_a},\n"
        "     {meter: m2, register: volume}]}\n"
        "  - id: e\n    mode: gift\n    tariffs: {electricity: flat}\n    meters:\n"
        "      - {meter: m3, register: forward_active_energy, utility: water, share: 1.00001}\n"
        "      - {meter: m4, register: forward_active_energy, source: sun}\n"
        "      - {meter: m5, register: volume}\n" + BUS + METER +
        "".join(f"      - {{id: m{i}, model: eastron-sdm120, address: {i}}}\n" for i in (2, 3, 4, 5)),
        [(4, 'account "a" is there already (line 3)'),
         (4, 'pay for 90 per cent of meter "m1" in all, not 100 (the first in line 3)'),
         (5, 'has the id "falt"; there are flat, dormitory-allowance,'),
         (5, '"flat" charges electricity, not water'), (5, 'no bus has a meter "m9"'),
         (6, "is meant for Europe/London, and this site is in Asia/Shanghai"),
         (6, '"voltage_a" is no quantity that counts on'), (7, 'meter "m2" stands twice in account "d" (line 6)'),
         (7, 'meter "m2" is a eastron-sdm120, which gives no volume'), (9, "mode"),
         (12, "is in kWh, and water is not sold in it"), (12, "share: has more than four decimals"),
         (13, 'tariff "flat" knows no "sun"'), (14, 'gives no volume')]),
    "leave to write": (HEAD + BUS.replace("    meters:", "    writes: perhaps\n    meters:") + METER, [(5, "writes")]),
    "several at once": (
        "gateway: {operator: demo, site: 's s', id: gw-1, models: MODELS}\n"
        "store: {min_free_mib: -1}\n" + BUS + METER +
        "      - {id: m2, model: eastron-sdm120, address: 1}\n"
        "      - {id: m1, model: acrel-ddsd1352, address: 2}\n"
        "      - {id: m4, model: no-such-meter, address: 4}\n"
        "      - {id: m5, model: eastron-sdm630, address: 300, colour: red}\n"
        "      - {id: m6, model: eastron-sdm630, address: 6, period: 60}\n",
        [(1, "site"), (2, "min_free_mib"), (8, "address: 1 is in use already on this bus (line 7)"),
         (9, 'meter "m1" is there already (line 7)'), (10, 'no model "no-such-meter"'),
         (11, "colour"), (11, "1 to 247"), (12, "period")]),
}

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "gateway.yaml"
    for name, (text, faults) in CASES.items():
        text = text.replace("MODELS", str(SOURCE / "config/models"))
        path.write_text(text.replace("TARIFFS", str(SOURCE / "config/tariffs")))
        for options in ([], ["--check-config"]):
            done = subprocess.run([BUILD / "metergated", "--config", path, *options],
                                  capture_output=True, text=True, timeout=30)
            said = done.stdout if options else done.stderr
            assert done.returncode == 78, (name, done)
            for line, words in faults:
                start = f"{path}:{line}: " if line else f"{path}"
                assert any(l.startswith(start) and words in l for l in said.splitlines()), \
                    (name, line, words, said)
            assert not (pathlib.Path(folder) / "metergate.db").exists()
    print(f"{len(CASES)} broken files, each fault with its line")
