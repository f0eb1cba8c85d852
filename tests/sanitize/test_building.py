# SPDX-License-Identifier: Apache-2.0
"""A scenario fails when a sanitizer spoke in any of its programs, or one of ours ended badly."""
import contextlib, io, os, pathlib, signal, sys

sys.path.insert(0, str(pathlib.Path(os.environ["METERGATE_SOURCE"]) / "tests/scenario"))
from building import BUILD, Building


def finding(story):
    """What the building says behind a story; its logs are not shown."""
    try:
        with contextlib.redirect_stderr(io.StringIO()), Building() as b:
            story(b)
    except AssertionError as said:
        return str(said)
    return "nothing"


def program_speaks(b):
    b.start("slave", "sh", "-c", "echo 'x.c:1:2: runtime error: shift' >&2")
    b.processes["slave"].wait()


def gateway_ends_by_itself(b):
    b.start("gateway", BUILD / "metergated", "--config", b.dir / "nowhere.yaml")
    b.processes["gateway"].wait()


def sim_is_aborted(b):
    b.start_sim()
    b.stop("sim", signal.SIGABRT)


def all_is_well(b):
    b.start_sim()
    b.stop("sim")
    b.start_sim()
    b.kill("sim")


for story, expected in ((program_speaks, "sanitizer spoke in slave"),
                        (gateway_ends_by_itself, "gateway ended by itself with 78"),
                        (sim_is_aborted, "sim ended with -6"), (all_is_well, "nothing")):
    said = finding(story)
    assert expected in said, f"{story.__name__}: {said}"
    print(f"{story.__name__}: {said}")
