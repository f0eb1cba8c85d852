#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random lives of accounts through account_step and through the model; they must agree exactly.

usage: compare_accounts.py ACCOUNTS COUNT SEED

As compare_rating.py, but each reading goes through the account: accruals, an entry an hour, a
band and a price, each with its residual, standing charges by date, tax on what was posted,
shares of a meter, several meters, a meter that takes another's place. The model knows no
entries: it rates all of it at once.
"""
import json, random, subprocess, sys
from datetime import timedelta

from compare_rating import some_case, some_price, smaller
from rating_model import deltas, energy, instant, micro, standing, utc

BATCH = 500


def at_times_that_rise(readings):
    times = sorted(reading["t"] for reading in readings)
    return [{**reading, "t": at} for reading, at in zip(readings, times)]


def some_share(rng):
    low, high = sorted(rng.sample(range(0, 1000001, 50000), 2))
    return rng.choice([[0, 1000000], [low, high]])


def whole_steps(readings):
    """Registers in thousandths: a share of any step is at least a micro-unit."""
    return [{**reading, "r": f"{micro(reading['r']) // 1000 / 1000:.3f}"} for reading in readings]


def without(case, *keys):
    return {key: value for key, value in case.items() if key not in keys}


def some_life(rng):
    case = {}
    while case.get("kind") != "rate" or "sources" in case:
        case = some_case(rng)
    case = without(case, "tier_used_before", "max_delta", "standing")
    readings, first_mult = at_times_that_rise(whole_steps(case["readings"])), {}
    for reading in readings:
        reading["mult"] = first_mult.setdefault(reading["meter"], reading["mult"].replace("0.333333", "0.3"))
    case["readings"] = readings
    if {"M1", "M2"} <= set(first_mult):  # who comes first up a ladder is the order of the readings
        case["tariffs"] = [without(tariff, "tiers") for tariff in case["tariffs"]]
    if rng.random() < 0.5:
        case["standing"] = {"from": readings[0]["t"], "to": readings[-1]["t"], "first_day": True, "rates": [
            {"effective": "2020-01-01T00:00:00Z", "per": rng.choice(["day", "month_spread", "month_on_day"]),
             "on_day": rng.randrange(1, 32), "amount": some_price(rng)}]}
    return {"case": case, "shares": {meter: some_share(rng) for meter in ("M1", "M2", "NEW")}}


def model(life):
    case = {**life["case"], "shares": life["shares"]}
    if "standing" in case:  # a date that begins with the last reading has begun
        end = utc(instant(case["readings"][-1]["t"])) + timedelta(seconds=1)
        case["standing"] = {**case["standing"], "from": case["readings"][0]["t"], "to": end.isoformat()}
    charged, fixed = energy(case, case["tariffs"], {})[0], standing(case)
    tax = (charged + fixed) * case["tax_ppm"] // 10**6
    return {"energy_micro": charged, "standing_micro": fixed, "tax_micro": tax,
            "balance_micro": -charged - fixed - tax, "events": deltas(case)[1]}


def slack(life):
    """An entry holds 16 lines. A gap that may need more of them is cut where the model does not cut: a micro-unit of
    quantity for each cut between may then be another band's."""
    lines = {}
    energy({**life["case"], "shares": life["shares"]}, life["case"]["tariffs"], lines)
    is_slab = any(tariff.get("tiers", {}).get("mode") == "slab" for tariff in life["case"]["tariffs"])
    return 100 if len(lines) * (2 if is_slab else 1) > 16 else 0


def answers(tool, lives):
    run = subprocess.run([tool], input="\n".join(json.dumps(life) for life in lives) + "\n",
                         capture_output=True, text=True, timeout=600)
    if run.returncode != 0:
        raise LookupError(run.stderr[-2000:])
    return [json.loads(line) for line in run.stdout.splitlines()]


def differs(life, answer):
    want = model(life)
    if "error" in answer:
        return {"error": ("none", answer["error"])}
    wrong = {key: (want[key], answer[key]) for key in want if want[key] != answer[key]}
    is_near = wrong and "events" not in wrong and all(abs(a - b) <= slack(life) for a, b in wrong.values())
    return {} if is_near else wrong


def shrink(tool, life):
    for less in smaller(life["case"]):
        try:
            smaller_life = {**life, "case": less}
            if less["readings"] and differs(smaller_life, answers(tool, [smaller_life])[0]):
                return shrink(tool, smaller_life)
        except LookupError:
            continue
    return life


def main():
    tool, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng, done, entries, swaps, shared, near = random.Random(seed), 0, 0, 0, 0, 0
    while done < count:
        lives = [some_life(rng) for _ in range(min(BATCH, count - done))]
        for life, answer in zip(lives, answers(tool, lives)):
            if differs(life, answer):
                life = shrink(tool, life)
                print(json.dumps(life))
                sys.exit(f"they disagree (want, got): {differs(life, answers(tool, [life])[0])}")
            meters = {reading["meter"] for reading in life["case"]["readings"]}
            entries += answer["entries"]
            near += model(life)["balance_micro"] != answer["balance_micro"]
            swaps += "NEW" in meters and len(meters) > 1
            shared += any(life["shares"][meter] != [0, 1000000] for meter in meters)
        done += len(lives)
    if not entries or not swaps or not shared:
        sys.exit("no entries, swaps or shares: the lives test nothing")
    print(f"{done} lives of seed {seed} agree: {entries} entries, {swaps} with a swap, {shared} with a share; "
          f"{near} with a gap of more prices than an entry has lines, and so a micro-unit or a few off")


if __name__ == "__main__":
    main()
