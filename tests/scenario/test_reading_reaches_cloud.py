# SPDX-License-Identifier: Apache-2.0
"""The main job: meters are polled, readings stored, sent, committed by the cloud end and
acknowledged back; both copies are equal and the values are those of the meters."""
from building import Building, wait_for

with Building() as b:
    b.start_all()
    wait_for("readings are acknowledged", lambda: b.is_delivered(300), 60)
    status = b.status()
    assert status["link"] == "up" and status["refused"] == 0, status
    meters = {m["id"]: m for m in status["buses"][0]["meters"]}
    assert {m["state"] for m in meters.values()} == {"ok"}, meters
    assert meters["flat-1"]["values"]["frequency"] == "50", meters["flat-1"]
    assert b.stop("gateway") == 0
    assert b.stop("headend") == 0
    ours, theirs = b.check_equal_copies()
    named = b.rows("headend.db", "SELECT DISTINCT meter FROM point ORDER BY meter")
    assert [m for (m,) in named] == ["flat-1", "flat-2", "flat-3"], named
    energy = b.rows("headend.db", "SELECT value FROM reading JOIN point USING(gateway, epoch, point)"
                                  " WHERE meter='flat-2' AND quantity=1 ORDER BY seq")
    values = [v for (v,) in energy]
    assert len(values) > 2 and values == sorted(values) and values[0] < values[-1], values
    print(f"{ours} readings stored, {theirs} at the cloud end")
