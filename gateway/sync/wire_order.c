/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/wire_order.h"

#include <string.h>

enum { VERSION_AT = 6, VARIANT_AT = 8, STAMP_BYTES = 6 };

const char *wire_order_kind_text(enum wire_order_kind kind) {
    static const char *const words[] = {
#define X(name, word) [WIRE_ORDER_##name] = #word,
        WIRE_ORDER_KINDS(X)
#undef X
    };
    return kind >= 0 && kind < WIRE_ORDER_KIND_COUNT ? words[kind] : words[WIRE_ORDER_NONE];
}

const char *wire_code_text(enum wire_code code) {
    static const char *const words[] = {
#define X(name, number) [number] = #name,
        WIRE_CODES(X)
#undef X
    };
    return code >= WIRE_OK && code <= WIRE_INTERNAL ? words[code] : "?";
}

/* RFC 9562, 5.7: version 7 in the upper half of byte 6, variant 10 in the top of byte 8. */
bool wire_order_id_is_valid(const uint8_t *order_id) {
    return order_id[VERSION_AT] >> 4 == 7 && order_id[VARIANT_AT] >> 6 == 2;
}

int64_t wire_order_id_ms(const uint8_t *order_id) {
    int64_t at_ms = 0;
    for (size_t i = 0; i < STAMP_BYTES; i++) {
        at_ms = at_ms << 8 | order_id[i];
    }
    return at_ms;
}

/* Where the text of a byte is followed by a dash. */
static bool has_dash_behind(size_t byte) {
    return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

void wire_order_id_format(const uint8_t *order_id, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < WIRE_ORDER_ID_BYTES; i++) {
        *text++ = digits[order_id[i] >> 4];
        *text++ = digits[order_id[i] & 15];
        if (has_dash_behind(i)) {
            *text++ = '-';
        }
    }
    *text = '\0';
}

/* -1: no digit. */
static int digit_of(char letter) {
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = letter ? strchr(digits, letter) : NULL;
    const int at = found ? (int)(found - digits) : -1;
    return at > 15 ? at - 6 : at;
}

bool wire_order_id_parse(const char *text, uint8_t *order_id) {
    uint8_t bytes[WIRE_ORDER_ID_BYTES];
    for (size_t i = 0; i < WIRE_ORDER_ID_BYTES; i++) {
        const int high = digit_of(text[0]);
        const int low = high >= 0 ? digit_of(text[1]) : -1;
        if (low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (has_dash_behind(i) && *text++ != '-') {
            return false;
        }
    }
    if (*text != '\0' || !wire_order_id_is_valid(bytes)) {
        return false;
    }
    memcpy(order_id, bytes, sizeof bytes);
    return true;
}
