/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu_explain.h"
#include "bridges/modbus/mbrtu_frame.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

enum { BYTES_MAX = 600 };

static size_t bytes_of(const char *hex, uint8_t *bytes) {
    size_t len = 0;
    for (; hex[2 * len]; len++) {
        const char pair[] = {hex[2 * len], hex[2 * len + 1], '\0'};
        bytes[len] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

/* In a buffer of its own length: a byte read past the end is found. */
static struct mbrtu_explanation explain(const uint8_t *bytes, size_t len,
                                        enum mbrtu_role role) {
    struct mbrtu_explanation out;
    uint8_t *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes, len);
    mbrtu_explain(exact, len, role, &out);
    free(exact);
    return out;
}

static struct mbrtu_explanation explain_hex(const char *hex, enum mbrtu_role role) {
    uint8_t bytes[BYTES_MAX];
    return explain(bytes, bytes_of(hex, bytes), role);
}

/* The same with a right CRC behind. */
static struct mbrtu_explanation explain_sealed(const char *hex, enum mbrtu_role role) {
    uint8_t bytes[BYTES_MAX];
    return explain(bytes, mbrtu_seal(bytes, bytes_of(hex, bytes)), role);
}

/* Whole frames with their CRCs: V1.1b3 6.1-6.12, V1.02, and devices named. -1 = not there. */
static const struct good_row {
    const char *name;
    const char *hex;
    enum mbrtu_role role;
    int unit;
    int function;
    int address;
    int count;
    int registers;
    int first_register;
    int bits;
    int data; /* bytes */
    int exception;
} good[] = {
    {"read holding registers", "010300000002c40b", MBRTU_ROLE_REQUEST, 1, 3, 0, 2, 0, 0, 0, -1,
     -1},
    {"SDM voltage", "0104044365e6663455", MBRTU_ROLE_RESPONSE, 1, 4, -1, -1, 2, 17253, 0, -1,
     -1},
    {"nine bytes of coils", "010109ffffffffffffffffff4962", MBRTU_ROLE_RESPONSE, 1, 1, -1, -1,
     0, 0, 72, -1, -1},
    {"read 70 coils", "010100010046ec38", MBRTU_ROLE_REQUEST, 1, 1, 1, 70, 0, 0, 0, -1, -1},
    {"an input", "ff02010151a0", MBRTU_ROLE_RESPONSE, 255, 2, -1, -1, 0, 0, 8, -1, -1},
    {"relay on", "02050000ff008c09", MBRTU_ROLE_REQUEST, 2, 5, 0, -1, 0, 0, 1, -1, -1},
    {"relay off", "ff0500000000d814", MBRTU_ROLE_REQUEST, 255, 5, 0, -1, 0, 0, 1, -1, -1},
    {"write a register", "010600480007481e", MBRTU_ROLE_REQUEST, 1, 6, 72, -1, 1, 7, 0, -1, -1},
    {"write three coils", "110f0410000301058e1f", MBRTU_ROLE_REQUEST, 17, 15, 1040, 3, 0, 0, 3,
     -1, -1},
    {"they are written", "110f0410000317af", MBRTU_ROLE_RESPONSE, 17, 15, 1040, 3, 0, 0, 0, -1,
     -1},
    {"write two registers", "011000030002040607ee058f50", MBRTU_ROLE_REQUEST, 1, 16, 3, 2, 2,
     1543, 0, -1, -1},
    {"ND08 has written", "0110000a000261ca", MBRTU_ROLE_RESPONSE, 1, 16, 10, 2, 0, 0, 0, -1,
     -1},
    {"exception", "0183030131", MBRTU_ROLE_EXCEPTION, 1, 3, -1, -1, 0, 0, 0, -1, 3},
    {"exception of 07", "018702c231", MBRTU_ROLE_EXCEPTION, 1, 7, -1, -1, 0, 0, 0, -1, 2},
    {"report server id", "1011cc7c", MBRTU_ROLE_REQUEST, 16, 17, -1, -1, 0, 0, 0, 0, -1},
    {"read and write", "111704100001011200020400c8008264e2", MBRTU_ROLE_REQUEST, 17, 23, -1, -1,
     2, 200, 0, 13, -1},
};

Test(mbrtu_explain, explains_whole_frames) {
    for (size_t i = 0; i < ROWS(good); i++) {
        const struct good_row *row = &good[i];
        const struct mbrtu_explanation out = explain_hex(row->hex, MBRTU_ROLE_ANY);
        cr_expect_eq(out.fault, MBRTU_FAULT_NONE, "%s: %s", row->name, out.detail);
        cr_expect(out.crc_ok, "%s", row->name);
        cr_expect_eq(out.role, row->role, "%s", row->name);
        cr_expect_eq(out.unit, row->unit, "%s", row->name);
        cr_expect_eq(out.function, row->function, "%s", row->name);
        cr_expect_eq(out.has_address ? out.address : -1, row->address, "%s", row->name);
        cr_expect_eq(out.has_count ? out.count : -1, row->count, "%s", row->name);
        cr_expect_eq(out.register_count, (size_t)row->registers, "%s", row->name);
        cr_expect_eq(out.bit_count, (size_t)row->bits, "%s", row->name);
        cr_expect_eq(out.has_data ? (int)out.data_len : -1, row->data, "%s", row->name);
        cr_expect_eq(out.has_exception ? out.exception : -1, row->exception, "%s", row->name);
        uint8_t bytes[BYTES_MAX];
        (void)bytes_of(row->hex, bytes);
        cr_expect(row->registers == 0 ||
                      mbrtu_explained_register(bytes, &out, 0) == row->first_register,
                  "%s", row->name);
    }
}

Test(mbrtu_explain, bits_count_from_the_lowest_of_the_first_byte) {
    uint8_t bytes[BYTES_MAX];
    (void)bytes_of("110f0410000301058e1f", bytes);
    const struct mbrtu_explanation out = explain_hex("110f0410000301058e1f", MBRTU_ROLE_ANY);
    cr_expect(mbrtu_explained_bit(bytes, &out, 0));
    cr_expect_not(mbrtu_explained_bit(bytes, &out, 1));
    cr_expect(mbrtu_explained_bit(bytes, &out, 2));
}

/* What is equally long in both roles, and what no length tells. */
Test(mbrtu_explain, infers_the_role_and_lets_it_be_forced) {
    static const struct {
        const char *name;
        const char *hex; /* without CRC */
        enum mbrtu_role asked;
        enum mbrtu_fault fault;
        enum mbrtu_role role;
    } rows[] = {
        {"an echo", "010600480007", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"an echo said to be a response", "010600480007", MBRTU_ROLE_RESPONSE, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"FC01, 3 bytes of bits (V1.1b3 6.1)", "010103cd6b05", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"FC01, 5 coils from 0300", "010103000005", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"the same forced", "010103000005", MBRTU_ROLE_RESPONSE, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"FC03 of register 0300", "010303000002", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"FC03 of register 0300 as response", "010303000002", MBRTU_ROLE_RESPONSE,
         MBRTU_FAULT_APPLICATION, MBRTU_ROLE_RESPONSE},
        {"FC03 request as response", "010300000002", MBRTU_ROLE_RESPONSE, MBRTU_FAULT_FRAME,
         MBRTU_ROLE_ANY},
        {"FC03 response as request", "0103020500", MBRTU_ROLE_REQUEST, MBRTU_FAULT_FRAME,
         MBRTU_ROLE_ANY},
        {"an exception is a response", "018302", MBRTU_ROLE_RESPONSE, MBRTU_FAULT_NONE,
         MBRTU_ROLE_EXCEPTION},
        {"and no request", "018302", MBRTU_ROLE_REQUEST, MBRTU_FAULT_FRAME, MBRTU_ROLE_ANY},
        {"a response is no exception", "0103020500", MBRTU_ROLE_EXCEPTION, MBRTU_FAULT_FRAME,
         MBRTU_ROLE_ANY},
        {"PZEM reset", "f842", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_ANY},
        {"PZEM reset, said to be a request", "f842", MBRTU_ROLE_REQUEST, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"Acrel's private AA", "05aa004600020411223344", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_ANY},
        {"a relay toggled by 5500", "010500005500", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"device identification", "012b0e0100", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"its answer", "012b0e010100000100035a5a5a", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"exception status", "1107", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"its answer", "11076d", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_RESPONSE},
        {"event counter (6.9)", "110bffff0108", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"diagnostics", "11080000a537", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"event log (6.10)", "110c080000010801212000", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"read file (6.14)", "11140e0600040001000206000300090002", MBRTU_ROLE_ANY,
         MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"its answer", "11140c05060dfe0020050633cd0040", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"mask (6.16)", "1116000400f20025", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_REQUEST},
        {"FIFO (6.18)", "111804de", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"its answer", "11180006000201b81284", MBRTU_ROLE_ANY, MBRTU_FAULT_NONE,
         MBRTU_ROLE_RESPONSE},
        {"200 registers: for the device to refuse", "0103000000c8", MBRTU_ROLE_ANY,
         MBRTU_FAULT_NONE, MBRTU_ROLE_REQUEST},
        {"function 0", "01000000", MBRTU_ROLE_ANY, MBRTU_FAULT_FRAME, MBRTU_ROLE_ANY},
        {"byte count of the write is wrong", "0110000300020206070000", MBRTU_ROLE_ANY,
         MBRTU_FAULT_FRAME, MBRTU_ROLE_ANY},
        {"byte count and count disagree", "011000030002020607", MBRTU_ROLE_ANY,
         MBRTU_FAULT_APPLICATION, MBRTU_ROLE_REQUEST},
        {"three bytes of registers", "010403000000", MBRTU_ROLE_RESPONSE,
         MBRTU_FAULT_APPLICATION, MBRTU_ROLE_RESPONSE},
        {"no registers", "010300", MBRTU_ROLE_ANY, MBRTU_FAULT_APPLICATION,
         MBRTU_ROLE_RESPONSE},
        {"exception with a byte more", "01830200", MBRTU_ROLE_ANY, MBRTU_FAULT_FRAME,
         MBRTU_ROLE_ANY},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct mbrtu_explanation out = explain_sealed(rows[i].hex, rows[i].asked);
        cr_expect_eq(out.fault, rows[i].fault, "%s: fault %d %s", rows[i].name, (int)out.fault,
                     out.detail);
        cr_expect_eq(out.role, rows[i].role, "%s: role %d", rows[i].name, (int)out.role);
        cr_expect_eq(out.detail[0] != '\0', rows[i].fault != MBRTU_FAULT_NONE, "%s",
                     rows[i].name);
    }
}

Test(mbrtu_explain, names_the_likely_cause) {
    static const struct {
        const char *hex;
        enum mbrtu_fault fault;
        const char *mentions;
    } rows[] = {
        {"", MBRTU_FAULT_INCOMPLETE, "0 bytes"},
        {"0103", MBRTU_FAULT_INCOMPLETE, "2 bytes"},
        {"0103000000", MBRTU_FAULT_INCOMPLETE, "5 bytes of at least 8"},
        {"0104044365e66634", MBRTU_FAULT_INCOMPLETE, "8 bytes of at least 9"},
        {"0103008c000205f8", MBRTU_FAULT_CHECKSUM, "should be 05e0"},
        {"0103000000020bc4", MBRTU_FAULT_CHECKSUM, "swapped"},
        {"0001040443696978106e00", MBRTU_FAULT_FRAME, "turn-around"},
        {"010300000002c40bff", MBRTU_FAULT_FRAME, "turn-around"},
        {"010300000002c40b0000", MBRTU_FAULT_FRAME, "turn-around"}, /* its CRC holds */
        {"f842c2410000", MBRTU_FAULT_FRAME, "turn-around"},
        {"01030046000165df0103020500bb14", MBRTU_FAULT_FRAME, "echo"},
        {"010300000002c40b1234", MBRTU_FAULT_FRAME, "2 bytes too many behind"},
        {"5a010300000002c40b", MBRTU_FAULT_FRAME, "1 byte too many before"},
        {"e5", MBRTU_FAULT_FRAME, "M-Bus"},
        {"1040014116", MBRTU_FAULT_FRAME, "M-Bus"},
        {"680303685301bd1116", MBRTU_FAULT_FRAME, "M-Bus"},
        {"fefe68090051050326681104333334331516", MBRTU_FAULT_FRAME, "DL/T 645"},
        {"6820aaaaaaaaaaaaaa0303810a004916", MBRTU_FAULT_FRAME, "CJ/T 188"},
        {"000100000006010300000002", MBRTU_FAULT_FRAME, "Modbus TCP"},
        {"3a3031303330303030303030324641 0d0a", MBRTU_FAULT_FRAME, "Modbus ASCII"},
        {"01030000000200000000", MBRTU_FAULT_FRAME, "the CRC is wrong too"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char hex[BYTES_MAX] = "";
        size_t len = 0;
        for (const char *at = rows[i].hex; *at; at++) {
            hex[len] = *at;
            len += *at != ' ';
        }
        hex[len] = '\0';
        const struct mbrtu_explanation out = explain_hex(hex, MBRTU_ROLE_ANY);
        cr_expect_eq(out.fault, rows[i].fault, "%s: %s", hex, out.detail);
        cr_expect(strstr(out.detail, rows[i].mentions) != NULL, "%s: %s", hex, out.detail);
    }
}

Test(mbrtu_explain, refuses_every_single_bit_flip) {
    for (size_t i = 0; i < ROWS(good); i++) {
        uint8_t bytes[BYTES_MAX];
        const size_t len = bytes_of(good[i].hex, bytes);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            for (int role = MBRTU_ROLE_ANY; role <= MBRTU_ROLE_EXCEPTION; role++) {
                const struct mbrtu_explanation out = explain(bytes, len, (enum mbrtu_role)role);
                cr_expect_neq(out.fault, MBRTU_FAULT_NONE, "%s bit %zu", good[i].name, bit);
                cr_expect_not(out.crc_ok);
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

Test(mbrtu_explain, refuses_truncation_at_every_length) {
    for (size_t i = 0; i < ROWS(good); i++) {
        uint8_t bytes[BYTES_MAX];
        const size_t len = bytes_of(good[i].hex, bytes);
        for (size_t cut = 0; cut < len; cut++) {
            const struct mbrtu_explanation any = explain(bytes, cut, MBRTU_ROLE_ANY);
            cr_expect_neq(any.fault, MBRTU_FAULT_NONE, "%s cut at %zu", good[i].name, cut);
            const struct mbrtu_explanation known = explain(bytes, cut, good[i].role);
            cr_expect_eq(known.fault, MBRTU_FAULT_INCOMPLETE, "%s cut at %zu: %s", good[i].name,
                         cut, known.detail);
        }
    }
}

/* Numerical Recipes' generator: the same bytes in every run. */
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

Test(mbrtu_explain, survives_random_bytes_and_stays_inside) {
    uint32_t state = 1;
    uint8_t bytes[BYTES_MAX];
    for (int run = 0; run < 30000; run++) {
        size_t len = next_random(&state) % (run % 100 ? 40 : BYTES_MAX - 2);
        for (size_t i = 0; i < len; i++) {
            const uint8_t byte = (uint8_t)next_random(&state);
            bytes[i] = next_random(&state) % 4 ? byte : byte % 8; /* many counts of frames */
        }
        if (run % 2) {
            len = mbrtu_seal(bytes, len);
        }
        for (int role = MBRTU_ROLE_ANY; role <= MBRTU_ROLE_EXCEPTION; role++) {
            const struct mbrtu_explanation out = explain(bytes, len, (enum mbrtu_role)role);
            cr_assert_lt(strlen(out.detail), sizeof out.detail - 1);
            cr_assert_eq(out.fault == MBRTU_FAULT_NONE, out.detail[0] == '\0');
            cr_assert(out.fault != MBRTU_FAULT_NONE || out.crc_ok);
            cr_assert_leq(out.registers_at + 2 * out.register_count, len);
            cr_assert_leq(out.bits_at + (out.bit_count + 7) / 8, len);
            cr_assert(!out.has_data || out.data_at + out.data_len + MBRTU_CRC_BYTES <= len);
        }
    }
}

Test(mbrtu_explain, refuses_frames_beyond_any_length) {
    uint8_t *bytes = calloc(1, 32768);
    struct mbrtu_explanation out;
    cr_assert_not_null(bytes);
    bytes[0] = 1;
    bytes[1] = 0x42;
    const size_t sealed = mbrtu_seal(bytes, 300);
    mbrtu_explain(bytes, sealed, MBRTU_ROLE_ANY, &out);
    cr_expect_eq(out.fault, MBRTU_FAULT_FRAME);
    mbrtu_explain(bytes, 32768, MBRTU_ROLE_ANY, &out);
    cr_expect_eq(out.fault, MBRTU_FAULT_FRAME);
    mbrtu_explain(NULL, 0, MBRTU_ROLE_ANY, &out);
    cr_expect_eq(out.fault, MBRTU_FAULT_INCOMPLETE);
    free(bytes);
}
