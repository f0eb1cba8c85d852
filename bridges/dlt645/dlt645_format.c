/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_format.h"

#include "bridges/base/bcd.h"
#include "bridges/base/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* --- dates and times --------------------------------------------------------------------- */

enum { CENTURY = 0x20 };

bool dlt645_moment(const uint8_t *bytes, char *text) {
    text[0] = '\0';
    return bcd_append_date(CENTURY, bytes + 3, text) && bcd_append_hour(bytes + 1, "T", text) &&
           bcd_append_second(bytes[0], text);
}

const char *dlt645_baud(uint8_t z) {
    static const char *const rates[] = {NULL,   "600",  "1200",  "2400",
                                        "4800", "9600", "19200", NULL};
    for (size_t bit = 0; bit < COUNT_OF(rates); bit++) {
        if (z == 1U << bit) {
            return rates[bit];
        }
    }
    return NULL;
}

/* --- one value --------------------------------------------------------------------------- */

static const char no_digits[] = "not decimal digits: the meter has no value";
static const char no_time[] = "no date or time: not set";

static void take_number(unsigned decimals, bool is_signed, const uint8_t *bytes,
                        struct dlt645_value *value) {
    value->kind = DLT645_DECIMAL;
    if (bcd_number(bytes, value->len, decimals, is_signed, &value->micro, value->text) !=
        BRIDGE_OK) {
        value->invalid = no_digits;
    }
}

/* Digits, the most significant byte first. */
static void take_digits(const uint8_t *bytes, struct dlt645_value *value) {
    for (size_t i = value->len; i-- > 0;) {
        text_append_hex(value->text, DLT645_TEXT_MAX, bytes[i], 2);
        value->invalid = bcd_is(bytes[i]) ? value->invalid : no_digits;
    }
}

static void take_bits(const uint8_t *bytes, struct dlt645_value *value) {
    value->kind = DLT645_BITS;
    for (size_t i = value->len; i-- > 0;) {
        value->bits = value->bits << 8 | bytes[i];
        text_append_hex(value->text, DLT645_TEXT_MAX, bytes[i], 2);
    }
}

/* Reversed on the wire, filled with zeros or blanks at its end. */
static void take_ascii(const uint8_t *bytes, struct dlt645_value *value) {
    size_t count = 0;
    for (size_t i = value->len; i-- > 0;) {
        const uint8_t byte = bytes[i];
        if (byte == 0) {
            continue;
        }
        if (byte < ' ' || byte > '~' || count == DLT645_TEXT_MAX - 1) {
            value->text[0] = '\0';
            value->invalid = "not printable DLT645_AS_ASCII";
            return;
        }
        value->text[count++] = (char)byte;
    }
    while (count > 0 && value->text[count - 1] == ' ') {
        count--;
    }
    value->text[count] = '\0';
}

static void take_baud(const uint8_t *bytes, struct dlt645_value *value) {
    const char *rate = dlt645_baud(bytes[0]);
    value->kind = DLT645_BITS;
    value->bits = bytes[0];
    value->invalid = rate ? NULL : "not one of the rates 600 to 19200";
    text_append(value->text, DLT645_TEXT_MAX, rate ? rate : "");
}

static bool take_time(enum dlt645_format format, const uint8_t *bytes, char *text) {
    switch (format) {
    case DLT645_AS_DATE:
        return bcd_append_date(CENTURY, bytes + 1, text); /* the weekday stands in front */
    case DLT645_AS_TIME:
        return bcd_append_hour(bytes + 1, "", text) && bcd_append_second(bytes[0], text);
    case DLT645_AS_MINUTES:
    case DLT645_AS_DEMAND:
        return bcd_append_date(CENTURY, bytes + 2, text) && bcd_append_hour(bytes, "T", text);
    case DLT645_AS_DAYTIME:
        return bcd_append_field("", bytes[3], 1, 12, text) &&
               bcd_append_field("-", bytes[2], 1, 31, text) &&
               bcd_append_hour(bytes, "T", text);
    case DLT645_AS_NUMBER:
    case DLT645_AS_SIGNED:
    case DLT645_AS_WIDE:
    case DLT645_AS_DIGITS:
    case DLT645_AS_BITS:
    case DLT645_AS_ASCII:
    case DLT645_AS_BAUD:
    case DLT645_AS_SECRET:
        break;
    }
    return false;
}

void dlt645_take(enum dlt645_format format, unsigned decimals, const uint8_t *bytes,
                 struct dlt645_value *value) {
    switch (format) {
    case DLT645_AS_NUMBER:
    case DLT645_AS_SIGNED:
    case DLT645_AS_WIDE:
    case DLT645_AS_DEMAND:
        take_number(decimals, format == DLT645_AS_SIGNED, bytes, value);
        break;
    case DLT645_AS_DIGITS:
        take_digits(bytes, value);
        break;
    case DLT645_AS_BITS:
        take_bits(bytes, value);
        break;
    case DLT645_AS_ASCII:
        take_ascii(bytes, value);
        break;
    case DLT645_AS_BAUD:
        take_baud(bytes, value);
        break;
    case DLT645_AS_DATE:
    case DLT645_AS_TIME:
    case DLT645_AS_MINUTES:
    case DLT645_AS_DAYTIME:
        value->invalid = take_time(format, bytes, value->text) ? NULL : no_time;
        break;
    case DLT645_AS_SECRET:
        value->is_secret = true;
        value->invalid = "a password: not shown";
        break;
    }
    if (value->invalid) {
        value->text[0] = '\0';
    }
}

void dlt645_take_demand_time(const uint8_t *bytes, struct dlt645_value *value) {
    dlt645_take(DLT645_AS_MINUTES, 0, bytes, value);
}
