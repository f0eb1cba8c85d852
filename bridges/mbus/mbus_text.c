/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text and as micro-units. */
#include <string.h>

#include "bridges/mbus/mbus_data.h"

enum {
    LIMB = 1000000000,
    LIMB_DIGITS = 9,
    LIMBS = 92, /* 828 digits: 2^53 * 5^1074 has 767 */
    DIGITS_MAX = LIMBS * LIMB_DIGITS,
    BITS_A_STEP = 16,
    FIVES_A_STEP = 6, /* 5^6 */
    LATIN1 = 0x80,
    DELETE = 0x7f,
    PRINTABLE = 0x20,
    FIRST_PRINTABLE_LATIN1 = 0xa0
};

/* what decimal_from_float32 takes exactly */
static const int64_t ratio_num_max = 1000000000000;

/* A whole number without sign, lowest limb first. */
struct big {
    size_t count;
    uint32_t limbs[LIMBS];
};

static void big_set(struct big *big, int128 value) {
    big->count = 0;
    do {
        big->limbs[big->count++] = (uint32_t)(value % LIMB);
        value /= LIMB;
    } while (value > 0);
}

static void big_times(struct big *big, uint32_t factor) {
    uint64_t carry = 0;
    for (size_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)(carry % LIMB);
        carry /= LIMB;
    }
    if (carry > 0) {
        big->limbs[big->count++] = (uint32_t)carry;
    }
}

/* Times base^count, by steps. */
static void big_power(struct big *big, uint32_t base, int count, int step) {
    for (; count > 0; count -= step) {
        uint32_t factor = 1;
        for (int i = 0; i < step && i < count; i++) {
            factor *= base;
        }
        big_times(big, factor);
    }
}

/* Highest digit first, without leading zeros; returns how many. */
static size_t big_digits(const struct big *big, char *digits) {
    size_t count = 0;
    for (size_t i = big->count; i > 0; i--) {
        uint32_t limb = big->limbs[i - 1];
        for (size_t k = LIMB_DIGITS; k > 0; k--) {
            digits[count + k - 1] = (char)('0' + limb % 10);
            limb /= 10;
        }
        count += LIMB_DIGITS;
    }
    size_t zeros = 0;
    while (zeros + 1 < count && digits[zeros] == '0') {
        zeros++;
    }
    memmove(digits, digits + zeros, count - zeros);
    return count - zeros;
}

static char *fill(char *at, int count) {
    for (; count > 0; count--) {
        *at++ = '0';
    }
    return at;
}

/* big * 10^exponent */
static void print(const struct big *big, bool negative, int exponent, char *text) {
    char digits[DIGITS_MAX];
    int count = (int)big_digits(big, digits);
    if (count == 1 && digits[0] == '0') {
        memcpy(text, "0", 2);
        return;
    }
    for (; exponent < 0 && count > 1 && digits[count - 1] == '0'; count--) {
        exponent++;
    }
    char *at = text;
    if (negative) {
        *at++ = '-';
    }
    const int whole = exponent >= 0 ? count : count + exponent > 0 ? count + exponent : 0;
    memcpy(at, digits, (size_t)whole);
    at = fill(at + whole, whole > 0 ? exponent : 1);
    if (exponent < 0) {
        *at++ = '.';
        at = fill(at, whole > 0 ? 0 : -exponent - count);
        memcpy(at, digits + whole, (size_t)(count - whole));
        at += count - whole;
    }
    *at = '\0';
}

static void print_number(const struct mbus_value *value, int exponent, char *text) {
    struct big big;
    big_set(&big, value->mantissa < 0 ? -value->mantissa : value->mantissa);
    print(&big, value->mantissa < 0, exponent, text);
}

/* mantissa * 2^binary = mantissa * 5^-binary * 10^binary when binary < 0 */
static void print_real(const struct mbus_value *value, int exponent, char *text) {
    const int places = value->bit_count == 64 ? 52 : 23;
    const int top = value->bit_count == 64 ? 0x7ff : 0xff;
    const int bits = (int)(value->bits >> places & (uint64_t)top);
    const uint64_t hidden = bits > 0 ? (uint64_t)1 << places : 0;
    uint64_t mantissa = (value->bits & (((uint64_t)1 << places) - 1)) | hidden;
    int binary = (bits > 0 ? bits : 1) - top / 2 - places;
    for (; binary < 0 && mantissa > 0 && mantissa % 2 == 0; binary++) {
        mantissa /= 2;
    }
    struct big big;
    big_set(&big, mantissa);
    big_power(&big, 2, binary, BITS_A_STEP);
    big_power(&big, 5, -binary, FIVES_A_STEP);
    print(&big, value->bits >> (value->bit_count - 1) & 1, exponent + (binary < 0 ? binary : 0),
          text);
}

/* --- characters --------------------------------------------------------------------------- */

