/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in an M-Bus frame: first byte CI, the rest behind it. The walk ends, its records
 * lie one behind the other, texts fit, and what was read is built again.
 */
#include <string.h>

#include "bridges/mbus/mbus_build.h"
#include "bridges/mbus/mbus_data.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 300 };

/* Ended within its room, and UTF-8 without a control character. */
static void check_text(const char *text, size_t cap) {
    FUZZ_CHECK(memchr(text, '\0', cap));
    for (size_t i = 0; text[i]; i++) {
        const unsigned char byte = (unsigned char)text[i];
        FUZZ_CHECK(byte >= 0x20 && byte != 0x7f);
        FUZZ_CHECK(byte != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
    }
}

static void check_value(const struct mbus_record *record) {
    char text[MBUS_VALUE_TEXT_MAX];
    int64_t micro = 0;
    const bool has_text = mbus_value_text(record, text);
    check_text(text, sizeof text);
    FUZZ_CHECK(has_text ==
               (record->value.invalid == MBUS_VALID && record->value.kind != MBUS_NOTHING &&
                record->value.kind != MBUS_BYTES));
    (void)mbus_corrected_text(record, text);
    check_text(text, sizeof text);
    mbus_unit_text(record, text);
    check_text(text, MBUS_UNIT_TEXT_MAX);
    for (size_t i = 0; i < record->vib.modifier_count; i++) {
        FUZZ_CHECK(mbus_modifier_name(&record->vib, i, false));
        FUZZ_CHECK(mbus_modifier_name(&record->vib, i, true));
    }
    if (mbus_record_micro(record, (struct ratio){1, 1}, 1, &micro) == BRIDGE_OK) {
        FUZZ_CHECK(record->value.invalid == MBUS_VALID && !record->vib.is_empty);
    }
}

static void check_records(const struct mbus_header *header) {
    struct mbus_records records;
    struct mbus_record record;
    uint8_t built[INPUT_MAX];
    size_t built_len = 0;
    enum bridge_status status;
    mbus_records_init(&records, header);
    for (size_t i = 0; (status = mbus_record_next(&records, &record)) == BRIDGE_OK; i++) {
        FUZZ_CHECK(i < header->body_len);
        FUZZ_CHECK(record.dib_len <= 11 && record.vib_len <= 11);
        FUZZ_CHECK(mbus_build_record(&record, built, sizeof built, &built_len) == BRIDGE_OK);
        if (record.special == MBUS_RECORD) {
            check_value(&record);
        }
    }
    FUZZ_CHECK(status == (records.fault == MBUS_FAULT_NONE ? BRIDGE_DONE : BRIDGE_EFRAME));
    FUZZ_CHECK(mbus_record_next(&records, &record) == status);
    /* all of what was read, up to the break */
    FUZZ_CHECK(built_len <= header->body_len);
    FUZZ_CHECK(built_len == 0 || memcmp(built, header->body, built_len) == 0);
    const bool is_walked = header->security == 0 &&
                           (header->content == MBUS_VARIABLE || header->content == MBUS_WRITE ||
                            header->content == MBUS_FIXED);
    FUZZ_CHECK(status != BRIDGE_DONE || !is_walked || built_len == header->body_len);
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct mbus_header header;
    uint8_t built[INPUT_MAX];
    size_t len = 0;
    if (size < 1 || size > INPUT_MAX ||
        mbus_header_read(data[0], data + 1, size - 1, &header) != BRIDGE_OK) {
        return;
    }
    FUZZ_CHECK(header.body_len <= size - 1);
    FUZZ_CHECK(mbus_build_header(&header, built, sizeof built, &len) == BRIDGE_OK);
    FUZZ_CHECK(len == size - 1 - header.body_len);
    FUZZ_CHECK(len == 0 || memcmp(built, data + 1, len) == 0);
    check_records(&header);
}
