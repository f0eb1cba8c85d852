# SPDX-License-Identifier: Apache-2.0
"""M-Bus by hand: frames, selections and what the simulator's telegrams say. Knows nothing of ours."""

CHAR = 11 / 9600


def framed(body):
    return bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) % 256, 0x16])


def short(c, a):
    return bytes([0x10, c, a, (c + a) % 256, 0x16])


def is_whole(data):
    """An acknowledgement or a long frame that checks."""
    if data == b"\xe5":
        return True
    return (len(data) >= 9 and data[0] == data[3] == 0x68 and data[1] == data[2]
            and len(data) == data[1] + 6 and data[-1] == 0x16 and sum(data[4:-2]) % 256 == data[-2])


def selection(text, more=b""):
    said = text.split(".")
    number, maker, version, medium = said + ["ffff", "ff", "ff"][len(said) - 1:]
    return framed(b"\x53\xfd\x52" + bytes.fromhex(number)[::-1] + bytes.fromhex(maker)[::-1] +
                  bytes.fromhex(version + medium) + more)


def bcd(data):
    return int(data[::-1].hex())


class Bus:
    def __init__(self, line):
        self.line = line

    def ask(self, data, seconds=0.2):
        self.line.send(data)
        return self.line.await_frame(is_whole, seconds)

    def say(self, a, ci, data=b"", c=0x53):
        return self.ask(framed(bytes([c, a, ci]) + data))

    def select(self, text, more=b""):
        """As printed: id.manufacturer.version.medium in hex, F and FFFF for any."""
        return self.ask(selection(text, more))

    def read(self, a, fcb=1, seconds=0.5):
        return self.ask(short(0x7b if fcb else 0x5b, a), seconds)


class Telegram:
    """An RSP_UD with a long header, its records by their heads; only what these slaves send."""

    SIZES = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, None, 6)

    def __init__(self, frame):
        assert is_whole(frame) and len(frame) > 20, frame.hex()
        self.c, self.a, self.ci = frame[4:7]
        assert self.ci == 0x72 and self.c & 0x4f == 0x08, frame.hex()
        body = frame[7:-2]
        self.id, self.maker = body[3::-1].hex(), body[5:3:-1].hex()
        self.version, self.medium, self.access, self.status = body[6:10]
        self.records, self.more, at = {}, False, 12
        while at < len(body):
            if body[at] in (0x0f, 0x1f):
                self.more = body[at] == 0x1f
                self.maker_data = body[at + 1:]
                break
            start, size = at, self.SIZES[body[at] & 15]
            while body[at] & 0x80:
                at += 1
            at += 1
            while body[at] & 0x80:
                at += 1
            at += 1
            self.records[body[start:at].hex()] = body[at:at + size]
            at += size
