/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an M-Bus frame says: its header and its records (EN 13757-3). Pure: no I/O, no clock, no
 * heap; reads nothing outside the bytes it is given.
 *
 *   CI | header | record | record | ... | 0F and the maker's own bytes
 *                  |
 *                 DIF DIFE..  VIF VIFE..  [length]  data          numbers low byte first
 *                 which value     of what               (CI 76, 77: high byte first)
 *
 *   struct mbus_records records;
 *   struct mbus_record record;
 *   mbus_records_init(&records, &header);
 *   while (mbus_record_next(&records, &record) == BRIDGE_OK) { ... }
 *   records.fault                                 why it stopped, if not at the end
 *
 * A number is exact: mantissa * 10^exponent of the unit; a real keeps its IEEE-754 bits. What
 * is no value (a date that does not exist, BCD with other digits, NaN) is invalid, never zero.
 */
#ifndef BRIDGES_MBUS_MBUS_DATA_H
#define BRIDGES_MBUS_MBUS_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/decimal.h"
#include "bridges/base/status.h"
#include "bridges/mbus/mbus_date.h"
#include "bridges/mbus/mbus_vif.h"

/* --- header ------------------------------------------------------------------------------- */

/* What stands behind CI. */
enum mbus_content {
    MBUS_VARIABLE,  /* records of a meter */
    MBUS_FIXED,     /* two counters of a meter (CI 73, 77) */
    MBUS_APP_ERROR, /* the meter has refused: error */
    MBUS_WRITE,     /* records of a master */
    MBUS_SELECT,    /* a secondary address: the header's id to medium */
    MBUS_OTHER      /* named, not taken apart */
};

enum mbus_layout {
    MBUS_NO_HEADER,
    MBUS_SHORT_HEADER,   /* access number, status, configuration */
    MBUS_LONG_HEADER,    /* id, manufacturer, version, medium, then the short one */
    MBUS_ADDRESS_HEADER, /* the first half of the long one */
    MBUS_FIXED_HEADER    /* id, access number, status, two units */
};

enum { MBUS_ID_DIGITS = 8, MBUS_MANUFACTURER_LETTERS = 3 };

struct mbus_header {
    uint8_t ci;
    enum mbus_content content;
    enum mbus_layout layout;
    bool msb_first; /* mode 2 */
    uint32_t id;    /* eight digits as they are printed: 0x11490378; A-F may occur */
    uint16_t manufacturer;
    uint8_t version;
    uint8_t medium;
    uint8_t access_no;
    uint8_t status;
    uint16_t configuration; /* once the signature */
    uint8_t units[2];       /* of MBUS_FIXED */
    uint8_t security;       /* mode that hides the records; 0 = they are in clear */
    uint8_t error;          /* of MBUS_APP_ERROR; 0 when the meter says no more */
    const uint8_t *body;    /* behind the header, in the data that was read */
    size_t body_len;
};

/*
 * data[0, len) is what stands behind ci in a frame. BRIDGE_EFRAME: it ends within its header.
 * out->body points into data. *out is written only on BRIDGE_OK.
 */
MUST_CHECK enum bridge_status mbus_header_read(uint8_t ci, const uint8_t *data, size_t len,
                                               struct mbus_header *out);

/* "ABB" of 0442h, NUL included (EN 13757-3). Bit 15 is no letter's. */
void mbus_manufacturer_text(uint16_t manufacturer, char text[MBUS_MANUFACTURER_LETTERS + 1]);

/* Static, never NULL. */
const char *mbus_ci_name(uint8_t ci);
const char *mbus_medium_name(uint8_t medium);
const char *mbus_error_name(uint8_t error);

/* --- records ------------------------------------------------------------------------------ */

enum {
    MBUS_DIFE_MAX = 10,
    MBUS_VIFE_MAX = 10,
    MBUS_HEAD_MAX = 2 + MBUS_DIFE_MAX + MBUS_VIFE_MAX,
    MBUS_TEXT_MAX = 255 /* bytes of a plain-text unit */
};

enum mbus_special {
    MBUS_RECORD,       /* one with a value */
    MBUS_FILLER,       /* a run of idle bytes 2F: data_len of them */
    MBUS_MAKER_DATA,   /* 0F: data is the maker's, up to the end */
    MBUS_MORE_FOLLOWS, /* 1F: the same, and another telegram follows */
    MBUS_READOUT_ALL   /* 7F: a master asks for everything; data_len bytes behind it */
};

enum mbus_function { MBUS_INST, MBUS_MAX, MBUS_MIN, MBUS_ERROR };

enum mbus_kind {
    MBUS_NOTHING, /* no data, or a selection for readout */
    MBUS_NUMBER,
    MBUS_REAL,
    MBUS_TEXT,
    MBUS_DATE, /* date, time or both */
    MBUS_BYTES /* not to be read as one number: arrays, types K, L and M, more than 15 bytes */
};

/* Why a value is none. */
#define MBUS_INVALID_MAP(X)                                                                    \
    X(VALID, "valid")                                                                          \
    X(BAD_BCD, "a digit of the BCD is none")                                                   \
    X(NOT_A_NUMBER, "not a number (NaN)")                                                      \
    X(INFINITE, "infinite")                                                                    \
    X(MARKED_INVALID, "the meter marks its time as invalid")                                   \
    X(NOT_SET, "not set: all bits are alike")                                                  \
    X(EVERY, "stands for every day, month or hour")                                            \
    X(NO_SUCH_DATE, "no such date")                                                            \
    X(NO_SUCH_TIME, "no such time")

