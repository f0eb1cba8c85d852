/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/what.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { PARTS_MAX = 5, PART_MAX = 24, BITS_MAX = 2000, REGISTERS_MAX = 125, SPACE = 0x10000 };
enum { PART_TABLE, PART_START, PART_COUNT, PART_TYPE, PART_ORDER };

struct parts {
    size_t count;
    char texts[PARTS_MAX][PART_MAX];
};

static const struct table {
    const char *name;
    uint8_t function;
    bool is_bits;
} tables[] = {
    {"coil", 1, true}, {"discrete", 2, true}, {"holding", 3, false}, {"input", 4, false}};

static bool split(const char *text, struct parts *parts) {
    parts->count = 0;
    for (const char *at = text;; at++) {
        const size_t len = strcspn(at, ":");
        if (parts->count == PARTS_MAX || len >= PART_MAX) {
            return false;
        }
        memcpy(parts->texts[parts->count], at, len);
        parts->texts[parts->count++][len] = '\0';
        at += len;
        if (*at == '\0') {
            return true;
        }
    }
}

bool what_number(const char *text, long max, long *out) {
    char *end = NULL;
    const int base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
    const char *digits = base == 16 ? text + 2 : text;
    if (strspn(digits, base == 16 ? "0123456789abcdefABCDEF" : "0123456789") !=
            strlen(digits) ||
        *digits == '\0' || strlen(digits) > 9) {
        return false;
    }
    *out = strtol(digits, &end, base);
    return *out <= max;
}

/* The place of a word in "a|b|c", -1 when it is not there. */
static int word_of(const char *words, const char *word) {
    int i = 0;
    for (const char *at = words; *at; i++) {
        const size_t len = strcspn(at, "|");
        if (strlen(word) == len && strncmp(at, word, len) == 0) {
            return i;
        }
        at += len + (at[len] == '|');
    }
    return -1;
}

static bool set_table(const char *name, struct what *what) {
    for (size_t i = 0; i < COUNT(tables); i++) {
        if (strcmp(tables[i].name, name) == 0) {
            what->table = tables[i].name;
            what->function = tables[i].function;
            what->is_bits = tables[i].is_bits;
            return true;
        }
    }
    return false;
}

static const char *set_range(const struct parts *parts, struct what *what) {
    long start = 0;
    long count = 1;
    if (!what_number(parts->texts[PART_START], SPACE - 1, &start)) {
        return "START is a number from 0 to 65535 or 0xffff";
    }
    if (parts->count > PART_COUNT && !what_number(parts->texts[PART_COUNT], BITS_MAX, &count)) {
        return "COUNT is a number up to 125 registers or 2000 bits";
    }
    if (count < 1 || count > (what->is_bits ? BITS_MAX : REGISTERS_MAX)) {
        return "COUNT is 1 to 125 registers or 1 to 2000 bits";
    }
    if (start + count > SPACE) {
        return "START and COUNT end behind 65535";
    }
    what->start = (uint16_t)start;
    what->count = (uint16_t)count;
    return NULL;
}

static const char *set_type(const struct parts *parts, struct what *what) {
    what->words = 1;
    if (parts->count <= PART_TYPE) {
        return NULL;
    }
    const int type = word_of(MBRTU_TYPES, parts->texts[PART_TYPE]);
    const int order =
        parts->count > PART_ORDER ? word_of(MBRTU_ORDERS, parts->texts[PART_ORDER]) : 0;
    if (type < 0 || what->is_bits) {
        return what->is_bits ? "bits have no TYPE" : "TYPE is one of " MBRTU_TYPES;
    }
    if (order < 0) {
        return "ORDER is one of " MBRTU_ORDERS;
    }
    const bool is_float = type == MBRTU_FLOAT32 || type == MBRTU_FLOAT64;
    what->is_typed = true;
    what->words = mbrtu_words(type);
    /* integers go through as they are, as micro-units; floats in steps of a millionth */
    what->value = (struct mbrtu_value){.type = type,
                                       .order = order,
                                       .scale = {1, is_float ? 1 : MICRO},
                                       .resolution_micro = is_float};
    return what->count % what->words ? "COUNT is no multiple of the registers of TYPE" : NULL;
}

const char *what_parse(const char *text, struct what *out) {
    struct parts parts;
    *out = (struct what){0};
    if (!split(text, &parts) || parts.count < 2) {
        return "is not TABLE:START[:COUNT[:TYPE[:ORDER]]], such as holding:0x0048:2";
    }
    if (!set_table(parts.texts[PART_TABLE], out)) {
        return "TABLE is coil, discrete, holding or input";
    }
    const char *fault = set_range(&parts, out);
    return fault ? fault : set_type(&parts, out);
}

size_t what_bytes(const struct what *what) {
    return what->is_bits ? (what->count + 7U) / 8 : what->count * 2U;
}

bool what_format(const struct what *what, const uint16_t *registers, char *text, size_t cap) {
    int64_t micro = 0;
    char decimal[DECIMAL_TEXT_MAX];
    if (mbrtu_decode(&what->value, registers, &micro) != BRIDGE_OK) {
        return false;
    }
    if (what->value.resolution_micro == 0) {
        (void)snprintf(text, cap, "%" PRId64, micro);
        return true;
    }
    decimal_format(micro, decimal);
    (void)snprintf(text, cap, "%s", decimal);
    return true;
}
