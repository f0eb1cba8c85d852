/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/bcd.h"

#include "bridges/base/decimal.h"
#include "bridges/base/text.h"

enum { SIGN_BIT = 0x80 };

bool bcd_is(uint8_t byte) {
    return (byte & 0xf) <= 9 && byte >> 4 <= 9;
}

unsigned bcd_value(uint8_t byte) {
    return (byte >> 4) * 10U + (byte & 0xfU);
}

/* raw with its decimals, all of them */
static void format_number(int64_t raw, unsigned decimals, bool negative, char *text) {
    char digits[BCD_TEXT_MAX];
    size_t count = 0;
    for (unsigned place = 0; place <= decimals || raw > 0; place++) {
        if (place == decimals && decimals > 0) {
            digits[count++] = '.';
        }
        digits[count++] = (char)('0' + raw % 10);
        raw /= 10;
    }
    if (negative) {
        digits[count++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        text[i] = digits[count - 1 - i];
    }
    text[count] = '\0';
}

enum bridge_status bcd_number(const uint8_t *bytes, size_t len, unsigned decimals,
                              bool is_signed, int64_t *micro, char *text) {
    if (len == 0 || len > BCD_BYTES_MAX || decimals > BCD_DECIMALS_MAX) {
        return BRIDGE_ERANGE;
    }
    const bool has_sign = is_signed && bytes[len - 1] & SIGN_BIT;
    int64_t raw = 0;
    for (size_t i = len; i-- > 0;) {
        const uint8_t byte =
            (uint8_t)(i == len - 1 && has_sign ? bytes[i] & ~SIGN_BIT : bytes[i]);
        if (!bcd_is(byte)) {
            return BRIDGE_EINVALID;
        }
        raw = raw * 100 + bcd_value(byte);
    }
    const bool negative = has_sign && raw > 0;
    int64_t scale = MICRO;
    for (unsigned i = 0; i < decimals; i++) {
        scale /= 10;
    }
    *micro = (negative ? -raw : raw) * scale; /* 12 digits and 6 behind the point fit */
    if (text) {
        format_number(raw, decimals, negative, text);
    }
    return BRIDGE_OK;
}

/* --- dates and times --------------------------------------------------------------------- */

bool bcd_append_field(const char *before, uint8_t bcd, unsigned least, unsigned most,
                      char *text) {
    if (!bcd_is(bcd) || bcd_value(bcd) < least || bcd_value(bcd) > most) {
        return false;
    }
    text_append(text, BCD_TEXT_MAX, before);
    text_append_hex(text, BCD_TEXT_MAX, bcd, 2);
    return true;
}

static unsigned days_of(unsigned month, unsigned year) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

bool bcd_append_date(uint8_t century, const uint8_t *day_month_year, char *text) {
    enum { DAY, MONTH, YEAR };
    return bcd_append_field("", century, 0, 99, text) &&
           bcd_append_field("", day_month_year[YEAR], 0, 99, text) &&
           bcd_append_field("-", day_month_year[MONTH], 1, 12, text) &&
           bcd_append_field("-", day_month_year[DAY], 1,
                            days_of(bcd_value(day_month_year[MONTH]),
                                    bcd_value(century) * 100 + bcd_value(day_month_year[YEAR])),
                            text);
}

bool bcd_append_hour(const uint8_t *minute_hour, const char *before, char *text) {
    return bcd_append_field(before, minute_hour[1], 0, 23, text) &&
           bcd_append_field(":", minute_hour[0], 0, 59, text);
}

bool bcd_append_second(uint8_t second, char *text) {
    return bcd_append_field(":", second, 0, 59, text);
}
