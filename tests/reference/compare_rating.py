#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random histories through `metergatectl rate` and through the model; they must agree exactly.

usage: compare_rating.py METERGATECTL COUNT SEED

A history is tariffs (bands, seasons, ladders of every period, marginal and slab, resets), polls at odd
instants, gaps over clock changes and ends of periods, jitter, roll-overs, jumps, swaps, other
multipliers, a second meter, standing charges and tax. What was tried is counted, and a run that
has not tried all of it fails. The first case on which the two disagree is shrunk to what still
disagrees, printed, and ends the run with 1.
"""
import collections, copy, json, random, subprocess, sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from rating_model import date_begins, dates, instant, is_reset, micro, model, shifts, utc

ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo",
         "Asia/Kolkata"]
BATCH = 500


# --- random histories ---------------------------------------------------------------------------


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + "+00:00"


def text(number, digits):
    return str(Decimal(number).scaleb(-digits))


def some_start(rng, zone):
    """Near something that happens: a clock change, an end of a month or year; or anywhere."""
    year = rng.randrange(2023, 2027)
    moments = [utc(ms) for ms in shifts(zone, year)] + [datetime(year, rng.randrange(1, 13), 1, tzinfo=timezone.utc),
                                                       datetime(year, 1, 1, tzinfo=timezone.utc)]
    anywhere = datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=rng.randrange(525600))
    return rng.choice(moments + [anywhere]) - timedelta(minutes=rng.randrange(4320))


def some_price(rng):
    return text(rng.choice([0, rng.randrange(1, 2000000), rng.randrange(1, 300) * 10000]), 6)


def some_slots(rng, bands):
    starts = sorted(rng.sample(range(1, 96), rng.randrange(0, 5)))
    return [[f"{quarter // 4:02}:{quarter % 4 * 15:02}", rng.choice(bands)] for quarter in [0] + starts]


def some_calendar(rng, bands):
    entries = []
    if rng.random() < 0.4:
        days = [f"{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}" for _ in range(2)]
        entries.append({"season": days, "slots": some_slots(rng, bands)})
    if rng.random() < 0.5:
        entries.append({"days": rng.choice(["weekday", "weekend+holiday", "weekend", "holiday"]),
                        "slots": some_slots(rng, bands)})
    return entries + [{"slots": some_slots(rng, bands)}]


def some_tiers(rng, mode, scale):
    tiers = {"period": rng.choice(["day", "month", "2month", "year"]), "mode": mode,
             "on_change": rng.choice(["carry", "carry", "reset"]),
             "thresholds": [text(edge, 3) for edge in sorted(rng.sample(range(1, 300 * scale), rng.randrange(1, 4)))]}
    if rng.random() < 0.5:
        tiers["reset_day"] = rng.choice([1, 15, 29, 31, rng.randrange(1, 32)])
        tiers["reset_md"] = rng.choice(["01-01", "07-01", "02-29", "03-31", "10-26"])
    return tiers


def some_tariff(rng, name, effective, mode, sources):
    bands = rng.sample(["valley", "flat", "peak", "sharp"], rng.randrange(1, 4)) if rng.random() < 0.6 else []
    prices = lambda: {band: [some_price(rng) for _ in range(rng.randrange(1, 5))] for band in bands or ["all"]}
    tariff = {"id": name, "effective": iso(effective), "price": prices()}
    if bands:
        tariff["tou"] = some_calendar(rng, bands)
    if mode:
        tariff["tiers"] = some_tiers(rng, mode, rng.choice([1, 100]))
    if sources:
        tariff["price_by_source"] = {source: prices() for source in sources[1:]}
    return tariff


def some_step(rng):
    return timedelta(seconds=rng.choice([rng.randrange(1, 900), rng.randrange(60, 7200), rng.randrange(3600, 86400),
                                         rng.randrange(86400, 86400 * 40) if rng.random() < 0.2 else 900]))


def some_readings(rng, start, meters, sources):
    at, registers, readings = start, {}, []
    some_mult = lambda: rng.choice(["1", "1", "40", "1.5", "0.333333"])
    mult = {meter: some_mult() for meter in [*meters, "NEW"]}
    swapped = rng.randrange(1, 12) if rng.random() < 0.3 else 12
    for number in range(rng.randrange(1, 12)):
        meter = rng.choice(meters) if number < swapped else "NEW"
        if rng.random() < 0.03:
            mult[meter] = some_mult()
        old = registers.get(meter, rng.choice([0, rng.randrange(10**9), 99999 * 10**6]))
        fate = rng.random()
        move = rng.choice([0, rng.randrange(1, 2000), rng.randrange(1, 50 * 10**6)])
        seen = old + move if fate < 0.92 else max(0, old + rng.choice([-5000, -30000, 10**10, -10**8]))
        if fate < 0.92 and seen >= 10**11:
            seen -= 10**11
        reading = {"t": iso(at), "r": text(seen, 6), "meter": meter, "mult": mult[meter]}
        if sources:
            reading["source"] = rng.choice(sources)
        readings.append(reading)
        if fate >= 0.96:
            readings.append({**reading, "t": iso(at + timedelta(seconds=5))})
        registers[meter] = seen if fate < 0.92 else old
        at += some_step(rng) if rng.random() < 0.95 else timedelta(seconds=-rng.randrange(0, 4000))
    return readings, at


def some_standing(rng, start, end):
    rates = [{"effective": iso(moment), "per": rng.choice(["day", "month_spread", "month_on_day"]),
              "on_day": rng.randrange(1, 32), "amount": some_price(rng)}
             for moment in (start - timedelta(9), start + (end - start) / 2)]
    return {"from": iso(start), "to": iso(max(end, start)), "first_day": rng.random() < 0.7,
            "rates": rates[:rng.randrange(1, 3)]}


def some_case(rng):
    zone = rng.choice(ZONES)
    start = some_start(rng, zone)
    mode = rng.choice([None, "marginal", "marginal", "slab"])
    sources = ["grid", "genset"] if rng.random() < 0.15 else []
    readings, end = some_readings(rng, start, rng.choice([["M1"], ["M1"], ["M1", "M2"]]), sources)
    tariffs = [some_tariff(rng, "A", start - timedelta(days=400), mode, sources)]
    for name in "BC"[:rng.choice([0, 0, 1, 2])]:
        effective = start + (end - start) * rng.randrange(-20, 120) / 100
        tariffs.append(some_tariff(rng, name, effective.replace(microsecond=0), mode, sources))
    case = {"kind": "rate", "tz": zone, "tier_used_before": text(rng.choice([0, rng.randrange(300000)]), 3),
            "register_modulus": "100000", "jitter": rng.choice(["0", "0.01"]),
            "max_delta": rng.choice(["0", "500"]), "tax_ppm": rng.choice([0, 50000, 130000, 77777]),
            "minor": rng.choice([0, 2, 2, 3]), "readings": readings, "tariffs": tariffs,
            "holidays": sorted({(start + timedelta(days=rng.randrange(60))).date().isoformat() for _ in range(3)})}
    if sources:
        case["sources"] = sources
    if rng.random() < 0.3:
        case["standing"] = some_standing(rng, start, end)
    if len(tariffs) > 1 and rng.random() < 0.3:
        case["kind"], case["tariffs_known"], case["tariffs_late"] = "rerate", tariffs[:1], case.pop("tariffs")[1:]
    return case


# --- what histories hold ------------------------------------------------------------------------


def features(case):
    """What happens in a history, so that a run can say that all of it was tried."""
    seen = [(instant(r["t"]), r.get("meter"), r.get("mult")) for r in case["readings"]]
    first, last, zone = min(seen)[0], max(seen)[0], case["tz"]
    inside = lambda ms: first < ms < last
    tariffs = case.get("tariffs", []) + case.get("tariffs_known", []) + case.get("tariffs_late", [])
    days = {day for tariff in tariffs if "tiers" in tariff for day in dates(zone, first, last)
            if is_reset(tariff["tiers"], day) and inside(date_begins(zone, day))}
    return [name for name, happens in (
        (f"clock change {zone}", any(inside(ms) for year in {utc(first).year, utc(last).year} for ms in shifts(zone, year))),
        ("price change", any(inside(instant(tariff["effective"])) for tariff in tariffs)),
        ("end of a ladder's period", days), ("slab", any(t.get("tiers", {}).get("mode") == "slab" for t in tariffs)),
        ("reset by a tariff", any(t.get("tiers", {}).get("on_change") == "reset" for t in tariffs[1:])),
        ("swap", any(meter == "NEW" for _, meter, _ in seen) and len({meter for _, meter, _ in seen}) > 1),
        ("other multiplier", any(a[1] == b[1] and a[2] != b[2] for a, b in zip(seen, seen[1:]))),
        ("two meters", {"M1", "M2"} <= {meter for _, meter, _ in seen}),
        ("gap of days", any(b[0] - a[0] > 86400000 for a, b in zip(seen, seen[1:]))),
        ("clock set back", any(b[0] < a[0] for a, b in zip(seen, seen[1:]))),
        ("sources", "sources" in case), ("standing charge", "standing" in case), ("tax", case["tax_ppm"]),
        ("late tariff", case["kind"] == "rerate")) if happens]


WANTED = {"price change", "end of a ladder's period", "slab", "reset by a tariff", "swap", "other multiplier", "two meters",
          "gap of days", "clock set back", "sources", "standing charge", "tax", "late tariff",
          *(f"clock change {zone}" for zone in ZONES if zone != "Asia/Kolkata"),
          "JITTER", "ROLLOVER", "IMPLAUSIBLE_JUMP", "REGISTER_BACKWARDS"}


# --- comparing ----------------------------------------------------------------------------------


def answers(tool, cases):
    run = subprocess.run([tool, "rate"], input="\n".join(json.dumps(case) for case in cases) + "\n",
                         capture_output=True, text=True, timeout=600)
    lines = run.stdout.splitlines()
    if len(lines) != len(cases):
        sys.exit(f"{len(lines)} answers to {len(cases)} cases, exit {run.returncode}: {run.stderr[-2000:]}")
    return [json.loads(line) for line in lines]


def as_model(case, answer):
    """The answer in the model's form, so that == decides."""
    got = dict(answer)
    if "lines" in got:
        default = case.get("sources", [""])[0]
        name = lambda line: "" if line.get("source", "") == default else line["source"]
        got["lines"] = {(line["tariff"], name(line), line["band"], line["tier"]): micro(line["qty"])
                        for line in got["lines"]}
        got["tier_used_after"] = micro(got["tier_used_after"])
    return got


