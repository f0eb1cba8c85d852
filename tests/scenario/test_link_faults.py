# SPDX-License-Identifier: Apache-2.0
"""The link between gateway, broker and head-end is spoilt in every way a link can be, under load:
packets lost, doubled, swapped, damaged, late, cut in the middle; reset, frozen and slow links;
with and without TLS. Meanwhile the meters are polled on; after the healing every reading is at the
head-end once and in order. METERGATE_SEED repeats a run."""
import os, random, sys, threading, time
from building import Building, wait_for
from certificates import Secured
from fault_proxy import CONNECT, PUBACK, PUBLISH, SUBSCRIBE, FaultProxy

SEED = int(os.environ.get("METERGATE_SEED", str(random.randrange(1 << 30))))
HEAL_S = 150  # a lost PUBACK is noticed after 60 s, a frozen link after 76


class Spoilt(Building):
    """The head-end behind a proxy of its own as well."""

    def write_files(self):
        self.proxy.seed = SEED
        self.head_proxy = FaultProxy(self.port, seed=SEED + 1)
        super().write_files()
        path = self.dir / "headend.yaml"
        path.write_text(path.read_text().replace(f":{self.port}", f":{self.head_proxy.port}"))


class SpoiltTls(Secured):
    def write_files(self):
        self.proxy.seed = SEED
        super().write_files()


def begin(b):
    b.start_all()
    wait_for("readings are acknowledged", lambda: b.is_delivered(20), 60)


def end(b):
    assert all(m["failed"] == 0 for bus in b.status()["buses"] for m in bus["meters"]), b.status()
    assert b.stop("gateway") == 0
    assert b.stop("headend") == 0
    return b.check_equal_copies()[0]


def suffer(b, proxy, name, seconds=4, hits=1, **how):
    """One fault under load, until it has hit often enough; then heals. How long healing took."""
    head, fired = b.stream()["head"], proxy.fired[name]
    proxy.spoil(name, **how)
    until = time.monotonic() + seconds
    wait_for(f"{name} hits", lambda: proxy.fired[name] >= fired + hits and time.monotonic() > until, 60)
    wait_for("polling goes on", lambda: b.stream()["head"] > head + 100, 30)
    proxy.heal()
    healed, head = time.monotonic(), b.stream()["head"]
    wait_for(f"all is delivered after {name}", lambda: b.is_delivered(head), HEAL_S)
    return time.monotonic() - healed


def quick():
    """Faults that a gateway gets over within seconds, on its own link and on the head-end's."""
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        refused = b.status()["refused"]
        for proxy, name, how in [
                (b.proxy, "duplicate", {"direction": "down", "kinds": [PUBLISH]}),
                (b.proxy, "duplicate", {"direction": "up", "kinds": [PUBLISH], "chance": 0.5}),
                (b.proxy, "reorder", {"direction": "down", "chance": 0.5}),
                (b.proxy, "reorder", {"direction": "up", "kinds": [PUBLISH], "chance": 0.5}),
                (b.proxy, "delay", {"amount": 300, "chance": 0.5}),
                (b.proxy, "truncate", {"direction": "up", "chance": 0.2, "hits": 5}),
                (b.proxy, "truncate", {"direction": "down", "chance": 0.2, "hits": 5}),
                (b.proxy, "reset", {"chance": 0.2, "hits": 5}),
                (b.head_proxy, "duplicate", {"kinds": [PUBLISH]}),
                (b.head_proxy, "reorder", {"direction": "down", "kinds": [PUBLISH], "chance": 0.5}),
                (b.head_proxy, "delay", {"amount": 300, "chance": 0.5}),
                (b.head_proxy, "truncate", {"chance": 0.1, "hits": 5}),
                (b.head_proxy, "reset", {"chance": 0.1, "hits": 5})]:
            side = "gateway" if proxy is b.proxy else "head-end"
            print(f"{side} {name}: whole after {suffer(b, proxy, name, **how):.1f} s", flush=True)
        assert b.status()["refused"] == refused, "what comes twice or late is no fault"
        return end(b)


