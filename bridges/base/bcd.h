/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed decimals, two digits a byte, as DL/T 645 and CJ/T 188 send them: the least significant
 * byte first. A nibble that is no digit means that there is no value, never zero. Pure.
 */
#ifndef BRIDGES_BASE_BCD_H
#define BRIDGES_BASE_BCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/status.h"

enum { BCD_TEXT_MAX = 40, BCD_BYTES_MAX = 6, BCD_DECIMALS_MAX = 6 };

/* Are both nibbles digits? */
bool bcd_is(uint8_t byte);

/* Two digits as a number; bcd_is(byte). */
unsigned bcd_value(uint8_t byte);

/*
 * bytes[0, len) with so many digits behind the point -> micro-units, and text with all digits
 * behind the point ("0.00"; BCD_TEXT_MAX, may be NULL). is_signed: the top bit of the last byte
 * is the sign. BRIDGE_EINVALID: a nibble is no digit. BRIDGE_ERANGE: no byte or more than
 * BCD_BYTES_MAX, more than BCD_DECIMALS_MAX decimals.
 */
MUST_CHECK enum bridge_status bcd_number(const uint8_t *bytes, size_t len, unsigned decimals,
                                         bool is_signed, int64_t *micro, char *text);

/* Parts of a moment, appended to text (BCD_TEXT_MAX). false: there is no such date or time;
 * text may then hold a part of it. */
bool bcd_append_date(uint8_t century, const uint8_t *day_month_year, char *text);
bool bcd_append_hour(const uint8_t *minute_hour, const char *before, char *text);
bool bcd_append_second(uint8_t second, char *text);

/* "-05": a separator and two digits; false: not between least and most. */
bool bcd_append_field(const char *before, uint8_t bcd, unsigned least, unsigned most,
                      char *text);

#endif
