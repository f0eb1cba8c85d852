# SPDX-License-Identifier: Apache-2.0
"""Serial figures: a paced line (pbus) for what time decides, virtual time for what it does not."""
import functools, subprocess
from harness import (SOURCE, Failed, Line, Rounds, callgrind, folder,
                     last_json, median, pin, record, run, say)

SLAVES, SECONDS = 32, 5
BAUDS = (9600, 115200)
MINUTES = 10

MODEL = """name: Registers
protocol: modbus
source: registers of the benchmark's own slaves
line: 9600:8N1
timeout: 500ms
pause: 0ms
max_registers: 125
max_hole: 100
points: [{points}]
"""
QUANTITIES = ("voltage_a", "current_a", "active_power_total")


def model(where, registers):
    """One read of that many registers; values in the first and last, and where the hole allows."""
    at = [0, registers - 1] if registers <= 100 else [0, registers // 2, registers - 1]
    points = ", ".join(f"{{quantity: {q}, function: 3, register: {r}, type: uint16}}"
                       for q, r in zip(QUANTITIES, at))
    path = where / f"read-{registers}.yaml"
    path.write_text(MODEL.format(points=points))
    return path


# ---- the clients: each takes the path of the line and gives what it has to say ----

def ours(where, baud, registers=10, requests=0, seconds=SECONDS):
    path = model(where, registers)
    return lambda tty: run("poll", tty, baud, SLAVES, path, requests, seconds)


def libmodbus(where, baud, registers=10, requests=0, seconds=SECONDS):
    return lambda tty: run("loop", tty, baud, SLAVES, registers, requests, seconds)


def bare(where, baud, registers=10, requests=0, seconds=SECONDS):
    return lambda tty: run("bare", tty, baud, SLAVES, registers, requests, seconds)


def pymodbus(where, baud, registers=10, seconds=SECONDS):
    def client(tty):
        done = subprocess.run(["/usr/bin/python3", SOURCE / "tests/bench/pymodbus_loop.py", tty,
                               str(baud), str(SLAVES), str(registers), str(seconds)],
                              capture_output=True, text=True, timeout=120,
                              preexec_fn=pin("measured"))
        if done.returncode != 0:
            raise Failed(f"pymodbus: {done.stderr[-400:]}")
        return last_json(done.stdout, "pymodbus")
    return client


def mbpoll(where, baud, registers=10, seconds=SECONDS):
    """As its manual has it, once over all slaves, again and again; -l would sleep 100 ms a read."""
    loop = (f"mbpoll -m rtu -a 1:{SLAVES} -b {baud} -P none -t 4 -r 1 -c {registers} -1 -q \"$0\"")

    def client(tty):
        subprocess.run(["timeout", str(seconds), "sh", "-c", f"while :; do {loop}; done", tty],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       preexec_fn=pin("measured"))
        return {}
    return client


# ---- rounds on the paced line ----

@functools.lru_cache(maxsize=None)
def lax(baud):
    """Ours and pymodbus A B B A, the others once. name -> list of (report, said)."""
    out, rounds = {}, Rounds()
    order = (("ours", ours), ("pymodbus", pymodbus), ("pymodbus", pymodbus), ("ours", ours),
             ("bare", bare), ("libmodbus", libmodbus), ("mbpoll", mbpoll), ("ours", ours))
    with folder() as where:
        for name, client in order:
            say(f"{baud} baud: {name}")
            result = rounds.run(lambda: Line(where, baud, SLAVES), client(where, baud))
            check(name, result)
            out.setdefault(name, []).append(result)
    return out, rounds.instrument()


@functools.lru_cache(maxsize=None)
def strict(baud):
    out, rounds = {}, Rounds()
    with folder() as where:
        for name, client in (("ours", ours), ("libmodbus", libmodbus), ("mbpoll", mbpoll)):
            say(f"{baud} baud, strict slaves: {name}")
            out[name] = rounds.run(lambda: Line(where, baud, SLAVES, strict=True),
                                   client(where, baud))
    return out, rounds.instrument()


def disturbances(*instruments):
    """Of all the rounds a figure stands on."""
    return {"late_p99_us": max(i["late_p99_us"] for i in instruments),
            **{k: sum(i[k] for i in instruments) for k in ("rounds_discarded", "rounds_disturbed")}}


def all_rounds():
    return disturbances(*(rounds(baud)[1] for baud in BAUDS for rounds in (lax, strict)))


def check(name, result):
    report, said = result
    if report["answered"] < 10:
        raise Failed(f"{name}: only {report['answered']} answers on the line")
    if said.get("wrong"):
        raise Failed(f"{name}: {said['wrong']} values of another slave")


def share(results, key="util_median_ppm"):
    return median([report[key] for report, _ in results]) / 1e6


def utilisation(baud):
    results, instrument = lax(baud)
    others = {n: round(share(results[n]), 4) for n in ("pymodbus", "libmodbus", "mbpoll")}
    record(f"bus_utilisation_{baud}", round(share(results["ours"]), 4), others["pymodbus"],
           round(share(results["bare"]), 4), peers=others, instrument=instrument,
           overhead_us=round(share(results["ours"], "overhead_p50_ns") * 1000, 1),
           note="above 1 = breaks the silence between frames")


def utilisation_9600():
    utilisation(9600)


def utilisation_115200():
    utilisation(115200)


def violations():
    seen = {name: [0, 0] for name in ("ours", "libmodbus", "mbpoll", "pymodbus")}
    for baud in BAUDS:
        for name, results in [*lax(baud)[0].items(),
                              *((n, [r]) for n, r in strict(baud)[0].items())]:
            for report, _ in results if name in seen else ():
                seen[name][0] += report["violations"]
                seen[name][1] += report["requests"]
    peers = {n: v[0] for n, v in seen.items() if n != "ours"}
    record("silence_violations", seen["ours"][0], peers["libmodbus"], 0, peers=peers,
           requests={n: v[1] for n, v in seen.items()}, instrument=all_rounds())


def strict_share():
    cases, peers = {}, {"libmodbus": {}, "mbpoll": {}}
    for baud in BAUDS:
        results = strict(baud)[0]
        for name in results:
            value = round(results[name][0]["util_ppm"] / 1e6 / share(lax(baud)[0][name], "util_ppm"), 4)
            (cases if name == "ours" else peers[name])[str(baud)] = value
    record("strict_slaves_share", min(cases.values()), min(peers["libmodbus"].values()), 1,
           peers={n: min(v.values()) for n, v in peers.items()}, cases=cases,
           instrument=all_rounds())


def context_switches():
    results, instrument = lax(9600)
    each = {n: round(median([s["switches"] / s["requests"] for _, s in results[n]]), 2)
            for n in ("ours", "libmodbus", "bare")}
    record("context_switches_per_request", each["ours"], each["libmodbus"], each["bare"],
           note="voluntary, 10 registers at 9600 baud", instrument=instrument)


# ---- instructions ----

INSTRUCTION_BAUD, TRIES = 19200, 2  # slow enough for what runs under valgrind
# what virtual does in the place of a port, a clock and an owner is not the engine's
ENGINE = ("bus_step", "virtual_read", "virtual_write", "virtual_sleep_until", "on_mail",
          "read_mono_us", "read_wall_ms")


def engine_part(where, path, few=96, many=288):
    """Instructions of bus_step in virtual time: (a request, a reading). Exact."""
    counts, said = [], []
    for requests in (few, many):
        arguments = ("polls", path, 9600, requests)
        counts.append(callgrind(where, ENGINE, "virtual", *arguments))
        said.append(run("virtual", *arguments))
    grown = {k: said[1][k] - said[0][k] for k in ("requests", "readings")}
    return tuple(round((counts[1] - counts[0]) / grown[k]) for k in ("requests", "readings"))


def line_part(where, name, registers):
    """One request's on the paced line, as the difference of two runs: without what only the first
    one costs. A machine that wakes a client late gives it more bytes at once: fewer wake-ups for
    libmodbus, which takes one for each, and more looks at the clock for who sleeps."""
    undisturbed = max if name == "libmodbus" else min
    requests = 40 if registers <= 10 else 10
    program, function = {"ours": ("poll", "bus_step"), "bare": ("bare", "bare_ask"),
                         "libmodbus": ("loop", "modbus_read_registers")}[name]
    what = model(where, registers) if name == "ours" else registers
    total = []
    for count in (requests, 2 * requests):
        seen = []
        for _ in range(TRIES):
            with Line(where, INSTRUCTION_BAUD, SLAVES) as line:
                seen.append(callgrind(where, (function,), program, line.path, INSTRUCTION_BAUD,
                                      SLAVES, what, count, 0))
        total.append(undisturbed(seen))
    return round((total[1] - total[0]) / requests)


def instructions(registers):
    with folder() as where:
        value, _ = engine_part(where, model(where, registers))
        each = {}
        for name in ("ours", "bare", "libmodbus"):
            say(f"callgrind on the paced line, {registers} registers: {name}")
            each[name] = line_part(where, name, registers)
    record(f"instructions_per_request_{registers}", value, each["libmodbus"], each["bare"],
           with_port=each["ours"],
           note="a whole bus_step in virtual time, exact: planner, request, reply, decoding; "
                "with_port: on the paced line, with the calls of the port")


def instructions_10():
    instructions(10)


def instructions_125():
    instructions(125)


# ---- virtual time ----

def dead(count):
    """Share of the healthy answers: (first minute, from the second on), and the plain client's."""
    out = {}
    for baud in BAUDS:
        said = run("virtual", "dead", baud, SLAVES, count, MINUTES)
        ratio = lambda a, b, part: sum(said[a][part]) / sum(said[b][part])
        first, rest = slice(0, 1), slice(1, None)
        out[str(baud)] = {"first": round(ratio("dead", "healthy", first), 4),
                          "steady": round(ratio("dead", "healthy", rest), 4),
                          "plain": round(ratio("plain_dead", "plain_healthy", rest), 4)}
    return out


def record_dead(name, by_baud, key, alive):
    cases = {baud: v[key] for baud, v in by_baud.items()}
    record(name, min(cases.values()), min(v["plain"] for v in by_baud.values()), round(alive, 4),
           cases=cases, peers={f"plain client at {b}": v["plain"] for b, v in by_baud.items()},
           note="virtual time, exact; timeout 500 ms as in the shipped models; bus always busy")


def one_dead():
    by_baud = dead(1)
    record_dead("one_dead_of_32_first_minute", by_baud, "first", 1)
    record_dead("one_dead_of_32_steady", by_baud, "steady", 1)


def eight_dead():
    record_dead("eight_dead_of_32_steady", dead(8), "steady", 1)


def late_answers():
    said = run("virtual", "late")
    if said["accepted"] < 100:
        raise Failed(f"only {said['accepted']} answers were accepted at all")
    record("late_answers_accepted", said["wrong"], said["plain_wrong"], 0,
           of={"ours": said["accepted"], "plain client": said["plain_accepted"]},
           note="virtual time, exact; plain client = flush, ask, take what fits")


def plan_efficiency():
    """All shipped models, each polled once on a line of its own settings."""
    said = run("plan", 5000, *sorted(path for path in (SOURCE / "config/models").glob("*.yaml")
                                     if "\nprotocol: modbus\n" in path.read_text()))
    ours, best, single = (sum(v[i] for v in said.values()) for i in range(3))
    each = {name: round(v[1] / v[0], 4) for name, v in said.items()}
    worst = min(each, key=each.get)
    record("plan_efficiency", round(best / ours, 4), round(best / single, 4), 1.0,
           peers={"a request for each point": round(best / single, 4)},
           cases={f"worst: {worst}": each[worst], "models": len(each)},
           note="wire time of the cheapest plan the models allow over ours; computed, exact")


MEASUREMENTS = [  # (names, function, is deterministic and quick)
    (("bus_utilisation_9600",), utilisation_9600, False),
    (("bus_utilisation_115200",), utilisation_115200, False),
    (("silence_violations",), violations, False),
    (("strict_slaves_share",), strict_share, False),
    (("one_dead_of_32_first_minute", "one_dead_of_32_steady"), one_dead, True),
    (("eight_dead_of_32_steady",), eight_dead, True),
    (("late_answers_accepted",), late_answers, True),
    (("plan_efficiency",), plan_efficiency, True),
    (("instructions_per_request_10",), instructions_10, False),
    (("instructions_per_request_125",), instructions_125, False),
    (("context_switches_per_request",), context_switches, False),
]
