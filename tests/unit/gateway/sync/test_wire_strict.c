/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decoding refuses: damaged, foreign, out of range, too much. Messages are built with
 * protobuf-c's own structures or by hand, so that they can be wrong where a test wants it.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/wire.h"
#include "proto/metergate/v1/metergate.pb-c.h"

static const int64_t LAST_MS = 253402300799999; /* 9999-12-31 23:59:59.999 UTC */

static struct wire_scratch scratch;

/* --- one decoder behind one shape ----------------------------------------------------------
 */

union decoded {
    struct wire_record record;
    struct wire_now now;
    struct wire_birth birth;
    struct wire_heartbeat heartbeat;
    struct wire_state state;
    struct wire_ack ack;
    struct wire_signed sealed;
};
static union decoded out;

enum kind { RECORD, NOW, BIRTH, HEARTBEAT, STATE, ACK, SIGNED, KINDS };

static const size_t sizes[KINDS] = {sizeof(struct wire_record), sizeof(struct wire_now),
                                    sizeof(struct wire_birth),  sizeof(struct wire_heartbeat),
                                    sizeof(struct wire_state),  sizeof(struct wire_ack),
                                    sizeof(struct wire_signed)};

/* From a heap copy of exact size, so that one byte too far is seen. */
static enum gw_status decode(enum kind kind, const uint8_t *from, size_t len) {
    uint8_t *exact = malloc(len ? len : 1);
    enum gw_status status = GW_OK;
    cr_assert_not_null(exact);
    if (len) {
        memcpy(exact, from, len);
    }
    switch (kind) {
    case RECORD:
        status = wire_record_decode(exact, len, &scratch, &out.record);
        break;
    case NOW:
        status = wire_now_decode(exact, len, &scratch, &out.now);
        break;
    case BIRTH:
        status = wire_birth_decode(exact, len, &scratch, &out.birth);
        break;
    case HEARTBEAT:
        status = wire_heartbeat_decode(exact, len, &scratch, &out.heartbeat);
        break;
    case STATE:
        status = wire_state_decode(exact, len, &scratch, &out.state);
        break;
    case ACK:
        status = wire_ack_decode(exact, len, &scratch, &out.ack);
        break;
    case SIGNED:
        status = wire_signed_decode(exact, len, &scratch, &out.sealed);
        break;
    case KINDS:
        break;
    }
    free(exact);
    return status;
}

/* --- valid messages as protobuf-c sees them ------------------------------------------------
 */

enum { COLUMN_MAX = 600 };

/* Everything a message may be made of; tests change a field and pack. */
struct parts {
    Metergate__V1__Sender sender;
    Metergate__V1__ReadingBatch batch;
    Metergate__V1__Gap gap;
    Metergate__V1__GapRecord gap_record;
    Metergate__V1__ReadingRecord record;
    Metergate__V1__Now now;
    Metergate__V1__StreamHead head;
    Metergate__V1__StreamHead *heads[6];
    Metergate__V1__MeterInfo meter;
    Metergate__V1__MeterInfo *meters[40];
    Metergate__V1__Birth birth;
    Metergate__V1__Health health;
    Metergate__V1__Heartbeat heartbeat;
    Metergate__V1__State state;
    Metergate__V1__StreamAck through;
    Metergate__V1__StreamAck *throughs[6];
    Metergate__V1__StreamResend resend;
    Metergate__V1__StreamResend *resends[6];
    Metergate__V1__Ack ack;
    Metergate__V1__Signed sealed;
    int32_t point[COLUMN_MAX];
    int64_t at_ms[COLUMN_MAX];
    int64_t value[COLUMN_MAX];
    uint32_t quality[COLUMN_MAX];
    uint32_t points[COLUMN_MAX];
    uint32_t quantities[COLUMN_MAX];
    uint8_t boot_id[16];
    uint8_t signature[80];
};
static struct parts parts;
static uint8_t packed[4 * WIRE_MESSAGE_MAX];
static size_t packed_len;

static ProtobufCBinaryData data(const char *text, size_t len) {
    static char room[1024][128]; /* protobuf-c wants it writable */
    static size_t next;
    char *at = room[next++ % 1024];
    memcpy(at, text, len);
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)at};
}

static ProtobufCBinaryData text(const char *string) {
    return data(string, strlen(string));
}

static void make_columns(void) {
    for (size_t i = 0; i < COLUMN_MAX; i++) {
        parts.point[i] = 1; /* 1, 2, 3, ... */
        parts.at_ms[i] = 10;
        parts.value[i] = (int64_t)i * 1000;
        parts.quality[i] = i % 4;
    }
    metergate__v1__reading_batch__init(&parts.batch);
    parts.batch.sender = &parts.sender;
    parts.batch.first_seq = 100;
    parts.batch.base_ms = 1767225600000;
    parts.batch.n_point = parts.batch.n_at_ms = parts.batch.n_value = parts.batch.n_quality = 3;
    parts.batch.point = parts.point;
    parts.batch.at_ms = parts.at_ms;
    parts.batch.value = parts.value;
    parts.batch.quality = parts.quality;
    metergate__v1__now__init(&parts.now);
    parts.now.sender = &parts.sender;
    parts.now.base_ms = 1767225600000;
    parts.now.n_point = parts.now.n_at_ms = parts.now.n_value = parts.now.n_quality = 3;
    parts.now.point = parts.point;
    parts.now.at_ms = parts.at_ms;
    parts.now.value = parts.value;
    parts.now.quality = parts.quality;
}

static void make_gap(void) {
    metergate__v1__gap__init(&parts.gap);
    parts.gap.stream = METERGATE__V1__STREAM__STREAM_READINGS;
    parts.gap.first_seq = 10;
    parts.gap.last_seq = 19;
    parts.gap.count = 10;
    parts.gap.reason = METERGATE__V1__GAP_REASON__GAP_DISK_SHORT;
    metergate__v1__gap_record__init(&parts.gap_record);
    parts.gap_record.sender = &parts.sender;
    parts.gap_record.gap = &parts.gap;
}

