/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/text.h"

#include <string.h>

void text_append(char *text, size_t size, const char *piece) {
    const size_t have = strlen(text);
    const size_t len = strlen(piece);
    if (have + len < size) {
        memcpy(text + have, piece, len + 1);
    }
}

void text_append_hex(char *text, size_t size, uint32_t number, unsigned digits) {
    static const char hex[] = "0123456789abcdef";
    while (digits-- > 0) {
        const char digit[] = {hex[number >> 4 * digits & 0xf], '\0'};
        text_append(text, size, digit);
    }
}

void text_append_count(char *text, size_t size, uint32_t number) {
    char digits[11] = "";
    size_t at = sizeof digits - 1;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_append(text, size, digits + at);
}
