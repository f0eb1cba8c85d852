# SPDX-License-Identifier: Apache-2.0
"""A snapshot of a gateway that goes on: its ledger holds and is exported, while the gateway's own file cannot
be looked at; a file that is there, and one that cannot be made, are refused in words."""
from building import Building, wait_for

TARIFF = """id: house
currency: EUR
zone: Europe/Berlin
effective: 2020-01-01T00:00:00+01:00
prices: [{tiers: [0.25]}]
standing:
  - {name: service, per: day, amount: 0.5}
tax: {rate: 0.19}
"""
ACCOUNTS = """accounts:
  - id: one
    opening: 20
    tariffs: {electricity: house}
    meters: [{meter: flat-1, register: forward_active_energy, max_power: 100000}]
"""


class House(Building):
    def accounts(self):
        (self.dir / "tariffs").mkdir(exist_ok=True)
        (self.dir / "tariffs/house.yaml").write_text(TARIFF)
        return ACCOUNTS

    def money_where(self):
        return f", zone: Europe/Berlin, tariffs: {self.dir}/tariffs"


def said(done):
    return done.returncode, done.stdout + done.stderr


with House(speed=20000) as b:
    b.start_broker(), b.start_sim(), b.start_gateway()
    socket = b.dir / "gw.sock"
    wait_for("something was charged", lambda: b.account("one") and b.account("one")["entries"] >= 3)
    live = b.ctl("ledger", "verify", b.dir / "gateway.db")
    assert live.returncode == 75 and "snapshot FILE" in live.stderr, said(live)
    done = b.ctl("--local", str(socket), "snapshot", b.dir / "copy.db")
    assert done.returncode == 0 and done.stdout == f"{b.dir}/copy.db\n", said(done)
    verified = b.ctl("ledger", "verify", b.dir / "copy.db")
    assert verified.returncode == 0, said(verified)
    entries = int(verified.stdout.split()[0])
    assert 3 <= entries <= b.account("one")["entries"], (entries, b.account("one"))
    exported = b.ctl("ledger", "export", b.dir / "copy.db", "--zone", "Europe/Berlin")
    assert exported.returncode == 0 and "tax of 19 %" in exported.stdout, said(exported)

    again = b.ctl("--local", str(socket), "snapshot", b.dir / "copy.db")
    assert again.returncode == 1 and "File exists" in again.stderr, said(again)
    nowhere = b.ctl("--local", str(socket), "snapshot", "/nowhere/copy.db")
    assert nowhere.returncode == 1 and "No such file" in nowhere.stderr, said(nowhere)
    without = b.ctl("snapshot", b.dir / "other.db")
    assert without.returncode == 64, said(without)

    before = b.account("one")["balance"]
    wait_for("it goes on charging", lambda: b.account("one")["balance"] != before)
    b.stop("gateway")
    whole = b.ctl("ledger", "verify", b.dir / "gateway.db")
    assert whole.returncode == 0 and int(whole.stdout.split()[0]) >= entries, said(whole)
    print(f"a copy of {entries} entries holds, and so does the file of {whole.stdout.split()[0]}")
