/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CJ/T 188: frames in a stream, frames taken apart and built again, and everything that their
 * data may hold. An input whose first byte is odd is made the data of a good frame, so that
 * what stands behind the checksum is reached too.
 */
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/cjt188/cjt188_data.h"
#include "tests/fuzz/fuzz.h"

static void check_stream(const uint8_t *buf, size_t size) {
    for (size_t at = 0; at < size; at++) {
        size_t n = 0;
        switch ((int)cjt188_frame(buf + at, size - at, FRAME_REPLY, &n)) {
        case BRIDGE_OK:
            FUZZ_CHECK(n >= CJT188_OVERHEAD && n <= size - at && n <= CJT188_FRAME_MAX);
            FUZZ_CHECK(buf[at + n - 1] == 0x16);
            break;
        case BRIDGE_MORE:
            FUZZ_CHECK(n >= 1 && size - at + n <= CJT188_FRAME_MAX);
            break;
        case BRIDGE_EFRAME:
        case BRIDGE_ECHECKSUM:
            break;
        default:
            FUZZ_CHECK(false);
        }
    }
}

static void check_value(const struct cjt188_value *value, size_t size) {
    int64_t micro = 0;
    FUZZ_CHECK(value->name[0] && memchr(value->name, '\0', sizeof value->name));
    FUZZ_CHECK(value->unit && memchr(value->text, '\0', sizeof value->text));
    FUZZ_CHECK(value->at + value->len <= size);
    FUZZ_CHECK(!value->invalid || value->text[0] == '\0');
    FUZZ_CHECK(!value->is_secret || value->invalid);
    if (value->kind == CJT188_DECIMAL && !value->invalid) {
        FUZZ_CHECK(decimal_parse(value->text, &micro) == BRIDGE_OK && micro == value->micro);
    }
}

static void check_explained(const struct cjt188_frame *frame) {
    struct cjt188_explanation out;
    cjt188_explain(frame, &out);
    FUZZ_CHECK(out.values.count <= CJT188_VALUES_MAX);
    FUZZ_CHECK(!out.has_ser || out.has_di || out.has_status);
    for (size_t i = 0; i < out.values.count; i++) {
        check_value(&out.values.items[i], frame->data_len);
    }
}

/* build(decode(x)) is x; no frame has two good sums. */
static void check_whole(const uint8_t *buf, size_t size) {
    struct cjt188_frame frame;
    uint8_t again[CJT188_FRAME_MAX];
    const bool is_good = cjt188_frame_decode(buf, size, &frame) == BRIDGE_OK;
    if (is_good) {
        FUZZ_CHECK(cjt188_frame_encode(&frame, again) == size && memcmp(again, buf, size) == 0);
        check_explained(&frame);
    }
    if (cjt188_frame_decode_data_sum(buf, size, &frame)) {
        FUZZ_CHECK(!is_good);
        check_explained(&frame);
    }
}

static void check_built(struct fuzz_input *input) {
    uint8_t wire[CJT188_FRAME_MAX];
    struct cjt188_frame frame = {.preamble = fuzz_byte(input) % (CJT188_PREAMBLE_MAX + 1U),
                                 .type = fuzz_byte(input),
                                 .control = fuzz_byte(input)};
    frame.data_len = (uint8_t)(input->size > 255 ? 255 : input->size);
    memcpy(frame.data, input->data, frame.data_len);
    const size_t n = cjt188_frame_encode(&frame, wire);
    uint8_t *exact = malloc(n);
    FUZZ_CHECK(exact);
    memcpy(exact, wire, n);
    struct cjt188_frame back;
    FUZZ_CHECK(cjt188_frame_decode(exact, n, &back) == BRIDGE_OK);
    check_whole(exact, n);
    free(exact);
}

void fuzz_one(const uint8_t *data, size_t size) {
    check_stream(data, size);
    check_whole(data, size);
    if (size >= 4 && data[0] & 1) {
        struct fuzz_input input = {data + 1, size - 1};
        check_built(&input);
    }
}
