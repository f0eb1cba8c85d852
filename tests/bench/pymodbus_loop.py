# SPDX-License-Identifier: Apache-2.0
"""The peer in Python: pymodbus's synchronous client, one read after another over the slaves.

usage: pymodbus_loop.py LINE BAUD SLAVES COUNT SECONDS
"""
import json, sys, time
from pymodbus.client import ModbusSerialClient

line, baud, slaves, count, seconds = sys.argv[1], *map(int, sys.argv[2:6])
client = ModbusSerialClient(line, baudrate=baud, bytesize=8, parity="N", stopbits=1)
if not client.connect():
    sys.exit("the line cannot be opened")
until, requests, good = time.monotonic() + seconds, 0, 0
while time.monotonic() < until:
    reply = client.read_holding_registers(0, count, slave=1 + requests % slaves)
    requests += 1
    good += not reply.isError() and len(reply.registers) == count
print(json.dumps({"requests": requests, "good": good}))
