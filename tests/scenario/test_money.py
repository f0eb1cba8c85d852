# SPDX-License-Identifier: Apache-2.0
"""Accounts of a running gateway: what they were charged is what their meters have counted, with a
tier passed, a shared meter, and the gateway killed in between. Then a day ends, and its statement
adds up."""
import contextlib, datetime, sqlite3, struct, time
from building import wait_for
from money import Money, charged, micro, shown


class Days(Money):
    def let_yesterday_end(self, account):
        """The gateway is stopped. As if yesterday had not been closed yet: at its start the gateway
        closes it with everything in the ledger."""
        with contextlib.closing(sqlite3.connect(self.dir / "gateway.db")) as db, db:
            newest, = db.execute("SELECT bytes FROM blob WHERE space = 13 AND key = ?",
                                 (account,)).fetchone()
            day, = struct.unpack("<i", newest[1:])
            date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day - 1)
            db.execute("DELETE FROM blob WHERE space = 13 AND key LIKE ?", (account + "%",))
            mark = struct.pack("<Biiiqqqq", 1, day - 1, 0, 0, 0, 0, 0, 0)
            db.execute("INSERT INTO blob (space, key, bytes) VALUES (13, ?, ?)",
                       (f"{account}/{date}", mark))
            db.execute("INSERT INTO blob (space, key, bytes) VALUES (13, ?, ?)",
                       (account, mark[:5]))

    def statement(self, account, *options):
        return self.ctl("--local", str(self.dir / "gw.sock"), "statement", account, *options)


with Days(speed=20000) as b:
    b.start_all()
    wait_for("accounts are opened", lambda: b.account("one") and b.account("one")["entries"] >= 3)
    assert b.account("one")["tariffs"] == [{"id": "house", "revision": 0, "currency": "EUR"}]
    for _ in range(8):
        time.sleep(0.7)
        b.kill("gateway")
        b.start_gateway()
    wait_for("the last tier is reached", lambda: shown(b.account("one")) < 15 * 10**6)
    b.kill("sim")
    time.sleep(1.5)
    wait_for("everything is at the cloud end", lambda: b.is_delivered(10))
    one, two = b.account("one"), b.account("two")
    said = b.ctl("--local", str(b.dir / "gw.sock"), "status").stdout
    assert f"one                  {one['balance']} EUR, prepaid, open, tenancy 1" in said, said
    assert b.status()["money"]["posting"]
    b.stop("gateway"), b.stop("headend")
    verified = b.ctl("ledger", "verify", b.dir / "gateway.db")
    assert verified.returncode == 0 and "of 2 accounts hold" in verified.stdout, verified
    assert (shown(one), shown(two)) == charged(b), (one, two, charged(b))
    used = b.counted("flat-1") + b.counted("flat-3") * 3 // 10
    assert used > 9 * 10**6, "the last tier was not reached"
    b.let_yesterday_end("one")
    b.start_gateway()
    wait_for("yesterday is closed", lambda: b.statement("one").returncode == 0)
    paper = b.statement("one").stdout
    closing = paper.splitlines()[-1].split()
    assert closing[0] == "closing:", paper
    assert abs(micro(closing[1]) - micro(one["balance"])) <= 5000, (paper, one)  # to a cent
    for word in "tier 1, 5 x 0.25", "tier 2, 4 x 0.4", "tier 3", "OPEN, entries 1":
        assert word in paper, (word, paper)
    refused = b.statement("one", "--day", "2020-01-01")
    assert refused.returncode == 1 and "has been closed" in refused.stderr, refused
    assert b.statement("one", "--day", "2020-01-32").returncode == 64
    b.stop("gateway")
    print(f"each unit charged once: {one['balance']} and {two['balance']} EUR are left")