def differs(case, answer):
    want, got = model(case), as_model(case, answer)
    return {key: (want[key], got.get(key)) for key in want if want[key] != got.get(key)}


def adds_up(answer):
    """The lines of an answer and their arithmetic make up the charge."""
    lines = answer.get("lines", []) + answer.get("repriced", [])
    exact = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    plain = all(Decimal(line["qty"]) * Decimal(line["price"]) == Decimal(line["amount"])
                for line in lines if line["price"] is not None)
    return "lines" not in answer or plain and exact * 10**12 == answer["energy_micro"] * 10**6 + answer["residual"]


# --- the other kinds, by what must hold of their answers -------------------------------------------


def some_convert(rng):
    prices = sorted([some_price(rng) for _ in range(rng.randrange(1, 5))], key=Decimal)
    return {"kind": "convert", "balance": text(rng.randrange(10**9), 6), "tier_used": text(rng.randrange(500000), 3),
            "thresholds": [text(edge, 3) for edge in sorted(rng.sample(range(1, 500000), rng.randrange(0, 4)))],
            "price": prices, "mode": rng.choice(["marginal", "slab"]), "tax_ppm": rng.choice([0, 50000, 130000])}


def cost(case, quantity):
    """What the next micro-units cost, in 1e-18 of the currency."""
    edges, used = [micro(edge) for edge in case["thresholds"]], micro(case["tier_used"])
    per = lambda tier: micro(case["price"][min(tier, len(case["price"]) - 1)]) * (10**6 + case["tax_ppm"])
    if case["mode"] == "slab":
        whole = lambda sum_: sum_ * per(sum(sum_ > edge for edge in edges))
        return whole(used + quantity) - whole(used)
    pieces = zip([0] + edges, edges + [used + quantity])
    return sum(max(0, min(used + quantity, top) - max(used, low)) * per(tier) for tier, (low, top) in enumerate(pieces))