def damaged_acks():
    """Bits of the head-end's acknowledgements flip on a link without TLS: the seal refuses them."""
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        took = suffer(b, b.proxy, "corrupt", direction="down", kinds=[PUBLISH], chance=0.7, hits=15, amount=2)
        assert b.status()["refused"] > 0 or "link to the cloud is down" in b.log("gateway")
        print(f"corrupt: whole after {took:.1f} s, {b.status()['refused']} refused", flush=True)
        return end(b)


def swallowed():
    """A damaged length makes the gateway swallow what follows, confirmations and all, for a long
    time: it leaves the link, and what it would have said meanwhile does not spoil the next one."""
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        took = suffer(b, b.proxy, "swell", direction="down", kinds=[PUBLISH])
        print(f"swell: whole after {took:.1f} s", flush=True)
        for number, kinds in b.proxy.sent.items():
            assert kinds[:2] == [CONNECT, SUBSCRIBE], f"connection {number} begins with {kinds[:5]}"
        assert len(b.proxy.sent) > 1
        return end(b)


def damaged_tls():
    """Bits flip on a link with TLS: the connection ends, and nothing damaged is ever believed."""
    with SpoiltTls(period="400ms", with_proxy=True) as b:
        b.give_certificates()
        begin(b)
        for direction in ("up", "down"):
            took = suffer(b, b.proxy, "corrupt", direction=direction, chance=0.1, hits=5)
            print(f"corrupt {direction} under TLS: whole after {took:.1f} s", flush=True)
        assert b.status()["refused"] == 0
        return end(b)


def lost_packets():
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        took = suffer(b, b.proxy, "drop", direction="up", kinds=[PUBLISH], chance=0.3, hits=5)
        print(f"drop of readings: whole after {took:.1f} s", flush=True)
        # every confirmation is lost: the window fills, and stays full until the link is left
        took = suffer(b, b.proxy, "drop", direction="down", kinds=[PUBACK], hits=20)
        print(f"drop of confirmations: whole after {took:.1f} s", flush=True)
        return end(b)


def lost_acks():
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        for proxy in (b.proxy, b.head_proxy):
            took = suffer(b, proxy, "drop", direction="down", kinds=[PUBLISH], chance=0.5, hits=5)
            print(f"drop of acknowledgements or readings: whole after {took:.1f} s", flush=True)
        return end(b)


def frozen():
    """The connection stays and nothing comes through: half open, as after a router's restart."""
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)
        b.proxy.spoil("freeze")
        wait_for("it is frozen", lambda: b.proxy.fired["freeze"])
        b.proxy.heal()
        began = time.monotonic()
        wait_for("the gateway finds the link dead", lambda: b.status()["link"] == "down", 120)
        print(f"frozen link found dead after {time.monotonic() - began:.1f} s", flush=True)
        head = b.stream()["head"]
        wait_for("all is delivered", lambda: b.is_delivered(head), 60)
        return end(b)


def slow():
    """One kilobyte a second is too little for the load: the backlog stays on the disk."""
    with Spoilt(period="400ms", with_proxy=True) as b:
        begin(b)

        def memory():
            return int(open(f"/proc/{b.processes['gateway'].pid}/statm").read().split()[1]) * 4

        before = memory()
        took = suffer(b, b.proxy, "throttle", seconds=40, direction="up", amount=500)
        grown = memory() - before
        assert grown < 16 * 1024, f"memory has grown by {grown} KiB"
        print(f"throttle: whole after {took:.1f} s, memory grown by {grown} KiB", flush=True)
        return end(b)


def run(story, failures):
    try:
        print(f"{story.__name__}: {story()} readings", flush=True)
    except Exception as error:
        failures.append(f"{story.__name__}: {type(error).__name__}: {error}")


print(f"seed {SEED}", flush=True)
stories = [globals()[name] for name in sys.argv[1:]] or [
    frozen, lost_packets, lost_acks, slow, swallowed, damaged_acks, damaged_tls, quick]
failures = []
threads = [threading.Thread(target=run, args=(story, failures)) for story in stories]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, "\n".join(failures)