static void make_birth(void) {
    metergate__v1__stream_head__init(&parts.head);
    parts.head.stream = METERGATE__V1__STREAM__STREAM_READINGS;
    parts.head.head = 500;
    parts.head.acked = 400;
    metergate__v1__meter_info__init(&parts.meter);
    parts.meter.id = text("flat-1");
    parts.meter.model = text("sdm120");
    parts.meter.protocol = text("modbus");
    parts.meter.address = text("1");
    for (size_t i = 0; i < COLUMN_MAX; i++) {
        parts.points[i] = (uint32_t)i + 1;
        parts.quantities[i] = 41;
    }
    parts.meter.n_point = parts.meter.n_quantity = 2;
    parts.meter.point = parts.points;
    parts.meter.quantity = parts.quantities;
    for (size_t i = 0; i < 6; i++) {
        parts.heads[i] = &parts.head;
    }
    for (size_t i = 0; i < 40; i++) {
        parts.meters[i] = &parts.meter;
    }
    metergate__v1__birth__init(&parts.birth);
    parts.birth.sender = &parts.sender;
    parts.birth.version = text("0.1.0");
    parts.birth.at_ms = 1767225600000;
    parts.birth.part = 1;
    parts.birth.parts = 2;
    parts.birth.n_head = 1;
    parts.birth.head = parts.heads;
    parts.birth.n_meter = 2;
    parts.birth.meter = parts.meters;
}

static void make_heartbeat_and_state(void) {
    metergate__v1__health__init(&parts.health);
    parts.health.clock_trust = 1;
    metergate__v1__heartbeat__init(&parts.heartbeat);
    parts.heartbeat.sender = &parts.sender;
    parts.heartbeat.at_ms = 1767225600000;
    parts.heartbeat.n_head = 1;
    parts.heartbeat.head = parts.heads;
    parts.heartbeat.health = &parts.health;
    metergate__v1__state__init(&parts.state);
    parts.state.sender = &parts.sender;
    parts.state.online = true;
    parts.state.at_ms = 1767225600000;
}

static void make_ack_and_signed(void) {
    metergate__v1__stream_ack__init(&parts.through);
    parts.through.stream = METERGATE__V1__STREAM__STREAM_READINGS;
    parts.through.epoch = 5;
    parts.through.through = 300;
    metergate__v1__stream_resend__init(&parts.resend);
    parts.resend.stream = METERGATE__V1__STREAM__STREAM_LEDGER;
    parts.resend.epoch = 5;
    parts.resend.from = 7;
    for (size_t i = 0; i < 6; i++) {
        parts.throughs[i] = &parts.through;
        parts.resends[i] = &parts.resend;
    }
    metergate__v1__ack__init(&parts.ack);
    parts.ack.version = 1;
    parts.ack.operator_ = text("op");
    parts.ack.gateway = text("gw");
    parts.ack.n_through = parts.ack.n_resend = 1;
    parts.ack.through = parts.throughs;
    parts.ack.resend = parts.resends;
    parts.ack.has_ping = true;
    parts.ack.ping = 9;
    parts.ack.has_birth = true;
    parts.ack.birth = true;
    metergate__v1__signed__init(&parts.sealed);
    parts.sealed.payload = text("payload");
    parts.sealed.signature = (ProtobufCBinaryData){.len = 64, .data = parts.signature};
    parts.sealed.key_id = 3;
}

static void make_all(void) {
    memset(&parts, 0, sizeof parts);
    metergate__v1__sender__init(&parts.sender);
    parts.sender.operator_ = text("op");
    parts.sender.has_site = true;
    parts.sender.site = text("site");
    parts.sender.gateway = text("gw");
    parts.sender.epoch = 5;
    parts.sender.has_boot_id = true;
    parts.sender.boot_id = (ProtobufCBinaryData){.len = 16, .data = parts.boot_id};
    make_columns();
    make_gap();
    make_birth();
    make_heartbeat_and_state();
    make_ack_and_signed();
    metergate__v1__reading_record__init(&parts.record);
    parts.record.batch = &parts.batch;
}

static void pack(enum kind kind) {
    const ProtobufCMessage *const messages[KINDS] = {
        &parts.record.base, &parts.now.base, &parts.birth.base, &parts.heartbeat.base,
        &parts.state.base,  &parts.ack.base, &parts.sealed.base};
    cr_assert_leq(protobuf_c_message_get_packed_size(messages[kind]), sizeof packed);
    packed_len = protobuf_c_message_pack(messages[kind], packed);
}

static enum gw_status try_it(enum kind kind) {
    pack(kind);
    return decode(kind, packed, packed_len);
}

#define REFUSED(kind)  cr_assert_eq(try_it(kind), GW_EINVALID)
#define ACCEPTED(kind) cr_assert_eq(try_it(kind), GW_OK)

Test(wire_strict, the_messages_these_tests_start_from_are_valid, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        cr_assert_eq(try_it(kind), GW_OK, "kind %d", (int)kind);
    }
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    ACCEPTED(RECORD);
}

/* --- is what was accepted within its ranges? -----------------------------------------------
 */

static void check_id(const char *id, size_t max) {
    cr_assert_gt(strlen(id), 0);
    cr_assert_leq(strlen(id), max);
    for (const char *c = id; *c; c++) {
        cr_assert(*c > ' ' && *c < 0x7f);
    }
}

static void check_time(int64_t at_ms) {
    cr_assert_geq(at_ms, 0);
    cr_assert_leq(at_ms, LAST_MS);
}

static void check_sender(const struct wire_sender *sender, bool whole) {
    check_id(sender->operator_id, 32);
    check_id(sender->gateway, 32);
    cr_assert_gt(sender->epoch, 0);
    cr_assert_leq(sender->epoch, INT64_MAX);
    if (whole) {
        check_id(sender->site, 32);
        cr_assert(sender->has_boot_id);
    }
}

static void check_values(const struct wire_value *values, size_t count) {
    cr_assert_leq(count, 500);
    for (size_t i = 0; i < count; i++) {
        cr_assert_geq(values[i].point, 1);
        cr_assert_leq(values[i].point, INT32_MAX);
        check_time(values[i].at_ms);
    }
}

