# SPDX-License-Identifier: Apache-2.0
"""Figures of rating: what one reading costs an account, and whether rating keeps memory."""
import harness
from harness import SOURCE, Failed, callgrind, folder, record, run, say

TARIFFS = SOURCE / "config/tariffs"
HOUSEHOLD = "residential-peak-valley"  # two bands, a monthly ladder, tax: the usual case
PERIOD_S, COUNTED, MANY, MANY_QUICK = 60, 20_000, 10_000_000, 100_000
WAYS = {"account": "account_step", "span": "rating_rate", "bare": "post_bare"}


def path_of(tariff):
    return TARIFFS / f"{tariff}.yaml"


def instructions(where, way, tariff):
    """By reading; what comes with a day or an hour is in it."""
    say(f"callgrind: {way}, {tariff}")
    total = callgrind(where, (WAYS[way],), "rate", way, path_of(tariff), COUNTED, PERIOD_S)
    return round(total / COUNTED)


def check_amounts():
    """The account and rating alone charge the same, but for the tax."""
    said = {way: run("rate", way, path_of(HOUSEHOLD), COUNTED, PERIOD_S) for way in ("account", "span")}
    net = -said["span"]["amount_micro"]
    if -said["account"]["amount_micro"] != net + net * 13 // 100:
        raise Failed(f"account and rating alone do not agree: {said}")


def instructions_per_rating():
    check_amounts()
    with folder() as where:
        value, span, bare = (instructions(where, way, HOUSEHOLD) for way in WAYS)
        others = sorted(p.stem for p in TARIFFS.glob("*.yaml") if p.stem != HOUSEHOLD)
        cases = {tariff: instructions(where, "account", tariff) for tariff in others}
    record("instructions_per_rating", value, span, bare, peers={"rating alone": span}, cases=cases,
           note="account_step of a reading a minute; limit: a product and a posting")


def memory_rating():
    readings = MANY_QUICK if harness.is_quick else MANY
    said = run("rate", "account", path_of(HOUSEHOLD), readings, PERIOD_S, timeout=900)
    record("memory_rating", said["after_kb"] - said["before_kb"], limit=0,
           cases={key: said[key] for key in ("readings", "entries", "before_kb", "after_kb")})


MEASUREMENTS = [
    (("instructions_per_rating",), instructions_per_rating, False),
    (("memory_rating",), memory_rating, True),
]
