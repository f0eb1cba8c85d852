/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_build.h"

#include <string.h>

#include "bridges/mbus/mbus_value.h"

enum {
    MORE = 0x80,
    VIF_TEXT = 0x7c,
    DIF_FILLER = 0x2f,
    DIF_MAKER = 0x0f,
    DIF_MORE_FOLLOWS = 0x1f,
    DIF_READOUT_ALL = 0x7f
};

/* Bytes on their way; overflows for good. */
struct writer {
    uint8_t *out;
    size_t cap;
    size_t len;
    bool is_full;
};

static uint8_t *reserve(struct writer *writer, size_t count) {
    if (writer->is_full || count > writer->cap - writer->len) {
        writer->is_full = true;
        return NULL;
    }
    uint8_t *at = writer->out + writer->len;
    writer->len += count;
    return at;
}

static void put(struct writer *writer, uint8_t byte) {
    uint8_t *at = reserve(writer, 1);
    if (at) {
        *at = byte;
    }
}

static void put_all(struct writer *writer, const uint8_t *bytes, size_t count) {
    uint8_t *at = reserve(writer, count);
    if (at && count > 0) {
        memcpy(at, bytes, count);
    }
}

static enum bridge_status finish(const struct writer *writer, size_t *len) {
    if (writer->is_full) {
        return BRIDGE_ERANGE;
    }
    *len = writer->len;
    return BRIDGE_OK;
}

/* --- header ------------------------------------------------------------------------------- */

static void put_number(struct writer *writer, uint32_t value, size_t count, bool msb_first) {
    for (size_t i = 0; i < count; i++) {
        put(writer, (uint8_t)(value >> 8 * (msb_first ? count - 1 - i : i)));
    }
}

enum bridge_status mbus_build_header(const struct mbus_header *header, uint8_t *out, size_t cap,
                                     size_t *len) {
    struct writer writer = {.cap = cap, .len = *len};
    writer.out = out;
    const enum mbus_layout layout = header->layout;
    if (layout == MBUS_LONG_HEADER || layout == MBUS_ADDRESS_HEADER) {
        put_number(&writer, header->id, 4, header->msb_first);
        put_number(&writer, header->manufacturer, 2, header->msb_first);
        put(&writer, header->version);
        put(&writer, header->medium);
    }
    if (layout == MBUS_LONG_HEADER || layout == MBUS_SHORT_HEADER) {
        put(&writer, header->access_no);
        put(&writer, header->status);
        put_number(&writer, header->configuration, 2, header->msb_first);
    }
    if (layout == MBUS_FIXED_HEADER) {
        put_number(&writer, header->id, 4, header->msb_first);
        put(&writer, header->access_no);
        put(&writer, header->status);
        put_all(&writer, header->units, sizeof header->units);
    }
    return finish(&writer, len);
}

/* --- record ------------------------------------------------------------------------------- */

static bool needs_dife(const struct mbus_record *record, unsigned k) {
    return record->storage >> (1 + 4 * k) || record->tariff >> 2 * k || record->subunit >> k;
}

static void put_dib(struct writer *writer, const struct mbus_record *record) {
    unsigned count = record->dib_len > 0 ? record->dib_len - 1U : 0;
    while (count < MBUS_DIFE_MAX && needs_dife(record, count)) {
        count++;
    }
    put(writer, (uint8_t)(record->field | (unsigned)record->function << 4 |
                          (record->storage & 1) << 6 | (count > 0 ? MORE : 0)));
    for (unsigned k = 0; k < count; k++) {
        const unsigned dife = (record->storage >> (1 + 4 * k) & 0xf) |
                              (record->tariff >> 2 * k & 3) << 4 |
                              (record->subunit >> k & 1) << 6;
        put(writer, (uint8_t)(dife | (k + 1 < count ? MORE : 0)));
    }
}

static void put_text(struct writer *writer, const struct mbus_vib *vib) {
    put(writer, vib->text_len);
    put_all(writer, vib->text, vib->text_len);
}

static void put_vib(struct writer *writer, const struct mbus_record *record) {
    const uint8_t *bytes = record->head + record->dib_len;
    const bool has_text = (bytes[0] & ~(unsigned)MORE) == VIF_TEXT;
    put(writer, bytes[0]);
    if (has_text && record->vib.text_first) {
        put_text(writer, &record->vib);
    }
    put_all(writer, bytes + 1, record->vib_len - 1U);
    if (has_text && !record->vib.text_first) {
        put_text(writer, &record->vib);
    }
}

static void put_special(struct writer *writer, const struct mbus_record *record) {
    static const uint8_t difs[] = {[MBUS_MAKER_DATA] = DIF_MAKER,
                                   [MBUS_MORE_FOLLOWS] = DIF_MORE_FOLLOWS,
                                   [MBUS_READOUT_ALL] = DIF_READOUT_ALL};
    if (record->special == MBUS_FILLER) {
        uint8_t *at = reserve(writer, record->data_len);
        if (at) {
            memset(at, DIF_FILLER, record->data_len);
        }
        return;
    }
    put(writer, difs[record->special]);
    put_all(writer, record->data, record->data_len);
}

enum bridge_status mbus_build_record(const struct mbus_record *record, uint8_t *out, size_t cap,
                                     size_t *len) {
    struct writer writer = {.cap = cap, .len = *len};
    writer.out = out;
    if (record->special != MBUS_RECORD) {
        put_special(&writer, record);
        return finish(&writer, len);
    }
    if (record->vib_len > 0) {
        put_dib(&writer, record);
        put_vib(&writer, record);
    }
    if (record->field == MBUS_FIELD_VARIABLE) {
        put(&writer, record->lvar);
    }
    uint8_t *data = reserve(&writer, record->data_len);
    if (data) {
        mbus_value_encode(record, data);
    }
    return finish(&writer, len);
}
