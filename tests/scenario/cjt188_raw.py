# SPDX-License-Identifier: Apache-2.0
"""CJ/T 188 by hand: frames of both editions. Knows nothing of ours."""

CHAR = 11 / 2400
ANY = "AA" * 7


def framed(kind, address, control, data, wake=2):
    body = bytes([0x68, kind]) + bytes.fromhex(address)[::-1] + bytes([control, len(data)]) + data
    return b"\xfe" * wake + body + bytes([sum(body) % 256, 0x16])


def is_whole(data):
    data = data.lstrip(b"\xfe")
    return (len(data) >= 13 and data[0] == 0x68 and len(data) == 13 + data[10] and data[-1] == 0x16
            and sum(data[:-2]) % 256 == data[-2])


class Answer:
    def __init__(self, frame):
        assert is_whole(frame), frame.hex()
        frame = frame.lstrip(b"\xfe")
        self.kind, self.address, self.control = frame[1], frame[8:1:-1].hex(), frame[9]
        self.data = frame[11:-2]


def bcd(data):
    return int(data[::-1].hex())


class Meter:
    def __init__(self, line, address, kind=0x10, is_little=False, seconds=0.5):
        self.line, self.address, self.kind, self.is_little, self.seconds = line, address, kind, is_little, seconds
        self.ser = 0

    def ask(self, control, number, data=b"", kind=None, address=None, seconds=None):
        self.ser = (self.ser + 1) % 256
        order = "little" if self.is_little else "big"
        self.line.send(framed(self.kind if kind is None else kind, address or self.address, control,
                              number.to_bytes(2, order) + bytes([self.ser]) + data))
        return self.line.await_frame(is_whole, seconds or self.seconds)

    def read(self, number=0x901F):
        """What stands behind an identifier and SER."""
        answer = Answer(self.ask(1, number))
        order = "little" if self.is_little else "big"
        assert answer.address == self.address and answer.control == 0x81, answer.data.hex()
        assert answer.data[:3] == number.to_bytes(2, order) + bytes([self.ser]), answer.data.hex()
        return answer.data[3:]

    def volume(self):
        return bcd(self.read()[:4])

    def valve(self):
        """ST of the first byte."""
        return self.read()[-2]

    def order(self, value):
        return self.ask(4, 0xA017, bytes([value]))
