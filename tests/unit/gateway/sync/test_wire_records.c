/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of records and events: there and back, and what decoding refuses. Wrong messages are
 * built with protobuf-c's own structures.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/wire.h"
#include "proto/metergate/v1/metergate.pb-c.h"

static struct wire_scratch scratch;
static struct wire_records batch;
static struct wire_records out;
static struct wire_event event;
static struct wire_event event_out;
static uint8_t packed[WIRE_MESSAGE_MAX + 1];
static size_t packed_len;

static const uint8_t one[] = {1, 0, 255};
static const uint8_t two[] = {0};

static void make_batch(enum wire_stream stream) {
    batch = (struct wire_records){
        .sender = {.operator_id = "demo", .gateway = "gw-1", .epoch = 1767225600000},
        .stream = stream,
        .first_seq = 41,
        .count = 2,
        .records = {{one, sizeof one}, {two, sizeof two}}};
    if (stream == WIRE_LEDGER) {
        memset(batch.prev_hash, 0xa5, sizeof batch.prev_hash);
    }
}

static void make_event(void) {
    event = (struct wire_event){.code = WIRE_METER_LOST,
                                .severity = WIRE_WARN,
                                .at_ms = 1767225600000,
                                .meter = "flat-101",
                                .value_count = 2,
                                .values = {-5, INT64_MAX},
                                .detail = "no answer"};
}

static enum gw_status decode_batch(void) {
    return wire_records_decode(packed, packed_len, &scratch, &out);
}

static enum gw_status decode_event(void) {
    return wire_event_decode(packed, packed_len, &scratch, &event_out);
}

/* --- there and back ---------------------------------------------------------------------- */

Test(wire_records, every_stream_comes_back_byte_for_byte) {
    for (enum wire_stream stream = WIRE_LEDGER; stream <= WIRE_RESULTS; stream++) {
        make_batch(stream);
        cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
        cr_assert_eq(decode_batch(), GW_OK);
        cr_assert_eq(out.stream, stream);
        cr_assert_not(out.is_gap);
        cr_assert_eq(out.first_seq, 41);
        cr_assert_eq(out.count, 2);
        cr_assert(out.records[0].len == sizeof one &&
                  memcmp(out.records[0].bytes, one, sizeof one) == 0);
        cr_assert(out.records[1].len == 1 && out.records[1].bytes[0] == 0);
        cr_assert_eq(memcmp(out.prev_hash, batch.prev_hash, CHAIN_HASH_BYTES), 0);
        cr_assert_str_eq(out.sender.gateway, "gw-1");
        cr_assert_eq(out.sender.epoch, 1767225600000);
    }
}

Test(wire_records, the_bytes_on_the_wire_are_these) {
    /* written by hand from proto/metergate/v1: field << 3 | type, length, ... */
    static const uint8_t golden[] = {
        0x0a, 0x21,                                     /* StreamRecord.batch */
        0x0a, 0x13,                                     /* sender */
        0x0a, 0x04, 'd',  'e',  'm',  'o',              /* operator */
        0x1a, 0x04, 'g',  'w',  '-',  '1',              /* gateway */
        0x20, 0x80, 0xd0, 0xea, 0xb6, 0xb7, 0x33,       /* epoch 1767225600000 */
        0x10, 0x03,                                     /* stream events */
        0x18, 0x29,                                     /* first_seq 41 */
        0x22, 0x03, 0x01, 0x00, 0xff, 0x22, 0x01, 0x00, /* records */
    };
    make_batch(WIRE_EVENTS);
    cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
    cr_assert_eq(packed_len, sizeof golden, "%zu", packed_len);
    cr_assert_eq(memcmp(packed, golden, sizeof golden), 0);
}

Test(wire_records, a_full_batch_of_the_longest_that_fit_comes_back) {
    static uint8_t large[WIRE_RECORD_MAX];
    make_batch(WIRE_RESULTS);
    batch.count = 7;
    for (size_t i = 0; i < batch.count; i++) {
        batch.records[i].bytes = large;
        batch.records[i].len = sizeof large;
    }
    cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
    cr_assert_eq(decode_batch(), GW_OK);
    cr_assert_eq(out.count, 7);
    batch.count = 8;
    batch.records[7] = batch.records[0];
    cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_ETOOLONG);
}

