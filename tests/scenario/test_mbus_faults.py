# SPDX-License-Identifier: Apache-2.0
"""M-Bus lines on which answers are late, cut short, damaged, of another address, or lie over each
other, and meters are dead or swapped: whatever is stored is what that meter shows. METERGATE_FAULTS
sets how many answers are disturbed."""
from fault_storm import storm

TIMEOUT_MS = 150
# the other meter of swap-serial and merge has the next number: not one of those here, for nobody could
# tell the two apart
METERS = {
    "bath-1": ("generic-mbus-water", "1", "serial: 1149{n}378"),
    "bath-2": ("generic-mbus-water", "1149{n}377.ACW.14.7", "manufacturer: ACW, version: 14, medium: 7"),
    "cold-1": ("generic-mbus-water", "5555{n}001", "telegrams: 2"),
    "cold-2": ("generic-mbus-water", "5555{n}003", "telegrams: 3"),
    "heat-1": ("generic-mbus-heat", "7", "serial: 7000{n}007, telegrams: 4"),
    "heat-2": ("generic-mbus-heat", "7000{n}009", ""),
    "flat-1": ("generic-mbus-electricity", "9", "serial: 9000{n}009"),
    "gas-1": ("generic-mbus-gas", "250", "serial: 3000{n}250"),
}
# kind, its terms, how often
FAULTS = [
    ("late", lambda dice: {"delay_ms": dice.randrange(0, 5 * TIMEOUT_MS)}, 4),
    ("crc", lambda dice: {"share": 60}, 2),
    ("crc", lambda dice: {"share": 60, "bits": dice.randrange(1, 7)}, 6),
    ("truncate", lambda dice: {"bytes": dice.randrange(1, 40)}, 2),
    ("wrong-address", lambda dice: {"unit": dice.choice([1, 7, 9, 33, 250])}, 2),
    ("merge", lambda dice: {"share": dice.choice([0, 30]), "energy": 7}, 3),
    ("swap-serial", lambda dice: {"energy": 7}, 2),
    ("exception", lambda dice: {"code": 8}, 1),
    ("glitch", lambda dice: {"byte": dice.choice([0, 255])}, 1),
    ("slow", lambda dice: {"delay_ms": dice.randrange(1, TIMEOUT_MS)}, 1),
    ("dead", lambda dice: {}, 1),
]

storm(METERS, lambda model: FAULTS, few=80, baud=9600, timeout=f"{TIMEOUT_MS}ms", period="500ms")
