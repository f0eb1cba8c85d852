# SPDX-License-Identifier: Apache-2.0
"""The link to the cloud is cut and healed: every meter's present value is out within 10 s of the
healing and before the first message of the backlog; then all of it arrives, once and in order."""
import time
from building import Building, wait_for

with Building(period="400ms", with_proxy=True) as b:
    b.start_all()
    b.start_watch()
    wait_for("readings are acknowledged", lambda: b.is_delivered(50), 60)
    b.proxy.cut()
    wait_for("the gateway knows it", lambda: b.status()["link"] == "down")
    cut_head = b.stream()["head"]
    wait_for("a backlog of several messages", lambda: b.stream()["head"] > cut_head + 1200, 60)
    heard = len(b.watched())
    b.proxy.heal()
    healed = time.monotonic()

    def present():
        return [m for m in b.watched()[heard:] if m["type"] == "now"]

    wait_for("present values arrive", present, 10)
    took = time.monotonic() - healed
    after = [m["type"] for m in b.watched()[heard:] if m["type"] != "state"]
    assert after[0] == "birth" and "now" in after, after
    assert "reading" not in after[:after.index("now")], after
    meters = {m["meter"] for m in present()}
    assert meters == {"flat-1", "flat-2", "flat-3"}, meters
    wait_for("all is delivered", lambda: b.is_delivered(cut_head + 1200), 60)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    print(f"present values after {took:.1f} s; {ours} readings, {theirs} at the cloud end")
