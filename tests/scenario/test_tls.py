# SPDX-License-Identifier: Apache-2.0
"""TLS with client certificates against a real mosquitto: the right one works; a broker with a
certificate for another host, of another CA, or expired is refused, again on each attempt; and the
shipped access rules keep gateways apart."""
from building import wait_for
from certificates import Secured, make_ca, make_certificate

with Secured() as b:
    b.give_certificates()
    make_ca(b.dir, "other-ca")
    make_certificate(b.dir, "wrong-host", "evil.example", san="DNS:evil.example")
    make_certificate(b.dir, "wrong-ca", "localhost", ca="other-ca", san="DNS:localhost")
    make_certificate(b.dir, "expired", "localhost", san="DNS:localhost", days="-1")
    b.start_sim()
    b.start_gateway()
    for server in ("wrong-host", "wrong-ca", "expired"):
        b.secure(server)
        b.start_broker()
        tries = b.log("broker").count("New connection")
        wait_for(f"three attempts at {server}",
                 lambda: b.log("broker").count("New connection") >= tries + 4)  # one is our own look
        assert b.status()["link"] == "down", server
        assert "connected from" not in b.log("broker").split("running")[-1], b.log("broker")
        b.stop("broker")
        print(f"{server}: refused each time")
    b.secure("good")
    b.start_broker()
    b.start_headend()
    wait_for("readings are acknowledged over TLS", lambda: b.is_delivered(50), 60)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    print(f"good: {ours} readings, {theirs} at the cloud end")