Test(wire_records, a_gap_comes_back_and_the_ledger_has_none) {
    make_batch(WIRE_EVENTS);
    batch.is_gap = true;
    batch.gap = (struct wire_gap){
        .first_seq = 3, .last_seq = 9, .count = 7, .reason = WIRE_GAP_EXPIRED};
    cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
    cr_assert_eq(decode_batch(), GW_OK);
    cr_assert(out.is_gap && out.stream == WIRE_EVENTS);
    cr_assert(out.gap.first_seq == 3 && out.gap.last_seq == 9 && out.gap.count == 7);
    for (int stream = 0; stream <= 5; stream++) {
        batch.stream = (enum wire_stream)stream;
        cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
        cr_assert_eq(decode_batch(), stream == 3 || stream == 4 ? GW_OK : GW_EINVALID, "%d",
                     stream);
    }
}

Test(wire_records, an_event_comes_back) {
    make_event();
    cr_assert_eq(wire_event_encode(&event, packed, WIRE_EVENT_BYTES_MAX, &packed_len), GW_OK);
    cr_assert_eq(decode_event(), GW_OK);
    cr_assert_eq(event_out.code, 301);
    cr_assert_eq(event_out.severity, WIRE_WARN);
    cr_assert_eq(event_out.at_ms, 1767225600000);
    cr_assert_not(event_out.cleared);
    cr_assert_str_eq(event_out.meter, "flat-101");
    cr_assert_str_eq(event_out.account, "");
    cr_assert_str_eq(event_out.detail, "no answer");
    cr_assert(event_out.value_count == 2 && event_out.values[0] == -5 &&
              event_out.values[1] == INT64_MAX);
}

Test(wire_records, the_longest_event_fits_its_room) {
    make_event();
    memset(event.meter, 'm', WIRE_METER_ID_MAX);
    memset(event.account, 'a', WIRE_METER_ID_MAX);
    memset(event.detail, '~', WIRE_EVENT_DETAIL_MAX);
    event.at_ms = 253402300799999;
    event.value_count = WIRE_EVENT_VALUES_MAX;
    for (size_t i = 0; i < WIRE_EVENT_VALUES_MAX; i++) {
        event.values[i] = INT64_MIN;
    }
    cr_assert_eq(wire_event_encode(&event, packed, WIRE_EVENT_BYTES_MAX, &packed_len), GW_OK);
    cr_assert_eq(decode_event(), GW_OK);
    cr_assert_eq(strlen(event_out.detail), 200);
    event.value_count++;
    cr_assert_eq(wire_event_encode(&event, packed, WIRE_EVENT_BYTES_MAX, &packed_len),
                 GW_ETOOLONG);
}

/* --- the numbers of events --------------------------------------------------------------- */

Test(wire_records, events_have_the_numbers_names_and_severities_of_the_list) {
    static const struct {
        uint32_t code;
        const char *name;
        enum wire_severity severity;
    } some[] = {{101, "BALANCE_LOW1", WIRE_WARN},     {113, "DEBT_CLEARED", WIRE_INFO},
                {201, "CUT_NOTICE", WIRE_WARN},       {205, "CUT_FAILED", WIRE_ALARM},
                {220, "MANUAL_OVERRIDE", WIRE_WARN},  {301, "METER_LOST", WIRE_WARN},
                {302, "METER_BACK", WIRE_INFO},       {303, "WRONG_METER", WIRE_ALARM},
                {313, "VERIFICATION_DUE", WIRE_WARN}, {406, "BALANCE_OF_ENERGY", WIRE_WARN},
                {504, "LEDGER_BROKEN", WIRE_ALARM},   {506, "DISK", WIRE_WARN},
                {507, "CLOCK_UNTRUSTED", WIRE_ALARM}, {508, "WAN_LOST", WIRE_INFO},
                {509, "WAN_BACK", WIRE_INFO},         {514, "RESTORED_FROM_CLOUD", WIRE_ALARM}};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        cr_assert_str_eq(wire_event_name(some[i].code), some[i].name);
        cr_assert_eq(wire_event_severity((enum wire_event_code)some[i].code), some[i].severity,
                     "%s", some[i].name);
    }
    cr_assert_null(wire_event_name(0));
    cr_assert_null(wire_event_name(114));
    cr_assert_null(wire_event_name(UINT32_MAX));
}

Test(wire_records, the_list_is_that_of_the_wire) {
    const ProtobufCEnumDescriptor *codes = &metergate__v1__event_code__descriptor;
    unsigned known = 0;
    for (unsigned i = 0; i < codes->n_values; i++) {
        const char *name = wire_event_name((uint32_t)codes->values[i].value);
        cr_assert_not_null(name, "%s", codes->values[i].name);
        cr_assert_str_eq(codes->values[i].name + strlen("EVENT_"), name);
    }
    for (uint32_t code = 0; code < 10000; code++) {
        known += wire_event_name(code) != NULL;
    }
    cr_assert_eq(known, codes->n_values);
    cr_assert_eq(known, 66);
}