/* Bytes in the order of reading: the last is sent first unless the high byte is. */
struct letters {
    const uint8_t *bytes;
    size_t len;
    bool is_reversed;
};

static uint8_t letter(const struct letters *letters, size_t i) {
    return letters->bytes[letters->is_reversed ? letters->len - 1 - i : i];
}

/* How many bytes the UTF-8 character at i has; 0 = there is none. Four-byte ones and what is
 * longer than need be are none to a meter. */
static size_t utf8_at(const struct letters *letters, size_t i) {
    const uint8_t first = letter(letters, i);
    if (first < LATIN1) {
        return 1;
    }
    const size_t count = first >= 0xc2 && first <= 0xdf   ? 2
                         : first >= 0xe1 && first <= 0xec ? 3
                                                          : 0;
    for (size_t k = 1; k < count; k++) {
        if (i + k >= letters->len || (letter(letters, i + k) & 0xc0) != 0x80) {
            return 0;
        }
    }
    return count == 2 && first == 0xc2 && letter(letters, i + 1) < FIRST_PRINTABLE_LATIN1
               ? 0
               : count;
}

static bool is_utf8(const struct letters *letters) {
    for (size_t i = 0; i < letters->len;) {
        const size_t count = utf8_at(letters, i);
        if (count == 0) {
            return false;
        }
        i += count;
    }
    return true;
}

/* Latin 1 otherwise; control characters become '?', zeros at the end are left out. */
static void print_letters(const struct letters *letters, char *text) {
    const bool utf8 = is_utf8(letters);
    size_t len = letters->len;
    while (len > 0 && letter(letters, len - 1) == '\0') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = letter(letters, i);
        if (byte < PRINTABLE || byte == DELETE ||
            (!utf8 && byte >= LATIN1 && byte < FIRST_PRINTABLE_LATIN1)) {
            *text++ = '?';
        } else if (byte < LATIN1 || utf8) {
            *text++ = (char)byte;
        } else {
            *text++ = (char)(0xc0 | byte >> 6);
            *text++ = (char)(0x80 | (byte & 0x3f));
        }
    }
    *text = '\0';
}

void mbus_unit_text(const struct mbus_record *record, char *text) {
    const struct mbus_vib *vib = &record->vib;
    if (vib->table == MBUS_PLAIN_TEXT && vib->unit[0] == '\0' && vib->text) {
        const struct letters letters = {vib->text, vib->text_len, !record->msb_first};
        print_letters(&letters, text);
    } else {
        memcpy(text, vib->unit, strlen(vib->unit) + 1);
    }
}

/* --- values ------------------------------------------------------------------------------- */

static bool value_text(const struct mbus_record *record, int exponent, char *text) {
    const struct mbus_value *value = &record->value;
    text[0] = '\0';
    if (value->invalid != MBUS_VALID) {
        return false;
    }
    switch (value->kind) {
    case MBUS_NUMBER:
        print_number(value, exponent, text);
        return true;
    case MBUS_REAL:
        print_real(value, exponent, text);
        return true;
    case MBUS_DATE:
        mbus_date_text(&value->date, text);
        return true;
    case MBUS_TEXT:
        print_letters(&(struct letters){record->data, record->data_len, !record->msb_first},
                      text);
        return true;
    case MBUS_NOTHING:
    case MBUS_BYTES:
        break;
    }
    return false;
}

bool mbus_value_text(const struct mbus_record *record, char *text) {
    return value_text(record, record->value.exponent, text);
}

bool mbus_corrected_text(const struct mbus_record *record, char *text) {
    return value_text(record, record->value.exponent + record->vib.correction, text);
}

/* scale * 10^exponent; false when it does not fit */
static bool scale_by(struct ratio *scale, int exponent) {
    int64_t *term = exponent < 0 ? &scale->den : &scale->num;
    for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--) {
        if (__builtin_mul_overflow(*term, (int64_t)10, term)) {
            return false;
        }
    }
    return true;
}

enum bridge_status mbus_record_micro(const struct mbus_record *record, struct ratio scale,
                                     int64_t resolution_micro, int64_t *micro) {
    const struct mbus_value *value = &record->value;
    const bool is_number = value->kind == MBUS_NUMBER || value->kind == MBUS_REAL;
    if (!is_number || value->invalid != MBUS_VALID || value->is_marker ||
        record->vib.is_empty) {
        return BRIDGE_EINVALID;
    }
    if (!scale_by(&scale, value->exponent + record->vib.correction)) {
        return BRIDGE_ERANGE;
    }
    if (value->kind == MBUS_NUMBER) {
        return decimal_scale(value->mantissa, scale, micro);
    }
    if (scale.num > ratio_num_max || scale.num < -ratio_num_max) {
        return BRIDGE_ERANGE;
    }
    return value->bit_count == 64
               ? decimal_from_float64(value->bits, scale, resolution_micro, micro)
               : decimal_from_float32((uint32_t)value->bits, scale, resolution_micro, micro);
}
