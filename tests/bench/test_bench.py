# SPDX-License-Identifier: Apache-2.0
"""The benchmark's own check: what no clock decides is measured, twice with the same result, the
JSON has the shape that CONTRACT promises, names are known and usage faults are told."""
import json, pathlib, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402
import bus, process, rating, storage, sync  # noqa: E402,E401


def bench(*arguments):
    return subprocess.run([sys.executable, HERE / "bench.py", *arguments], capture_output=True,
                          text=True, timeout=100)


def quick(folder, *names):
    out = pathlib.Path(folder) / "bench.json"
    done = bench("--quick", "--out", out, *names)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return json.loads(out.read_text()), done.stdout


def check_shape(name, entry):
    assert name in harness.GOALS, name
    unit, way, goal = harness.GOALS[name]
    assert entry["unit"] == unit, entry
    for key in ("value", "peer", "limit"):
        assert key not in entry or isinstance(entry[key], (int, float)), (name, key, entry)
    assert "value" in entry, name
    assert "peer" in entry or "limit" in entry, f"{name} stands alone"
    met = entry["value"] <= goal if way == "<=" else entry["value"] >= goal
    assert entry["met"] is met, entry


groups = (bus, storage, sync, process, rating)
measured = [n for g in groups for names, _, _ in g.MEASUREMENTS for n in names]
assert sorted(measured) == sorted(harness.GOALS), set(measured) ^ set(harness.GOALS)
is_quick = {n for g in groups for names, _, q in g.MEASUREMENTS if q for n in names}

with tempfile.TemporaryDirectory() as folder:
    figures, table = quick(folder)
    assert set(figures) == is_quick, set(figures) ^ is_quick
    for name, entry in figures.items():
        check_shape(name, entry)
        assert name in table, name
    for name in harness.NOT_YET:
        assert f"not yet measured: {name}" in table, name

    # the clients of the same virtual line differ, or nothing was measured
    assert figures["late_answers_accepted"]["peer"] > 0
    assert figures["one_dead_of_32_steady"]["peer"] < figures["one_dead_of_32_steady"]["value"] < 1
    assert figures["store_bytes_per_reading"]["value"] > 1
    assert figures["store_bytes_per_reading"]["peer"] > figures["store_bytes_per_reading"]["value"]
    assert figures["syncs_per_commit"]["value"] >= 1

    again, _ = quick(folder, "late", "one_dead", "eight", "wire", "plan")
    for name, entry in again.items():
        assert entry == figures[name], (name, entry, figures[name])

done = bench("no_such_figure")
assert done.returncode == 64 and "no_such_figure" in done.stderr, done
done = bench("--list")
assert done.stdout.split() == list(harness.GOALS), done.stdout
print(f"{len(is_quick)} figures without a clock, the same twice")