/* --- what is refused --------------------------------------------------------------------- */

/* A valid ledger batch as protobuf-c sees it; a spoiler changes one thing. */
struct parts {
    Metergate__V1__Sender sender;
    Metergate__V1__RecordBatch batch;
    Metergate__V1__Gap gap;
    Metergate__V1__GapRecord gap_record;
    Metergate__V1__StreamRecord record;
    Metergate__V1__Event event;
};
static struct parts parts;
static uint8_t bytes[3 * WIRE_RECORD_MAX];
static ProtobufCBinaryData rows[WIRE_RECORDS_MAX + 1];
static int64_t values[WIRE_EVENT_VALUES_MAX + 1];

static ProtobufCBinaryData text(const char *string) {
    static char room[16][300]; /* protobuf-c wants it writable */
    static size_t next;
    char *at = room[next++ % 16];
    strcpy(at, string);
    return (ProtobufCBinaryData){.len = strlen(string), .data = (uint8_t *)at};
}

static void make_parts(void) {
    metergate__v1__sender__init(&parts.sender);
    parts.sender.operator_ = text("demo");
    parts.sender.gateway = text("gw-1");
    parts.sender.epoch = 7;
    for (size_t i = 0; i < WIRE_RECORDS_MAX + 1; i++) {
        rows[i] = (ProtobufCBinaryData){.len = 5, .data = bytes};
    }
    metergate__v1__record_batch__init(&parts.batch);
    parts.batch.sender = &parts.sender;
    parts.batch.stream = METERGATE__V1__STREAM__STREAM_LEDGER;
    parts.batch.first_seq = 1;
    parts.batch.n_record = 2;
    parts.batch.record = rows;
    parts.batch.has_prev_hash = true;
    parts.batch.prev_hash = (ProtobufCBinaryData){.len = 32, .data = bytes};
    metergate__v1__stream_record__init(&parts.record);
    parts.record.batch = &parts.batch;
    metergate__v1__gap__init(&parts.gap);
    parts.gap.stream = METERGATE__V1__STREAM__STREAM_EVENTS;
    parts.gap.first_seq = 3;
    parts.gap.last_seq = 5;
    parts.gap.count = 3;
    parts.gap.reason = METERGATE__V1__GAP_REASON__GAP_EXPIRED;
    metergate__v1__gap_record__init(&parts.gap_record);
    parts.gap_record.sender = &parts.sender;
    parts.gap_record.gap = &parts.gap;
    metergate__v1__event__init(&parts.event);
    parts.event.code = METERGATE__V1__EVENT_CODE__EVENT_DISK;
    parts.event.severity = METERGATE__V1__SEVERITY__SEVERITY_WARN;
    parts.event.value = values;
}

static enum gw_status decode_parts(void) {
    packed_len = metergate__v1__stream_record__get_packed_size(&parts.record);
    cr_assert_leq(packed_len, sizeof packed);
    metergate__v1__stream_record__pack(&parts.record, packed);
    memset(&out, 0x5a, sizeof out);
    const enum gw_status status = decode_batch();
    if (status != GW_OK) {
        cr_assert_eq(((uint8_t *)&out)[sizeof out - 1], 0x5a, "out was written");
    }
    return status;
}

static enum gw_status decode_event_parts(void) {
    packed_len = metergate__v1__event__get_packed_size(&parts.event);
    metergate__v1__event__pack(&parts.event, packed);
    memset(&event_out, 0x5a, sizeof event_out);
    return decode_event();
}

