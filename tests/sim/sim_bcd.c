/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_bcd.h"

#include <string.h>

enum { MICRO_DECIMALS = 6, CENTURY = 2000, NIBBLE_MAX = 9 };

uint8_t sim_bcd(int number) {
    return (uint8_t)(number / 10 % 10 << 4 | number % 10);
}

int sim_bcd_number(uint8_t byte) {
    const int high = byte >> 4;
    const int low = byte & 0xf;
    return high > NIBBLE_MAX || low > NIBBLE_MAX ? -1 : 10 * high + low;
}

void sim_bcd_put(int64_t micro, unsigned decimals, uint8_t *out, size_t len) {
    for (unsigned i = decimals; i < MICRO_DECIMALS; i++) {
        micro /= 10;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = sim_bcd((int)(micro % 100));
        micro /= 100;
    }
}

static uint8_t digit_of(char c) {
    return c >= '0' && c <= '9' ? (uint8_t)(c - '0') : 0;
}

void sim_bcd_digits(const char *text, uint8_t *out, size_t len) {
    size_t left = strlen(text);
    for (size_t i = 0; i < len; i++) {
        const uint8_t low = left > 0 ? digit_of(text[--left]) : 0;
        const uint8_t high = left > 0 ? digit_of(text[--left]) : 0;
        out[i] = (uint8_t)(high << 4 | low);
    }
}

void sim_bcd_text(const uint8_t *bytes, size_t len, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = bytes[len - 1 - i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 0xf];
    }
    text[2 * len] = '\0';
}

void sim_bcd_put_moment(const struct sim_calendar *moment, uint8_t *out) {
    out[0] = sim_bcd(moment->second);
    out[1] = sim_bcd(moment->minute);
    out[2] = sim_bcd(moment->hour);
    out[3] = sim_bcd(moment->day);
    out[4] = sim_bcd(moment->month);
    out[5] = sim_bcd(moment->year);
}

bool sim_bcd_moment(const uint8_t *bytes, struct sim_calendar *out) {
    int numbers[SIM_MOMENT_BYTES];
    for (size_t i = 0; i < SIM_MOMENT_BYTES; i++) {
        numbers[i] = sim_bcd_number(bytes[i]);
        if (numbers[i] < 0) {
            return false;
        }
    }
    *out = (struct sim_calendar){.second = numbers[0],
                                 .minute = numbers[1],
                                 .hour = numbers[2],
                                 .day = numbers[3],
                                 .month = numbers[4],
                                 .year = CENTURY + numbers[5]};
    return out->second < 60 && out->minute < 60 && out->hour < 24 && out->day >= 1 &&
           out->day <= 31 && out->month >= 1 && out->month <= 12;
}
