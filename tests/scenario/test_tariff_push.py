# SPDX-License-Identifier: Apache-2.0
"""Tariffs from the cloud: one that holds at once, one for later that takes over at its instant with
the link cut, kept through a kill; a lower revision is superseded; a file with a fault is not sent."""
import datetime, time
from building import wait_for
from mqtt_raw import Client
from ordering import KEYS, Ordering
from protobuf_raw import field, fields
from seal_raw import sealed, seed_of


def instant(seconds=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def captured(b, *push):
    """The order that metergatectl makes of a tariff, addressed to a gateway that is not there."""
    listener = Client(b.port, "listener")
    listener.subscribe("metergate/1/demo/gw-9/d/o")
    b.ctl("--gateway", "gw-9", "--site", "x", "--gateway-key", "00" * 32, "--signing-key",
          str(b.dir / "config.key"), "--timeout", "1", *map(str, push))
    return fields(fields(next(listener.messages())[1])[1][0])


def for_all(b, order, number, gateway=b"_all"):
    """The same for everybody, as number 1 of that sequence, signed by the cloud's key."""
    order_id = order[5][0][:15] + bytes([number])
    payload = b"".join([field(1, 1), field(2, b"demo"), field(3, gateway), field(4, gateway),
                        field(5, order_id), field(6, number), field(7, order[7][0]),
                        field(10, b"cloud"), field(24, order[24][0])])
    return sealed(seed_of(b.dir / "config.key"), payload, b"_all", b"metergate/order/1", KEYS["config"])


with Ordering(speed=3600) as b:
    def push(revision, price, effective):
        path = b.dir / f"push-{revision}.yaml"
        path.write_text(b.tariff(price, effective, f"revision: {revision}\n" if revision else ""))
        return "tariff", "push", path

    def revision():
        tariffs = b.account("one")["tariffs"]
        return tariffs[0]["revision"] if tariffs else None

    b.start_all()
    wait_for("the account is open", lambda: b.account("one"))
    assert revision() == 0  # that of the file, free of charge
    free = b.account("one")["balance"]

    # one for later changes nothing now, and what is older than it is superseded
    later = b.does("config", *push(5, "9", "2099-01-01T00:00:00Z"))
    assert later["revision"] == 5 and revision() == 0, later
    assert b.refuses("SUPERSEDED", "config", *push(4, "9", instant()))["revision"] == 5
    assert b.refuses("SUPERSEDED", "config", *push(5, "8", instant()))["revision"] == 5
    assert b.account("one")["balance"] == free

    # one that holds at once
    b.does("config", *push(6, "100", instant()))
    assert revision() == 6
    wait_for("the balance falls", lambda: float(b.account("one")["balance"]) < 0, 60)

    # one that takes over soon, with the link cut, and the gateway killed before
    soon = time.monotonic() + 8
    b.does("config", *push(7, "0", instant(8)))
    b.stop("broker")
    b.kill("gateway")
    b.start_gateway()
    wait_for("the accounts are there", lambda: b.account("one"))
    assert revision() == 6 or time.monotonic() > soon, revision()
    wait_for("the new one has taken over", lambda: revision() == 7, 30)
    time.sleep(2.5)  # what was used before it is charged by then
    balance = b.account("one")["balance"]
    head = b.stream()["head"]
    wait_for("meters count on", lambda: b.stream()["head"] > head + 200)
    assert b.account("one")["balance"] == balance, (balance, b.account("one"))

    # one for every gateway at once; what is for one is not taken from there
    b.start_broker(), b.start_watch()
    wait_for("the link is up", lambda: b.status()["link"] == "up")
    order = captured(b, *push(8, "0", instant()))
    rest = Client(b.port, "cloud")
    rest.publish("metergate/1/demo/_all/d/o", for_all(b, order, 2, b"gw-1"))
    rest.publish("metergate/1/demo/_all/d/o", for_all(b, order, 1))
    wait_for("it has come", lambda: revision() == 8)
    wait_for("both are answered", lambda: {"OK", "WRONG_GATEWAY"} <= {
        m["code"] for m in b.watched() if m["type"] == "result"})
    beat = wait_for("the heartbeat tells both sequences", lambda: next((
        m["orders"] for m in b.watched() if m["type"] == "heartbeat" and len(m["orders"]) == 2), None))
    assert {m["all"]: m["through"] for m in beat}[True] == 1, beat

    # a file with a fault is explained and goes nowhere
    bad = b.dir / "bad.yaml"
    bad.write_text(b.tariff("-1"))
    code, result, said = b.order("config", "tariff", "push", bad)
    assert code == 1 and result is None and "bad.yaml:5" in said, said

    # a file that names no revision gets one above
    b.does("config", *push(0, "0.5", instant()))
    assert revision() > 10**12, revision()
    print(f"revision {revision()} is in force")
