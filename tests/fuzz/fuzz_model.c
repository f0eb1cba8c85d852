/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: YAML of any kind. A model that is accepted is within its limits, can be polled
 * to the end with honest answers to all it asks, and its relay can be switched.
 */
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 8192, REQUESTS_MAX = 2 * MODEL_POINTS_MAX + 4, UNIT = 1 };

/* The reply of a meter that has every register. */
static size_t answer(const struct exchange *exchange, uint8_t fill, uint8_t *frame) {
    const uint8_t *request = exchange->request;
    const size_t count = (size_t)request[4] << 8 | request[5];
    frame[0] = request[0];
    frame[1] = request[1];
    if (request[1] > 4) {
        memcpy(frame, request, 6);
        return fuzz_seal(frame, 6);
    }
    frame[2] = (uint8_t)(request[1] <= 2 ? (count + 7) / 8 : 2 * count);
    memset(frame + 3, fill, frame[2]);
    return fuzz_seal(frame, 3U + frame[2]);
}

/* --- M-Bus ------------------------------------------------------------------------------- */

/* The acknowledgement, or a telegram with records of any kind that says that more follow. */
static size_t answer_mbus(const struct exchange *exchange, uint8_t fill, uint8_t *frame) {
    static const uint8_t head[] = {0x68, 0,    0,    0x68, 0x08, UNIT, 0x72, 0x78, 0x56, 0x34,
                                   0x12, 0x77, 0x04, 0x0e, 0x07, 0x01, 0x00, 0x00, 0x00};
    static const uint8_t records[] = {0x04, 0x13, 0x0c, 0x06, 0x05, 0x5b, 0x02, 0x3b};
    uint8_t sum = 0;
    size_t len = sizeof head;
    if (exchange->reply_max == 1) {
        frame[0] = 0xe5;
        return 1;
    }
    memcpy(frame, head, sizeof head);
    for (size_t i = 0; i < sizeof records; i += 2) {
        const size_t bytes = records[i] == 0x02 ? 2 : 4;
        memcpy(frame + len, records + i, 2);
        memset(frame + len + 2, fill, bytes);
        len += 2 + bytes;
    }
    frame[len++] = 0x1f;
    frame[1] = frame[2] = (uint8_t)(len - 4);
    for (size_t i = 4; i < len; i++) {
        sum = (uint8_t)(sum + frame[i]);
    }
    frame[len++] = sum;
    frame[len++] = 0x16;
    return len;
}

static void run_mbus(const struct model *model, struct plan *plan, uint8_t fill) {
    struct exchange exchange;
    int requests = 0;
    size_t values = 0;
    while (model->bridge->next(NULL, plan, &exchange) == BRIDGE_OK) {
        uint8_t frame[BRIDGE_FRAME_MAX];
        struct samples samples;
        size_t n = 0;
        FUZZ_CHECK(++requests <= REQUESTS_MAX);
        FUZZ_CHECK(model->bridge->frame(exchange.request, exchange.request_len, FRAME_REQUEST,
                                        &n) == BRIDGE_OK &&
                   n == exchange.request_len);
        const size_t len = answer_mbus(&exchange, fill, frame);
        FUZZ_CHECK(exchange.match(&exchange, frame, len));
        const enum bridge_status status =
            model->bridge->take(NULL, plan, &exchange, frame, len, &samples);
        FUZZ_CHECK(status == BRIDGE_OK || (status == BRIDGE_EMISMATCH && samples.count == 0));
        FUZZ_CHECK(samples.count <= model->point_count);
        values += samples.count;
    }
    FUZZ_CHECK(values + plan->invalid + plan->absent <= model->point_count);
}

