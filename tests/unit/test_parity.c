/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/parity.h"

struct row {
    const char *what;
    uint8_t in[8];
    size_t in_len;
    uint8_t out[8];
    size_t out_len;
    uint64_t broken;
};

static const struct row rows[] = {
    {"nothing", {0}, 0, {0}, 0, 0},
    {"a frame", {0x10, 0x5b, 0x01, 0x5c, 0x16}, 5, {0x10, 0x5b, 0x01, 0x5c, 0x16}, 5, 0},
    {"FF as a character", {0x01, 0xff, 0xff, 0x00}, 4, {0x01, 0xff, 0x00}, 3, 0},
    {"two of them", {0xff, 0xff, 0xff, 0xff}, 4, {0xff, 0xff}, 2, 0},
    {"a wrong parity", {0x68, 0xff, 0x00, 0x41, 0x16}, 5, {0x68, 0x16}, 2, 1},
    {"of FF itself", {0xff, 0x00, 0xff, 0x16}, 4, {0x16}, 1, 1},
    {"a break, then FF", {0xff, 0x00, 0x00, 0xff, 0xff}, 5, {0xff}, 1, 1},
    {"two in a row", {0xff, 0x00, 0x01, 0xff, 0x00, 0x02}, 6, {0}, 0, 2},
};
enum { ROWS = sizeof rows / sizeof *rows };

Test(parity, marked_characters_are_taken_away) {
    for (size_t i = 0; i < ROWS; i++) {
        struct parity_marks marks = {0};
        uint8_t buf[8];
        memcpy(buf, rows[i].in, sizeof buf);
        cr_expect_eq(parity_unmark(&marks, buf, rows[i].in_len), rows[i].out_len, "%s",
                     rows[i].what);
        cr_expect_arr_eq(buf, rows[i].out, rows[i].out_len, "%s", rows[i].what);
        cr_expect_eq(marks.broken, rows[i].broken, "%s", rows[i].what);
        cr_expect_eq(marks.held, 0, "%s", rows[i].what);
    }
}

Test(parity, a_sequence_may_be_cut_anywhere) {
    for (size_t i = 0; i < ROWS; i++) {
        struct parity_marks marks = {0};
        uint8_t got[8];
        size_t count = 0;
        for (size_t at = 0; at < rows[i].in_len; at++) {
            got[count] = rows[i].in[at];
            count += parity_unmark(&marks, got + count, 1);
        }
        cr_expect_eq(count, rows[i].out_len, "%s", rows[i].what);
        cr_expect_arr_eq(got, rows[i].out, count, "%s", rows[i].what);
        cr_expect_eq(marks.broken, rows[i].broken, "%s", rows[i].what);
    }
}
