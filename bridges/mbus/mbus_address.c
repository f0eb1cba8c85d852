/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and identities as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/mbus/mbus_key.h"
#include "bridges/mbus/mbus_schema.h"

enum {
    PARTS_MAX = 4,
    PART_MAX = 8,
    BYTE_MAX = 254,
    PRIMARY_DIGITS_MAX = 3,
    LETTER_BITS = 5,
    CODE_MAX = 5
};
enum { PART_ID, PART_MANUFACTURER, PART_VERSION, PART_MEDIUM };

_Static_assert((int)MBUS_SELECT_BYTES <= (int)BRIDGE_ADDRESS_MAX, "a secondary address fits");
_Static_assert((int)MBUS_ID_TEXT_MAX <= (int)BRIDGE_SERIAL_MAX, "an identity fits");

static bool is_made_of(const char *text, const char *characters) {
    return *text != '\0' && text[strspn(text, characters)] == '\0';
}

int64_t mbus_manufacturer_of(const char *text) {
    if (strlen(text) == 4 && is_made_of(text, "0123456789ABCDEFabcdef")) {
        return strtol(text, NULL, 16);
    }
    if (strlen(text) != MBUS_MANUFACTURER_LETTERS ||
        !is_made_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        return -1;
    }
    int64_t code = 0;
    for (size_t i = 0; i < MBUS_MANUFACTURER_LETTERS; i++) {
        code = code << LETTER_BITS | (text[i] - 'A' + 1);
    }
    return code;
}

/* --- text -> address --------------------------------------------------------------------- */

struct parts {
    size_t count;
    char texts[PARTS_MAX][PART_MAX + 1];
};

static bool split(const char *text, struct parts *parts) {
    parts->count = 0;
    for (;;) {
        const size_t len = strcspn(text, ".");
        if (parts->count == PARTS_MAX || len > PART_MAX || len == 0) {
            return false;
        }
        memcpy(parts->texts[parts->count], text, len);
        parts->texts[parts->count++][len] = '\0';
        if (text[len] == '\0') {
            return true;
        }
        text += len + 1;
    }
}

static bool parse_byte(const char *text, uint8_t *out) {
    const long value = strlen(text) <= 3 && is_made_of(text, "0123456789")
                           ? strtol(text, NULL, 10)
                           : BYTE_MAX + 1;
    *out = (uint8_t)value;
    return value <= BYTE_MAX;
}

static const char *parse_secondary(const struct parts *parts, struct mbus_selection *out) {
    *out = (struct mbus_selection){0, 0xffff, 0xff, 0xff, 0};
    if (strlen(parts->texts[PART_ID]) != MBUS_ID_DIGITS ||
        !is_made_of(parts->texts[PART_ID], "0123456789ABCDEabcde")) {
        return "a secondary address begins with eight digits, 0-9 or A-E";
    }
    out->id = (uint32_t)strtoul(parts->texts[PART_ID], NULL, 16);
    if (parts->count > PART_MANUFACTURER) {
        const int64_t code = mbus_manufacturer_of(parts->texts[PART_MANUFACTURER]);
        if (code < 0 || code == 0xffff) {
            return "the manufacturer is three capital letters or four hex digits";
        }
        out->manufacturer = (uint16_t)code;
    }
    if ((parts->count > PART_VERSION &&
         !parse_byte(parts->texts[PART_VERSION], &out->version)) ||
        (parts->count > PART_MEDIUM && !parse_byte(parts->texts[PART_MEDIUM], &out->medium))) {
        return "version and medium are numbers from 0 to 254";
    }
    return NULL;
}

enum bridge_status mbus_address(const char *text, struct meter_address *out, const char **why) {
    struct parts parts;
    struct mbus_selection selection;
    *why = "an M-Bus address is a number from 0 to 250, or 12345678.ABB.2.4";
    if (!split(text, &parts)) {
        return BRIDGE_EINVALID;
    }
    if (parts.count == 1 && strlen(parts.texts[0]) <= PRIMARY_DIGITS_MAX) {
        uint8_t primary;
        if (!parse_byte(parts.texts[0], &primary) || primary > MBUS_ADDRESS_MAX) {
            return BRIDGE_EINVALID;
        }
        *out = (struct meter_address){.len = 1, .bytes = {primary}};
        return BRIDGE_OK;
    }
    const char *fault = parse_secondary(&parts, &selection);
    if (fault) {
        *why = fault;
        return BRIDGE_EINVALID;
    }
    *out = (struct meter_address){.len = MBUS_SELECT_BYTES};
    mbus_selection_bytes(&selection, out->bytes);
    return BRIDGE_OK;
}

bool mbus_is_secondary(const struct meter_address *address) {
    return address->len == MBUS_SELECT_BYTES;
}

struct mbus_selection mbus_selection_at(const struct meter_address *address) {
    const uint8_t *bytes = address->bytes;
    return (struct mbus_selection){.id = bytes[0] | (uint32_t)bytes[1] << 8 |
                                         (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24,
                                   .manufacturer = (uint16_t)(bytes[4] | bytes[5] << 8),
                                   .version = bytes[6],
                                   .medium = bytes[7]};
}

/* --- identity -> text -------------------------------------------------------------------- */

/* The letters where they say it all, else the hex digits. */
static void manufacturer_text(uint16_t manufacturer, char text[CODE_MAX]) {
    mbus_manufacturer_text(manufacturer, text);
    if (mbus_manufacturer_of(text) != manufacturer) {
        (void)snprintf(text, CODE_MAX, "%04X", manufacturer);
    }
}

void mbus_id_text(const struct mbus_selection *meter, char *text) {
    char letters[CODE_MAX];
    if (meter->manufacturer == 0xffff && meter->version == 0xff && meter->medium == 0xff) {
        (void)snprintf(text, MBUS_ID_TEXT_MAX + 1, "%08X", meter->id);
        return;
    }
    manufacturer_text(meter->manufacturer, letters);
    (void)snprintf(text, MBUS_ID_TEXT_MAX + 1, "%08X.%s.%u.%u", meter->id, letters,
                   meter->version, meter->medium);
}