static void check_heads(const struct wire_head *heads, size_t count) {
    cr_assert_leq(count, 4);
    for (size_t i = 0; i < count; i++) {
        cr_assert(heads[i].stream >= 1 && heads[i].stream <= 4);
        cr_assert_leq(heads[i].head, INT64_MAX);
        cr_assert_leq(heads[i].acked, heads[i].head);
    }
}

static void check_record(const struct wire_record *record) {
    check_sender(&record->sender, false);
    if (record->is_gap) {
        cr_assert_geq(record->gap.first_seq, 1);
        cr_assert_leq(record->gap.first_seq, record->gap.last_seq);
        cr_assert_lt(record->gap.last_seq, INT64_MAX);
        cr_assert_eq(record->gap.count, record->gap.last_seq - record->gap.first_seq + 1);
        cr_assert_eq(record->gap.reason, 1);
        return;
    }
    cr_assert_geq(record->batch.count, 1);
    cr_assert_geq(record->batch.first_seq, 1);
    cr_assert_leq(record->batch.first_seq, INT64_MAX - 500);
    check_values(record->batch.values, record->batch.count);
}

static void check_birth(const struct wire_birth *birth) {
    check_sender(&birth->sender, true);
    check_id(birth->version, 48);
    check_time(birth->at_ms);
    check_heads(birth->heads, birth->head_count);
    cr_assert(birth->part >= 1 && birth->part <= birth->parts);
    cr_assert_leq(birth->meter_count, 32);
    for (size_t i = 0; i < birth->meter_count; i++) {
        const struct wire_meter *meter = &birth->meters[i];
        check_id(meter->id, 48);
        check_id(meter->model, 48);
        check_id(meter->protocol, 48);
        check_id(meter->address, 48);
        cr_assert_leq(meter->point_count, 64);
        for (size_t p = 0; p < meter->point_count; p++) {
            cr_assert(meter->points[p] >= 1 && meter->points[p] <= INT32_MAX);
            cr_assert_leq(meter->quantities[p], UINT16_MAX);
        }
    }
}

static void check_positions(const struct wire_position *positions, size_t count, uint64_t min) {
    cr_assert_leq(count, 4);
    for (size_t i = 0; i < count; i++) {
        cr_assert(positions[i].stream >= 1 && positions[i].stream <= 4);
        cr_assert(positions[i].seq >= min && positions[i].seq <= INT64_MAX);
    }
}

static void check_ranges(enum kind kind) {
    switch (kind) {
    case RECORD:
        check_record(&out.record);
        break;
    case NOW:
        check_sender(&out.now.sender, false);
        check_values(out.now.values, out.now.count);
        break;
    case BIRTH:
        check_birth(&out.birth);
        break;
    case HEARTBEAT:
        check_sender(&out.heartbeat.sender, true);
        check_time(out.heartbeat.at_ms);
        check_heads(out.heartbeat.heads, out.heartbeat.head_count);
        break;
    case STATE:
        check_sender(&out.state.sender, true);
        check_time(out.state.at_ms);
        break;
    case ACK:
        check_id(out.ack.operator_id, 32);
        check_id(out.ack.gateway, 32);
        check_positions(out.ack.through, out.ack.through_count, 0);
        check_positions(out.ack.resend, out.ack.resend_count, 1);
        break;
    case SIGNED:
        cr_assert_geq(out.sealed.payload_len, 1);
        cr_assert(out.sealed.payload >= scratch.bytes &&
                  out.sealed.payload + out.sealed.payload_len <=
                      scratch.bytes + sizeof scratch.bytes);
        break;
    case KINDS:
        break;
    }
}

/* --- damage --------------------------------------------------------------------------------
 */

Test(wire_strict, no_message_cut_short_is_taken_for_a_whole_one, .init = make_all) {
    /* in these the last field is required; in the others it may be left out */
    static const enum kind kinds[] = {RECORD, HEARTBEAT, STATE, SIGNED};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        pack(kinds[k]);
        for (size_t len = 0; len < packed_len; len++) {
            cr_assert_eq(decode(kinds[k], packed, len), GW_EINVALID, "kind %d, %zu bytes",
                         (int)kinds[k], len);
        }
    }
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    pack(RECORD);
    for (size_t len = 0; len < packed_len; len++) {
        cr_assert_eq(decode(RECORD, packed, len), GW_EINVALID, "gap, %zu bytes", len);
    }
}

Test(wire_strict, a_message_cut_between_optional_fields_stays_within_its_ranges,
     .init = make_all) {
    static const enum kind kinds[] = {NOW, BIRTH, ACK};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned refused = 0;
        pack(kinds[k]);
        for (size_t len = 0; len < packed_len; len++) {
            if (decode(kinds[k], packed, len) == GW_OK) {
                check_ranges(kinds[k]);
            } else {
                refused++;
            }
        }
        /* at most one place between each two of its fields */
        cr_assert_geq(refused, packed_len - 6, "kind %d", (int)kinds[k]);
        cr_assert_eq(decode(kinds[k], packed, 0), GW_EINVALID);
    }
}

static unsigned flip_every_bit(enum kind kind) {
    unsigned accepted = 0;
    pack(kind);
    for (size_t bit = 0; bit < 8 * packed_len; bit++) {
        packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const enum gw_status status = decode(kind, packed, packed_len);
        if (status == GW_OK) {
            check_ranges(kind);
            accepted++;
        } else {
            cr_assert(status == GW_EINVALID || status == GW_ETOOLONG, "bit %zu: %d", bit,
                      (int)status);
        }
        packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    cr_assert_eq(decode(kind, packed, packed_len), GW_OK);
    return accepted;
}

Test(wire_strict, no_flipped_bit_crashes_or_gives_what_is_out_of_range, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        /* a flip within a value or an identifier is another valid message */
        cr_assert_gt(flip_every_bit(kind), 0);
    }
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    (void)flip_every_bit(RECORD);
}