static void poll_mbus(const struct model *model) {
    static const uint8_t fills[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    struct plan plan;
    for (size_t i = 0; i < sizeof fills; i++) {
        plan_init(&plan, model, &address);
        run_mbus(model, &plan, fills[i]);
        plan_init(&plan, model, &address);
        if (model->bridge->relay(&plan, (enum relay_action)(i % 3)) == BRIDGE_OK) {
            run_mbus(model, &plan, fills[i]);
        }
    }
}

/* --- Modbus ------------------------------------------------------------------------------ */

static void check_exchange(const struct exchange *exchange) {
    const size_t len = exchange->request_len;
    FUZZ_CHECK(len >= 8 && len <= BRIDGE_REQUEST_MAX);
    FUZZ_CHECK(exchange->reply_max <= BRIDGE_FRAME_MAX);
    FUZZ_CHECK(exchange->timeout_us > 0 && exchange->pause_us >= 0 && exchange->match);
    FUZZ_CHECK(fuzz_crc(exchange->request, len - 2) ==
               (exchange->request[len - 2] | exchange->request[len - 1] << 8));
}

static void run_plan(const struct model *model, struct bridge_session *session,
                     struct plan *plan, uint8_t fill) {
    struct exchange exchange;
    int requests = 0;
    size_t values = 0;
    while (model->bridge->next(session, plan, &exchange) == BRIDGE_OK) {
        uint8_t frame[BRIDGE_FRAME_MAX];
        struct samples samples;
        size_t n = 0;
        FUZZ_CHECK(++requests <= REQUESTS_MAX);
        check_exchange(&exchange);
        const size_t len = answer(&exchange, fill, frame);
        FUZZ_CHECK(model->bridge->frame(frame, len, FRAME_REPLY, &n) == BRIDGE_OK && n == len);
        FUZZ_CHECK(exchange.match(&exchange, frame, len));
        FUZZ_CHECK(model->bridge->take(session, plan, &exchange, frame, len, &samples) ==
                   BRIDGE_OK);
        FUZZ_CHECK(samples.count <= model->point_count);
        FUZZ_CHECK(strnlen(plan->serial, sizeof plan->serial) <= BRIDGE_SERIAL_MAX);
        values += samples.count;
    }
    FUZZ_CHECK(values <= model->point_count);
}

static void check_model(const struct model *model) {
    FUZZ_CHECK(model->bridge && model->point_count >= 1);
    FUZZ_CHECK(model->point_count <= MODEL_POINTS_MAX);
    FUZZ_CHECK(memchr(model->name, '\0', sizeof model->name));
    FUZZ_CHECK(model->timeout_ms > 0 && model->line.baud > 0);
    for (size_t i = 0; i < model->point_count; i++) {
        FUZZ_CHECK(quantity_name(model->points[i].quantity));
        FUZZ_CHECK(model->bridge->check(&model->points[i]) == NULL);
    }
}

static void poll_model(const struct model *model) {
    static const uint8_t fills[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    static const enum relay_action actions[] = {RELAY_OPEN, RELAY_CLOSE, RELAY_LOOK};
    const struct meter_address address = {.len = 1, .bytes = {UNIT}};
    struct bridge_session *session = NULL;
    struct plan plan;
    FUZZ_CHECK(model->bridge->open(&session) == BRIDGE_OK);
    for (size_t i = 0; i < sizeof fills; i++) {
        plan_init(&plan, model, &address);
        run_plan(model, session, &plan, fills[i]);
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        plan_init(&plan, model, &address);
        if (model->bridge->relay(&plan, actions[i]) == BRIDGE_OK) {
            run_plan(model, session, &plan, fills[i]);
        }
    }
    model->bridge->close(session);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct model model;
    struct fault_list faults;
    if (size > INPUT_MAX) {
        return;
    }
    faults_init(&faults);
    const enum bridge_status status =
        model_parse("fuzz.yaml", (const char *)data, size, &faults, &model);
    FUZZ_CHECK((status == BRIDGE_OK) == (faults.count == 0));
    faults_done(&faults);
    if (status == BRIDGE_OK) {
        check_model(&model);
        if (strcmp(model.bridge->name, "mbus") == 0) {
            poll_mbus(&model);
        } else {
            poll_model(&model);
        }
    }
}
