# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between MQTT clients and their broker that spoils the link.

It knows where an MQTT packet begins and ends, so that each fault hits whole packets; of a TLS
stream it takes the pieces as they come. Which packets are hit follows from the seed, the
number of the connection, the direction and the fault alone. From a test's thread:

    proxy = FaultProxy(broker_port, seed=7)
    proxy.spoil("drop", direction="down", chance=0.3, kinds=[PUBACK])
    proxy.heal()

By hand, direction being up (to the broker), down or both:

    fault_proxy.py LISTEN_PORT BROKER_PORT [--seed N] [DIRECTION:FAULT[:CHANCE[:AMOUNT]]]...

    drop        swallow the packet                  truncate  end the connection in its middle
    duplicate   send it twice                       reset     end the connection by a RST
    reorder     send it after the next one          freeze    the connection stays, and nothing
    corrupt     flip AMOUNT bits of it (1)                    comes through any more
    delay       AMOUNT ms before it (500)           throttle  AMOUNT bytes a second (1000)
    swell       announce a megabyte before it: the receiver takes all that follows for that
"""
import argparse, collections, random, select, socket, struct, threading, time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGRESP = 1, 2, 3, 4, 8, 9, 13
LARGEST = 256 * 1024  # a longer packet passes piece by piece
TLS_HANDSHAKE = 0x16
MEGABYTE_FOLLOWS = bytes([PUBLISH << 4 | 2, 0xff, 0xff, 0x3f])
CLOSED = b""


class Ended(Exception):
    """A fault has ended the connection."""


def packet_size(data):
    """How long the packet is that data begins with: None = not known yet, 0 = no MQTT."""
    size = 0
    for i in range(1, 5):
        if len(data) <= i:
            return None
        size |= (data[i] & 0x7f) << 7 * (i - 1)
        if not data[i] & 0x80:
            return 1 + i + size
    return 0


def receive(source):
    """What has come. Waits in select, so that a close by another thread takes effect."""
    while not select.select([source], [], [], 0.1)[0]:
        pass
    return source.recv(65536)


def pieces(source):
    """The packets of a stream; what is no packet, or too long for one, as it comes."""
    data, passing, is_opaque = bytearray(), 0, None
    while (chunk := receive(source)) != CLOSED:
        data += chunk
        is_opaque = data[0] == TLS_HANDSHAKE if is_opaque is None else is_opaque
        while data:
            size = len(data) if is_opaque else passing or packet_size(data)
            if size is None or (size > len(data) and size <= LARGEST and not passing):
                break
            is_opaque = is_opaque or size == 0
            size = size or len(data)
            passing = max(0, size - len(data))
            yield bytes(data[:size])
            del data[:size]


Fault = collections.namedtuple("Fault", "name direction chance amount kinds")


class Stream:
    """One direction of one connection."""

    def __init__(self, proxy, link, direction, source, sink):
        self.proxy, self.link, self.direction = proxy, link, direction
        self.source, self.sink = source, sink
        self.held = None
        self.rates = {}

    def dice(self, fault):
        key = f"{self.proxy.seed}/{self.link.number}/{self.direction}/{fault.name}"
        return self.rates.setdefault(fault, random.Random(key))

    def hits(self, fault, packet):
        return (fault.direction in (self.direction, "both")
                and (not fault.kinds or packet[0] >> 4 in fault.kinds)
                and self.dice(fault).random() < fault.chance)

    def run(self):
        try:
            for packet in pieces(self.source):
                self.forward(packet)
        except (OSError, ValueError, Ended):
            pass
        self.link.close()

    def forward(self, packet):
        if self.direction == "up":
            self.proxy.sent[self.link.number].append(packet[0] >> 4)
        out = [packet]
        for fault in self.proxy.faults:
            if self.hits(fault, packet):
                self.proxy.fired[fault.name] += 1
                out = getattr(self, fault.name)(fault, out)
        if out and self.held:
            out, self.held = out + [self.held], None
        if self.link.is_frozen:
            return
        for one in out:
            self.sink.sendall(one)
            self.proxy.passed[self.direction] += len(one)

    # ---- the faults: packets in, packets out ----

    def drop(self, fault, out):
        return []

    def duplicate(self, fault, out):
        return out * 2

    def reorder(self, fault, out):
        if self.held:
            return out
        self.held = b"".join(out)
        return []

    def corrupt(self, fault, out):
        data = bytearray(b"".join(out))
        for _ in range(int(fault.amount or 1) if data else 0):
            data[self.dice(fault).randrange(len(data))] ^= 1 << self.dice(fault).randrange(8)
        return [bytes(data)]

    def swell(self, fault, out):
        return [MEGABYTE_FOLLOWS] + out

    def delay(self, fault, out):
        time.sleep((fault.amount or 500) / 1000)
        return out

    def throttle(self, fault, out):
        rate = fault.amount or 1000
        for one in out:
            for at in range(0, len(one), 100):
                self.sink.sendall(one[at:at + 100])
                time.sleep(len(one[at:at + 100]) / rate)
        return []

    def truncate(self, fault, out):
        data = b"".join(out)
        self.sink.sendall(data[:self.dice(fault).randrange(1, max(2, len(data)))])
        raise Ended

    def reset(self, fault, out):
        for one in (self.source, self.sink):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        raise Ended

    def freeze(self, fault, out):
        self.link.is_frozen = True
        return []


class Link:
    """One connection of a client, and ours to the broker."""

    def __init__(self, proxy, number, client, server):
        self.number, self.sockets, self.is_frozen = number, (client, server), False
        self.proxy = proxy
        for stream in (Stream(proxy, self, "up", client, server),
                       Stream(proxy, self, "down", server, client)):
            threading.Thread(target=stream.run, daemon=True).start()

    def close(self):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self.proxy.links.discard(self)


class FaultProxy:
    def __init__(self, target_port, port=0, seed=None):
        self.seed = random.randrange(1 << 30) if seed is None else seed
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.is_up = True
        self.changing = threading.Lock()  # a connection is made to where everybody is aimed
        self.links = set()
        self.accepted = 0
        self.faults = []
        self.fired = collections.Counter()   # of each fault, how often it has hit
        self.passed = collections.Counter()  # bytes, by direction
        self.sent = collections.defaultdict(list)  # packet types to the broker, by connection
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            with self.changing:
                self.connect(client)

    def connect(self, client):
        try:
            if not self.is_up:
                raise OSError("cut")
            server = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        self.links.add(Link(self, self.accepted, client, server))

    # ---- for the test's thread ----

    def spoil(self, name, direction="both", chance=1.0, amount=None, kinds=()):
        """Adds a fault. kinds: packet types it hits, none = all."""
        if name not in NAMES or direction not in ("up", "down", "both"):
            raise ValueError(f"no such fault: {direction}:{name}")
        self.faults = self.faults + [Fault(name, direction, chance, amount, tuple(kinds))]

    def heal(self):
        """No faults for packets to come; what is frozen or lost stays so."""
        self.faults = []
        self.is_up = True

    def drop_links(self):
        for link in list(self.links):
            link.close()

    def cut(self):
        """No connection, and no new one."""
        with self.changing:
            self.is_up = False
            self.drop_links()

    def aim(self, target_port):
        """Another broker for everybody."""
        with self.changing:
            self.target_port = target_port
            self.drop_links()


NAMES = ("drop", "duplicate", "reorder", "corrupt", "swell", "delay", "throttle", "truncate", "reset",
         "freeze")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("listen_port", type=int)
    parser.add_argument("broker_port", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("faults", nargs="*", metavar="DIRECTION:FAULT[:CHANCE[:AMOUNT]]")
    arguments = parser.parse_intermixed_args()
    proxy = FaultProxy(arguments.broker_port, arguments.listen_port, arguments.seed)
    for text in arguments.faults:
        direction, name, *numbers = text.split(":")
        numbers = [float(n) for n in numbers]
        proxy.spoil(name, direction, *numbers)
    print(f"127.0.0.1:{proxy.port} -> 127.0.0.1:{proxy.target_port}, seed {proxy.seed}", flush=True)
    try:
        while True:
            time.sleep(5)
            print(f"links {len(proxy.links)} passed {dict(proxy.passed)} faults {dict(proxy.fired)}",
                  flush=True)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