Test(wire_strict, no_byte_replaced_crashes_or_gives_what_is_out_of_range, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        pack(kind);
        for (size_t at = 0; at < packed_len; at++) {
            const uint8_t before = packed[at];
            for (unsigned value = 0; value < 256; value += 5) {
                packed[at] = (uint8_t)value;
                if (decode(kind, packed, packed_len) == GW_OK) {
                    check_ranges(kind);
                }
            }
            packed[at] = before;
        }
    }
    cr_assert_eq(decode(SIGNED, packed, packed_len), GW_OK);
}

Test(wire_strict, nothing_is_no_message, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        cr_assert_eq(decode(kind, packed, 0), GW_EINVALID, "kind %d", (int)kind);
    }
}

Test(wire_strict, a_refused_message_leaves_the_result_untouched, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        static union decoded before;
        make_all();
        /* each is wrong in what is looked at last */
        parts.at_ms[2] = INT64_MAX;
        parts.meter.n_quantity = 1;
        parts.head.acked = 501;
        parts.sender.epoch = kind == STATE ? 0 : 5;
        parts.resend.from = 0;
        parts.sealed.signature.len = 63;
        memset(&out, 0xa5, sizeof out);
        memset(&before, 0xa5, sizeof before);
        cr_assert_eq(try_it(kind), GW_EINVALID, "kind %d", (int)kind);
        cr_assert_eq(memcmp(&out, &before, sizes[kind]), 0, "kind %d", (int)kind);
    }
}

/* --- columns -------------------------------------------------------------------------------
 */

Test(wire_strict, columns_of_unequal_length_are_refused, .init = make_all) {
    size_t *const of_batch[] = {&parts.batch.n_point, &parts.batch.n_at_ms,
                                &parts.batch.n_value, &parts.batch.n_quality};
    size_t *const of_now[] = {&parts.now.n_point, &parts.now.n_at_ms, &parts.now.n_value,
                              &parts.now.n_quality};
    for (size_t i = 0; i < 4; i++) {
        *of_batch[i] = *of_now[i] = 2;
        REFUSED(RECORD);
        REFUSED(NOW);
        *of_batch[i] = *of_now[i] = 4;
        REFUSED(RECORD);
        REFUSED(NOW);
        *of_batch[i] = *of_now[i] = 0;
        if (i < 3) {
            REFUSED(RECORD);
            REFUSED(NOW);
        } else { /* no quality at all: every one is 0 */
            ACCEPTED(RECORD);
            cr_assert_eq(out.record.batch.values[1].quality, 0);
            ACCEPTED(NOW);
            cr_assert_eq(out.now.values[1].quality, 0);
        }
        *of_batch[i] = *of_now[i] = 3;
    }
}

static void set_count(size_t count) {
    parts.batch.n_point = parts.batch.n_at_ms = parts.batch.n_value = parts.batch.n_quality =
        count;
    parts.now.n_point = parts.now.n_at_ms = parts.now.n_value = parts.now.n_quality = count;
}

Test(wire_strict, a_batch_has_one_to_five_hundred_readings, .init = make_all) {
    set_count(0);
    cr_assert_neq(try_it(RECORD), GW_OK);
    set_count(1);
    ACCEPTED(RECORD);
    set_count(500);
    ACCEPTED(RECORD);
    cr_assert_eq(out.record.batch.count, 500);
    set_count(501);
    cr_assert_neq(try_it(RECORD), GW_OK);
    cr_assert_neq(try_it(NOW), GW_OK);
    set_count(600);
    cr_assert_neq(try_it(RECORD), GW_OK);
    cr_assert_neq(try_it(NOW), GW_OK);
}

Test(wire_strict, more_than_a_limit_is_called_too_long, .init = make_all) {
    set_count(501);
    cr_assert_eq(try_it(RECORD), GW_ETOOLONG);
    cr_assert_eq(try_it(NOW), GW_ETOOLONG);
    parts.birth.n_meter = 33;
    cr_assert_eq(try_it(BIRTH), GW_ETOOLONG);
}

Test(wire_strict, points_are_positive_and_fit_31_bits, .init = make_all) {
    static const struct {
        int32_t deltas[3];
        enum gw_status status;
    } table[] = {
        {{0, 1, 1}, GW_EINVALID},
        {{-1, 3, 1}, GW_EINVALID},
        {{1, -1, 1}, GW_EINVALID},
        {{5, -6, 7}, GW_EINVALID},
        {{5, -4, 0}, GW_OK},
        {{INT32_MAX, 0, 0}, GW_OK},
        {{INT32_MAX, 1, 0}, GW_EINVALID},
        {{INT32_MAX, INT32_MAX, INT32_MAX}, GW_EINVALID},
        {{1, INT32_MIN, 0}, GW_EINVALID},
        {{INT32_MIN, INT32_MAX, INT32_MAX}, GW_EINVALID},
        {{1, INT32_MAX - 1, 0}, GW_OK},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        memcpy(parts.point, table[i].deltas, sizeof table[i].deltas);
        cr_assert_eq(try_it(RECORD), table[i].status, "row %zu", i);
        cr_assert_eq(try_it(NOW), table[i].status, "row %zu", i);
    }
}

Test(wire_strict, times_lie_between_1970_and_9999, .init = make_all) {
    static const struct {
        int64_t base_ms;
        int64_t deltas[3];
        enum gw_status status;
    } table[] = {
        {0, {0, 0, 0}, GW_OK},
        {0, {-1, 1, 0}, GW_EINVALID},
        {-1, {0, 0, 0}, GW_EINVALID},
        {-1, {1, 0, 0}, GW_OK},
        {253402300799999, {0, 0, 0}, GW_OK},
        {253402300799999, {1, 0, 0}, GW_EINVALID},
        {253402300799999, {0, 0, 1}, GW_EINVALID},
        {253402300800000, {0, 0, 0}, GW_EINVALID},
        {0, {0, 253402300799999, -253402300799999}, GW_OK},
        {0, {INT64_MAX, 0, 0}, GW_EINVALID},
        {INT64_MAX, {INT64_MAX, 0, 0}, GW_EINVALID},
        {INT64_MIN, {INT64_MIN, 0, 0}, GW_EINVALID},
        {INT64_MIN, {INT64_MAX, 1, 0}, GW_EINVALID},
        {1000, {0, INT64_MIN, INT64_MIN}, GW_EINVALID},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.batch.base_ms = parts.now.base_ms = table[i].base_ms;
        memcpy(parts.at_ms, table[i].deltas, sizeof table[i].deltas);
        cr_assert_eq(try_it(RECORD), table[i].status, "row %zu", i);
        cr_assert_eq(try_it(NOW), table[i].status, "row %zu", i);
    }
}

