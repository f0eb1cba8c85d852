#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the daemon with SIGKILL again and again, at random moments, starting ones among them, and
now and then the head-end; a witness outside of both hears at the broker what they say, and nothing
that was ever said may be lost or change.

The witness is a subscriber that decodes readings and acknowledgements by itself and writes a file:

    SEQ POINT AT_MS VALUE QUALITY   this reading was sent, so it must be stored for good
    acked SEQ                       the head-end has committed everything up to here
    epoch N                         the store's epoch, one for all its life

The meters are paid for: what their accounts are charged is reckoned again from the readings.

Every 25 kills, and at the end, all is stopped and tests/crash/oracle judges the two databases by
that file; where it is not built, the same is looked up here. The last line is a summary; the exit
code is 0 only if nothing was broken. Ctrl-C ends early, with the summary so far.
"""
import argparse, os, pathlib, random, shutil, signal, subprocess, sys, threading, time, traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("METERGATE_SOURCE", str(ROOT))
os.environ.setdefault("METERGATE_BUILD", str(ROOT / "build/dev"))
sys.path.insert(0, str(ROOT / "tests/scenario"))
from building import BUILD, SANITIZER, wait_for  # noqa: E402: the path comes first
from money import Money, charged, shown  # noqa: E402
from mqtt_raw import Client  # noqa: E402
from protobuf_raw import fields, packed, varint  # noqa: E402

ROUND = 25          # kills between two judgements
DURING_START = 0.3  # share of the kills that hit a daemon which has not answered yet
START_MAX_S = 10
UP, DOWN = "metergate/1/demo/gw-1/u/r", "metergate/1/demo/gw-1/d/ack"


# ---- the witness -------------------------------------------------------------------------

def reading_lines(payload):
    """What a message on u/r says, as lines; see metergate.proto."""
    record = fields(payload)
    if 1 not in record:
        return [f"gap {payload.hex()}"]  # nothing may be thinned out here: the judge refuses it
    batch = fields(record[1][0])
    sender = fields(batch[1][0])
    seq, at_ms, point = batch[2][0], packed([varint(batch[3][0])])[0], 0
    points, times = packed(batch.get(4, [])), packed(batch.get(5, []))
    values = packed(batch.get(6, []))
    qualities = packed(batch.get(7, []), signed=False) or [0] * len(values)
    lines = [f"epoch {sender[4][0]}"]
    for i, value in enumerate(values):
        point, at_ms = point + points[i], at_ms + times[i]
        lines.append(f"{seq + i} {point} {at_ms} {value} {qualities[i]}")
    return lines


def ack_lines(payload):
    """What the head-end has committed: Signed, Ack, StreamAck. The seal is not our business."""
    ack = fields(fields(payload)[1][0])
    positions = [fields(one) for one in ack.get(4, [])]
    return [f"acked {position[3][0]}" for position in positions if position[1][0] == 1]


class Witness:
    def __init__(self, port, path):
        self.path, self.readings, self.fault = path, set(), None
        client = Client(port, "witness", keep_alive=0)
        client.socket.settimeout(None)
        client.subscribe("metergate/1/demo/gw-1/#")
        threading.Thread(target=self.listen, args=(client,), daemon=True).start()

    def listen(self, client):
        try:
            with open(self.path, "w") as file:
                for topic, payload in client.messages():
                    lines = (reading_lines(payload) if topic == UP else
                             ack_lines(payload) if topic == DOWN else [])
                    self.readings.update(line for line in lines if line[0].isdigit())
                    file.writelines(line + "\n" for line in lines)
                    file.flush()
        except Exception:
            self.fault = traceback.format_exc()


# ---- the judge ---------------------------------------------------------------------------

def judge_here(b, witness):
    """What the oracle asks, for a build without it: a list of sentences."""
    columns = "SELECT seq, point, at_ms, value, quality FROM reading ORDER BY seq"
    ours, theirs = b.rows("gateway.db", columns), b.rows("headend.db", columns)
    faults = [f"{name}: {row[0]}" for name in ("gateway.db", "headend.db")
              for row in b.rows(name, "PRAGMA integrity_check") if row != ("ok",)]
    for name, rows in (("gateway.db", ours), ("headend.db", theirs)):
        if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
            faults.append(f"{name}: numbers are missing")
    if theirs != ours[:len(theirs)]:
        faults.append("headend.db: is not the beginning of gateway.db")
    moments = [row[1:3] for row in ours]
    if len(set(moments)) != len(moments):
        faults.append(f"gateway.db: {len(moments) - len(set(moments))} readings twice")
    stored = {" ".join(str(number) for number in row) for row in ours}
    lines = {line.strip() for line in open(witness.path)}
    lost = {line for line in lines if line[0].isdigit()} - stored
    if lost:
        faults.append(f"gateway.db: {len(lost)} readings lost that were sent, {min(lost)!r} is one")
    acked = max([int(line.split()[1]) for line in lines if line.startswith("acked ")], default=0)
    if acked > len(theirs):
        faults.append(f"headend.db: {acked} readings acknowledged, {len(theirs)} stored")
    epoch = b.rows("gateway.db", "SELECT value FROM meta WHERE key = 'epoch'")[0][0]
    faults += [f"gateway.db: epoch {epoch}, heard was {line}" for line in lines
               if line.startswith("epoch ") and line != f"epoch {epoch}"]
    return faults + [f"heard a {line}" for line in lines if line.startswith("gap ")]


def judge(b, witness, oracle):
    """Both databases closed. What is wrong with them, as sentences."""
    if not oracle.exists():
        return judge_here(b, witness)
    for name in ("gateway.db", "headend.db"):
        shutil.copy(b.dir / name, b.dir / f"copy-{name}")
    said = subprocess.run([oracle, "--no-gaps", "--mirror", b.dir / "copy-headend.db",
                           b.dir / "copy-gateway.db", witness.path], capture_output=True, text=True)
    return [] if said.returncode == 0 else [f"oracle: exit {said.returncode}", said.stdout, said.stderr]


# ---- the loop ----------------------------------------------------------------------------

class Loop:
    def __init__(self, b, dice, oracle):
        self.b, self.dice, self.oracle = b, dice, oracle
        self.kills = self.early = self.headend_kills = self.judgements = 0
        self.readings, self.slowest, self.faults = 0, 0.0, []
        self.began = time.monotonic()
        b.start_broker()
        b.start_sim()
        b.start_headend()
        self.witness = Witness(b.port, b.dir / "witness")
        self.launch()

    def launch(self):
        self.b.start("gateway", BUILD / "metergated", "--config", self.b.dir / "gateway.yaml")
        self.launched = time.monotonic()

    def await_answer(self):
        """How long the daemon takes until its local socket answers."""
        wait_for("the gateway answers", self.b.status, START_MAX_S)
        self.slowest = max(self.slowest, time.monotonic() - self.launched)

    def kill(self, name):
        process = self.b.processes[name]
        if process.poll() is not None:
            self.faults.append(f"{name} had ended by itself with {process.returncode}")
        self.b.kill(name)

    def kill_gateway(self):
        if self.dice.random() < DURING_START:
            time.sleep(self.dice.uniform(0, 0.25))
            self.early += 1
        else:
            self.await_answer()
            time.sleep(self.dice.uniform(0, 1.2))
        self.kill("gateway")
        self.kills += 1
        self.launch()

    def kill_headend(self):
        self.kill("headend")
        self.headend_kills += 1
        self.b.start_headend()

    def stop_and_judge(self, is_last):
        self.await_answer()
        head = self.b.stream()["head"]
        wait_for("all is delivered", lambda: self.b.is_delivered(head if is_last else 1), 60)
        sim = self.b.processes["sim"]
        sim.send_signal(signal.SIGSTOP)  # no meter answers, so that balances stand still
        time.sleep(1.5)
        balances = tuple(shown(self.b.account(name)) for name in ("one", "two"))
        for name in ("gateway", "headend"):
            if (code := self.b.stop(name)) != 0:
                self.faults.append(f"{name} ended with {code} when asked to")
        self.faults += judge(self.b, self.witness, self.oracle)
        self.readings = self.b.rows("gateway.db", "SELECT count(*) FROM reading")[0][0]
        sim.send_signal(signal.SIGCONT)
        if balances != charged(self.b):
            self.faults.append(f"balances are {balances} and should be {charged(self.b)}")
        self.judgements += 1
        spoke = [name for name in ("gateway", "headend") if SANITIZER.search(self.b.log(name))]
        self.faults += [f"a sanitizer spoke in {name}" for name in spoke]
        self.faults += [self.witness.fault] if self.witness.fault else []
        if not self.witness.readings:
            self.faults.append("the witness has heard nothing")

    def run(self, kills):
        while self.kills < kills and not self.faults:
            for _ in range(min(ROUND, kills - self.kills)):
                self.kill_gateway()
                if self.dice.random() < 0.2:
                    self.kill_headend()
            self.stop_and_judge(self.kills == kills)
            print(f"{self.kills} kills: {'; '.join(self.faults) or 'whole'}", flush=True)
            if self.kills < kills:
                self.b.start_headend()
                self.launch()

    def summary(self):
        seconds = time.monotonic() - self.began
        lost = sum("lost" in fault or "missing" in fault for fault in self.faults)
        twice = sum("twice" in fault for fault in self.faults)
        return (f"kill_loop: {self.kills} kills ({self.early} of them during a start) in {seconds:.0f} s, "
                f"{self.kills / seconds:.1f} a second, {self.headend_kills} of the head-end; "
                f"{self.readings} readings, {len(self.witness.readings)} of them witnessed, "
                f"{self.judgements} judgements by {'oracle' if self.oracle.exists() else 'kill_loop'}; "
                f"slowest start {self.slowest:.2f} s; lost: {lost}, twice: {twice}, "
                f"faults: {len(self.faults)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--oracle", type=pathlib.Path, default=BUILD / "tests/crash/oracle")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with Money(period="400ms") as b:
        loop = Loop(b, random.Random(arguments.seed), arguments.oracle)
        try:
            loop.run(arguments.kills)
        except KeyboardInterrupt:
            print(f"stopped by hand\n{loop.summary()}")
            return 130
        except AssertionError as error:
            loop.faults.append(str(error))
        if loop.faults:
            print(*loop.faults, b.log("gateway")[-3000:], sep="\n", file=sys.stderr)
        print(loop.summary())
        return 1 if loop.faults else 0


if __name__ == "__main__":
    sys.exit(main())