def converts(case, answer):
    """All of it can be paid, and one micro-unit more cannot."""
    balance, quantity = micro(case["balance"]) * 10**12, answer["qty_micro"]
    if quantity is None:
        return micro(case["price"][min(len(case["thresholds"]), len(case["price"]) - 1)]) == 0
    return cost(case, quantity) <= balance < cost(case, quantity + 1)


def some_registers(rng):
    bands = ["valley", "flat", "peak", "sharp"][:rng.randrange(1, 5)]
    start = {band: text(rng.randrange(10**9), 6) for band in bands}
    end = {band: text(micro(start[band]) + rng.choice([0, 1, rng.randrange(10), rng.randrange(10**8)]), 6) for band in bands}
    tiers = {"period": "month", "thresholds": [text(edge, 3) for edge in sorted(rng.sample(range(1, 300000), 3))]}
    tariff = {"id": "X", "effective": "2020-01-01T00:00:00Z", "tiers": tiers,
              "price": {band: [some_price(rng) for _ in range(rng.randrange(1, 5))] for band in bands}}
    return {"kind": "registers", "order": bands, "start": start, "end": end, "tariffs": [tariff],
            "tier_used_before": text(rng.randrange(300000), 3)}


def shares(case, answer):
    """Each band and each tier adds up, and no share is further from pro rata than rounding takes it."""
    edges, used = [micro(edge) for edge in case["tariffs"][0]["tiers"]["thresholds"]], micro(case["tier_used_before"])
    moved = {band: micro(case["end"][band]) - micro(case["start"][band]) for band in case["order"]}
    total = sum(moved.values())
    pieces = [max(0, min(used + total, top) - max(used, low)) for low, top in zip([0] + edges, edges + [used + total])]
    got = {(line["band"], line["tier"] - 1): micro(line["qty"]) for line in answer["lines"]}
    fair = all(abs(got.get((band, tier), 0) * total - piece * moved[band]) <= 4 * total
               for band in moved for tier, piece in enumerate(pieces))
    return (fair and adds_up(answer) and all(quantity > 0 for quantity in got.values())
            and all(sum(q for (b, _), q in got.items() if b == band) == moved[band] for band in moved)
            and all(sum(q for (_, t), q in got.items() if t == tier) == piece for tier, piece in enumerate(pieces)))