Test(wire_strict, times_of_the_other_messages_lie_there_too, .init = make_all) {
    static const struct {
        int64_t at_ms;
        enum gw_status status;
    } table[] = {{0, GW_OK},        {253402300799999, GW_OK}, {253402300800000, GW_EINVALID},
                 {-1, GW_EINVALID}, {INT64_MIN, GW_EINVALID}, {INT64_MAX, GW_EINVALID}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.birth.at_ms = parts.heartbeat.at_ms = parts.state.at_ms = table[i].at_ms;
        cr_assert_eq(try_it(BIRTH), table[i].status, "row %zu", i);
        cr_assert_eq(try_it(HEARTBEAT), table[i].status, "row %zu", i);
        cr_assert_eq(try_it(STATE), table[i].status, "row %zu", i);
    }
}

Test(wire_strict, a_quality_has_eight_bits, .init = make_all) {
    parts.quality[1] = 255;
    ACCEPTED(RECORD);
    ACCEPTED(NOW);
    parts.quality[1] = 256;
    REFUSED(RECORD);
    REFUSED(NOW);
    parts.quality[1] = UINT32_MAX;
    REFUSED(RECORD);
    REFUSED(NOW);
}

Test(wire_strict, the_first_number_of_a_batch_is_positive_and_leaves_room, .init = make_all) {
    static const struct {
        uint64_t first_seq;
        enum gw_status status;
    } table[] = {{0, GW_EINVALID},          {1, GW_OK},
                 {INT64_MAX, GW_EINVALID},  {(uint64_t)INT64_MAX + 1, GW_EINVALID},
                 {UINT64_MAX, GW_EINVALID}, {UINT64_MAX - 1, GW_EINVALID},
                 {INT64_MAX - 500, GW_OK}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.batch.first_seq = table[i].first_seq;
        cr_assert_eq(try_it(RECORD), table[i].status, "row %zu", i);
    }
}

/* --- gaps ----------------------------------------------------------------------------------
 */

Test(wire_strict, a_record_is_a_batch_or_a_gap_and_not_both, .init = make_all) {
    parts.record.gap = &parts.gap_record;
    REFUSED(RECORD);
    parts.record.batch = NULL;
    ACCEPTED(RECORD);
    parts.record.gap = NULL;
    REFUSED(RECORD);
}

Test(wire_strict, a_gap_counts_exactly_its_records, .init = make_all) {
    static const struct {
        uint64_t first;
        uint64_t last;
        uint64_t count;
        enum gw_status status;
    } table[] = {{10, 19, 10, GW_OK},
                 {10, 10, 1, GW_OK},
                 {10, 19, 9, GW_EINVALID},
                 {10, 19, 11, GW_EINVALID},
                 {10, 9, 0, GW_EINVALID},
                 {0, 9, 10, GW_EINVALID},
                 {1, INT64_MAX, INT64_MAX, GW_EINVALID},
                 {1, UINT64_MAX, UINT64_MAX, GW_EINVALID},
                 {UINT64_MAX, UINT64_MAX, 1, GW_EINVALID},
                 {20, 10, (uint64_t)-9, GW_EINVALID}};
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.gap.first_seq = table[i].first;
        parts.gap.last_seq = table[i].last;
        parts.gap.count = table[i].count;
        cr_assert_eq(try_it(RECORD), table[i].status, "row %zu", i);
    }
}

Test(wire_strict, a_gap_of_another_stream_or_an_unknown_reason_is_refused, .init = make_all) {
    parts.record.batch = NULL;
    parts.record.gap = &parts.gap_record;
    for (int stream = 0; stream <= 6; stream++) {
        parts.gap.stream = (Metergate__V1__Stream)stream;
        cr_assert_eq(try_it(RECORD), stream == 1 ? GW_OK : GW_EINVALID, "stream %d", stream);
    }
    parts.gap.stream = METERGATE__V1__STREAM__STREAM_READINGS;
    for (int reason = 0; reason <= 3; reason++) {
        parts.gap.reason = (Metergate__V1__GapReason)reason;
        cr_assert_eq(try_it(RECORD), reason == 1 || reason == 2 ? GW_OK : GW_EINVALID,
                     "reason %d", reason);
    }
}

/* --- identifiers and senders ---------------------------------------------------------------
 */

struct bad_id {
    const char *bytes;
    size_t len;
};
static const struct bad_id bad_ids[] = {
    {"", 0},
    {"a\0b", 3},
    {"\0", 1},
    {"a\0", 2},
    {"a b", 3},
    {"a\n", 2},
    {"a/b", 3},
    {"+", 1},
    {"#", 1},
    {"a\x7f", 2},
    {"caf\xc3\xa9", 5},
    {"\xff", 1},
    {"\xc0\xaf", 2},
    {"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", 49},
};

static void refuse_bad_ids(enum kind kind, ProtobufCBinaryData *field) {
    const ProtobufCBinaryData good = *field;
    for (size_t i = 0; i < sizeof bad_ids / sizeof *bad_ids; i++) {
        *field = data(bad_ids[i].bytes, bad_ids[i].len);
        cr_assert_eq(try_it(kind), GW_EINVALID, "kind %d, id %zu", (int)kind, i);
    }
    *field = good;
    cr_assert_eq(try_it(kind), GW_OK, "kind %d", (int)kind);
}

