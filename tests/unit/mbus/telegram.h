/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telegrams as hex, in memory of exactly their length: a byte read too far is found by ASan.
 */
#ifndef TESTS_UNIT_MBUS_TELEGRAM_H
#define TESTS_UNIT_MBUS_TELEGRAM_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_frame.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

struct bytes {
    uint8_t *data; /* heap: bytes_free */
    size_t len;
};

static inline struct bytes bytes_of(const char *hex) {
    struct bytes out = {.data = malloc(strlen(hex) / 2 + 1)};
    unsigned byte;
    int used;
    cr_assert_not_null(out.data);
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        out.data[out.len++] = (uint8_t)byte;
        hex += used;
    }
    uint8_t *exact = malloc(out.len ? out.len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, out.data, out.len);
    free(out.data);
    out.data = exact;
    return out;
}

static inline void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    bytes->data = NULL;
}

static inline const char *hex_of(const uint8_t *bytes, size_t len, char *text) {
    text[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        (void)sprintf(text + 2 * i, "%02x", bytes[i]);
    }
    return text;
}

/* A telegram without header (CI 78) of these records. */
struct telegram {
    struct bytes bytes;
    struct mbus_header header;
    struct mbus_records records;
};

static inline void telegram_open(struct telegram *telegram, uint8_t ci, const char *hex) {
    telegram->bytes = bytes_of(hex);
    cr_assert_eq(
        mbus_header_read(ci, telegram->bytes.data, telegram->bytes.len, &telegram->header),
        BRIDGE_OK, "%s", hex);
    mbus_records_init(&telegram->records, &telegram->header);
}

static inline void telegram_close(struct telegram *telegram) {
    bytes_free(&telegram->bytes);
}

#endif
