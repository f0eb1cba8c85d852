/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_data.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    ADDRESS_BYTES = 8,
    SHORT_BYTES = 4,
    FIXED_BYTES = 8, /* id, access number, status, units */
    BLOCK_BYTES = 16,
    LETTER_BITS = 5,
    LETTER_MASK = 0x1f,
    BEFORE_A = 64
};

struct ci {
    uint8_t code;
    uint8_t content; /* enum mbus_content */
    uint8_t layout;  /* enum mbus_layout */
    const char *name;
};

static const struct ci cis[] = {
#define MBUS_CI(code, content, layout, name) {code, MBUS_##content, MBUS_##layout, name},
#include "bridges/mbus/mbus_ci.def"
#undef MBUS_CI
};

static const struct ci *ci_of(uint8_t code) {
    static const struct ci makers = {0, MBUS_OTHER, MBUS_NO_HEADER, "the maker's own"};
    static const struct ci unknown = {0, MBUS_OTHER, MBUS_NO_HEADER, "unknown"};
    for (size_t i = 0; i < COUNT(cis); i++) {
        if (cis[i].code == code) {
            return &cis[i];
        }
    }
    return code >= 0xa0 && code <= 0xb7 ? &makers : &unknown;
}

const char *mbus_ci_name(uint8_t ci) {
    return ci_of(ci)->name;
}

/* --- header ------------------------------------------------------------------------------- */

static size_t header_bytes(enum mbus_layout layout) {
    static const uint8_t bytes[] = {[MBUS_NO_HEADER] = 0,
                                    [MBUS_SHORT_HEADER] = SHORT_BYTES,
                                    [MBUS_LONG_HEADER] = ADDRESS_BYTES + SHORT_BYTES,
                                    [MBUS_ADDRESS_HEADER] = ADDRESS_BYTES,
                                    [MBUS_FIXED_HEADER] = FIXED_BYTES};
    return bytes[layout];
}

static bool is_msb_first(uint8_t ci) {
    return ci == 0x55 || ci == 0x56 || ci == 0x76 || ci == 0x77;
}

static uint32_t number(const uint8_t *bytes, size_t len, bool msb_first) {
    uint32_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[msb_first ? i : len - 1 - i];
    }
    return value;
}

static void take_address(const uint8_t *data, struct mbus_header *out) {
    out->id = number(data, 4, out->msb_first);
    out->manufacturer = (uint16_t)number(data + 4, 2, out->msb_first);
    out->version = data[6];
    out->medium = data[7];
}

static void take_short(const uint8_t *data, struct mbus_header *out) {
    out->access_no = data[0];
    out->status = data[1];
    out->configuration = (uint16_t)number(data + 2, 2, out->msb_first);
}

/* The medium of a fixed structure lies in the top bits of its units (EN 1434-3). */
static void take_fixed(const uint8_t *data, struct mbus_header *out) {
    static const uint8_t media[16] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                      0x08, 0x0f, 0x03, 0x04, 0x06, 0x07, 0x08, 0x0f};
    out->id = number(data, 4, out->msb_first);
    out->access_no = data[4];
    out->status = data[5];
    out->units[0] = data[6];
    out->units[1] = data[7];
    out->medium = media[data[6] >> 6 | data[7] >> 6 << 2];
}

/*
 * Which mode hides the records (EN 13757-7): bits 12-8. Modes with a count of encrypted
 * blocks hide nothing when it is 0 or more than there is: the signature of an old meter, which
 * may also be FFFF, mode 31.
 */
static uint8_t security_of(uint16_t configuration, size_t body_len) {
    const uint8_t mode = configuration >> 8 & LETTER_MASK;
    const size_t blocks = configuration >> 4 & 0xf;
    switch (mode) {
    case 2: /* DES */
    case 3:
    case 4: /* AES */
    case 5:
    case 7:
        return blocks > 0 && blocks * BLOCK_BYTES <= body_len ? mode : 0;
    case 8:
    case 9:
    case 10:
    case 13:
        return body_len > 0 ? mode : 0;
    default:
        return 0;
    }
}

enum bridge_status mbus_header_read(uint8_t ci, const uint8_t *data, size_t len,
                                    struct mbus_header *out) {
    const struct ci *row = ci_of(ci);
    struct mbus_header header = {.ci = ci,
                                 .content = (enum mbus_content)row->content,
                                 .layout = (enum mbus_layout)row->layout,
                                 .msb_first = is_msb_first(ci)};
    const size_t bytes = header_bytes(header.layout);
    if (len < bytes) {
        return BRIDGE_EFRAME;
    }
    const bool is_long = header.layout == MBUS_LONG_HEADER;
    if (is_long || header.layout == MBUS_ADDRESS_HEADER) {
        take_address(data, &header);
    }
    if (is_long || header.layout == MBUS_SHORT_HEADER) {
        take_short(data + (is_long ? ADDRESS_BYTES : 0), &header);
        header.security = security_of(header.configuration, len - bytes);
    }
    if (header.layout == MBUS_FIXED_HEADER) {
        take_fixed(data, &header);
    }
    header.body_len = len - bytes;
    header.body = header.body_len > 0 ? data + bytes : NULL;
    if (header.content == MBUS_APP_ERROR && header.body_len > 0) {
        header.error = header.body[0];
    }
    *out = header;
    return BRIDGE_OK;
}

/* --- names -------------------------------------------------------------------------------- */

void mbus_manufacturer_text(uint16_t manufacturer, char text[MBUS_MANUFACTURER_LETTERS + 1]) {
    for (size_t i = 0; i < MBUS_MANUFACTURER_LETTERS; i++) {
        const size_t shift = LETTER_BITS * (MBUS_MANUFACTURER_LETTERS - 1 - i);
        text[i] = (char)((manufacturer >> shift & LETTER_MASK) + BEFORE_A);
    }
    text[MBUS_MANUFACTURER_LETTERS] = '\0';
}

const char *mbus_medium_name(uint8_t medium) {
    static const struct {
        uint8_t code;
        const char *name;
    } media[] = {
#define MBUS_MEDIUM(code, name) {code, name},
#include "bridges/mbus/mbus_media.def"
#undef MBUS_MEDIUM
    };
    for (size_t i = 0; i < COUNT(media); i++) {
        if (media[i].code == medium) {
            return media[i].name;
        }
    }
    return "reserved";
}

const char *mbus_error_name(uint8_t error) {
    static const char *const names[] = {"unspecified",
                                        "CI not implemented",
                                        "buffer too long",
                                        "too many records",
                                        "premature end of record",
                                        "more than 10 DIFE",
                                        "more than 10 VIFE",
                                        "reserved",
                                        "application busy",
                                        "too many readouts"};
    return error < COUNT(names) ? names[error] : "reserved";
}
