# SPDX-License-Identifier: Apache-2.0
"""Figures of the store: blocks and syncs are counted, so they are exact; what the disk itself
has written stands beside them where the kernel tells."""
import functools, os, pathlib
from harness import BUILD, folder, median, record, run, say
import harness

READINGS = {1: 3_000, 10: 30_000, 100: 150_000, 1000: 150_000}
BATCHES = (1, 10, 100, 1000)


def sectors(where):
    """Bytes the disk below a folder has written so far; None where it is no disk."""
    device = os.stat(where).st_dev
    stat = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(stat.read_text().split()[6]) * 512 if stat.exists() else None


def disk():
    """Counting needs no disk, only what is timed or asked of the kernel does."""
    return "/dev/shm" if harness.is_quick and os.path.isdir("/dev/shm") else BUILD


def one(subject, batch):
    with folder(disk()) as where:
        os.sync()
        before = sectors(where)
        said = run("store", subject, where, batch, READINGS[batch])
        os.sync()
        said["disk"] = sectors(where) - before if before is not None else None
    return said


@functools.lru_cache(maxsize=None)
def counted(subject, batch):
    say(f"{subject}, batch {batch}")
    return one(subject, batch)


def a_reading(subject, batch):
    said = counted(subject, batch)
    return said["blocks"] * 4096 / said["readings"]


def disk_ratio(rounds=2):
    """Ours over the log as the disk counts it, A B B A; None where it does not. Others write too."""
    seen = {"ours": [], "log": []}
    for subject in ("ours", "log", "log", "ours") * rounds:
        said = one(subject, 100)
        if said["disk"] is None:
            return None
        seen[subject].append(said["disk"])
    return round(median(seen["ours"]) / median(seen["log"]), 2)


def bytes_per_reading():
    ratio = {b: round(a_reading("ours", b) / a_reading("log", b), 3) for b in BATCHES}
    indexed = round(a_reading("indexed", 100) / a_reading("log", 100), 1)
    record("store_bytes_per_reading", ratio[100], indexed, 1.0,
           peers={"indexed by (point, time)": indexed},
           cases={f"batch {b}": r for b, r in ratio.items()},
           bytes={"ours": round(a_reading("ours", 100), 1), "log": round(a_reading("log", 100), 1)},
           by_disk=None if harness.is_quick else disk_ratio(),
           note="4 KiB blocks a sync, counted; batch 100, FULL, with retention")


def syncs_per_commit():
    said = {b: counted("ours", b) for b in BATCHES}
    each = {b: round(s["syncs"] / (s["commits"] + s["housekeeping"]), 4) for b, s in said.items()}
    log = counted("log", 100)
    record("syncs_per_commit", each[100], log["syncs"] / log["commits"], 1.0,
           cases={f"batch {b}": v for b, v in each.items()},
           with_housekeeping={f"batch {b}": round(s["syncs"] / s["commits"], 4)
                              for b, s in said.items()},
           note="transactions of housekeeping are commits too; peer: the append log")


MEASUREMENTS = [
    (("store_bytes_per_reading",), bytes_per_reading, True),
    (("syncs_per_commit",), syncs_per_commit, True),
]
