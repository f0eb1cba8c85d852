# SPDX-License-Identifier: Apache-2.0
"""A bare MQTT 3.1.1 client: sends any bytes, hears what comes. For scenarios that misbehave."""
import socket, struct


def string(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, body):
    length, out = len(body), b""
    while True:
        byte, length = length % 128, length // 128
        out += bytes([byte | (0x80 if length else 0)])
        if not length:
            return bytes([kind]) + out + body


def read_packet(file):
    """The next packet of a stream: its first byte and its body. IndexError at the end."""
    kind, length, shift = file.read(1)[0], 0, 0
    while True:
        byte = file.read(1)[0]
        length |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return kind, file.read(length)


class Client:
    def __init__(self, port, name, keep_alive=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(packet(0x10, string("MQTT") + b"\x04\x02"
                                   + struct.pack(">H", keep_alive) + string(name)))
        kind, body = self.read()
        assert kind >> 4 == 2 and body[1] == 0, (kind, body)

    def read(self):
        return read_packet(self.file)

    def publish(self, topic, payload, retain=False):
        """QoS 1, and waits for the broker's PUBACK, so that what follows comes after it."""
        self.socket.sendall(packet(0x32 | retain, string(topic) + b"\x00\x01" + payload))
        while self.read()[0] >> 4 != 4:
            pass

    def subscribe(self, topic):
        self.socket.sendall(packet(0x82, b"\x00\x02" + string(topic) + b"\x00"))
        while self.read()[0] >> 4 != 9:
            pass

    def messages(self):
        """What is published from now on: (topic, payload)."""
        while True:
            try:
                kind, body = self.read()
            except (IndexError, OSError):
                return  # the broker is gone
            if kind >> 4 == 3:
                size = struct.unpack(">H", body[:2])[0]
                yield body[2:2 + size].decode(), body[2 + size + (2 if kind & 6 else 0):]
