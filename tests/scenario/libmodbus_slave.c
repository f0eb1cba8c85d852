/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A third-party Modbus RTU slave: libmodbus's own server with a DDSD1352's registers.
 *
 * usage: libmodbus_slave PORT BAUD UNIT
 */
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>

enum { REGISTERS = 0x20 };

int main(int argc, char **argv) {
    if (argc != 4) {
        return 64;
    }
    modbus_t *modbus = modbus_new_rtu(argv[1], (int)strtol(argv[2], NULL, 10), 'N', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(0, 0, REGISTERS, 0);
    if (!modbus || !map || modbus_set_slave(modbus, (int)strtol(argv[3], NULL, 10)) != 0 ||
        modbus_connect(modbus) != 0) {
        (void)fprintf(stderr, "libmodbus_slave: %s cannot be opened\n", argv[1]);
        return 1;
    }
    map->tab_registers[0x00] = 0xffff; /* 42949671.05 kWh: nearly the last a u32 can say */
    map->tab_registers[0x01] = 0xff59;
    map->tab_registers[0x07] = 0x3039; /* 123.45 kWh */
    map->tab_registers[0x0b] = 2303;
    map->tab_registers[0x0c] = 515;
    map->tab_registers[0x0d] = 0xfb2e; /* -1234 W */
    map->tab_registers[0x10] = 0xfc18; /* -1.000 */
    map->tab_registers[0x11] = 5002;
    (void)printf("ready\n");
    (void)fflush(stdout);
    for (;;) {
        uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
        const int len = modbus_receive(modbus, query);
        if (len > 0) {
            (void)modbus_reply(modbus, query, len, map);
        }
    }
}
