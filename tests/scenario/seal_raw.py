# SPDX-License-Identifier: Apache-2.0
"""Seals as the cloud end makes them, by openssl: right and wrong ones. Shares nothing with the
product."""
import re, subprocess, tempfile

from protobuf_raw import field


def seed_of(path):
    """The seed in a key file of metergatectl keygen."""
    return bytes.fromhex(re.search("secret: ([0-9a-f]+)", path.read_text()).group(1))[:32]


def private_key(seed):
    """An Ed25519 key as PKCS #8 (RFC 8410): a fixed head and the seed."""
    return bytes.fromhex("302e020100300506032b657004220420") + seed


def sign(seed, data):
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as text:
        key.write(private_key(seed)), key.flush(), text.write(data), text.flush()
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey",
                               key.name, "-in", text.name], check=True, capture_output=True).stdout


def sealed(seed, payload, gateway=b"gw-1", domain=b"metergate/ack/1", key_id=1):
    signature = sign(seed, domain + b"\0" + gateway + b"\0" + payload)
    return field(1, payload) + field(2, signature) + field(3, key_id)
