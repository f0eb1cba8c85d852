# SPDX-License-Identifier: Apache-2.0
"""Figures of the way to the cloud: bytes on the wire, the drain of a backlog to a real broker, and
what a reading costs from the wire to the PUBACK."""
import contextlib, shutil, socket, subprocess
import bus
from harness import (PROGRAMS, SOURCE, callgrind, folder, last_json, median, pin, record, run,
                     say)
from building import free_port, wait_for

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


# ---- the drain ----

@contextlib.contextmanager
def broker(where):
    """A mosquitto of our own; its port."""
    port = free_port()
    (where / "broker.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "set_tcp_nodelay true\n")
    process = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c",
                                where / "broker.conf"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)

    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    try:
        wait_for("the broker listens", listens)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def far_away(port, rtt_ms):
    """The broker behind a relay with that round trip; the relay's port."""
    process = subprocess.Popen([PROGRAMS / "delay", str(port), str(rtt_ms * 1000)], text=True,
                               stdout=subprocess.PIPE, preexec_fn=pin("instrument"))
    try:
        yield last_json(process.stdout.readline(), "delay")["port"]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def drain(port, readings):
    with folder() as where:
        return run("drain", port, where, readings, BATCH, cpu=None)


def raw(port, like):
    return run("raw", port, like["messages"], like["bytes"] // like["messages"], like["window"],
               cpu=None)


def rate(said):
    return said["messages"] / said["us"] * 1e6


def drain_share(rounds=3, readings=300_000):
    ours, limit = [], []
    with folder() as where, broker(where) as port:
        for _ in range(rounds):  # A B B A
            first = drain(port, readings)
            limit += [rate(raw(port, first)), rate(raw(port, first))]
            ours += [rate(first), rate(drain(port, readings))]
    record("drain_share", round(median(ours) / median(limit), 3), 1.0, 1.0,
           messages_per_s={"ours": round(median(ours)), "raw": round(median(limit))},
           readings_per_s=round(median(ours) * BATCH),
           note=f"batch {BATCH}, the gateway's window for both; peer and limit: a raw publisher")


def drain_rtt(rtt_ms):
    ours, limit = [], []
    readings = 6_000_000 // rtt_ms // BATCH * BATCH
    with folder() as where, broker(where) as port, far_away(port, rtt_ms) as far:
        for _ in range(2):
            first = drain(far, readings)
            most = first["window"] / rtt_ms * 1000
            limit += [rate(raw(far, first)) / most]
            ours += [rate(first) / most]
    record(f"drain_share_rtt_{rtt_ms}", round(median(ours), 3), round(median(limit), 3), 1.0,
           messages_per_s=round(median(ours) * most),
           note="of window / RTT; peer: a raw publisher over the same relay")


def drain_rtt_20():
    drain_rtt(20)


def drain_rtt_100():
    drain_rtt(100)


# ---- instructions from the wire to the PUBACK ----

def serial_part(where):
    """A reading of a shipped model; without the calls of the port."""
    return bus.engine_part(where, SOURCE / "config/models/eastron-sdm120.yaml")[1]


def store_part(where):
    readings = 60_000
    done = callgrind(where, ("store_append", "store_acknowledge", "store_tend"), "store", "ours",
                     where, BATCH, readings)
    return done / readings


def drain_part(where):
    """All threads, of two backlogs; the difference leaves the start of the process out. Opening
    the store looks through the whole file and is taken off."""
    counts, sent = [], []
    with broker(where) as port:
        for readings in (10_000, 30_000):
            with folder() as outbox:
                run("drain", port, outbox, readings, BATCH, cpu=None)
                again = ("drain", port, outbox, 0, BATCH)
                counts.append(callgrind(where, (), *again)
                              - callgrind(where, ("store_open",), *again))
                sent.append(readings)
    return (counts[1] - counts[0]) / (sent[1] - sent[0])


def instructions_per_reading():
    parts = {}
    with folder() as where:
        for name, part in (("serial", serial_part), ("store", store_part), ("drain", drain_part)):
            say(f"callgrind: {name}")
            parts[name] = round(part(where))
    record("instructions_per_reading", sum(parts.values()), cases=parts,
           note="sum of parts: bus_step of an SDM120, commits of 100 with housekeeping, outbox to "
                "PUBACK in batches of 100")


MEASUREMENTS = [
    (("drain_share",), drain_share, False),
    (("drain_share_rtt_20",), drain_rtt_20, False),
    (("drain_share_rtt_100",), drain_rtt_100, False),
    (("wire_bytes_per_reading",), wire_bytes, True),
    (("instructions_per_reading",), instructions_per_reading, False),
]
