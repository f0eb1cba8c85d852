/* SPDX-License-Identifier: Apache-2.0 */
/* Packed decimals as Chinese meters send them, the least significant byte first. Pure. */
#ifndef TESTS_SIM_SIM_BCD_H
#define TESTS_SIM_SIM_BCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/sim_calendar.h"

/* 59 -> 0x59 */
uint8_t sim_bcd(int number);
/* The inverse; -1: a nibble is no digit. */
int sim_bcd_number(uint8_t byte);

/* micro-units with so many decimals, rounded down; what does not fit begins again. */
void sim_bcd_put(int64_t micro, unsigned decimals, uint8_t *out, size_t len);
/* The last digits of a text, other characters as 0; zeros in front of them. */
void sim_bcd_digits(const char *text, uint8_t *out, size_t len);
/* The digits as text; nibbles that are none as letters. text holds 2 * len + 1 bytes. */
void sim_bcd_text(const uint8_t *bytes, size_t len, char *text);

enum { SIM_MOMENT_BYTES = 6 };

/* ss mm hh DD MM YY */
void sim_bcd_put_moment(const struct sim_calendar *moment, uint8_t *out);
/* The inverse, of this century; false: no such moment. */
bool sim_bcd_moment(const uint8_t *bytes, struct sim_calendar *out);

#endif
