# SPDX-License-Identifier: Apache-2.0
"""Figures of the way to the cloud: bytes on the wire, and the drain of a backlog."""
from harness import record, run

BATCH, READINGS = 100, 64_000


def wire_bytes():
    cases = {}
    for batch in (10, BATCH, 500):
        said = run("pack", batch, READINGS)
        cases[batch] = {k: round(said[k] / said["readings"], 2)
                        for k in ("ours", "sparkplug", "json")}
    at = cases[BATCH]
    record("wire_bytes_per_reading", at["ours"], at["sparkplug"],
           peers={"Sparkplug B alias": at["sparkplug"], "JSON": at["json"]},
           cases={f"batch {b}": c["ours"] for b, c in cases.items()},
           note="payload, batch 100; a backlog is sent in batches of 500")


MEASUREMENTS = [
    (("wire_bytes_per_reading",), wire_bytes, True),
]