#define REFUSES(change)                                                                        \
    do {                                                                                       \
        make_parts();                                                                          \
        change;                                                                                \
        cr_assert_eq(decode_parts(), GW_EINVALID, #change);                                    \
    } while (0)

Test(wire_records, a_batch_that_is_wrong_anywhere_is_refused) {
    make_parts();
    cr_assert_eq(decode_parts(), GW_OK);
    REFUSES(parts.batch.stream = METERGATE__V1__STREAM__STREAM_READINGS);
    REFUSES(parts.batch.stream = (Metergate__V1__Stream)9);
    REFUSES(parts.batch.first_seq = 0);
    REFUSES(parts.batch.first_seq = INT64_MAX);
    REFUSES(parts.batch.first_seq = UINT64_MAX);
    REFUSES(parts.batch.n_record = 0);
    REFUSES(rows[1].len = 0);
    REFUSES(rows[1].len = WIRE_RECORD_MAX + 1);
    REFUSES(parts.batch.has_prev_hash = false);
    REFUSES(parts.batch.prev_hash.len = 31);
    REFUSES(parts.batch.prev_hash.len = 33);
    REFUSES(parts.batch.stream = METERGATE__V1__STREAM__STREAM_EVENTS); /* with a hash */
    REFUSES(parts.sender.epoch = 0);
    REFUSES(parts.sender.gateway = text("gw 1"));
    REFUSES(parts.record.batch = NULL);            /* neither */
    REFUSES(parts.record.gap = &parts.gap_record); /* both */
    make_parts();
    parts.batch.n_record = WIRE_RECORDS_MAX + 1;
    cr_assert_eq(decode_parts(), GW_ETOOLONG);
}

Test(wire_records, a_gap_that_is_wrong_anywhere_is_refused) {
    make_parts();
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    cr_assert_eq(decode_parts(), GW_OK);
#define GAP_REFUSES(change)                                                                    \
    REFUSES(parts.record.batch = NULL; parts.record.gap = &parts.gap_record; change)
    GAP_REFUSES(parts.gap.stream = METERGATE__V1__STREAM__STREAM_LEDGER);
    GAP_REFUSES(parts.gap.stream = METERGATE__V1__STREAM__STREAM_READINGS);
    GAP_REFUSES(parts.gap.first_seq = 0);
    GAP_REFUSES(parts.gap.last_seq = 2);
    GAP_REFUSES(parts.gap.count = 2);
    GAP_REFUSES(parts.gap.reason = (Metergate__V1__GapReason)9);
}

#define EVENT_REFUSES(change)                                                                  \
    do {                                                                                       \
        make_parts();                                                                          \
        change;                                                                                \
        cr_assert_eq(decode_event_parts(), GW_EINVALID, #change);                              \
    } while (0)

Test(wire_records, an_event_that_is_wrong_anywhere_is_refused) {
    make_parts();
    cr_assert_eq(decode_event_parts(), GW_OK);
    parts.event.code = (Metergate__V1__EventCode)599; /* of a newer gateway */
    cr_assert_eq(decode_event_parts(), GW_OK);
    EVENT_REFUSES(parts.event.code = (Metergate__V1__EventCode)0);
    EVENT_REFUSES(parts.event.code = (Metergate__V1__EventCode)10000);
    EVENT_REFUSES(parts.event.code = (Metergate__V1__EventCode)-1);
    EVENT_REFUSES(parts.event.severity = (Metergate__V1__Severity)0);
    EVENT_REFUSES(parts.event.severity = (Metergate__V1__Severity)4);
    EVENT_REFUSES(parts.event.at_ms = -1);
    EVENT_REFUSES(parts.event.at_ms = INT64_C(253402300800000));
    EVENT_REFUSES(parts.event.n_value = WIRE_EVENT_VALUES_MAX + 1);
    EVENT_REFUSES(parts.event.has_meter = true; parts.event.meter = text("flat 101"));
    EVENT_REFUSES(parts.event.has_meter = true; parts.event.meter = text(""));
    EVENT_REFUSES(parts.event.has_account = true; parts.event.account = text("a\n"));
    EVENT_REFUSES(parts.event.has_detail = true; parts.event.detail = text(""));
    EVENT_REFUSES(parts.event.has_detail = true; parts.event.detail = text("a\nb"));
    EVENT_REFUSES(parts.event.has_detail = true; parts.event.detail = text("a\x7f"));
    EVENT_REFUSES(parts.event.has_detail = true; parts.event.detail = text("caf\xc3\xa9"));
    EVENT_REFUSES(parts.event.has_detail = true; parts.event.detail.data = bytes;
                  parts.event.detail.len = 3); /* NULs */
    EVENT_REFUSES(parts.event.has_detail = true; memset(bytes, 'x', sizeof bytes);
                  parts.event.detail.data = bytes;
                  parts.event.detail.len = WIRE_EVENT_DETAIL_MAX + 1);
}

Test(wire_records, what_is_cut_short_is_refused) {
    make_batch(WIRE_LEDGER);
    cr_assert_eq(wire_records_encode(&batch, packed, sizeof packed, &packed_len), GW_OK);
    const size_t whole = packed_len;
    for (packed_len = 0; packed_len < whole; packed_len++) {
        cr_assert_eq(decode_batch(), GW_EINVALID, "%zu bytes", packed_len);
    }
    packed_len = WIRE_MESSAGE_MAX + 1;
    cr_assert_eq(decode_batch(), GW_ETOOLONG);
    cr_assert_eq(decode_event(), GW_ETOOLONG);
}
