/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of the polling engine: libmodbus as its manual shows it, one read after another over
 * the slaves, nothing of ours. Its defaults: 500 ms, one try.
 *
 * usage: loop LINE BAUD SLAVES COUNT REQUESTS SECONDS   (0 = no limit)
 */
#include <modbus/modbus.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/bench/tool.h"

static const char program[] = "loop";

struct tally {
    int64_t requests;
    int64_t good;
    int64_t wrong;
};

static void ask(modbus_t *modbus, int unit, int count, struct tally *tally) {
    uint16_t values[MODBUS_MAX_READ_REGISTERS];
    (void)modbus_set_slave(modbus, unit);
    const int got = modbus_read_registers(modbus, 0, count, values);
    tally->requests++;
    tally->good += got == count;
    tally->wrong += got == count && values[0] >> 8 != unit;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        tool_fail(program, "usage: loop LINE BAUD SLAVES COUNT REQUESTS SECONDS");
    }
    const int baud = (int)tool_number(program, argv[2], 300, 460800);
    const int slaves = (int)tool_number(program, argv[3], 1, 247);
    const int count = (int)tool_number(program, argv[4], 1, MODBUS_MAX_READ_REGISTERS);
    const int64_t requests = tool_number(program, argv[5], 0, INT64_MAX);
    const int64_t seconds = tool_number(program, argv[6], 0, 3600);
    modbus_t *modbus = modbus_new_rtu(argv[1], baud, 'N', 8, 1);
    if (!modbus || modbus_connect(modbus) != 0) {
        tool_fail(program, "the line cannot be opened");
    }
    struct tally tally = {0};
    const int64_t until_ns = tool_now_ns() + seconds * 1000000000;
    while ((requests == 0 || tally.requests < requests) &&
           (seconds == 0 || tool_now_ns() < until_ns)) {
        ask(modbus, 1 + (int)(tally.requests % slaves), count, &tally);
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"requests\": %lld, \"good\": %lld, \"wrong\": %lld, \"switches\": %ld}\n",
                 (long long)tally.requests, (long long)tally.good, (long long)tally.wrong,
                 usage.ru_nvcsw);
    modbus_close(modbus);
    modbus_free(modbus);
    return 0;
}
