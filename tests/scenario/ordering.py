# SPDX-License-Identifier: Apache-2.0
"""A building with one account, and an operator with keys who gives orders to it."""
import json, subprocess
from building import BUILD, Building

TARIFF = """id: house
currency: EUR
zone: Europe/Berlin
effective: {effective}
{extra}prices: [{{tiers: [{price}]}}]
"""
ACCOUNTS = """accounts:
  - id: one
    opening: 20
    tariffs: {electricity: house}
    meters:
      - {meter: flat-1, register: forward_active_energy, max_power: 100000}
"""
KEYS = {"credit": 2, "config": 3}


def keygen(path, role, number):
    """Makes a key file; returns what the gateway's configuration needs of it."""
    return subprocess.run([BUILD / "metergatectl", "keygen", "--role", role, "--key-id", str(number),
                           path], check=True, capture_output=True, text=True).stdout.strip()


class Ordering(Building):
    def accounts(self):
        (self.dir / "tariffs").mkdir(exist_ok=True)
        (self.dir / "tariffs/house.yaml").write_text(self.tariff())
        return ACCOUNTS

    def tariff(self, price="0", effective="2020-01-01T00:00:00+01:00", extra=""):
        return TARIFF.format(price=price, effective=effective, extra=extra)

    def money_where(self):
        return f", zone: Europe/Berlin, tariffs: {self.dir}/tariffs"

    def write_files(self):
        if not self.sync_extra:
            self.sync_extra = "".join(f"    {keygen(self.dir / f'{role}.key', role, number)}\n"
                                      for role, number in KEYS.items())
        super().write_files()

    def order(self, role, *arguments, key=None, timeout=20):
        """Runs metergatectl: (exit code, the result it printed or None, what it said)."""
        done = self.ctl("--gateway", "gw-1", "--signing-key", str(key or self.dir / f"{role}.key"),
                        "--json", "--timeout", str(timeout), *map(str, arguments))
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    def does(self, role, *arguments, **options):
        """The order is applied; returns its result."""
        code, result, said = self.order(role, *arguments, **options)
        assert code == 0 and result and result["code"] in ("OK", "DUPLICATE"), (code, result, said)
        return result

    def refuses(self, answer, role, *arguments, **options):
        code, result, said = self.order(role, *arguments, **options)
        assert code == 1 and result and result["code"] == answer, (code, result, said)
        return result

    def posted(self):
        return self.account("one")["posted"]
