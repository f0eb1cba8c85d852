/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mbus/reencode.h"

#include <string.h>

#include "bridges/mbus/mbus_build.h"
#include "bridges/mbus/mbus_frame.h"

static void count(const struct mbus_record *record, struct copied *copied) {
    if (record->special == MBUS_RECORD) {
        copied->records++;
        copied->texts += record->value.kind == MBUS_TEXT;
        copied->arrays += record->value.kind == MBUS_BYTES;
        copied->bad_bcd += record->value.invalid == MBUS_BAD_BCD;
    }
}

/* What is not taken apart is copied: that of a select, an error, an alarm. */
static bool build_body(const struct mbus_header *header, uint8_t *data, size_t *len,
                       struct copied *copied) {
    struct mbus_records records;
    struct mbus_record record;
    enum bridge_status status = BRIDGE_OK;
    const bool has_records = header->content == MBUS_VARIABLE ||
                             header->content == MBUS_FIXED || header->content == MBUS_WRITE;
    if (!has_records) {
        if (header->body_len > 0) {
            memcpy(data + *len, header->body, header->body_len);
            *len += header->body_len;
        }
        return true;
    }
    mbus_records_init(&records, header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK && status == BRIDGE_OK) {
        count(&record, copied);
        status = mbus_build_record(&record, data, MBUS_DATA_MAX, len);
    }
    return status == BRIDGE_OK && records.fault == MBUS_FAULT_NONE;
}

bool reencodes(const uint8_t *buf, size_t len, struct copied *copied) {
    struct mbus_frame frame;
    struct mbus_header header;
    uint8_t data[MBUS_DATA_MAX];
    uint8_t built[MBUS_FRAME_MAX];
    size_t data_len = 0;
    if (mbus_frame_read(buf, len, &frame) != BRIDGE_OK) {
        return false;
    }
    if (frame.kind == MBUS_ACK) {
        return len == 1;
    }
    size_t built_len;
    if (frame.kind == MBUS_SHORT) {
        built_len = mbus_build_short(frame.c, frame.a, built);
    } else {
        if (mbus_header_read(frame.ci, frame.data, frame.len, &header) != BRIDGE_OK ||
            mbus_build_header(&header, data, sizeof data, &data_len) != BRIDGE_OK ||
            !build_body(&header, data, &data_len, copied)) {
            return false;
        }
        built_len = mbus_build_long(frame.c, frame.a, frame.ci, data, data_len, built);
    }
    return built_len == len && memcmp(built, buf, len) == 0;
}