Test(wire_strict, no_identifier_holds_a_nul_or_what_cannot_be_printed, .init = make_all) {
    static const enum kind with_sender[] = {RECORD, NOW, BIRTH, HEARTBEAT, STATE};
    for (size_t i = 0; i < sizeof with_sender / sizeof *with_sender; i++) {
        refuse_bad_ids(with_sender[i], &parts.sender.operator_);
        refuse_bad_ids(with_sender[i], &parts.sender.site);
        refuse_bad_ids(with_sender[i], &parts.sender.gateway);
    }
    refuse_bad_ids(BIRTH, &parts.birth.version);
    refuse_bad_ids(BIRTH, &parts.meter.id);
    refuse_bad_ids(BIRTH, &parts.meter.model);
    refuse_bad_ids(BIRTH, &parts.meter.protocol);
    refuse_bad_ids(BIRTH, &parts.meter.address);
    refuse_bad_ids(ACK, &parts.ack.operator_);
    refuse_bad_ids(ACK, &parts.ack.gateway);
}

Test(wire_strict, identifiers_of_senders_have_32_characters_and_those_of_meters_48,
     .init = make_all) {
    static const char long_id[] = "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii";
    parts.sender.gateway = data(long_id, 32);
    ACCEPTED(RECORD);
    parts.sender.gateway = data(long_id, 33);
    REFUSED(RECORD);
    parts.sender.gateway = text("gw");
    parts.meter.id = data(long_id, 48);
    ACCEPTED(BIRTH);
    parts.ack.operator_ = data(long_id, 32);
    ACCEPTED(ACK);
    parts.ack.operator_ = data(long_id, 33);
    REFUSED(ACK);
}

Test(wire_strict, an_epoch_is_positive_and_fits_63_bits, .init = make_all) {
    static const struct {
        uint64_t epoch;
        enum gw_status status;
    } table[] = {{0, GW_EINVALID},
                 {1, GW_OK},
                 {INT64_MAX, GW_OK},
                 {(uint64_t)INT64_MAX + 1, GW_EINVALID},
                 {UINT64_MAX, GW_EINVALID}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.sender.epoch = table[i].epoch;
        for (enum kind kind = RECORD; kind <= STATE; kind++) {
            cr_assert_eq(try_it(kind), table[i].status, "row %zu, kind %d", i, (int)kind);
        }
    }
}

Test(wire_strict, birth_heartbeat_and_state_name_site_and_boot, .init = make_all) {
    static const enum kind whole[] = {BIRTH, HEARTBEAT, STATE};
    for (size_t i = 0; i < 3; i++) {
        parts.sender.has_site = false;
        REFUSED(whole[i]);
        parts.sender.has_site = true;
        parts.sender.has_boot_id = false;
        REFUSED(whole[i]);
        parts.sender.has_boot_id = true;
        ACCEPTED(whole[i]);
    }
    parts.sender.has_site = parts.sender.has_boot_id = false;
    ACCEPTED(RECORD);
    ACCEPTED(NOW);
}

Test(wire_strict, a_boot_id_has_sixteen_bytes, .init = make_all) {
    static uint8_t boot[17];
    parts.sender.boot_id.data = boot;
    for (size_t len = 0; len <= 17; len++) {
        parts.sender.boot_id.len = len;
        for (enum kind kind = RECORD; kind <= STATE; kind++) {
            cr_assert_eq(try_it(kind), len == 16 ? GW_OK : GW_EINVALID, "%zu bytes", len);
        }
    }
}

Test(wire_strict, a_sender_without_a_required_part_is_refused) {
    /* a Now with a sender and base_ms; the sender as its parts stand in the row */
    static const struct {
        uint8_t sender[16];
        uint8_t len;
        enum gw_status status;
    } table[] = {
        {{0x0a, 2, 'o', 'p', 0x1a, 2, 'g', 'w', 0x20, 5}, 10, GW_OK},
        {{0x1a, 2, 'g', 'w', 0x20, 5}, 6, GW_EINVALID},
        {{0x0a, 2, 'o', 'p', 0x20, 5}, 6, GW_EINVALID},
        {{0x0a, 2, 'o', 'p', 0x1a, 2, 'g', 'w'}, 8, GW_EINVALID},
        {{0}, 0, GW_EINVALID},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint8_t message[32] = {0x0a, table[i].len};
        memcpy(message + 2, table[i].sender, table[i].len);
        message[2 + table[i].len] = 0x10;
        message[3 + table[i].len] = 0;
        cr_assert_eq(decode(NOW, message, 4U + table[i].len), table[i].status, "row %zu", i);
    }
    static const uint8_t no_sender[] = {0x10, 0};
    cr_assert_eq(decode(NOW, no_sender, sizeof no_sender), GW_EINVALID);
}

/* --- heads, meters, positions --------------------------------------------------------------
 */

Test(wire_strict, heads_name_a_stream_and_are_not_behind_what_was_acknowledged,
     .init = make_all) {
    static const enum kind kinds[] = {BIRTH, HEARTBEAT};
    for (size_t k = 0; k < 2; k++) {
        for (int stream = -1; stream <= 6; stream++) {
            parts.head.stream = (Metergate__V1__Stream)stream;
            cr_assert_eq(try_it(kinds[k]), stream >= 1 && stream <= 4 ? GW_OK : GW_EINVALID,
                         "stream %d", stream);
        }
        parts.head.stream = METERGATE__V1__STREAM__STREAM_READINGS;
        parts.head.acked = 501;
        REFUSED(kinds[k]);
        parts.head.acked = 500;
        ACCEPTED(kinds[k]);
        parts.head.head = (uint64_t)INT64_MAX + 1;
        REFUSED(kinds[k]);
        parts.head.head = 500;
    }
    parts.birth.n_head = parts.heartbeat.n_head = 4;
    ACCEPTED(BIRTH);
    ACCEPTED(HEARTBEAT);
    parts.birth.n_head = parts.heartbeat.n_head = 5;
    cr_assert_neq(try_it(BIRTH), GW_OK);
    cr_assert_neq(try_it(HEARTBEAT), GW_OK);
}

Test(wire_strict, a_birth_has_parts_from_one_to_their_number, .init = make_all) {
    parts.birth.part = 0;
    REFUSED(BIRTH);
    parts.birth.part = 3;
    REFUSED(BIRTH);
    parts.birth.part = 2;
    ACCEPTED(BIRTH);
    parts.birth.part = parts.birth.parts = 0;
    REFUSED(BIRTH);
}

