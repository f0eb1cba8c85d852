/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages there and back, and their bytes by hand; what is refused stands in
 * test_wire_strict.c.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/sync/wire.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */
static const int64_t DAY_MS = 86400000;
static const int64_t LAST_MS = 253402300799999; /* 9999-12-31 23:59:59.999 UTC */

static struct wire_scratch scratch;
static uint8_t bytes[WIRE_MESSAGE_MAX];
static size_t len;

static const struct wire_sender brief = {.operator_id = "op", .gateway = "gw-1", .epoch = 5};
static const struct wire_sender whole = {
    .operator_id = "op",
    .site = "site.A",
    .gateway = "gw-1",
    .epoch = INT64_MAX,
    .has_boot_id = true,
    .boot_id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};

static void check_sender(const struct wire_sender *got, const struct wire_sender *want) {
    cr_assert_str_eq(got->operator_id, want->operator_id);
    cr_assert_str_eq(got->site, want->site);
    cr_assert_str_eq(got->gateway, want->gateway);
    cr_assert_eq(got->epoch, want->epoch);
    cr_assert_eq(got->has_boot_id, want->has_boot_id);
    cr_assert_eq(memcmp(got->boot_id, want->boot_id, WIRE_BOOT_ID_BYTES), 0);
}

static void check_values(const struct wire_value *got, const struct wire_value *want,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(got[i].point, want[i].point, "value %zu", i);
        cr_assert_eq(got[i].quality, want[i].quality, "value %zu", i);
        cr_assert_eq(got[i].at_ms, want[i].at_ms, "value %zu", i);
        cr_assert_eq(got[i].value_micro, want[i].value_micro, "value %zu", i);
    }
}

