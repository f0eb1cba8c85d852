# SPDX-License-Identifier: Apache-2.0
"""DL/T 645 by hand: frames of both editions. Knows nothing of ours."""
import time

CHAR = 11 / 2400
ANY = "AAAAAAAAAAAA"
ALL = "999999999999"


def wire(address):
    return bytes.fromhex(address)[::-1]


def framed(address, control, data=b""):
    body = b"\x68" + wire(address) + b"\x68" + bytes([control, len(data)]) + bytes((b + 0x33) % 256 for b in data)
    return b"\xfe" * 4 + body + bytes([sum(body) % 256, 0x16])


def is_whole(data):
    data = data.lstrip(b"\xfe")
    return (len(data) >= 12 and data[0] == data[7] == 0x68 and len(data) == 12 + data[9] and data[-1] == 0x16
            and sum(data[:-2]) % 256 == data[-2])


class Answer:
    def __init__(self, frame):
        assert is_whole(frame), frame.hex()
        frame = frame.lstrip(b"\xfe")
        self.address, self.control = frame[6:0:-1].hex(), frame[8]
        self.data = bytes((b - 0x33) % 256 for b in frame[10:-2])


def di(number, size=4):
    return number.to_bytes(size, "little")


def bcd(data):
    return int(data[::-1].hex())


def moment(seconds):
    """ss mm hh DD MM YY of a time since 1970."""
    return bytes.fromhex(time.strftime("%S%M%H%d%m%y", time.gmtime(seconds)))


class Meter:
    def __init__(self, line, address, seconds=0.5):
        self.line, self.address, self.seconds = line, address, seconds

    def ask(self, control, data=b"", address=None, seconds=None):
        self.line.send(framed(address or self.address, control, data))
        return self.line.await_frame(is_whole, seconds or self.seconds)

    def read(self, number, size=4):
        """What stands behind an identifier; None where the meter says that it has none."""
        answer = Answer(self.ask(0x11 if size == 4 else 0x01, di(number, size)))
        assert answer.address == self.address, answer.address
        if answer.control & 0x40:
            assert answer.control == (0xD1 if size == 4 else 0xC1) and answer.data == b"\2", answer.data.hex()
            return None
        assert answer.control == (0x91 if size == 4 else 0x81) and answer.data[:size] == di(number, size)
        return answer.data[size:]

    def number(self, number, size=4):
        return bcd(self.read(number, size))

    def clock(self):
        """Seconds since 1970 by the meter's own clock."""
        date, hour = self.read(0x04000101), self.read(0x04000102)
        assert date[0] == int(time.strftime("%w", time.strptime(date[:0:-1].hex(), "%y%m%d"))), date.hex()
        text = date[:0:-1].hex() + hour[::-1].hex()
        return time.mktime(time.strptime(text, "%y%m%d%H%M%S")) - time.timezone

    def order(self, n1, password="000000", until=None, level=2, n2=0):
        until = moment(time.time() + 3600) if until is None else until
        return self.ask(0x1C, bytes([level]) + wire(password) + b"\x78\x56\x34\x12" + bytes([n1, n2]) + until)

    def relay(self):
        """Bits 4 and 6 of status word 3: where it is, what it was ordered."""
        word = int.from_bytes(self.read(0x04000503), "little")
        return word >> 4 & 1, word >> 6 & 1
