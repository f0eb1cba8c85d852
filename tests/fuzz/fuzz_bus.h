/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile bus in virtual time: a line whose script says what is behind each request:
 *
 *   { act | delay, 2 bytes | length | bytes }...
 *
 * and that remembers what was asked and what was heard then.
 */
#ifndef TESTS_FUZZ_FUZZ_BUS_H
#define TESTS_FUZZ_FUZZ_BUS_H

#include "bridges/bridge.h"
#include "tests/fuzz/fuzz.h"

enum { FUZZ_QUEUE_MAX = 4096, FUZZ_HISTORY_MAX = 24 };

enum fuzz_act {
    ACT_BYTES,  /* as they stand */
    ACT_SEALED, /* with a good CRC */
    ACT_HONEST, /* the answer; its registers hold the bytes */
    ACT_ECHO,   /* the request; the first byte of the piece is turned over in it */
    ACT_REFUSE, /* exception, its code is the length */
    ACT_NEXT,   /* nothing more behind this request */
    ACTS
};

struct fuzz_wire_byte {
    int64_t at_us;
    uint8_t byte;
};

/* A request, and what was read behind it. */
struct fuzz_heard {
    uint8_t request[BRIDGE_REQUEST_MAX];
    size_t request_len;
    uint8_t bytes[FUZZ_QUEUE_MAX];
    size_t count;
};

/* The line and the script behind it. */
struct fuzz_bus {
    struct line line; /* first: the operations get it back */
    struct fuzz_clock clock;
    struct fuzz_input script;
    bool loses_bytes; /* what came before a request is not seen by anybody */
    struct fuzz_wire_byte queue[FUZZ_QUEUE_MAX];
    size_t count;
    struct fuzz_heard history[FUZZ_HISTORY_MAX]; /* the user sets the count back */
    size_t history_count;
};

void fuzz_bus_init(struct fuzz_bus *bus, struct fuzz_input script, bool loses_bytes);

/* Our own reading of the standard (V1.1b3, 6.1 to 6.12 and 7): is this the answer? */
bool fuzz_is_answer(const uint8_t *request, const uint8_t *frame, size_t len);

#endif