Test(wire_strict, a_birth_part_holds_32_meters_with_64_points_at_most, .init = make_all) {
    parts.birth.n_meter = 32;
    ACCEPTED(BIRTH);
    parts.birth.n_meter = 33;
    cr_assert_neq(try_it(BIRTH), GW_OK);
    parts.birth.n_meter = 1;
    parts.meter.n_point = parts.meter.n_quantity = 64;
    ACCEPTED(BIRTH);
    parts.meter.n_point = parts.meter.n_quantity = 65;
    cr_assert_neq(try_it(BIRTH), GW_OK);
    parts.meter.n_point = 2;
    parts.meter.n_quantity = 3;
    REFUSED(BIRTH);
    parts.meter.n_quantity = 0;
    REFUSED(BIRTH);
}

Test(wire_strict, points_and_quantities_of_meters_are_in_range, .init = make_all) {
    static const struct {
        uint32_t point;
        uint32_t quantity;
        enum gw_status status;
    } table[] = {{1, 0, GW_OK},
                 {0, 41, GW_EINVALID},
                 {INT32_MAX, 65535, GW_OK},
                 {(uint32_t)INT32_MAX + 1, 41, GW_EINVALID},
                 {UINT32_MAX, 41, GW_EINVALID},
                 {1, 65536, GW_EINVALID}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parts.points[1] = table[i].point;
        parts.quantities[1] = table[i].quantity;
        cr_assert_eq(try_it(BIRTH), table[i].status, "row %zu", i);
    }
}

Test(wire_strict, positions_name_a_stream_and_a_record_that_can_be, .init = make_all) {
    for (int stream = -1; stream <= 6; stream++) {
        const enum gw_status want = stream >= 1 && stream <= 4 ? GW_OK : GW_EINVALID;
        parts.through.stream = (Metergate__V1__Stream)stream;
        cr_assert_eq(try_it(ACK), want, "through, stream %d", stream);
        parts.through.stream = METERGATE__V1__STREAM__STREAM_READINGS;
        parts.resend.stream = (Metergate__V1__Stream)stream;
        cr_assert_eq(try_it(ACK), want, "resend, stream %d", stream);
        parts.resend.stream = METERGATE__V1__STREAM__STREAM_READINGS;
    }
    parts.through.through = 0;
    ACCEPTED(ACK);
    parts.through.through = (uint64_t)INT64_MAX + 1;
    REFUSED(ACK);
    parts.through.through = INT64_MAX;
    ACCEPTED(ACK);
    parts.resend.from = 0;
    REFUSED(ACK);
    parts.resend.from = (uint64_t)INT64_MAX + 1;
    REFUSED(ACK);
}

Test(wire_strict, an_acknowledgement_has_version_one_and_four_streams_at_most,
     .init = make_all) {
    static const uint32_t versions[] = {0, 2, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        parts.ack.version = versions[i];
        REFUSED(ACK);
    }
    parts.ack.version = 1;
    parts.ack.n_through = parts.ack.n_resend = 4;
    ACCEPTED(ACK);
    parts.ack.n_through = 5;
    cr_assert_neq(try_it(ACK), GW_OK);
    parts.ack.n_through = 0;
    parts.ack.n_resend = 5;
    cr_assert_neq(try_it(ACK), GW_OK);
}

/* --- seals ---------------------------------------------------------------------------------
 */

Test(wire_strict, a_signature_has_64_bytes_and_a_payload_at_least_one, .init = make_all) {
    for (size_t len = 0; len <= 80; len++) {
        parts.sealed.signature.len = len;
        cr_assert_eq(try_it(SIGNED), len == 64 ? GW_OK : GW_EINVALID, "%zu bytes", len);
    }
    parts.sealed.signature.len = 64;
    parts.sealed.payload.len = 0;
    REFUSED(SIGNED);
}

/* --- unknown fields ------------------------------------------------------------------------
 */

/* Appends field 99 with the value 1. */
static void append_unknown(void) {
    static const uint8_t unknown[] = {0x98, 0x06, 0x01};
    memcpy(packed + packed_len, unknown, sizeof unknown);
    packed_len += sizeof unknown;
}

Test(wire_strict, unknown_fields_in_what_comes_down_are_refused, .init = make_all) {
    pack(SIGNED);
    append_unknown();
    cr_assert_eq(decode(SIGNED, packed, packed_len), GW_EINVALID);
    pack(ACK);
    append_unknown();
    cr_assert_eq(decode(ACK, packed, packed_len), GW_EINVALID);
}

Test(wire_strict, unknown_fields_inside_the_positions_of_an_acknowledgement_are_refused) {
    static const uint8_t good[] = {0x08, 1, 0x12, 1, 'o',  0x1a, 1,    'g',
                                   0x22, 6, 0x08, 1, 0x10, 5,    0x18, 7};
    static const uint8_t in_through[] = {0x08, 1,    0x12, 1,    'o', 0x1a, 1, 'g',  0x22,
                                         8,    0x08, 1,    0x10, 5,   0x18, 7, 0x38, 1};
    static const uint8_t in_resend[] = {0x08, 1,    0x12, 1,    'o', 0x1a, 1, 'g',  0x2a,
                                        8,    0x08, 1,    0x10, 5,   0x18, 7, 0x38, 1};
    cr_assert_eq(decode(ACK, good, sizeof good), GW_OK);
    cr_assert_eq(decode(ACK, in_through, sizeof in_through), GW_EINVALID);
    cr_assert_eq(decode(ACK, in_resend, sizeof in_resend), GW_EINVALID);
}

Test(wire_strict, unknown_fields_in_what_goes_up_are_ignored, .init = make_all) {
    for (enum kind kind = RECORD; kind <= STATE; kind++) {
        pack(kind);
        append_unknown();
        cr_assert_eq(decode(kind, packed, packed_len), GW_OK, "kind %d", (int)kind);
    }
}

/* --- too much ------------------------------------------------------------------------------
 */

