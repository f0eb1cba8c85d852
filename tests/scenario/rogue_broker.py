# SPDX-License-Identifier: Apache-2.0
"""A raw MQTT 3.1.1 server that sends whatever a script tells it to: a broker that lies.

A script is a function of one session. What it leaves out is done politely by the session:
greet() answers CONNECT and SUBSCRIBE, serve() confirms what is published and answers pings.
"""
import select, socket, ssl, struct, threading, time

from mqtt_raw import packet, read_packet, string

SUBSCRIPTIONS = 3  # of a gateway: its acknowledgements, its orders, those for everybody
CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14


def connack(code=0, flags=0):
    return packet(0x20, bytes([flags, code]))


def suback(number, granted=1):
    return packet(0x90, struct.pack(">HB", number, granted))


def publish(topic, payload, number=1, qos=1, retain=0, dup=0):
    head = topic if isinstance(topic, bytes) else string(topic)
    number = struct.pack(">H", number) if qos else b""
    return packet(0x30 | dup << 3 | qos << 1 | retain, head + number + payload)


def ack(kind, number):
    """PUBACK 0x40, PUBREC 0x50, PUBREL 0x62, PUBCOMP 0x70."""
    return packet(kind, struct.pack(">H", number))


class Session:
    def __init__(self, client):
        self.socket = client

    def send(self, data, pause=0.0, piece=None):
        """Sends, piece by piece with a pause after each if that is wanted."""
        piece = piece or len(data) or 1
        for at in range(0, len(data), piece):
            self.socket.sendall(data[at:at + piece])
            time.sleep(pause)

    def read(self, size):
        """Bytes, nothing kept back: select must tell the truth."""
        out = b""
        while len(out) < size and (more := self.socket.recv(size - len(out))):
            out += more
        return out

    def packet(self, kind):
        """The next packet of a kind."""
        while True:
            first, body = read_packet(self)
            if first >> 4 == kind:
                return first, body

    def subscribed(self):
        """Waits for SUBSCRIBE; its packet id and its topic."""
        body = self.packet(SUBSCRIBE)[1]
        return struct.unpack(">H", body[:2])[0], body[4:-1].decode()

    def greet(self):
        self.packet(CONNECT)
        self.send(connack())
        topics = []
        for _ in range(SUBSCRIPTIONS):
            number, topic = self.subscribed()
            self.send(suback(number))
            topics.append(topic)
        return topics

    def answer(self, first, body):
        kind, qos = first >> 4, first >> 1 & 3
        if kind == SUBSCRIBE:
            self.send(suback(struct.unpack(">H", body[:2])[0]))
        elif kind == PINGREQ:
            self.send(packet(0xd0, b""))
        elif kind == PUBLISH and qos:
            size = struct.unpack(">H", body[:2])[0]
            self.send(ack(0x40, struct.unpack(">H", body[2 + size:4 + size])[0]))

    def serve(self, seconds):
        """A broker like any other for a while, or until the client goes."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.is_pending() or select.select([self.socket], [], [], left)[0]:
                self.answer(*read_packet(self))

    def is_pending(self):
        """TLS keeps the rest of a record back, and select does not see it."""
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()


class RogueBroker:
    """Listens on a port of its own; every connection gets the script there is at that time.
    With an SSL context it speaks TLS."""

    def __init__(self, port=0, context=None):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.context = context
        self.port = self.listener.getsockname()[1]
        self.script = None
        self.sessions = 0   # that ran the present script
        self.finished = 0   # scripts that came to their end
        self.errors = []    # of scripts; that the client goes is none
        threading.Thread(target=self.accept, daemon=True).start()

    def play(self, script):
        self.script, self.sessions, self.finished, self.errors = script, 0, 0, []

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.run, args=(client, self.script), daemon=True).start()

    def run(self, client, script):
        self.sessions += 1
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            if script:
                script(Session(client))
                self.finished += 1
        except (OSError, IndexError, ValueError):
            self.finished += 1  # the client has gone: it is its right
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            client.close()
