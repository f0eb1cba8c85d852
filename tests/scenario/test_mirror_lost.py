# SPDX-License-Identifier: Apache-2.0
"""The cloud end loses its database after everything was acknowledged: it asks for the stream from
its beginning, the gateway sends it again from what its retention holds, and goes on."""
from building import Building, wait_for

with Building() as b:
    b.start_all()
    wait_for("readings are acknowledged", lambda: b.is_delivered(100), 60)
    b.kill("headend")
    for path in b.dir.glob("headend.db*"):
        path.unlink()
    b.start_headend()
    head = b.stream()["head"]
    wait_for("the stream goes on", lambda: b.is_delivered(head + 50), 60)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    assert theirs >= head, (theirs, head)
    print(f"{ours} readings, {theirs} at the cloud end's new database")