/* Appends an unknown field so that the whole has exactly this length. */
static void pad_to(size_t whole) {
    const size_t body = whole - packed_len - 5; /* two bytes of tag, three of length */
    uint8_t *at = packed + packed_len;
    *at++ = 0x9a;
    *at++ = 0x06;
    *at++ = (uint8_t)((body & 0x7f) | 0x80);
    *at++ = (uint8_t)((body >> 7 & 0x7f) | 0x80);
    *at++ = (uint8_t)(body >> 14);
    memset(at, 0, body);
    packed_len = whole;
}

Test(wire_strict, a_message_of_more_than_64_kib_is_too_long, .init = make_all) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
        pack(kind);
        pad_to(65537);
        cr_assert_eq(decode(kind, packed, packed_len), GW_ETOOLONG, "kind %d", (int)kind);
        memset(packed, 0xff, sizeof packed);
        cr_assert_eq(decode(kind, packed, sizeof packed), GW_ETOOLONG, "kind %d", (int)kind);
    }
    pack(STATE);
    pad_to(65536);
    cr_assert_eq(decode(STATE, packed, packed_len), GW_OK, "exactly the limit");
}

/* Fills the message up to 64 KiB with copies of a few bytes. */
static void repeat(const uint8_t *bytes, size_t len) {
    while (packed_len + len <= WIRE_MESSAGE_MAX) {
        memcpy(packed + packed_len, bytes, len);
        packed_len += len;
    }
}

/* Tiny elements that take many times their size in memory. */
static const struct {
    enum kind kind;
    uint8_t bytes[12];
    size_t len;
} amplifiers[] = {
    {BIRTH, {0x32, 6, 0x08, 1, 0x10, 0, 0x18, 0}, 8},           /* heads */
    {BIRTH, {0x3a, 8, 0x0a, 0, 0x12, 0, 0x1a, 0, 0x22, 0}, 10}, /* meters */
    {HEARTBEAT, {0x2a, 6, 0x08, 1, 0x10, 0, 0x18, 0}, 8},       /* heads */
    {ACK, {0x22, 6, 0x08, 1, 0x10, 5, 0x18, 7}, 8},             /* through */
    {ACK, {0x2a, 6, 0x08, 1, 0x10, 5, 0x18, 7}, 8},             /* resend */
    {STATE, {0x38, 0}, 2},                                      /* unknown */
    {SIGNED, {0x38, 0}, 2},
    {NOW, {0x18, 2}, 2}, /* not packed */
    {NOW, {0x78, 0}, 2},
};

Test(wire_strict, many_tiny_elements_are_refused_within_the_budget, .init = make_all) {
    for (size_t i = 0; i < sizeof amplifiers / sizeof *amplifiers; i++) {
        pack(amplifiers[i].kind);
        repeat(amplifiers[i].bytes, amplifiers[i].len);
        cr_assert_gt(packed_len, WIRE_MESSAGE_MAX - 16);
        cr_assert_neq(decode(amplifiers[i].kind, packed, packed_len), GW_OK, "row %zu", i);
        cr_assert_leq(scratch.used, sizeof scratch.bytes, "row %zu", i);
    }
    /* and the scratch serves the next message as if nothing had been */
    ACCEPTED(STATE);
}

Test(wire_strict, more_than_the_scratch_holds_is_called_too_long, .init = make_all) {
    pack(BIRTH);
    repeat(amplifiers[1].bytes, amplifiers[1].len);
    cr_assert_eq(decode(BIRTH, packed, packed_len), GW_ETOOLONG);
    pack(STATE);
    repeat(amplifiers[5].bytes, amplifiers[5].len);
    cr_assert_eq(decode(STATE, packed, packed_len), GW_ETOOLONG);
}

Test(wire_strict, the_length_of_a_column_cannot_make_the_process_grow, .init = make_all) {
    /* a value column of 65,000 one-byte elements wants 520,000 bytes */
    static const uint8_t head[] = {0x0a, 10,  0x0a, 2,    'o', 'p',  0x1a,
                                   2,    'g', 'w',  0x20, 5,   0x10, 0};
    memcpy(packed, head, sizeof head);
    packed_len = sizeof head;
    packed[packed_len++] = 0x2a;
    packed[packed_len++] = 0xe8; /* 65,000 */
    packed[packed_len++] = 0xfb;
    packed[packed_len++] = 0x03;
    memset(packed + packed_len, 2, 65000);
    packed_len += 65000;
    cr_assert_neq(decode(NOW, packed, packed_len), GW_OK);
    cr_assert_leq(scratch.used, sizeof scratch.bytes);
}

Test(wire_strict, lengths_that_lie_about_what_follows_are_refused) {
    static const struct {
        uint8_t bytes[16];
        size_t len;
    } table[] = {
        {{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, 6},
        {{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 11},
        {{0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, 12},
        {{0x0a, 0x7f}, 2},
        {{0x0b}, 1},       /* a group */
        {{0x0f}, 1},       /* wire type 7 */
        {{0x00, 0x00}, 2}, /* field 0 */
        {{0x0d, 1, 2}, 3}, /* 32 bits, three bytes of them */
        {{0x09, 1, 2, 3, 4, 5, 6, 7}, 8},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 6},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (enum kind kind = 0; kind < KINDS; kind++) {
            cr_assert_eq(decode(kind, table[i].bytes, table[i].len), GW_EINVALID,
                         "row %zu, kind %d", i, (int)kind);
        }
    }
}

Test(wire_strict, random_bytes_never_crash_and_never_pass_out_of_range) {
    uint64_t state = 0x9e3779b97f4a7c15; /* xorshift: the same bytes on every run */
    uint8_t bytes[96];
    unsigned refused = 0;
    for (unsigned round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i] = (uint8_t)(state >> 32);
        }
        const enum kind kind = (enum kind)(round % KINDS);
        const size_t len = bytes[0] % sizeof bytes;
        bytes[0] = 0x0a;
        bytes[1] = (uint8_t)(bytes[1] % 40);
        if (decode(kind, bytes, len) == GW_OK) {
            check_ranges(kind);
        } else {
            refused++;
        }
    }
    cr_assert_gt(refused, 19000);
}
