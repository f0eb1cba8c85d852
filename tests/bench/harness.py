# SPDX-License-Identifier: Apache-2.0
"""What the figures of the benchmark share: their names and goals, how programs are run and
pinned, rounds that are thrown away, callgrind, the table and the JSON file."""
import contextlib, json, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

SOURCE = pathlib.Path(os.environ.get("METERGATE_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("METERGATE_BUILD", SOURCE / "build"))
os.environ.setdefault("METERGATE_SOURCE", str(SOURCE))  # tests/scenario/building.py reads them
os.environ.setdefault("METERGATE_BUILD", str(BUILD))
PROGRAMS = BUILD / "tests/bench"
sys.path.insert(0, str(SOURCE / "tests/scenario"))  # for building

# an instrument that was itself disturbed measures nothing: such a round is thrown away
LATE_P99_NS, STALL_US, ROUNDS_MORE = 50_000, 20_000, 6

# name: (unit, "<=" or ">=", goal); the order of the table
GOALS = {
    "bus_utilisation_9600": ("share", ">=", 0.997),
    "bus_utilisation_115200": ("share", ">=", 0.993),
    "silence_violations": ("count", "<=", 0),
    "strict_slaves_share": ("share", ">=", 0.99),
    "one_dead_of_32_first_minute": ("share", ">=", 0.95),
    "one_dead_of_32_steady": ("share", ">=", 0.99),
    "eight_dead_of_32_steady": ("share", ">=", 0.98),
    "late_answers_accepted": ("count", "<=", 0),
    "plan_efficiency": ("share", ">=", 0.98),
    "instructions_per_request_10": ("instructions", "<=", 2000),
    "instructions_per_request_125": ("instructions", "<=", 7000),
    "context_switches_per_request": ("count", "<=", 6),
    "store_bytes_per_reading": ("of the append log", "<=", 2.5),
    "syncs_per_commit": ("count", "<=", 1.02),
    "drain_share": ("share", ">=", 0.45),
    "drain_share_rtt_20": ("share", ">=", 0.95),
    "drain_share_rtt_100": ("share", ">=", 0.95),
    "wire_bytes_per_reading": ("bytes", "<=", 7.2),
    "memory_backlog": ("MB", "<=", 1),
    "rss_idle_plain": ("MB", "<=", 6),
    "rss_idle_tls": ("MB", "<=", 9),
    "wakeups_idle": ("1/s", "<=", 4),
    "start_ms": ("ms", "<=", 30),
    "instructions_per_reading": ("instructions", "<=", 10000),
    "instructions_per_rating": ("instructions", "<=", 5500),
    "memory_rating": ("kB", "<=", 64),
}
NOT_YET = {
    "relay_latency": "relays are not switched by the gateway yet",
    "scan_modbus_247": "metergate-bus has no scan yet",
}

figures = {}
is_quick = False  # --quick


class Failed(Exception):
    """A figure could not be measured."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def record(name, value, peer=None, limit=None, **more):
    """One figure; more: peers, cases, note and the like, as they shall stand in the JSON."""
    unit, way, goal = GOALS[name]
    entry = {"value": value, "unit": unit}
    if peer is not None:
        entry["peer"] = peer
    if limit is not None:
        entry["limit"] = limit
    met = value <= goal if way == "<=" else value >= goal
    figures[name] = entry | {"goal": f"{way} {goal}", "met": met} | more
    say(f"{name} = {shown(value)} {unit}, goal {way} {goal}: {'met' if met else 'MISSED'}")


# ---- programs ----

def pin(cpu):
    """For preexec_fn: the instrument gets the last core, what is measured the first."""
    cores = sorted(os.sched_getaffinity(0))
    chosen = cores[-1] if cpu == "instrument" else cores[0]
    return lambda: os.sched_setaffinity(0, {chosen}) if len(cores) > 1 else None


def last_json(text, what):
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failed(f"{what} said nothing")


def run(program, *arguments, timeout=300, prefix=(), cpu="measured"):
    """Runs a program of tests/bench; the JSON object it prints. cpu None: on any core."""
    command = [*prefix, PROGRAMS / program, *arguments]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, preexec_fn=pin(cpu) if cpu else None)
    if done.returncode != 0:
        raise Failed(f"{program}: {done.stderr.strip()[-400:]}")
    return last_json(done.stdout, program)


def callgrind(folder, functions, program, *arguments):
    """User instructions inside functions and all they call, or of the whole program for ()."""
    out = folder / "callgrind.out"
    toggles = [f"--toggle-collect={function}" for function in functions]
    run(program, *arguments, timeout=600,
        prefix=("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *toggles))
    totals = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
    if not totals or int(totals.group(1)) == 0:
        raise Failed(f"callgrind has not seen {functions}")
    return int(totals.group(1))


def median(values):
    return statistics.median(values)


@contextlib.contextmanager
def folder(base=None):
    """A temporary folder; base: on that disk, since /tmp may be memory."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="metergate-bench-", dir=base))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Line:
    """A paced line (pbus) for the length of a with; .report says afterwards what went by."""

    def __init__(self, where, baud, slaves=32, strict=False):
        self.path, self.report = where / "tty", None
        self.command = [PROGRAMS / "pbus", "-b", baud, "-n", slaves, *(["-S"] if strict else []),
                        self.path]

    def __enter__(self):
        self.process = subprocess.Popen([str(c) for c in self.command], text=True,
                                        stdout=subprocess.PIPE, preexec_fn=pin("instrument"))
        if self.process.stdout.readline().strip() != "ready":
            raise Failed("pbus has not started")
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        out, _ = self.process.communicate(timeout=20)
        if kind is None:
            self.report = last_json(out, "pbus")

    @property
    def is_quiet(self):
        return (self.report["late_p99_ns"] <= LATE_P99_NS
                and self.report["stall_max_us"] <= STALL_US)


class Rounds:
    """Rounds of several clients on a paced line, those of a disturbed instrument repeated."""

    def __init__(self):
        self.discarded = self.disturbed = 0
        self.late_p99_ns = []

    def run(self, make_line, client):
        """The line's report and what the client printed, of a round that was not disturbed as
        long as there are rounds to spare."""
        while True:
            with make_line() as line:
                said = client(line.path)
            self.late_p99_ns.append(line.report["late_p99_ns"])
            if line.is_quiet or self.discarded == ROUNDS_MORE:
                self.disturbed += not line.is_quiet
                return line.report, said
            self.discarded += 1
            say("the instrument was disturbed: once more")

    def instrument(self):
        return {"late_p99_us": round(median(self.late_p99_ns) / 1000, 1),
                "rounds_discarded": self.discarded, "rounds_disturbed": self.disturbed}


# ---- what comes out ----

def shown(value):
    if isinstance(value, dict):
        return ", ".join(f"{k} {shown(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def rows():
    out = [("name", "value", "unit", "goal", "met", "limit", "peers")]
    for name in GOALS:
        if name not in figures:
            continue
        entry = figures[name]
        peers = entry.get("peers") or ({"peer": entry["peer"]} if "peer" in entry else {})
        out.append((name, shown(entry["value"]), entry["unit"], entry["goal"],
                    "yes" if entry["met"] else "NO", shown(entry.get("limit", "-")),
                    shown(peers) or "-"))
    return out


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown processor")
    return (f"{time.strftime('%Y-%m-%d', time.gmtime())}, {len(os.sched_getaffinity(0))} x {model}, "
            f"Linux {os.uname().release}")


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({n: figures[n] for n in GOALS if n in figures}, indent=1) + "\n")
