# SPDX-License-Identifier: Apache-2.0
"""Malformed, oversize, wrong-gateway and unsigned messages, in both directions: each is refused
and counted with a clear word, nothing wrong is stored, the stream goes on."""
import threading
from building import Building, wait_for
from mqtt_raw import Client

ACK = "metergate/1/demo/gw-1/d/ack"


def collect(port):
    """Hears genuine messages of both directions to have something to spoil."""
    heard = {}
    client = Client(port, "listener")
    client.subscribe("metergate/1/demo/#")

    def listen():
        for topic, payload in client.messages():
            heard.setdefault(topic, payload)

    threading.Thread(target=listen, daemon=True).start()
    return heard


def flipped(payload):
    """The payload with one bit flipped, at several places."""
    for at in range(0, len(payload), max(1, len(payload) // 16)):
        yield payload[:at] + bytes([payload[at] ^ 0x10]) + payload[at + 1:]


with Building() as b:
    b.start_broker()
    heard = collect(b.port)
    b.start_sim(), b.start_headend(), b.start_gateway()
    wait_for("both directions speak", lambda: ACK in heard and
             "metergate/1/demo/gw-1/u/r" in heard and "metergate/1/demo/gw-1/u/birth" in heard, 60)
    wait_for("readings are acknowledged", lambda: b.is_delivered(50), 60)
    rogue = Client(b.port, "rogue")
    batch, ack = heard["metergate/1/demo/gw-1/u/r"], heard[ACK]

    # to the gateway
    bad = [b"", b"\xff" * 40, b"\x00", ack[:-1], ack + b"\x00", ack[:20], b"A" * 70000,
           b"B" * 1000000, batch, *flipped(ack)]
    for payload in bad:
        rogue.publish(ACK, payload)
    wait_for("the gateway counts them", lambda: b.status()["refused"] >= len(bad) - 2, 30)
    status = b.status()
    assert status["link"] == "up" and status["stream"]["acked"] <= status["stream"]["head"]
    # an old acknowledgement, played back: true once, and changes nothing
    refused = b.status()["refused"]
    rogue.publish(ACK, ack)
    head = b.stream()["head"]
    wait_for("the stream goes on", lambda: b.is_delivered(head + 1))
    assert b.status()["refused"] == refused, "a repeated acknowledgement is no fault"

    # to the head-end: spoilt batches, another gateway's name on the topic, unknown leaves
    for payload in [b"", b"\xff" * 40, batch[:-3], b"C" * 70000, *flipped(batch)]:
        rogue.publish("metergate/1/demo/gw-9/u/r", payload)
    for leaf in ("u/r", "u/now", "u/birth", "u/hb", "s"):
        rogue.publish(f"metergate/1/demo/gw-9/{leaf}", heard.get(f"metergate/1/demo/gw-1/{leaf}", b"x"))
        rogue.publish(f"metergate/1/demo/gw-1/{leaf}", b"\x0a\x01")
        rogue.publish(f"metergate/1/demo/gw-1/{leaf}", b"D" * 70000)
    rogue.publish("metergate/1/demo/../u/r", batch)
    rogue.publish("metergate/1/demo/gw-1/u/unheard-of", batch)
    head = b.stream()["head"]
    wait_for("the stream goes on", lambda: b.is_delivered(head + 1))
    assert b.stop("gateway") == 0
    assert b.stop("headend") == 0
    assert "refused" in b.log("gateway") and "refused" in b.log("headend"), b.log("headend")
    names = b.rows("headend.db", "SELECT name FROM gateway")
    assert names == [("gw-1",)], names
    ours, theirs = b.check_equal_copies()
    print(f"{len(bad)} bad acknowledgements refused; {ours} readings, {theirs} at the cloud end")
