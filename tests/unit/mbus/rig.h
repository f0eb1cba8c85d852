/* SPDX-License-Identifier: Apache-2.0 */
/* An M-Bus plan in tests: a model by hand, what it asks, and answers made byte by byte. */
#ifndef TESTS_UNIT_MBUS_RIG_H
#define TESTS_UNIT_MBUS_RIG_H

#include "bridges/mbus/mbus_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "bridges/site.h"
#include "tests/unit/mbus/telegram.h"

enum { TEXT_MAX = 2000, FRAME_TEXT_MAX = 600 };

#define VOLUME "{quantity: volume, record: {quantity: volume, unit: m3}}"
#define FLOW   "{quantity: flow, record: {quantity: volume_flow}}"
/* id 12345678, ACW, version 14, water, access number and status */
#define HEADER      "78 56 34 12 77 04 0e 07 01 00 00 00 "
#define OTHER       "79 56 34 12 77 04 0e 07 01 00 00 00 "
#define LITRES_1000 "04 13 e8 03 00 00 " /* 1000 l */
#define SELECT      "68 0b 0b 68 53 fd 52 78 56 34 12 ff ff ff ff b2 16"

struct rig {
    struct model model;
    struct plan plan;
    struct exchange exchange;
    struct samples samples;         /* of the last answer */
    struct bridge_session *session; /* NULL = none: what it has learnt is for a bus to keep */
};

static inline void rig_open(struct rig *rig, const char *address, const char *keys,
                            const char *points) {
    char text[TEXT_MAX];
    struct fault_list faults;
    struct meter_address wire;
    const char *why;
    *rig = (struct rig){0};
    faults_init(&faults);
    (void)snprintf(text, sizeof text,
                   "{name: T, protocol: mbus, source: a test, line: 2400:8E1,\n"
                   " timeout: 150ms, %s\n points: [%s]}\n",
                   keys, points);
    const enum bridge_status status =
        model_parse("t.yaml", text, strlen(text), &faults, &rig->model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    cr_assert_eq(status, BRIDGE_OK);
    cr_assert_eq(rig->model.bridge->address(address, &wire, &why), BRIDGE_OK, "%s", why);
    plan_init(&rig->plan, &rig->model, &wire);
}

static inline const struct bridge *bridge(const struct rig *rig) {
    return rig->model.bridge;
}

static inline void expect_asked(struct rig *rig, const char *request) {
    struct bytes want = bytes_of(request);
    char text[FRAME_TEXT_MAX];
    cr_assert_eq(bridge(rig)->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_OK,
                 "want %s", request);
    cr_assert(rig->exchange.request_len == want.len &&
                  memcmp(rig->exchange.request, want.data, want.len) == 0,
              "want %s, got %s", request,
              hex_of(rig->exchange.request, rig->exchange.request_len, text));
    bytes_free(&want);
}

static inline void expect_done(struct rig *rig) {
    cr_expect_eq(bridge(rig)->next(rig->session, &rig->plan, &rig->exchange), BRIDGE_DONE);
}

static inline bool missed(struct rig *rig) {
    return bridge(rig)->missed(rig->session, &rig->plan, &rig->exchange, BRIDGE_ETIMEOUT);
}

static inline bool matches(const struct rig *rig, const struct bytes *frame) {
    size_t n = 0;
    cr_assert_eq(bridge(rig)->frame(frame->data, frame->len, FRAME_REPLY, &n), BRIDGE_OK);
    cr_assert_eq(n, frame->len);
    return rig->exchange.match(&rig->exchange, frame->data, frame->len);
}

static inline enum bridge_status take(struct rig *rig, struct bytes frame) {
    cr_assert(matches(rig, &frame));
    const enum bridge_status status = bridge(rig)->take(
        rig->session, &rig->plan, &rig->exchange, frame.data, frame.len, &rig->samples);
    bytes_free(&frame);
    return status;
}

static inline void ack(struct rig *rig) {
    cr_expect_eq(take(rig, bytes_of("e5")), BRIDGE_OK);
}

/* An RSP_UD with its lengths and its sum. */
static inline struct bytes frame_of(uint8_t a, uint8_t ci, const char *data) {
    struct bytes body = bytes_of(data);
    struct bytes out = {.data = malloc(body.len + 9), .len = body.len + 9};
    cr_assert_not_null(out.data);
    uint8_t sum = 0;
    memcpy(out.data,
           (const uint8_t[]){0x68, (uint8_t)(body.len + 3), (uint8_t)(body.len + 3), 0x68, 0x08,
                             a, ci},
           7);
    memcpy(out.data + 7, body.data, body.len);
    for (size_t i = 4; i < out.len - 2; i++) {
        sum = (uint8_t)(sum + out.data[i]);
    }
    out.data[out.len - 2] = sum;
    out.data[out.len - 1] = 0x16;
    bytes_free(&body);
    return out;
}

static inline enum bridge_status answer(struct rig *rig, const char *data) {
    return take(rig, frame_of(5, 0x72, data));
}

static inline void expect_sample(const struct rig *rig, size_t i, uint16_t quantity,
                                 int64_t micro) {
    cr_assert_lt(i, rig->samples.count);
    const struct sample *sample = &rig->samples.items[i];
    cr_expect_eq(rig->model.points[sample->point].quantity, quantity);
    cr_expect_eq(sample->value_micro, micro, "%lld", (long long)sample->value_micro);
}

/* Up to the first telegram of the meter at primary address 5. */
static inline enum bridge_status read_once(struct rig *rig, const char *keys,
                                           const char *points, const char *data) {
    rig_open(rig, "5", keys, points);
    (void)bridge(rig)->next(rig->session, &rig->plan, &rig->exchange);
    ack(rig);
    (void)bridge(rig)->next(rig->session, &rig->plan, &rig->exchange);
    return answer(rig, data);
}

#endif
