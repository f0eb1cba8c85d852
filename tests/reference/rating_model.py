# SPDX-License-Identifier: Apache-2.0
"""What rating means, a second time: written from the specification, with other means.

Quantities and money are exact fractions that are floored once, at the end; the cuts of an interval
are collected from the wall clock of Python's zoneinfo over all dates in question, not walked to; the
ladder is a list of what was used since its reset. Slow and plain on purpose. One function is the
door: model(case) gives the answer of `metergatectl rate` for a case of kind rate or rerate.
"""
import functools
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = 10**6


@functools.lru_cache(maxsize=100000)
def instant(text):
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(milliseconds=1)


def utc(ms):
    return EPOCH + timedelta(milliseconds=ms)


def ms_of(moment):
    return (moment - EPOCH) // timedelta(milliseconds=1)


@functools.lru_cache(maxsize=100000)
def micro(text):
    return int(Decimal(text) * MICRO)


# --- the wall clock -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def zone(name):
    return ZoneInfo(name)


def wall(name, ms):
    return utc(ms).astimezone(zone(name))


@functools.lru_cache(maxsize=100000)
def wall_instants(name, day, minute):
    """Every instant at which the clock on the wall shows this: none, one or two."""
    naive = datetime(day.year, day.month, day.day, minute // 60, minute % 60)
    found = set()
    for fold in (0, 1):
        moment = naive.replace(tzinfo=zone(name), fold=fold).astimezone(UTC)
        if moment.astimezone(zone(name)).replace(tzinfo=None) == naive:
            found.add(ms_of(moment))
    return tuple(sorted(found))


@functools.lru_cache(maxsize=100000)
def date_begins(name, day):
    """The first instant of a local date: looked for by the minute."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=27)
    for step in (60, 15, 1):
        while (at + timedelta(minutes=step)).astimezone(zone(name)).date() < day:
            at += timedelta(minutes=step)
    return ms_of(at + timedelta(minutes=1))


@functools.lru_cache(maxsize=10000)
def shifts(name, year):
    """The instants in a year at which the offset changes."""
    found, at, end = [], datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = lambda moment: moment.astimezone(zone(name)).utcoffset()
    while at < end:
        later = at + timedelta(days=1)
        if offset(at) != offset(later):
            low, high = at, later
            while high - low > timedelta(minutes=1):
                middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
                low, high = (middle, high) if offset(middle) == offset(at) else (low, middle)
            found.append(ms_of(high))
        at = later
    return tuple(found)


@functools.lru_cache(maxsize=1000)
def dates(name, first_ms, last_ms):
    first, last = wall(name, first_ms).date() - timedelta(2), wall(name, last_ms).date() + timedelta(2)
    return [first + timedelta(i) for i in range((last - first).days + 1)]


# --- tariffs ------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=100000)
def days_in_month(day):
    return ((day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)).day


def is_reset(tiers, day):
    """Does a period of the ladder begin on this date?"""
    last = days_in_month(day)
    if tiers["period"] == "day":
        return True
    if tiers["period"] == "year":
        month, of_month = (int(part) for part in tiers.get("reset_md", "01-01").split("-"))
        return day.month == month and day.day == min(of_month, last)
    if tiers["period"] == "2month" and day.month % 2 == 0:
        return False
    return day.day == min(tiers.get("reset_day", 1), last)


def in_season(season, day):
    text = day.strftime("%m-%d")
    first, last = season
    return first <= text <= last if first <= last else text >= first or text <= last


def entry_of(case, tariff, day):
    is_holiday = day.isoformat() in case.get("holidays", [])
    kind = "holiday" if is_holiday else "weekday" if day.isoweekday() < 6 else "weekend"
    for entry in tariff["tou"]:
        words = entry.get("days", "all").split("+")
        if ("all" in words or kind in words) and in_season(entry.get("season", ["01-01", "12-31"]), day):
            return entry
    raise LookupError(day)


@functools.lru_cache(maxsize=100000)
def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def band_at(case, tariff, ms):
    if not tariff.get("tou"):
        return "all"
    local = wall(case["tz"], ms)
    begun = [name for start, name in entry_of(case, tariff, local.date())["slots"]
             if minutes(start) <= local.hour * 60 + local.minute]
    return begun[-1]


def price(tariff, source, band, tier):
    by_band = tariff["price_by_source"][source] if source else tariff["price"]
    return micro(by_band[band][min(tier, len(by_band[band]) - 1)])


def in_force(tariffs, ms):
    return [t for t in tariffs if instant(t["effective"]) <= ms][-1]


# --- from readings to intervals -----------------------------------------------------------------


def deltas(case):
    """(meter, t1, t2, quantity, source) by meter, and the events."""
    number = lambda key: micro(case.get(key, "0"))
    jitter, modulus, most = number("jitter"), number("register_modulus"), number("max_delta")
    too_much = lambda delta: most > 0 and delta > most
    base, suspect, events, spans, rests, ends = {}, {}, [], {}, {}, []
    for reading in case.get("readings", []):
        meter, register = reading.get("meter", ""), micro(reading["r"])
        mult = micro(reading.get("mult", case.get("multiplier", "1")))
        fresh = (instant(reading["t"]), register, mult)
        ends.append(fresh[0])
        spans.setdefault(meter, [])
        if meter not in base:
            base[meter] = fresh
            continue
        at, old, factor = base[meter]
        delta = register - old
        doubted, suspect[meter] = suspect.get(meter), None
        if delta >= 0 and too_much(delta) and not (doubted is not None and abs(register - doubted) <= jitter):
            events.append("IMPLAUSIBLE_JUMP")
            suspect[meter] = register
            continue
        if delta < 0 and -delta <= jitter:
            events.append("JITTER")
            continue
        if delta < 0:
            wrapped = delta + modulus
            if not (modulus and old * 10 > modulus * 9 and register * 10 < modulus
                    and old < modulus and not too_much(wrapped)):
                events.append("REGISTER_BACKWARDS")
                continue
            events.append("ROLLOVER")
            delta = wrapped
        exact = Fraction(delta * factor, MICRO) + rests.get(meter, 0)
        rests[meter] = exact - exact.__floor__()
        spans[meter].append((at, fresh[0], exact.__floor__(), reading.get("source", "")))
        base[meter] = fresh
    for meter, (low, high) in case.get("shares", {}).items():
        spans[meter] = shared(spans.get(meter, []), low, high)
    return spans, events, min(ends, default=0)


def shared(spans, low, high):
    """What lies between two cumulative shares (ppm) of a meter."""
    part, total, own = lambda sum_: sum_ * high // MICRO - sum_ * low // MICRO, 0, []
    for first, last, quantity, source in spans:
        own.append((first, last, part(total + quantity) - part(total), source))
        total += quantity
    return own


# --- cutting ------------------------------------------------------------------------------------


def cuts(case, tariffs, first, last):
    """Every instant in (first, last) at which anything may change."""
    found = {instant(t["effective"]) for t in tariffs}
    for year in range(utc(first).year, utc(last).year + 1):
        found.update(shifts(case["tz"], year))
    for tariff in tariffs:
        own = set()
        for day in dates(case["tz"], first, last):
            for start, _ in entry_of(case, tariff, day)["slots"] if "tou" in tariff else []:
                own.update(wall_instants(case["tz"], day, minutes(start)))
            if "tiers" in tariff and is_reset(tariff["tiers"], day):
                own.add(date_begins(case["tz"], day))
        found.update(ms for ms in own if first < ms < last and in_force(tariffs, ms - 1) is tariff)
    return sorted(ms for ms in found if first < ms < last)


def parts(case, tariffs, span):
    first, last, quantity, source = span
    if last <= first:
        return [(last, quantity, source)]
    points = [first, *cuts(case, tariffs, first, last), last]
    shares = [quantity * (ms - first) // (last - first) for ms in points]
    return [(points[i], shares[i + 1] - shares[i], source) for i in range(len(points) - 1)]


def in_time_order(queues):
    queues = [list(queue) for queue in queues if queue]
    while queues:
        first = min(queues, key=lambda queue: queue[0][0])
        yield first.pop(0)
        queues = [queue for queue in queues if queue]


# --- charging -----------------------------------------------------------------------------------


class Ladder:
    """What was used since the last reset: pieces of (quantity, prices by tier), the tier they were charged
    at, and a volume whose prices nobody has asked for yet."""

    def __init__(self, case, tariffs, used, at):
        self.case, self.tariffs, self.at = case, tariffs, at
        self.pieces, self.unpriced, self.tier = [], used, 0

    def used(self):
        return self.unpriced + sum(quantity for quantity, _ in self.pieces)

    def remember(self, tariff, source, band, tier_of):
        """The volume that nobody asked about is priced now; what it was charged at is its tier."""
        if not any(quantity for quantity, _ in self.pieces):
            self.tier = tier_of(self.used())
        self.pieces.append((self.unpriced, [price(tariff, source, band, tier) for tier in range(12)]))
        self.unpriced = 0

    def come_to(self, at):
        anew = any(self.at < instant(t["effective"]) <= at and t.get("tiers", {}).get("on_change") == "reset"
                   and t is in_force(self.tariffs, instant(t["effective"])) for t in self.tariffs)
        for t in self.tariffs if at > self.at else []:
            begun = [date_begins(self.case["tz"], day) for day in dates(self.case["tz"], self.at, at)
                     if "tiers" in t and is_reset(t["tiers"], day)]
            anew = anew or any(self.at < ms <= at and in_force(self.tariffs, ms) is t for ms in begun)
        if anew:
            self.pieces, self.unpriced = [], 0
        self.at = max(self.at, at)


def charge_slab(tariff, ladder, quantity, source, band, lines):
    thresholds = [micro(text) for text in tariff["tiers"]["thresholds"]]
    tier_of = lambda used: sum(used > threshold for threshold in thresholds)

    cost = lambda tier: sum(q * prices[tier] for q, prices in ladder.pieces)
    ladder.remember(tariff, source, band, tier_of)
    if not quantity:
        return 0
    before = cost(ladder.tier)
    charge_marginal(tariff, ladder, quantity, source, band, lines)  # for the lines: a unit stands where it came in
    ladder.unpriced -= quantity
    ladder.pieces.append((quantity, [price(tariff, source, band, tier) for tier in range(12)]))
    ladder.tier = tier_of(ladder.used())
    return cost(ladder.tier) - before


def charge_marginal(tariff, ladder, quantity, source, band, lines):
    edges = [micro(text) for text in tariff["tiers"]["thresholds"]]
    low, high, exact = ladder.used(), ladder.used() + quantity, 0
    for tier in range(len(edges) + 1):
        bottom, top = ([0] + edges)[tier], (edges + [max(high, 0) + 10**30])[tier]
        piece = max(0, min(high, top) - max(low, bottom))
        exact += piece * price(tariff, source, band, tier)
        add_line(lines, tariff, source, band, tier, piece)
    ladder.unpriced += quantity
    return exact


def add_line(lines, tariff, source, band, tier, quantity):
    if quantity:
        key = (tariff["id"], source, band, tier + 1)
        lines[key] = lines.get(key, 0) + quantity


def energy(case, tariffs, lines):
    """Energy charged, floored once, and what the ladder has counted."""
    tariffs = sorted(tariffs, key=lambda t: instant(t["effective"]))
    spans, _, first = deltas(case)
    ladder = Ladder(case, tariffs, micro(case.get("tier_used_before", "0")), first)
    queues = [[part for span in own for part in parts(case, tariffs, span)] for own in spans.values()]
    exact = 0
    for at, quantity, source in in_time_order(queues):
        tariff = in_force(tariffs, at)
        band = band_at(case, tariff, at)
        ladder.come_to(at)
        source = source if source != case.get("sources", [""])[0] else ""
        if "tiers" not in tariff:
            exact += quantity * price(tariff, source, band, 0)
            add_line(lines, tariff, source, band, 0, quantity)
        elif tariff["tiers"].get("mode") == "slab":
            exact += charge_slab(tariff, ladder, quantity, source, band, lines)
        else:
            exact += charge_marginal(tariff, ladder, quantity, source, band, lines)
    return exact // MICRO, ladder.used()


def standing(case):
    given = case.get("standing")
    if not given:
        return 0
    first, last, total = instant(given["from"]), instant(given["to"]), 0
    for day in dates(case["tz"], first, last):
        begins = date_begins(case["tz"], day)
        is_first = given.get("first_day", True) and day == wall(case["tz"], first).date()
        if not first <= begins < last and not (is_first and last > first):
            continue
        rates = [r for r in given["rates"] if instant(r["effective"]) <= max(begins, first)]
        rate = max(rates, key=lambda r: instant(r["effective"]), default=None)
        if rate is None:
            continue
        amount, length = micro(rate["amount"]), days_in_month(day)
        if rate["per"] == "day":
            total += amount
        elif rate["per"] == "month_spread":
            total += amount * day.day // length - amount * (day.day - 1) // length
        elif day.day == min(rate.get("on_day", 1), length):
            total += amount
    return total


def statement(total, minor):
    rounded = (Decimal(total) / MICRO).quantize(Decimal(1).scaleb(-minor), rounding=ROUND_HALF_UP)
    return str(abs(rounded) if rounded == 0 else rounded)


def model(case):
    ppm = case.get("tax_ppm", 0)
    if case["kind"] == "rerate":
        sums = []
        for tariffs in (case["tariffs_known"], case["tariffs_known"] + case["tariffs_late"]):
            net = energy(case, tariffs, {})[0] + standing(case)
            sums.append(net + net * ppm // MICRO)
        return {"charged_before_micro": sums[0], "should_be_micro": sums[1],
                "adjustment_debit_micro": sums[1] - sums[0]}
    lines = {}
    charged, used = energy(case, case["tariffs"], lines)
    net = charged + standing(case)
    tax = net * ppm // MICRO
    return {"lines": lines, "energy_micro": charged, "standing_micro": standing(case), "tax_micro": tax,
            "total_micro": net + tax, "statement": statement(net + tax, case.get("minor", 2)),
            "tier_used_after": used, "events": deltas(case)[1]}
