# SPDX-License-Identifier: Apache-2.0
"""Accounts of a running gateway: what they were charged is what their meters have counted, with a
tier passed, a shared meter, and the gateway killed in between. Reckoned here once more, with
fractions, from the readings in its database."""
import os, time
from fractions import Fraction
from building import Building, wait_for

TARIFF = """id: house
currency: EUR
zone: Europe/Berlin
effective: 2020-01-01T00:00:00+01:00
prices: [{tiers: [0.25, 0.40, 0.75]}]
ladder: {period: year, thresholds: [5, 9]}
"""
PRICES = [Fraction(25, 100), Fraction(40, 100), Fraction(75, 100)]
THRESHOLDS = [5, 9]
ACCOUNTS = """accounts:
  - id: one
    opening: 20
    tariffs: {electricity: house}
    meters:
      - {meter: flat-1, register: forward_active_energy, max_power: 100000}
      - {meter: flat-3, register: forward_active_energy, max_power: 100000, share: 30}
  - id: two
    mode: postpaid
    tariffs: {electricity: house}
    meters:
      - {meter: flat-3, register: forward_active_energy, max_power: 100000, share: 70}
"""


class Money(Building):
    def accounts(self):
        (self.dir / "tariffs").mkdir(exist_ok=True)
        (self.dir / "tariffs/house.yaml").write_text(TARIFF)
        return ACCOUNTS

    def money_where(self):
        return f", zone: Europe/Berlin, tariffs: {self.dir}/tariffs"

    def counted(self, meter):
        rows = self.rows("gateway.db", "SELECT value FROM reading JOIN point ON point = id WHERE "
                                       f"meter = '{meter}' AND quantity = 2 ORDER BY seq")
        return rows[-1][0] - rows[0][0]


def cost(used_micro):
    left, below, exact = Fraction(used_micro, 10**6), 0, Fraction(0)
    for price, threshold in zip(PRICES, THRESHOLDS + [10**9]):
        part = min(left, threshold - below)
        exact, left, below = exact + part * price, left - part, threshold
    return int(exact * 10**6)  # posted: rounded down


def micro(text):
    whole, _, rest = text.lstrip("-").partition(".")
    return (-1 if text.startswith("-") else 1) * (int(whole) * 10**6 + int((rest + "000000")[:6]))


with Money(speed=20000) as b:
    b.start_all()
    wait_for("accounts are opened", lambda: b.account("one") and b.account("one")["entries"] >= 3)
    assert b.account("one")["tariffs"] == [{"id": "house", "revision": 0, "currency": "EUR"}]
    for _ in range(8):
        time.sleep(0.7)
        b.kill("gateway")
        b.start_gateway()
    wait_for("the last tier is reached", lambda: micro(b.account("one")["balance"]) < 15 * 10**6)
    b.kill("sim")
    time.sleep(1.5)
    wait_for("everything is at the cloud end", lambda: b.is_delivered(10))
    one, two = b.account("one"), b.account("two")
    shown = b.ctl("--local", str(b.dir / "gw.sock"), "status").stdout
    assert f"one                  {one['balance']} EUR, prepaid, open, tenancy 1" in shown, shown
    assert b.status()["money"]["posting"]
    b.stop("gateway"), b.stop("headend")
    flat, shared = b.counted("flat-1"), b.counted("flat-3")
    assert flat + shared * 3 // 10 > 9 * 10**6, (flat, shared)
    of_one = shared * 3 // 10
    assert micro(one["balance"]) == 20 * 10**6 - cost(flat + of_one), (one, flat, shared)
    assert micro(two["balance"]) == -cost(shared - of_one), (two, shared)
    print(f"{flat + shared} of 1e-6 kWh charged once: {one['balance']} and {two['balance']} EUR are left")
