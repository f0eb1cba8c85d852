/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_value.h"

#include <assert.h>
#include <string.h>

enum {
    LVAR_BCD = 0xc0,
    LVAR_NEGATIVE_BCD = 0xd0,
    LVAR_BINARY = 0xe0, /* up to 15 bytes: an int128 holds them without a sign */
    LVAR_LONG_BINARY = 0xf0,
    LVAR_REAL = 0xf8,
    REAL32_EXPONENT = 0xff,
    REAL64_EXPONENT = 0x7ff,
    REAL64_BYTES = 8,
    MINUS = 0xf,
    NIBBLES = 2
};

/* Byte i of the data, 0 the lowest. */
static uint8_t byte_of(const struct mbus_record *record, size_t i) {
    return record->data[record->msb_first ? record->data_len - 1 - i : i];
}

static uint8_t nibble_of(const struct mbus_record *record, size_t i) {
    const uint8_t byte = byte_of(record, i / NIBBLES);
    return i % NIBBLES ? byte >> 4 : byte & 0xf;
}

/* --- numbers ------------------------------------------------------------------------------ */

/* sign: F in the highest place is a minus. */
static void take_bcd(struct mbus_record *record, bool may_have_sign) {
    struct mbus_value *value = &record->value;
    *value = (struct mbus_value){.kind = MBUS_NUMBER, .type = 'A'};
    size_t places = record->data_len * NIBBLES;
    if (may_have_sign && places > 0 && nibble_of(record, places - 1) == MINUS) {
        value->negative = true;
        places--;
    }
    for (size_t i = places; i > 0; i--) {
        const uint8_t digit = nibble_of(record, i - 1);
        if (digit > 9) {
            value->invalid = MBUS_BAD_BCD;
            value->mantissa = 0;
            return;
        }
        value->mantissa = value->mantissa * 10 + digit;
    }
    value->mantissa = value->negative ? -value->mantissa : value->mantissa;
}

static void take_integer(struct mbus_record *record, bool is_signed) {
    struct mbus_value *value = &record->value;
    *value = (struct mbus_value){.kind = MBUS_NUMBER, .type = is_signed ? 'B' : 'C'};
    for (size_t i = record->data_len; i > 0; i--) {
        value->mantissa = value->mantissa << 8 | byte_of(record, i - 1);
    }
    const int128 half = (int128)1 << (8 * record->data_len - 1);
    if (is_signed && value->mantissa >= half) {
        value->is_marker = value->mantissa == half;
        value->negative = true;
        value->mantissa -= 2 * half;
    }
}

static void take_real(struct mbus_record *record) {
    struct mbus_value *value = &record->value;
    const bool is_long = record->data_len == REAL64_BYTES;
    *value =
        (struct mbus_value){.kind = MBUS_REAL, .type = 'H', .bit_count = is_long ? 64 : 32};
    for (size_t i = record->data_len; i > 0; i--) {
        value->bits = value->bits << 8 | byte_of(record, i - 1);
    }
    const unsigned places = is_long ? 52 : 23;
    const unsigned top = is_long ? REAL64_EXPONENT : REAL32_EXPONENT;
    if ((value->bits >> places & top) == top) {
        const bool is_nan = value->bits & (((uint64_t)1 << places) - 1);
        value->invalid = is_nan ? MBUS_NOT_A_NUMBER : MBUS_INFINITE;
    }
}

/* --- dates -------------------------------------------------------------------------------- */

static bool is_all(const struct mbus_record *record, uint8_t byte) {
    for (size_t i = 0; i < record->data_len; i++) {
        if (record->data[i] != byte) {
            return false;
        }
    }
    return true;
}

static enum mbus_invalid judge(const struct mbus_record *record, const struct mbus_date *date) {
    if (is_all(record, 0xff) || (date->type != 'J' && is_all(record, 0x00))) {
        return MBUS_NOT_SET;
    }
    if (date->is_invalid) {
        return MBUS_MARKED_INVALID;
    }
    if (mbus_date_is_every(date)) {
        return MBUS_EVERY;
    }
    if (!mbus_date_has_day(date)) {
        return MBUS_NO_SUCH_DATE;
    }
    return mbus_date_has_time(date) ? MBUS_VALID : MBUS_NO_SUCH_TIME;
}

static void take_date(struct mbus_record *record) {
    uint8_t bytes[MBUS_DATE_BYTES_MAX];
    assert(record->data_len <= sizeof bytes); /* mbus_date_type has looked */
    for (size_t i = 0; i < record->data_len; i++) {
        bytes[i] = byte_of(record, i);
    }
    struct mbus_value *value = &record->value;
    *value = (struct mbus_value){.kind = MBUS_DATE};
    mbus_date_decode(bytes, record->data_len, &value->date);
    value->type = value->date.type;
    value->invalid = judge(record, &value->date);
}

