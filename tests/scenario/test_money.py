# SPDX-License-Identifier: Apache-2.0
"""Accounts of a running gateway: what they were charged is what their meters have counted, with a
tier passed, a shared meter, and the gateway killed in between."""
import subprocess, time
from building import BUILD, wait_for
from money import Money, charged, shown

with Money(speed=20000) as b:
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
    assert b.counted("flat-1") > 9 * 10**6, "the last tier was not reached"
    proof = subprocess.run([BUILD / "metergatectl", "ledger", "verify", b.dir / "gateway.db"],
                           capture_output=True, text=True)
    assert proof.returncode == 0, (proof.stdout, proof.stderr)
    print(proof.stdout.strip())
    print(f"each unit charged once: {one['balance']} and {two['balance']} EUR are left")
