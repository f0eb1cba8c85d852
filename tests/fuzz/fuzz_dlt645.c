/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DL/T 645: frames in a stream, frames taken apart and built again, and everything that their
 * data may hold. An input whose first byte is odd is made the data of a good frame, so that
 * what stands behind the checksum is reached too.
 */
#include <string.h>

#include "bridges/base/decimal.h"
#include "bridges/dlt645/dlt645_explain.h"
#include "tests/fuzz/fuzz.h"

static void check_stream(const uint8_t *buf, size_t size) {
    for (size_t at = 0; at < size; at++) {
        size_t n = 0;
        switch ((int)dlt645_frame(buf + at, size - at, FRAME_REPLY, &n)) {
        case BRIDGE_OK:
            FUZZ_CHECK(n >= DLT645_OVERHEAD && n <= size - at && n <= DLT645_FRAME_MAX);
            FUZZ_CHECK(buf[at + n - 1] == 0x16);
            break;
        case BRIDGE_MORE:
            FUZZ_CHECK(n >= 1 && size - at + n <= DLT645_FRAME_MAX);
            break;
        case BRIDGE_EFRAME:
        case BRIDGE_ECHECKSUM:
            break;
        default:
            FUZZ_CHECK(false);
        }
    }
}

/* A number's text and its micro-units are the same, read another way. */
static void check_decimal(const struct dlt645_value *value) {
    int64_t micro = 0;
    FUZZ_CHECK(decimal_parse(value->text, &micro) == BRIDGE_OK && micro == value->micro);
}

static void check_values(const struct dlt645_values *values, size_t size) {
    FUZZ_CHECK(values->count <= DLT645_VALUES_MAX);
    for (size_t i = 0; i < values->count; i++) {
        const struct dlt645_value *value = &values->items[i];
        FUZZ_CHECK(value->name[0] && memchr(value->name, '\0', sizeof value->name));
        FUZZ_CHECK(value->unit && memchr(value->text, '\0', sizeof value->text));
        FUZZ_CHECK(value->at + value->len <= size);
        FUZZ_CHECK(!value->invalid || value->text[0] == '\0');
        FUZZ_CHECK(!value->is_secret || value->invalid);
        if (value->kind == DLT645_DECIMAL && !value->invalid) {
            check_decimal(value);
        }
    }
}

static void check_explained(const struct dlt645_frame *frame) {
    struct dlt645_explanation out;
    dlt645_explain(frame, &out);
    check_values(&out.values, frame->data_len);
    FUZZ_CHECK(out.secret_len == 0 || out.secret_at + out.secret_len <= frame->data_len);
    FUZZ_CHECK(out.order_at == 0 || out.order_at < frame->data_len);
    FUZZ_CHECK(out.error_count <= DLT645_ERRORS_MAX);
}

/* build(decode(x)) is x; a built frame is one frame. */
static void check_whole(const uint8_t *buf, size_t size) {
    struct dlt645_frame frame;
    uint8_t again[DLT645_FRAME_MAX];
    if (dlt645_frame_decode(buf, size, &frame) != BRIDGE_OK) {
        return;
    }
    FUZZ_CHECK(dlt645_frame_encode(&frame, again) == size && memcmp(again, buf, size) == 0);
    check_explained(&frame);
}

/* Behind any identifier, in memory of exactly its length. */
static void check_data(struct fuzz_input *input) {
    struct dlt645_values values;
    const bool is_old = fuzz_byte(input) & 1;
    uint32_t di = 0;
    for (int i = 0; i < (is_old ? 2 : 4); i++) {
        di = di << 8 | fuzz_byte(input);
    }
    uint8_t *data = malloc(input->size ? input->size : 1);
    FUZZ_CHECK(data);
    memcpy(data, input->data, input->size);
    dlt645_values_decode(is_old ? DLT645_1997 : DLT645_2007, di, data, input->size, true,
                         &values);
    check_values(&values, input->size);
    free(data);
}

static void check_built(struct fuzz_input *input) {
    uint8_t wire[DLT645_FRAME_MAX];
    struct dlt645_frame frame = {.preamble = fuzz_byte(input) % (DLT645_PREAMBLE_MAX + 1U),
                                 .control = fuzz_byte(input)};
    frame.data_len = (uint8_t)(input->size > 255 ? 255 : input->size);
    memcpy(frame.data, input->data, frame.data_len);
    const size_t n = dlt645_frame_encode(&frame, wire);
    uint8_t *exact = malloc(n);
    FUZZ_CHECK(exact);
    memcpy(exact, wire, n);
    struct dlt645_frame back;
    FUZZ_CHECK(dlt645_frame_decode(exact, n, &back) == BRIDGE_OK);
    check_whole(exact, n);
    free(exact);
}

void fuzz_one(const uint8_t *data, size_t size) {
    check_stream(data, size);
    check_whole(data, size);
    if (size >= 3 && data[0] & 1) {
        struct fuzz_input input = {data + 1, size - 1};
        check_built(&input);
        input = (struct fuzz_input){data + 1, size - 1};
        check_data(&input);
    }
}