def hold(tool, rng, count):
    for some, holds in ((some_convert, converts), (some_registers, shares)):
        cases = [some(rng) for _ in range(count)]
        for case, answer in zip(cases, answers(tool, cases)):
            if "error" in answer or not holds(case, answer):
                print(json.dumps(case), json.dumps(answer), sep="\n")
                sys.exit(f"{holds.__name__}: does not hold")


# --- shrinking ----------------------------------------------------------------------------------


def smaller(case):
    """Cases with one thing less."""
    for key in ("standing", "holidays", "tax_ppm", "register_modulus", "jitter", "max_delta", "tier_used_before"):
        if key in case:
            yield {k: v for k, v in case.items() if k != key}
    for key in ("readings", "tariffs", "tariffs_late"):
        for i in range(len(case.get(key, []))):
            yield {**case, key: case[key][:i] + case[key][i + 1:]}
    for key in ("tariffs", "tariffs_known", "tariffs_late"):
        for i, tariff in enumerate(case.get(key, [])):
            for less in smaller_tariffs(tariff):
                yield {**case, key: case[key][:i] + [less] + case[key][i + 1:]}


def smaller_tariffs(tariff):
    if "tiers" in tariff:
        yield {k: v for k, v in tariff.items() if k != "tiers"}
    for i in range(len(tariff.get("tou", [])) - 1):
        yield {**tariff, "tou": tariff["tou"][:i] + tariff["tou"][i + 1:]}
    for i, entry in enumerate(tariff.get("tou", [])):
        for j in range(1, len(entry["slots"])):
            less = copy.deepcopy(tariff)
            del less["tou"][i]["slots"][j]
            yield less


def shrink(tool, case):
    going = True
    while going:
        going = False
        for less in smaller(case):
            try:
                answer = answers(tool, [less])[0]
                if "error" not in answer and (differs(less, answer) or not adds_up(answer)):
                    case, going = less, True
                    break
            except (LookupError, KeyError):
                continue
    return case


def main():
    tool, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    done, lines, tried = 0, 0, collections.Counter()
    while done < count:
        cases = [some_case(rng) for _ in range(min(BATCH, count - done))]
        for case, answer in zip(cases, answers(tool, cases)):
            if differs(case, answer) or not adds_up(answer):
                case = shrink(tool, case)
                answer = answers(tool, [case])[0]
                print(json.dumps(case), json.dumps(answer), sep="\n")
                sys.exit(f"they disagree (want, got): {differs(case, answer) or 'the lines do not add up'}")
            lines += len(answer.get("lines", []))
            tried.update(features(case) + answer.get("events", []))
        hold(tool, rng, len(cases))
        done += len(cases)
    print(f"{done} histories of seed {seed} agree: {lines} lines; as many conversions and registers")
    print(", ".join(f"{name} {tried[name]}" for name in sorted(tried)))
    if WANTED - set(tried):
        sys.exit(f"never tried: {', '.join(sorted(WANTED - set(tried)))}")


if __name__ == "__main__":
    main()
