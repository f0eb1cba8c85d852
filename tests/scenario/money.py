# SPDX-License-Identifier: Apache-2.0
"""A building whose meters are paid for, and what its accounts must have been charged: reckoned with
fractions, from the readings in the gateway's database."""
from fractions import Fraction
from building import Building

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


def shown(account):
    """The balance of an account as the gateway's local socket tells it, in millionths."""
    return micro(account["balance"])


def charged(b):
    """What both balances must be; the gateway has ended and its accounts are of all readings."""
    flat, shared = b.counted("flat-1"), b.counted("flat-3")
    of_one = shared * 3 // 10
    return 20 * 10**6 - cost(flat + of_one), -cost(shared - of_one)
