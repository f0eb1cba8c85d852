/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct <-> the bytes of a protobuf message, by a table of its fields. There is one way to
 * write a value and no other: fields rise by number, numbers are as short as they can be, and
 * what is zero or empty is left out, unless the field is one that always stands there. So a
 * value has one encoding, and bytes that must not change can be hashed. Parts of a message have
 * no parts of their own. Pure; no memory but the caller's.
 */
#ifndef GATEWAY_SYNC_WIRE_FIELDS_H
#define GATEWAY_SYNC_WIRE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/status.h"

enum wire_type {
    WIRE_UNSIGNED, /* uint8_t, uint32_t, uint64_t, size_t, an enum: a varint */
    WIRE_SIGNED,   /* int32_t, int64_t: zigzag */
    WIRE_FLAG,     /* bool */
    WIRE_TEXT,     /* char[size] with its NUL, printable ASCII */
    WIRE_KEY,      /* uint8_t[size], all of them */
    WIRE_EXACT,    /* int128 in 1e-12: whole millionths, and the rest as field number + 1 */
    WIRE_EXACTS,   /* int128[size / 16], likewise, packed; what repeats the last is left out */
    WIRE_PART,     /* a struct */
    WIRE_PARTS     /* several, with their count beside them */
};

struct wire_table;

struct wire_field {
    uint32_t number; /* rising in a table, below 64 */
    enum wire_type type;
    size_t offset;
    size_t size;     /* of the member; PARTS: of one */
    bool is_always;  /* stands there even when it is zero */
    size_t has_at;   /* KEY, UNSIGNED: where a bool says whether it is there; 0 = none does */
    size_t count_at; /* PARTS: where the count stands */
    size_t max;      /* PARTS: at most */
    size_t max_at;   /* PARTS that are pointed to: where their room stands; 0 = they are here */
    const struct wire_table *table; /* PART, PARTS */
};

struct wire_table {
    size_t count;
    const struct wire_field *fields;
};

#define WIRE_TABLE(rows)                                                                       \
    { sizeof(rows) / sizeof *(rows), rows }

/* Rows of a table, for a member of struct `owner`. */
#define WIRE_MEMBER(owner, member)                                                             \
    .offset = offsetof(struct owner, member), .size = sizeof(((struct owner *)0)->member)
#define WIRE_ROW(owner, n, kind, member)                                                       \
    { .number = (n), .type = WIRE_##kind, WIRE_MEMBER(owner, member) }
#define WIRE_ROW_ALWAYS(owner, n, kind, member)                                                \
    { .number = (n), .type = WIRE_##kind, WIRE_MEMBER(owner, member), .is_always = true }
#define WIRE_ROW_IF(owner, n, kind, member, has)                                               \
    {                                                                                          \
        .number = (n), .type = WIRE_##kind, WIRE_MEMBER(owner, member),                        \
        .has_at = offsetof(struct owner, has)                                                  \
    }
#define WIRE_ROW_PART(owner, n, member, rows)                                                  \
    { .number = (n), .type = WIRE_PART, WIRE_MEMBER(owner, member), .table = &(rows) }
#define WIRE_ROW_PARTS(owner, n, member, counter, limit, rows)                                 \
    {                                                                                          \
        .number = (n), .type = WIRE_PARTS, .offset = offsetof(struct owner, member),           \
        .size = sizeof *((struct owner *)0)->member,                                           \
        .count_at = offsetof(struct owner, counter), .max = (limit), .table = &(rows)          \
    }

/*
 * Writes the struct at `from` into buf (cap bytes). `allowed` has a bit for the number of each
 * field that may stand there. GW_EINVALID: another one would; a text is not printable.
 * GW_ETOOLONG: no room. GW_ERANGE: an exact amount of more than 64 bits of millionths.
 */
MUST_CHECK enum gw_status wire_fields_put(const struct wire_table *table, uint64_t allowed,
                                          const void *from, uint8_t *buf, size_t cap,
                                          size_t *len);

/*
 * Reads a message into the struct at `to`, which the caller has zeroed. GW_EINVALID: not such a
 * message; the struct is then void. Some bytes that wire_fields_put would not write are taken:
 * who wants none writes again what was read, and compares.
 */
MUST_CHECK enum gw_status wire_fields_take(const struct wire_table *table, const uint8_t *buf,
                                           size_t len, void *to);

#endif
