# SPDX-License-Identifier: Apache-2.0
"""Orders over a real broker: a credit counts once through restarts and kills, repeats are answered
byte for byte, what is tampered with, foreign or not allowed is refused, and the operator's tool
says which."""
import shutil, signal, threading
from building import wait_for
from mqtt_raw import Client
from protobuf_raw import fields
from ordering import Ordering, keygen

ORDERS = "metergate/1/demo/gw-1/d/o"


def listen(port):
    """Hears everything of this operator: [(topic, payload)]."""
    heard = []
    client = Client(port, "listener")
    client.subscribe("metergate/1/demo/#")

    def run():
        for message in client.messages():
            heard.append(message)

    threading.Thread(target=run, daemon=True).start()
    return heard


def flipped(payload, count=24):
    for at in range(0, len(payload), max(1, len(payload) // count)):
        yield payload[:at] + bytes([payload[at] ^ 0x10]) + payload[at + 1:]


with Ordering(speed=1) as b:
    b.start_broker()
    heard = listen(b.port)
    code, result, said = b.order("credit", "credit", "one", 1, timeout=2)
    assert code == 1 and "nothing was sent" in said, said
    b.start_sim(), b.start_headend(), b.start_gateway(), b.start_watch()
    wait_for("the account is open", lambda: b.account("one"))
    assert b.posted() == "20"

    # a credit, and the very same again: one effect, one answer
    first = b.does("credit", "credit", "one", "20.5")
    assert (first["balance"], first["seq"], first["key_id"]) == ("40.5", 1, 2), first
    again = ["--order-id", first["order_id"], "--seq", first["seq"]]
    assert b.does("credit", "credit", "one", "20.5", *again) == first
    b.refuses("CONFLICT", "credit", "credit", "one", "20.6", *again)
    order = next(p for t, p in heard if t == ORDERS)
    for _ in range(20):
        Client(b.port, "replay").publish(ORDERS, order)
    wait_for("all are answered", lambda: b.status()["orders"]["repeated"] >= 21)
    assert b.posted() == "40.5"

    shown = [m for m in b.watched() if m["type"] == "result" and m["order_id"] == first["order_id"]]
    assert {m["code"] for m in shown} <= {"OK", "CONFLICT"}, shown  # who watches may be late
    assert {m["balance"] for m in shown if m["code"] == "OK"} == {"40.5"}, shown

    # through a restart and a kill
    for number in (signal.SIGTERM, signal.SIGKILL):
        b.stop("gateway", number)
        b.start_gateway()
        wait_for("the link is up", lambda: b.status()["link"] == "up")
        assert b.does("credit", "credit", "one", "20.5", *again) == first
    assert b.posted() == "40.5"

    # killed while orders come in: who heard no answer repeats, and each counts once
    total = 40.5
    for turn in range(6):
        seconds = 0.05 + 0.1 * turn
        timer = threading.Timer(seconds, lambda: b.processes["gateway"].send_signal(signal.SIGKILL))
        timer.start()
        code, result, said = b.order("credit", "credit", "one", "0.5", timeout=2)
        timer.join()
        b.processes.pop("gateway").wait()
        b.start_gateway()
        wait_for("the link is up", lambda: b.status()["link"] == "up")
        if code != 0 and "--order-id" in said:
            words = said.split()
            repeat = words[words.index("--order-id"):words.index("--order-id") + 4]
            b.does("credit", "credit", "one", "0.5", *repeat)
        elif code != 0:
            b.does("credit", "credit", "one", "0.5")
        total += 0.5
        assert float(b.posted()) == total, (turn, b.posted(), total)

    # its other carrier: the number of a code
    voucher = ["--voucher-number", "77", "--origin", "voucher"]
    assert b.does("credit", "credit", "one", "5", *voucher)["code"] == "OK"
    assert b.does("credit", "credit", "one", "5", *voucher)["code"] == "DUPLICATE"
    b.refuses("CONFLICT", "credit", "credit", "one", "6", *voucher)
    total += 5
    assert float(b.posted()) == total

    # taken back, corrected, refused
    b.does("credit", "reverse", first["order_id"], "--reason", "wrong room")
    total -= 20.5
    assert b.does("credit", "reverse", first["order_id"])["code"] == "DUPLICATE"
    b.does("credit", "adjust", "one", "-0.25", "--reason", "rounding of May")
    total -= 0.25
    assert float(b.posted()) == total
    b.refuses("UNKNOWN_ACCOUNT", "credit", "credit", "nobody", "1")
    b.refuses("BAD_SIGNATURE", "config", "credit", "one", "1")
    b.refuses("UNKNOWN_ACCOUNT", "credit", "credit", "one", "1", "--tenancy", "9")
    assert float(b.posted()) == total

    # a second copy of the key does not know the counter: it is told, and goes on
    shutil.copy(b.dir / "credit.key", b.dir / "copy.key")
    b.does("credit", "credit", "one", "1", key=b.dir / "copy.key")
    total += 1
    b.does("credit", "credit", "one", "1")
    total += 1

    # tampered with, meant for another, signed by a stranger
    order = [p for t, p in heard if t == ORDERS][-1]
    refused = b.status()["refused"]
    spoiled = list(flipped(order)) + [order[:-1], order + b"\x00", b"", b"A" * 70000]
    for payload in spoiled:
        Client(b.port, "rogue").publish(ORDERS, payload)
    Client(b.port, "rogue").publish("metergate/1/demo/_all/d/o", order)
    wait_for("they are counted", lambda: b.status()["refused"] >= refused + len(spoiled) - 1)
    b.ctl("--gateway", "gw-2", "--site", "house-1", "--gateway-key", "00" * 32, "--signing-key",
          str(b.dir / "credit.key"), "--timeout", "1", "credit", "one", "1")
    foreign = next(p for t, p in heard if t == "metergate/1/demo/gw-2/d/o")
    refused = b.status()["refused"]
    Client(b.port, "rogue").publish(ORDERS, foreign)
    wait_for("it is refused", lambda: b.status()["refused"] > refused)
    assert float(b.posted()) == total

    # a key that the configuration brings while the gateway runs
    lines = (b.dir / "gateway.yaml").read_text().replace(
        "  keys:\n", f"  keys:\n    {keygen(b.dir / 'new.key', 'credit', 4)}\n")
    b.refuses("BAD_SIGNATURE", "credit", "credit", "one", "1", key=b.dir / "new.key")  # nobody knows it
    (b.dir / "gateway.yaml").write_text(lines)
    b.processes["gateway"].send_signal(signal.SIGHUP)
    wait_for("it is in force", lambda: "configuration is in force" in b.log("gateway"))
    assert b.does("credit", "credit", "one", "1", key=b.dir / "new.key")["key_id"] == 4
    total += 1

    # a result that another key has signed is none
    code, result, said = b.order("credit", "--gateway-key", "11" * 32, "credit", "one", "1", timeout=2)
    assert code == 1 and result is None and "--order-id" in said, said
    total += 1
    wait_for("it was applied all the same", lambda: float(b.posted()) == total)

    # somebody moves out, somebody else in: a late payment is never given to the next
    b.does("config", "tenancy", "close", "one")
    b.refuses("ACCOUNT_CLOSED", "credit", "credit", "one", "1")
    b.does("config", "tenancy", "open", "one")
    b.refuses("ACCOUNT_CLOSED", "credit", "credit", "one", "1", "--tenancy", "1")
    assert b.does("credit", "credit", "one", "3", "--tenancy", "2")["balance"] == "3"

    # the heartbeat says how far the orders have come, and the cloud end has every result
    def marks():
        beats = [m for m in b.watched() if m["type"] == "heartbeat"]
        return {m["key_id"]: m for m in beats[-1]["orders"]} if beats else {}

    last = b.does("credit", "credit", "one", "1")["seq"]
    wait_for("no gap is left", lambda: marks().get(2) == {"key_id": 2, "all": False, "through": last,
                                                          "highest": last})
    assert marks()[3]["through"] == 3, marks()  # one of them was refused
    records = lambda: b.status()["records"]["results"]
    wait_for("the cloud end has acknowledged all", lambda: records()["acked"] == records()["head"] > 20)
    heads = records()["head"]
    b.stop("gateway"), b.stop("headend")
    ours = b.rows("gateway.db", "SELECT count(*) FROM record WHERE stream = 2")[0][0]
    alarms = [r for r in b.rows("gateway.db", "SELECT bytes FROM record WHERE stream = 1")
              if fields(r[0])[1] == [510]]
    assert 1 <= len(alarms) <= 9, "SIGNATURE_BAD once an hour, and once a start"
    theirs = b.rows("headend.db", "SELECT count(*) FROM record WHERE stream = 4")[0][0]
    assert ours == theirs == heads, (ours, theirs, heads)
    print(f"{len(spoiled)} spoiled orders refused, {heads} results at the cloud end")
