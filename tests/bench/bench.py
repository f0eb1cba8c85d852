#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the figures of docs/BENCHMARKS.md, prints them as a table and writes bench.json.

usage: bench.py [--quick] [--list] [--out FILE] [NAME...]

NAME: figures or the beginnings of their names; without, all. --quick: only those that no clock
decides, in seconds. Exit 0 when each figure that was asked for was measured, whether its goal
is met or not; 1 when one could not be; 64 for a usage fault.
"""
import argparse, pathlib, signal, subprocess, sys, time
import harness
import bus, rating, storage, sync, process

GROUPS = (bus, storage, sync, process, rating)


def arguments():
    parser = argparse.ArgumentParser(prog="bench.py", description="Metergate's benchmark")
    parser.add_argument("--quick", action="store_true",
                        help="only what no clock decides, in seconds")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--out", type=pathlib.Path, default=harness.BUILD / "bench.json")
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures, or how they begin")
    options = parser.parse_args()
    unknown = [n for n in options.names if not any(g.startswith(n) for g in harness.GOALS)]
    if unknown:
        print(f"bench.py: no such figure: {' '.join(unknown)}", file=sys.stderr)
        sys.exit(64)
    return options


def chosen(options):
    for group in GROUPS:
        for names, measure, is_quick in group.MEASUREMENTS:
            is_wanted = not options.names or any(
                name.startswith(n) for name in names for n in options.names)
            if is_wanted and (is_quick or not options.quick):
                yield names, measure


def measure_all(options):
    """The names that could not be measured."""
    failed = []
    for names, measure in chosen(options):
        harness.say(f"--- {', '.join(names)}")
        try:
            measure()
        except (harness.Failed, OSError, AssertionError, subprocess.SubprocessError) as why:
            harness.say(f"{', '.join(names)} could not be measured: {why}")
        failed += [n for n in names if n not in harness.figures]
    return failed


def conclude(failed, seconds):
    harness.table(harness.rows())
    missed = [n for n, f in harness.figures.items() if not f["met"]]
    disturbed = [n for n, f in harness.figures.items()
                 if f.get("instrument", {}).get("rounds_disturbed")]
    print(f"\n{harness.machine()}; {seconds:.0f} s")
    print(f"{len(harness.figures)} measured, {len(missed)} miss their goal"
          + (": " + ", ".join(missed) if missed else ""))
    for name, why in harness.NOT_YET.items():
        print(f"not yet measured: {name} ({why})")
    if disturbed:
        print(f"the machine was busy, do not trust: {', '.join(disturbed)}")
    if failed:
        print(f"COULD NOT BE MEASURED: {', '.join(failed)}")


def main():
    options = arguments()
    if options.list:
        print("\n".join(harness.GOALS))
        return 0
    harness.is_quick = options.quick
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    failed = measure_all(options)
    harness.write(options.out)
    conclude(failed, time.monotonic() - began)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