enum mbus_invalid {
#define X(name, text) MBUS_##name,
    MBUS_INVALID_MAP(X)
#undef X
};

/* Static, never NULL. */
const char *mbus_invalid_text(enum mbus_invalid invalid);

struct mbus_value {
    enum mbus_kind kind;
    enum mbus_invalid invalid; /* of NUMBER, REAL, DATE */
    char type;                 /* A to M of EN 13757-3, annex A; 0 = text or none */
    bool
        is_marker; /* NUMBER: the smallest of its size, which the standard keeps for no value */
    bool negative; /* NUMBER: tells -0 of BCD, too */
    int128 mantissa;
    int exponent; /* NUMBER, REAL: times 10^exponent of the unit */
    uint64_t bits;
    unsigned bit_count; /* REAL: 32 or 64 */
    struct mbus_date date;
};

/* One record. Keeps pointers into the data it was read from. */
struct mbus_record {
    enum mbus_special special; /* the rest is of MBUS_RECORD but for data */
    enum mbus_function function;
    uint64_t storage; /* 41 bits at most */
    uint32_t tariff;  /* 20 bits */
    uint32_t subunit; /* 10 bits */

    /* DIB and VIB as sent, without plain text: what a model file names a record by */
    uint8_t head[MBUS_HEAD_MAX];
    uint8_t dib_len;
    uint8_t vib_len;

    struct mbus_vib vib; /* what the VIB means */

    uint8_t field; /* DIF, bits 3-0 */
    uint8_t lvar;  /* of field D: the length byte */
    bool msb_first;
    const uint8_t *data;
    size_t data_len;
    struct mbus_value value;
};

/* What is wrong with the records of a telegram. */
#define MBUS_FAULT_MAP(X)                                                                      \
    X(NONE, "none")                                                                            \
    X(END_IN_DIB, "the data end within a DIB")                                                 \
    X(END_BEFORE_VIF, "the data end before a VIF")                                             \
    X(END_IN_VIB, "the data end within a VIB")                                                 \
    X(END_IN_DATA, "a record runs past the end")                                               \
    X(MANY_DIFE, "more than 10 DIFE")                                                          \
    X(MANY_VIFE, "more than 10 VIFE")                                                          \
    X(RESERVED_DIF, "a reserved DIF")                                                          \
    X(RESERVED_LVAR, "a reserved length of variable data")                                     \
    X(SHORT_HEADER, "the data end within the header")                                          \
    X(FIXED_LENGTH, "a fixed structure has 16 bytes")

enum mbus_fault {
#define X(name, text) MBUS_FAULT_##name,
    MBUS_FAULT_MAP(X)
#undef X
};

/* Static, never NULL. */
const char *mbus_fault_text(enum mbus_fault fault);

/* A walk over the records of one telegram: the caller's memory. */
struct mbus_records {
    const struct mbus_header *header; /* must outlive the walk, as must its body */
    size_t at;
    enum mbus_fault fault;
    bool text_first; /* this meter sends a plain-text unit before its VIFEs */
    unsigned taken;  /* of a fixed structure */
};

/*
 * Begins a walk. There are records in MBUS_VARIABLE, MBUS_FIXED and MBUS_WRITE only, and none
 * that can be read when header->security is set.
 *
 * Where the text of a plain-text unit stands is decided here for the whole telegram: behind
 * the VIFEs as the standard has it, or before them as some meters do, whichever lets the
 * records end where the data end.
 */
void mbus_records_init(struct mbus_records *records, const struct mbus_header *header);

/* BRIDGE_OK with the next record, BRIDGE_DONE behind the last, BRIDGE_EFRAME with
 * records->fault set where the records break. *out is written only on BRIDGE_OK. */
enum bridge_status mbus_record_next(struct mbus_records *records, struct mbus_record *out);

/* --- values ------------------------------------------------------------------------------- */

enum {
    /* a 64-bit real: sign, point, 1074 places and those of the exponents; text: 191 bytes */
    MBUS_VALUE_TEXT_MAX = 1200,
    MBUS_UNIT_TEXT_MAX = 2 * MBUS_TEXT_MAX + 1
};

/*
 * The value as text: numbers and reals exact, without exponent or trailing zeros, dates as
 * 2012-12-31, 2012-12-31T23:59 or T23:59:59 (the meter's local time) and 23:59:59, text in
 * UTF-8 with what cannot be printed as '?'. false, text empty: there is none. text holds at
 * least MBUS_VALUE_TEXT_MAX bytes.
 */
bool mbus_value_text(const struct mbus_record *record, char *text);

/* The same with the multiplicative corrections among the modifiers (VIFE 70-77, 7D) applied. */
bool mbus_corrected_text(const struct mbus_record *record, char *text);

/* "Wh", "", or the plain text; at least MBUS_UNIT_TEXT_MAX bytes. */
void mbus_unit_text(const struct mbus_record *record, char *text);

/*
 * The value * scale in micro-units, corrections applied: what a reading is made of.
 * resolution_micro: of reals, see decimal_from_float32. BRIDGE_EINVALID: the record has no
 * valid number, or a modifier says that it has none. BRIDGE_ERANGE. Whether the other
 * modifiers make it another quantity is the caller's to ask: record->vib.is_plain.
 */
MUST_CHECK enum bridge_status mbus_record_micro(const struct mbus_record *record,
                                                struct ratio scale, int64_t resolution_micro,
                                                int64_t *micro);

#endif