/* --- by field and type -------------------------------------------------------------------- */

static void take_bytes(struct mbus_record *record, char type) {
    record->value = (struct mbus_value){.kind = MBUS_BYTES, .type = type};
}

static void take_variable(struct mbus_record *record) {
    const uint8_t lvar = record->lvar;
    const char type = record->vib.type;
    if (lvar < LVAR_BCD) {
        record->value = (struct mbus_value){.kind = MBUS_TEXT};
    } else if (record->data_len == 0) {
        return;
    } else if (lvar < LVAR_BINARY) {
        take_bcd(record, false);
        struct mbus_value *value = &record->value;
        value->negative = lvar >= LVAR_NEGATIVE_BCD;
        value->mantissa = value->negative ? -value->mantissa : value->mantissa;
    } else if (lvar == LVAR_REAL) {
        take_real(record);
    } else if (type == 'G' || type == 'L') {
        take_bytes(record, type == 'G' ? 'M' : 'L'); /* a date of variable length */
    } else if (lvar >= LVAR_LONG_BINARY) {
        take_bytes(record, 0); /* 16 and more: beyond any number */
    } else {
        take_integer(record, false);
    }
}

static void take_fixed_length(struct mbus_record *record) {
    const char type = record->vib.type;
    if (record->field > MBUS_FIELD_SELECT) {
        take_bcd(record, true);
    } else if (record->field == MBUS_FIELD_REAL) {
        take_real(record);
    } else if (type == 'K' || type == 'L') {
        take_bytes(record, type);
    } else if (type == 'G' && mbus_date_type(record->data_len)) {
        take_date(record);
    } else {
        take_integer(record, type == 'B' || type == 'G');
        record->value.type = type == 'D' ? 'D' : record->value.type;
    }
}

void mbus_value_decode(struct mbus_record *record) {
    record->value = (struct mbus_value){.kind = MBUS_NOTHING};
    if (record->field == MBUS_FIELD_VARIABLE) {
        take_variable(record);
    } else if (record->data_len > 0) {
        take_fixed_length(record);
    }
    struct mbus_value *value = &record->value;
    if (record->vib.is_array && value->kind != MBUS_NOTHING && value->kind != MBUS_TEXT) {
        take_bytes(record, 0);
    }
    const bool is_scaled = value->kind == MBUS_NUMBER || value->kind == MBUS_REAL;
    value->exponent = is_scaled ? record->vib.exponent : 0;
}

/* --- value -> data ------------------------------------------------------------------------ */

static void put_bcd(const struct mbus_record *record, uint8_t *out) {
    const struct mbus_value *value = &record->value;
    int128 rest = value->mantissa < 0 ? -value->mantissa : value->mantissa;
    for (size_t i = 0; i < record->data_len; i++) {
        out[i] = (uint8_t)(rest % 10 | rest / 10 % 10 << 4);
        rest /= 100;
    }
    if (value->negative && record->field != MBUS_FIELD_VARIABLE && record->data_len > 0) {
        out[record->data_len - 1] |= MINUS << 4;
    }
}

static void put_bits(uint64_t low, uint64_t high, size_t len, uint8_t *out) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)((i < 8 ? low : high) >> 8 * (i % 8));
    }
}

/* Lowest byte first. */
static void put_number(const struct mbus_record *record, uint8_t *out) {
    if (record->value.type == 'A') {
        put_bcd(record, out);
        return;
    }
    __extension__ const unsigned __int128 bits = (unsigned __int128)record->value.mantissa;
    put_bits((uint64_t)bits, (uint64_t)(bits >> 64), record->data_len, out);
}

static void reverse(uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len / 2; i++) {
        const uint8_t byte = bytes[i];
        bytes[i] = bytes[len - 1 - i];
        bytes[len - 1 - i] = byte;
    }
}

void mbus_value_encode(const struct mbus_record *record, uint8_t *out) {
    const struct mbus_value *value = &record->value;
    const bool is_copied =
        value->kind == MBUS_TEXT || value->kind == MBUS_BYTES || value->invalid == MBUS_BAD_BCD;
    if (record->data_len == 0) {
        return;
    }
    if (is_copied) {
        memcpy(out, record->data, record->data_len);
        return;
    }
    if (value->kind == MBUS_NUMBER) {
        put_number(record, out);
    } else if (value->kind == MBUS_REAL) {
        put_bits(value->bits, 0, record->data_len, out);
    } else {
        (void)mbus_date_encode(&value->date, out);
    }
    if (record->msb_first) {
        reverse(out, record->data_len);
    }
}