static void batch_there_and_back(const struct wire_batch *batch) {
    static struct wire_record got;
    memset(&got, 0xa5, sizeof got);
    cr_assert_eq(wire_batch_encode(&brief, batch, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_record_decode(bytes, len, &scratch, &got), GW_OK);
    check_sender(&got.sender, &brief);
    cr_assert_not(got.is_gap);
    cr_assert_eq(got.batch.first_seq, batch->first_seq);
    cr_assert_eq(got.batch.count, batch->count);
    check_values(got.batch.values, batch->values, batch->count);
}

/* --- there and back ----------------------------------------------------------------------- */

Test(wire, one_reading_comes_back) {
    const struct wire_batch batch = {
        .first_seq = 1,
        .count = 1,
        .values = {{.point = 1, .at_ms = NOW_MS, .value_micro = 123456789}}};
    batch_there_and_back(&batch);
}

Test(wire, the_largest_and_smallest_values_come_back) {
    const struct wire_batch batch = {.first_seq = INT64_MAX - WIRE_BATCH_MAX,
                                     .count = 8,
                                     .values = {{1, 0, NOW_MS, INT64_MAX},
                                                {INT32_MAX, 255, NOW_MS, INT64_MIN},
                                                {1, 1, 0, 0},
                                                {INT32_MAX, 2, LAST_MS, -1},
                                                {2, 3, 0, INT64_MIN + 1},
                                                {INT32_MAX - 1, 0, LAST_MS, INT64_MAX - 1},
                                                {7, 128, NOW_MS, 1},
                                                {7, 0, NOW_MS, -1000000}}};
    batch_there_and_back(&batch);
}

Test(wire, readings_thirty_days_apart_come_back_in_both_directions_of_time) {
    const struct wire_batch batch = {.first_seq = 77,
                                     .count = 5,
                                     .values = {{3, 0, NOW_MS, 10},
                                                {3, 0, NOW_MS + 30 * DAY_MS, 20},
                                                {4, 2, NOW_MS, 30},
                                                {5, 2, NOW_MS - 30 * DAY_MS, 40},
                                                {5, 0, NOW_MS + 60 * DAY_MS, 50}}};
    batch_there_and_back(&batch);
}

Test(wire, five_hundred_readings_come_back_and_fit_a_message) {
    static struct wire_batch batch;
    batch.first_seq = 1000000;
    batch.count = WIRE_BATCH_MAX;
    for (size_t i = 0; i < WIRE_BATCH_MAX; i++) {
        batch.values[i] = (struct wire_value){.point = i % 2 ? INT32_MAX : 1,
                                              .quality = 255,
                                              .at_ms = i % 2 ? LAST_MS : 0,
                                              .value_micro = i % 2 ? INT64_MAX : INT64_MIN};
    }
    batch_there_and_back(&batch);
    cr_assert_lt(len, WIRE_MESSAGE_MAX);
}

Test(wire, a_gap_comes_back) {
    static struct wire_record got;
    const struct wire_gap gap = {
        .first_seq = 1, .last_seq = INT64_MAX - 1, .count = INT64_MAX - 1, .reason = 1};
    cr_assert_eq(wire_gap_encode(&whole, &gap, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_record_decode(bytes, len, &scratch, &got), GW_OK);
    check_sender(&got.sender, &whole);
    cr_assert(got.is_gap);
    cr_assert_eq(got.gap.first_seq, 1);
    cr_assert_eq(got.gap.last_seq, INT64_MAX - 1);
    cr_assert_eq(got.gap.count, INT64_MAX - 1);
    cr_assert_eq(got.gap.reason, 1);
}

static void now_there_and_back(const struct wire_now *now) {
    static struct wire_now got;
    memset(&got, 0xa5, sizeof got);
    cr_assert_eq(wire_now_encode(now, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_now_decode(bytes, len, &scratch, &got), GW_OK);
    check_sender(&got.sender, &now->sender);
    cr_assert_eq(got.count, now->count);
    check_values(got.values, now->values, now->count);
}

Test(wire, newest_values_come_back_also_when_there_are_none) {
    static struct wire_now now;
    now = (struct wire_now){.sender = brief, .count = 0};
    now_there_and_back(&now);
    now = (struct wire_now){.sender = whole,
                            .count = 3,
                            .values = {{9, 0, NOW_MS, INT64_MAX},
                                       {8, 2, NOW_MS - 30 * DAY_MS, INT64_MIN},
                                       {7, 0, LAST_MS, 0}}};
    now_there_and_back(&now);
    now.count = WIRE_NOW_MAX;
    for (size_t i = 0; i < WIRE_NOW_MAX; i++) {
        now.values[i] = (struct wire_value){(uint32_t)i + 1, 0, NOW_MS, -(int64_t)i};
    }
    now_there_and_back(&now);
}

static void fill(char *id, char letter, size_t count) {
    memset(id, letter, count);
    id[count] = '\0';
}

static struct wire_birth birth;
static struct wire_birth birth_back;

/* As full as a birth can be. */
static void fill_birth(void) {
    birth = (struct wire_birth){
        .sender = whole, .at_ms = LAST_MS, .part = UINT32_MAX, .parts = UINT32_MAX};
    fill(birth.sender.operator_id, 'o', WIRE_ID_MAX);
    fill(birth.sender.site, 's', WIRE_ID_MAX);
    fill(birth.sender.gateway, 'g', WIRE_ID_MAX);
    fill(birth.version, 'v', WIRE_METER_ID_MAX);
    birth.head_count = WIRE_STREAMS;
    for (size_t i = 0; i < WIRE_STREAMS; i++) {
        birth.heads[i] = (struct wire_head){
            .stream = (enum wire_stream)(i + 1), .head = INT64_MAX, .acked = i};
    }
    birth.meter_count = WIRE_BIRTH_METERS_MAX;
    for (size_t m = 0; m < WIRE_BIRTH_METERS_MAX; m++) {
        struct wire_meter *meter = &birth.meters[m];
        fill(meter->id, 'i', WIRE_METER_ID_MAX);
        fill(meter->model, 'm', WIRE_METER_ID_MAX);
        fill(meter->protocol, 'p', WIRE_METER_ID_MAX);
        fill(meter->address, 'a', WIRE_METER_ID_MAX);
        meter->point_count = m ? WIRE_METER_POINTS_MAX : 0;
        for (size_t p = 0; p < meter->point_count; p++) {
            meter->points[p] = (uint32_t)(INT32_MAX - (int64_t)p);
            meter->quantities[p] = UINT16_MAX;
        }
    }
}

Test(wire, a_full_birth_comes_back) {
    fill_birth();
    cr_assert_eq(wire_birth_encode(&birth, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_birth_decode(bytes, len, &scratch, &birth_back), GW_OK);
    check_sender(&birth_back.sender, &birth.sender);
    cr_assert_str_eq(birth_back.version, birth.version);
    cr_assert_eq(birth_back.at_ms, LAST_MS);
    cr_assert_eq(birth_back.part, UINT32_MAX);
    cr_assert_eq(birth_back.parts, UINT32_MAX);
    cr_assert_eq(birth_back.head_count, WIRE_STREAMS);
    for (size_t i = 0; i < WIRE_STREAMS; i++) {
        cr_assert_eq((int)birth_back.heads[i].stream, (int)i + 1);
        cr_assert_eq(birth_back.heads[i].head, INT64_MAX);
        cr_assert_eq(birth_back.heads[i].acked, i);
    }
    cr_assert_eq(birth_back.meter_count, WIRE_BIRTH_METERS_MAX);
    for (size_t m = 0; m < WIRE_BIRTH_METERS_MAX; m++) {
        const struct wire_meter *got = &birth_back.meters[m];
        const struct wire_meter *want = &birth.meters[m];
        cr_assert_str_eq(got->id, want->id);
        cr_assert_str_eq(got->model, want->model);
        cr_assert_str_eq(got->protocol, want->protocol);
        cr_assert_str_eq(got->address, want->address);
        cr_assert_eq(got->point_count, want->point_count);
        for (size_t p = 0; p < want->point_count; p++) {
            cr_assert_eq(got->points[p], want->points[p]);
            cr_assert_eq(got->quantities[p], want->quantities[p]);
        }
    }
}

Test(wire, a_birth_without_meters_and_heads_comes_back) {
    birth = (struct wire_birth){
        .sender = whole, .version = "0.1.0", .at_ms = 0, .part = 1, .parts = 1};
    cr_assert_eq(wire_birth_encode(&birth, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_birth_decode(bytes, len, &scratch, &birth_back), GW_OK);
    check_sender(&birth_back.sender, &whole);
    cr_assert_str_eq(birth_back.version, "0.1.0");
    cr_assert_eq(birth_back.at_ms, 0);
    cr_assert_eq(birth_back.part, 1);
    cr_assert_eq(birth_back.parts, 1);
    cr_assert_eq(birth_back.head_count, 0);
    cr_assert_eq(birth_back.meter_count, 0);
}

Test(wire, a_heartbeat_comes_back_with_every_counter_at_its_own_value) {
    const struct wire_heartbeat want = {
        .sender = whole,
        .at_ms = NOW_MS,
        .uptime_ms = UINT64_MAX,
        .ping = UINT64_MAX - 1,
        .head_count = 2,
        .heads = {{WIRE_READINGS, 100, 100}, {WIRE_RESULTS, INT64_MAX, 0}},
        .health = {.clock_trust = 2,
                   .meters = UINT32_MAX,
                   .meters_lost = 3,
                   .buses = 4,
                   .buses_down = 5,
                   .polls = UINT64_MAX,
                   .polls_failed = 7,
                   .periods_missed = 8,
                   .invalid_values = 9,
                   .downlink_refused = 10,
                   .downlink_dropped = 11,
                   .readings_thinned = 12}};
    struct wire_heartbeat got;
    memset(&got, 0xa5, sizeof got);
    cr_assert_eq(wire_heartbeat_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_heartbeat_decode(bytes, len, &scratch, &got), GW_OK);
    check_sender(&got.sender, &whole);
    cr_assert_eq(got.at_ms, NOW_MS);
    cr_assert_eq(got.uptime_ms, UINT64_MAX);
    cr_assert_eq(got.ping, UINT64_MAX - 1);
    cr_assert_eq(got.head_count, 2);
    cr_assert_eq((int)got.heads[1].stream, 4);
    cr_assert_eq(got.heads[1].head, INT64_MAX);
    cr_assert_eq(got.heads[1].acked, 0);
    cr_assert_eq(got.heads[0].acked, 100);
    cr_assert_eq(got.health.clock_trust, 2);
    cr_assert_eq(got.health.meters, UINT32_MAX);
    cr_assert_eq(got.health.meters_lost, 3);
    cr_assert_eq(got.health.buses, 4);
    cr_assert_eq(got.health.buses_down, 5);
    cr_assert_eq(got.health.polls, UINT64_MAX);
    cr_assert_eq(got.health.polls_failed, 7);
    cr_assert_eq(got.health.periods_missed, 8);
    cr_assert_eq(got.health.invalid_values, 9);
    cr_assert_eq(got.health.downlink_refused, 10);
    cr_assert_eq(got.health.downlink_dropped, 11);
    cr_assert_eq(got.health.readings_thinned, 12);
}

Test(wire, a_state_comes_back_online_and_offline) {
    for (int online = 0; online <= 1; online++) {
        const struct wire_state want = {
            .sender = whole, .online = online != 0, .at_ms = online ? LAST_MS : 0};
        struct wire_state got;
        memset(&got, 0xa5, sizeof got);
        cr_assert_eq(wire_state_encode(&want, bytes, sizeof bytes, &len), GW_OK);
        cr_assert_eq(wire_state_decode(bytes, len, &scratch, &got), GW_OK);
        check_sender(&got.sender, &whole);
        cr_assert_eq(got.online, want.online);
        cr_assert_eq(got.at_ms, want.at_ms);
    }
}

static void ack_there_and_back(const struct wire_ack *want) {
    struct wire_ack got;
    memset(&got, 0xa5, sizeof got);
    cr_assert_eq(wire_ack_encode(want, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_ack_decode(bytes, len, &scratch, &got), GW_OK);
    cr_assert_str_eq(got.operator_id, want->operator_id);
    cr_assert_str_eq(got.gateway, want->gateway);
    cr_assert_eq(got.through_count, want->through_count);
    cr_assert_eq(got.resend_count, want->resend_count);
    for (size_t i = 0; i < want->through_count; i++) {
        cr_assert_eq((int)got.through[i].stream, (int)want->through[i].stream);
        cr_assert_eq(got.through[i].epoch, want->through[i].epoch);
        cr_assert_eq(got.through[i].seq, want->through[i].seq);
    }
    for (size_t i = 0; i < want->resend_count; i++) {
        cr_assert_eq((int)got.resend[i].stream, (int)want->resend[i].stream);
        cr_assert_eq(got.resend[i].epoch, want->resend[i].epoch);
        cr_assert_eq(got.resend[i].seq, want->resend[i].seq);
    }
    cr_assert_eq(got.has_ping, want->has_ping);
    cr_assert_eq(got.ping, want->ping);
    cr_assert_eq(got.wants_birth, want->wants_birth);
}

Test(wire, an_acknowledgement_of_nothing_comes_back) {
    const struct wire_ack empty = {.operator_id = "o", .gateway = "g"};
    ack_there_and_back(&empty);
}

Test(wire, an_acknowledgement_with_everything_comes_back) {
    const struct wire_ack full = {.operator_id = "op",
                                  .gateway = "gw-1",
                                  .through_count = 4,
                                  .through = {{WIRE_READINGS, UINT64_MAX, INT64_MAX},
                                              {WIRE_LEDGER, 1, 0},
                                              {WIRE_EVENTS, 2, 1},
                                              {WIRE_RESULTS, 3, 2}},
                                  .resend_count = 4,
                                  .resend = {{WIRE_RESULTS, 9, INT64_MAX},
                                             {WIRE_EVENTS, 9, 1},
                                             {WIRE_LEDGER, 9, 2},
                                             {WIRE_READINGS, 9, 3}},
                                  .has_ping = true,
                                  .ping = UINT64_MAX};
    ack_there_and_back(&full);
    const struct wire_ack zero_ping = {.operator_id = "o", .gateway = "g", .has_ping = true};
    ack_there_and_back(&zero_ping);
}

Test(wire, a_sealed_message_comes_back_with_its_exact_payload) {
    static uint8_t payload[60000];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    struct wire_signed want = {
        .payload = payload, .payload_len = sizeof payload, .key_id = UINT32_MAX};
    memset(want.signature, 0x5a, sizeof want.signature);
    struct wire_signed got;
    cr_assert_eq(wire_signed_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_signed_decode(bytes, len, &scratch, &got), GW_OK);
    cr_assert_eq(got.payload_len, sizeof payload);
    cr_assert_eq(memcmp(got.payload, payload, sizeof payload), 0);
    cr_assert_eq(memcmp(got.signature, want.signature, WIRE_SIGNATURE_BYTES), 0);
    cr_assert_eq(got.key_id, UINT32_MAX);
}

/* --- bytes by hand ------------------------------------------------------------------------ */

/* A byte is tag (field << 3 | type), length or varint; sint is zig-zag: 2n, or -2n - 1. */

static const uint8_t golden_batch[] = {
    0x0a, 36,                     /* ReadingRecord.batch */
    0x0a, 10,                     /*   sender */
    0x0a, 2,    'o',  'p',        /*     operator */
    0x1a, 2,    'g',  'w',        /*     gateway */
    0x20, 5,                      /*     epoch */
    0x10, 0xac, 0x02,             /*   first_seq 300 */
    0x18, 0xd0, 0x0f,             /*   base_ms 1000 -> 2000 */
    0x22, 2,    2,    4,          /*   point 1, 3: +1, +2 */
    0x2a, 3,    0,    0xd0, 0x0f, /*   at_ms 1000, 2000: +0, +1000 */
    0x32, 3,    1,    0xd8, 0x04, /*   value -1, 300 */
    0x3a, 2,    0,    2,          /*   quality 0, 2 */
};
static const struct wire_sender golden_sender = {
    .operator_id = "op", .gateway = "gw", .epoch = 5};
static const struct wire_batch batch_of_golden = {
    .first_seq = 300, .count = 2, .values = {{1, 0, 1000, -1}, {3, 2, 2000, 300}}};

Test(wire, a_batch_has_the_bytes_of_the_encoding_rules) {
    cr_assert_eq(wire_batch_encode(&golden_sender, &batch_of_golden, bytes, sizeof bytes, &len),
                 GW_OK);
    cr_assert_eq(len, sizeof golden_batch);
    cr_assert_eq(memcmp(bytes, golden_batch, len), 0);
}

Test(wire, the_bytes_of_a_batch_are_read) {
    static struct wire_record got;
    cr_assert_eq(wire_record_decode(golden_batch, sizeof golden_batch, &scratch, &got), GW_OK);
    check_sender(&got.sender, &golden_sender);
    cr_assert_eq(got.batch.first_seq, 300);
    cr_assert_eq(got.batch.count, 2);
    check_values(got.batch.values, batch_of_golden.values, 2);
}

Test(wire, qualities_that_are_all_zero_take_no_bytes) {
    const struct wire_batch batch = {
        .first_seq = 300, .count = 2, .values = {{1, 0, 1000, -1}, {3, 0, 2000, 300}}};
    cr_assert_eq(wire_batch_encode(&golden_sender, &batch, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(len, sizeof golden_batch - 4);
    cr_assert_eq(bytes[1], 32);
    cr_assert_eq(memcmp(bytes + 2, golden_batch + 2, len - 2), 0);
}

Test(wire, an_acknowledgement_has_the_bytes_of_the_encoding_rules) {
    static const uint8_t golden[] = {
        0x08, 1,                                       /* version */
        0x12, 2, 'o',  'p',                            /* operator */
        0x1a, 2, 'g',  'w',                            /* gateway */
        0x22, 7, 0x08, 1,   0x10, 5, 0x18, 0xac, 0x02, /* through: readings, 5, 300 */
        0x2a, 6, 0x08, 2,   0x10, 5, 0x18, 7,          /* resend: ledger, 5, 7 */
        0x30, 9,                                       /* ping */
        0x38, 1,                                       /* birth */
    };
    const struct wire_ack ack = {.operator_id = "op",
                                 .gateway = "gw",
                                 .through_count = 1,
                                 .through = {{WIRE_READINGS, 5, 300}},
                                 .resend_count = 1,
                                 .resend = {{WIRE_LEDGER, 5, 7}},
                                 .has_ping = true,
                                 .ping = 9,
                                 .wants_birth = true};
    struct wire_ack got;
    cr_assert_eq(wire_ack_encode(&ack, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(len, sizeof golden);
    cr_assert_eq(memcmp(bytes, golden, len), 0);
    cr_assert_eq(wire_ack_decode(golden, sizeof golden, &scratch, &got), GW_OK);
    cr_assert_eq(got.through[0].seq, 300);
    cr_assert_eq((int)got.resend[0].stream, (int)WIRE_LEDGER);
    cr_assert_eq(got.resend[0].seq, 7);
    cr_assert_eq(got.ping, 9);
    cr_assert(got.wants_birth);
}

Test(wire, a_state_has_the_bytes_of_the_encoding_rules) {
    static const uint8_t golden[] = {
        0x0a, 34,                        /* sender */
        0x0a, 2,    'o',  'p',           /*   operator */
        0x12, 4,    's',  'i', 't', 'e', /*   site */
        0x1a, 2,    'g',  'w',           /*   gateway */
        0x20, 1,                         /*   epoch */
        0x2a, 16,   0,    1,   2,   3,   4,  5,  6,
        7,    8,    9,    10,  11,  12,  13, 14, 15, /*   boot_id */
        0x10, 1,                                     /* online */
        0x18, 0xac, 0x02,                            /* at_ms 150 -> 300 */
    };
    const struct wire_state state = {
        .sender = {.operator_id = "op",
                   .site = "site",
                   .gateway = "gw",
                   .epoch = 1,
                   .has_boot_id = true,
                   .boot_id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
        .online = true,
        .at_ms = 150};
    struct wire_state got;
    cr_assert_eq(wire_state_encode(&state, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(len, sizeof golden);
    cr_assert_eq(memcmp(bytes, golden, len), 0);
    cr_assert_eq(wire_state_decode(golden, sizeof golden, &scratch, &got), GW_OK);
    check_sender(&got.sender, &state.sender);
    cr_assert(got.online);
    cr_assert_eq(got.at_ms, 150);
}

Test(wire, a_hundred_readings_take_about_seven_bytes_each) {
    static struct wire_batch batch;
    batch.first_seq = 1;
    batch.count = 100;
    for (size_t i = 0; i < 100; i++) { /* twelve points a meter, one answer's time each */
        batch.values[i] = (struct wire_value){.point = (uint32_t)i + 1,
                                              .at_ms = NOW_MS + (int64_t)(i / 12) * 150,
                                              .value_micro = 1000000000 + (int64_t)i};
    }
    cr_assert_eq(wire_batch_encode(&brief, &batch, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_lt(len, 800);
}

/* --- limits of encoding ------------------------------------------------------------------- */

Test(wire, what_does_not_fit_the_buffer_is_too_long) {
    size_t before = 4242;
    for (size_t cap = 0; cap < sizeof golden_batch; cap++) {
        cr_assert_eq(wire_batch_encode(&golden_sender, &batch_of_golden, bytes, cap, &before),
                     GW_ETOOLONG);
        cr_assert_eq(before, 4242);
    }
    cr_assert_eq(wire_batch_encode(&golden_sender, &batch_of_golden, bytes, sizeof golden_batch,
                                   &before),
                 GW_OK);
}

Test(wire, more_than_the_limits_is_not_encoded) {
    static struct wire_batch batch = {.first_seq = 1, .count = WIRE_BATCH_MAX + 1};
    static struct wire_now now = {.count = WIRE_NOW_MAX + 1};
    const struct wire_ack through = {
        .operator_id = "o", .gateway = "g", .through_count = WIRE_STREAMS + 1};
    const struct wire_ack resend = {
        .operator_id = "o", .gateway = "g", .resend_count = WIRE_STREAMS + 1};
    const struct wire_heartbeat heads = {.sender = whole, .head_count = WIRE_STREAMS + 1};
    cr_assert_eq(wire_batch_encode(&brief, &batch, bytes, sizeof bytes, &len), GW_ETOOLONG);
    cr_assert_eq(wire_now_encode(&now, bytes, sizeof bytes, &len), GW_ETOOLONG);
    cr_assert_eq(wire_ack_encode(&through, bytes, sizeof bytes, &len), GW_ETOOLONG);
    cr_assert_eq(wire_ack_encode(&resend, bytes, sizeof bytes, &len), GW_ETOOLONG);
    cr_assert_eq(wire_heartbeat_encode(&heads, bytes, sizeof bytes, &len), GW_ETOOLONG);
    birth.meter_count = WIRE_BIRTH_METERS_MAX + 1;
    cr_assert_eq(wire_birth_encode(&birth, bytes, sizeof bytes, &len), GW_ETOOLONG);
}

Test(wire, no_message_of_more_than_64_kib_is_encoded) {
    static uint8_t payload[WIRE_MESSAGE_MAX];
    static uint8_t room[2 * WIRE_MESSAGE_MAX];
    struct wire_signed sealed = {.payload = payload, .payload_len = WIRE_MESSAGE_MAX};
    cr_assert_eq(wire_signed_encode(&sealed, room, sizeof room, &len), GW_ETOOLONG);
    /* tag and length of payload 4, signature 2 + 64, key_id 2 */
    sealed.payload_len = WIRE_MESSAGE_MAX - 72;
    cr_assert_eq(wire_signed_encode(&sealed, room, sizeof room, &len), GW_OK);
    cr_assert_eq(len, WIRE_MESSAGE_MAX);
    sealed.payload_len++;
    cr_assert_eq(wire_signed_encode(&sealed, room, sizeof room, &len), GW_ETOOLONG);
}

/* --- topics and identifiers --------------------------------------------------------------- */

Test(wire, a_topic_names_operator_gateway_and_leaf) {
    char topic[WIRE_TOPIC_MAX];
    wire_topic("op", "gw-1", "u/r", topic);
    cr_assert_str_eq(topic, "metergate/1/op/gw-1/u/r");
    wire_topic("op", "+", "u/#", topic);
    cr_assert_str_eq(topic, "metergate/1/op/+/u/#");
}

Test(wire, a_topic_never_runs_over_its_room) {
    char room[WIRE_TOPIC_MAX + 8];
    char leaf[300];
    memset(room, 0x5a, sizeof room);
    fill(leaf, 'l', sizeof leaf - 1);
    wire_topic("op", "gw", leaf, room);
    cr_assert_eq(strlen(room), WIRE_TOPIC_MAX - 1);
    for (size_t i = WIRE_TOPIC_MAX; i < sizeof room; i++) {
        cr_assert_eq(room[i], 0x5a);
    }
}

Test(wire, a_topic_of_ours_is_split) {
    char gateway[WIRE_ID_MAX + 1];
    const char *leaf = NULL;
    cr_assert(wire_topic_split("metergate/1/op/gw-1/u/r", "op", gateway, &leaf));
    cr_assert_str_eq(gateway, "gw-1");
    cr_assert_str_eq(leaf, "u/r");
}

Test(wire, topics_of_others_are_not_split) {
    static const char *const topics[] = {
        "",
        "metergate",
        "metergate/1/",
        "metergate/1/op",
        "metergate/1/op/",
        "metergate/1/op/gw",
        "metergate/1/op//u/r",
        "metergate/2/op/gw/u/r",
        "metergate/1/other/gw/u/r",
        "metergate/1/op2/gw/u/r",
        "metergate/1/o/gw/u/r",
        "/metergate/1/op/gw/u/r",
        "Metergate/1/op/gw/u/r",
        "metergate/1/op/+/u/r",
        "metergate/1/op/g w/u/r",
        "metergate/1/op/g\xc3\xa9/u/r",
        "metergate/1/op/ggggggggggggggggggggggggggggggggg/u/r", /* 33 */
    };
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        char gateway[WIRE_ID_MAX + 1];
        const char *leaf = NULL;
        cr_assert_not(wire_topic_split(topics[i], "op", gateway, &leaf), "%s", topics[i]);
    }
}

Test(wire, identifiers_are_short_and_plain) {
    char id[64];
    cr_assert(wire_id_is_valid("a", 32));
    cr_assert(wire_id_is_valid("Flat-101_b.2", 32));
    cr_assert(wire_id_is_valid("_all", 32));
    fill(id, 'x', 32);
    cr_assert(wire_id_is_valid(id, 32));
    fill(id, 'x', 33);
    cr_assert_not(wire_id_is_valid(id, 32));
    cr_assert_not(wire_id_is_valid("", 32));
    static const char *const bad[] = {" ",   "a b", "a/b", "a+b", "#",        "a\n",
                                      "a\"", "$x",  "a:b", "a,b", "\xc3\xa9", "a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_not(wire_id_is_valid(bad[i], 32), "%s", bad[i]);
    }
}
