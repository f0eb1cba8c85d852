# SPDX-License-Identifier: Apache-2.0
"""A third-party Modbus RTU slave: python3-pymodbus with an SDM120's input registers.

usage: pymodbus_slave.py PORT BAUD UNIT
"""
import struct, sys
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartSerialServer
from pymodbus.transaction import ModbusRtuFramer

FLOATS = {0x0000: 230.2, 0x0006: 4.567, 0x000c: 1051.3, 0x0012: 1060.0, 0x0018: -99.5,
          0x001e: 0.991, 0x0046: 49.98, 0x0048: 12345.678, 0x004a: 1.5, 0x004c: 77.25,
          0x004e: 0.0, 0x0156: 12347.178}
registers = [0] * 0x400
for address, value in FLOATS.items():
    registers[address:address + 2] = struct.unpack(">HH", struct.pack(">f", value))

port, baud, unit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# the block starts at 1: pymodbus counts registers from one
slave = ModbusSlaveContext(ir=ModbusSequentialDataBlock(1, registers))
print("ready", flush=True)
StartSerialServer(context=ModbusServerContext(slaves={unit: slave}, single=False),
                  framer=ModbusRtuFramer, port=port, baudrate=baud, timeout=0.005,
                  ignore_missing_slaves=True)
