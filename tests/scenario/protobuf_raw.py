# SPDX-License-Identifier: Apache-2.0
"""Protobuf's bytes without protobuf: enough to look into a message of ours and to write bad ones.
Written from the encoding's specification, and shares nothing with the product."""


def varint(number):
    out = b""
    while True:
        number, low = number >> 7, number & 0x7f
        out += bytes([low | (0x80 if number else 0)])
        if not number:
            return out


def zigzag(number):
    return number << 1 if number >= 0 else (-number << 1) - 1


def field(number, value):
    """One field: an int as varint, bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """{field number: [values]}: ints, and bytes for whatever has a length."""
    out, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            size, at = read_varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than its message")
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        out.setdefault(key >> 3, []).append(value)
    return out


def packed(values, signed=True):
    """The numbers of a packed repeated field, which may come in several pieces."""
    out = []
    for data in values:
        at = 0
        while at < len(data):
            value, at = read_varint(data, at)
            out.append((value >> 1) ^ -(value & 1) if signed else value)
    return out
