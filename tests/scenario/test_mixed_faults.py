# SPDX-License-Identifier: Apache-2.0
"""Modbus at 9600 8N1, DL/T 645 and CJ/T 188 at 2400 8E1 on one pair of wires, faults on all of them: whatever is
stored is what that meter shows, and no value crosses over. METERGATE_FAULTS sets how many answers are
disturbed."""
from fault_storm import storm

TIMEOUT_MS = 200
METERS = {
    "flat-1": ("acrel-ddsd1352", "1", ""),
    "flat-2": ("acrel-ddsy1352", "2", "serial: 4711"),
    "flat-3": ("eastron-sdm120", "3", ""),
    "shop-1": ("generic-dlt645-2007-1ph-prepaid", "26030551000{n}", ""),
    "shop-2": ("generic-dlt645-1997-1ph", "26030551001{n}", ""),
    "shop-3": ("numbered", "19970000001{n}", "serial: 20260000001{n}"),
    "cold-1": ("generic-cjt188-water-valve", "0000002417056{n}", ""),
    "cold-2": ("generic-cjt188-water", "0000002417057{n}", "order: little"),
    "heat-1": ("generic-cjt188-heat", "25-2010031824191{n}", "order: little, no_ser: true"),
}
# kind, its terms, how often
FAULTS = [
    ("late", lambda dice: {"delay_ms": dice.randrange(0, 3 * TIMEOUT_MS)}, 4),
    ("crc", lambda dice: {"share": 60}, 2),
    ("crc", lambda dice: {"share": 60, "bits": dice.randrange(1, 7)}, 6),
    ("truncate", lambda dice: {"bytes": dice.randrange(1, 20)}, 2),
    ("wrong-address", lambda dice: {"unit": dice.randrange(1, 99)}, 2),
    ("exception", lambda dice: {"code": 2}, 1),
    ("glitch", lambda dice: {"byte": dice.choice([0, 255])}, 1),
    ("slow", lambda dice: {"delay_ms": dice.randrange(1, TIMEOUT_MS)}, 1),
    ("dead", lambda dice: {}, 1),
]
# only a serial number tells another meter in the same place
KNOWN = [("swap-serial", lambda dice: {"energy": 77}, 2), ("merge", lambda dice: {"energy": 55, "share": 0}, 3)]


def faults(model):
    return FAULTS + (KNOWN if model in ("acrel-ddsy1352", "numbered") else [])


storm(METERS, faults, few=40, hurry="generic-dlt645",
      models={"numbered": ("generic-dlt645-2007-1ph", "serial: meter_number")}, baud=None, timeout=f"{TIMEOUT_MS}ms", period="1s")
