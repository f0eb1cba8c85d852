/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders and results: there and back, their bytes by hand, and what refuses the whole order.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/wire_order.h"
#include "gateway/tariffs/tariffs.h"
#include "proto/metergate/v1/metergate.pb-c.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */

static struct wire_scratch scratch;
static uint8_t bytes[WIRE_MESSAGE_MAX];
static size_t len;
static struct wire_order got;

static const uint8_t ID[WIRE_ORDER_ID_BYTES] = {0x01, 0x9b, 0x77, 0x12, 0x94, 0x00, 0x7a, 0xbc,
                                                0x81, 2,    3,    4,    5,    6,    7,    8};
static const uint8_t OTHER_ID[WIRE_ORDER_ID_BYTES] = {
    0x01, 0x9b, 0x77, 0x12, 0x94, 0x01, 0x70, 0, 0xbf, 2, 3, 4, 5, 6, 7, 9};

static struct wire_order order_of(enum wire_order_kind kind) {
    struct wire_order order = {.operator_id = "op",
                               .site = "s",
                               .gateway = "gw",
                               .has_seq = true,
                               .seq = 7,
                               .issued_ms = NOW_MS,
                               .not_after_ms = INT64_MAX,
                               .actor = "desk 2 (anna@example)",
                               .kind = kind};
    memcpy(order.order_id, ID, sizeof ID);
    return order;
}

static void encode(const struct wire_order *order) {
    cr_assert_eq(wire_order_encode(order, bytes, sizeof bytes, &len), GW_OK);
}

/* From a heap copy of exact size, so that one byte too far is seen. */
static enum gw_status decode(const uint8_t *from, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    cr_assert_not_null(exact);
    memcpy(exact, from, size);
    memset(&got, 0xa5, sizeof got);
    const enum gw_status status = wire_order_decode(exact, size, &scratch, &got);
    free(exact);
    return status;
}

/* What is decoded and encoded again are the same bytes: nothing got lost on the way. */
static void there_and_back(const struct wire_order *order) {
    static uint8_t again[WIRE_MESSAGE_MAX];
    size_t again_len = 0;
    encode(order);
    cr_assert_eq(decode(bytes, len), GW_OK);
    cr_assert_eq(got.kind, order->kind, "%s", got.why);
    cr_assert_str_eq(got.operator_id, order->operator_id);
    cr_assert_str_eq(got.site, order->site);
    cr_assert_str_eq(got.gateway, order->gateway);
    cr_assert_eq(memcmp(got.order_id, order->order_id, sizeof got.order_id), 0);
    cr_assert_eq(got.has_seq, order->has_seq);
    cr_assert_eq(got.seq, order->seq);
    cr_assert_eq(got.issued_ms, order->issued_ms);
    cr_assert_eq(got.not_before_ms, order->not_before_ms);
    cr_assert_eq(got.not_after_ms, order->not_after_ms);
    cr_assert_str_eq(got.actor, order->actor);
    cr_assert_eq(wire_order_encode(&got, again, sizeof again, &again_len), GW_OK);
    cr_assert_eq(again_len, len);
    cr_assert_eq(memcmp(again, bytes, len), 0);
}

static struct wire_order credit_order(void) {
    struct wire_order order = order_of(WIRE_ORDER_CREDIT);
    order.of.credit = (struct wire_credit){.subject = {"flat-1", 3},
                                           .amount_micro = 20500000,
                                           .origin = WIRE_ORIGIN_CASH,
                                           .has_voucher = true,
                                           .voucher = {4, 77}};
    return order;
}

/* --- there and back ----------------------------------------------------------------------- */

Test(wire_order, a_credit_comes_back) {
    struct wire_order order = credit_order();
    order.not_before_ms = NOW_MS - 5;
    order.not_after_ms = NOW_MS + 5;
    there_and_back(&order);
    const struct wire_credit *credit = &got.of.credit;
    cr_assert_str_eq(credit->subject.account, "flat-1");
    cr_assert_eq(credit->subject.tenancy, 3);
    cr_assert_eq(credit->amount_micro, 20500000);
    cr_assert_eq(credit->origin, WIRE_ORIGIN_CASH);
    cr_assert(credit->has_voucher);
    cr_assert_eq(credit->voucher.seller, 4);
    cr_assert_eq(credit->voucher.number, 77);
    order.of.credit.has_voucher = false;
    order.has_seq = false;
    order.seq = 0;
    there_and_back(&order);
    cr_assert_not(got.of.credit.has_voucher);
}

Test(wire_order, a_reversal_comes_back_by_order_and_by_voucher) {
    struct wire_order order = order_of(WIRE_ORDER_REVERSAL);
    order.of.reversal = (struct wire_reversal){
        .has_target = true, .amount_micro = 5, .reason = "typed the wrong room"};
    memcpy(order.of.reversal.target_id, OTHER_ID, sizeof OTHER_ID);
    there_and_back(&order);
    cr_assert(got.of.reversal.has_target);
    cr_assert_not(got.of.reversal.has_voucher);
    cr_assert_eq(memcmp(got.of.reversal.target_id, OTHER_ID, sizeof OTHER_ID), 0);
    cr_assert_eq(got.of.reversal.amount_micro, 5);
    cr_assert_str_eq(got.of.reversal.reason, "typed the wrong room");
    order.of.reversal = (struct wire_reversal){
        .has_voucher = true, .subject = {"flat-2", 9}, .voucher = {0, 12}};
    there_and_back(&order);
    cr_assert(got.of.reversal.has_voucher);
    cr_assert_str_eq(got.of.reversal.subject.account, "flat-2");
    cr_assert_eq(got.of.reversal.subject.tenancy, 9);
    cr_assert_eq(got.of.reversal.voucher.number, 12);
    cr_assert_eq(got.of.reversal.amount_micro, 0);
}

Test(wire_order, adjustment_and_refund_come_back) {
    struct wire_order order = order_of(WIRE_ORDER_ADJUST);
    order.of.adjust = (struct wire_adjust){.subject = {"flat-1", 0},
                                           .amount_micro = -1,
                                           .reason = "read wrong in May",
                                           .has_target = true};
    memcpy(order.of.adjust.target_id, OTHER_ID, sizeof OTHER_ID);
    there_and_back(&order);
    cr_assert_eq(got.of.adjust.amount_micro, -1);
    cr_assert_str_eq(got.of.adjust.reason, "read wrong in May");
    cr_assert(got.of.adjust.has_target);
    order = order_of(WIRE_ORDER_REFUND);
    order.of.refund = (struct wire_refund){.subject = {"flat-1", 2}};
    there_and_back(&order);
    cr_assert_eq(got.of.refund.amount_micro, 0);
    cr_assert_eq(got.of.refund.subject.tenancy, 2);
}

Test(wire_order, tenancy_and_mode_come_back) {
    struct wire_order order = order_of(WIRE_ORDER_TENANCY);
    order.of.tenancy = (struct wire_tenancy){
        .subject = {"flat-1", 4}, .step = WIRE_TENANCY_OPEN, .mode = ACCOUNT_NOTICE};
    there_and_back(&order);
    cr_assert_eq(got.of.tenancy.step, WIRE_TENANCY_OPEN);
    cr_assert_eq(got.of.tenancy.mode, ACCOUNT_NOTICE);
    order.of.tenancy = (struct wire_tenancy){
        .subject = {"flat-1", 4}, .step = WIRE_TENANCY_CLOSE, .mode = ACCOUNT_PREPAID};
    there_and_back(&order);
    cr_assert_eq(got.of.tenancy.step, WIRE_TENANCY_CLOSE);
    order = order_of(WIRE_ORDER_ACCOUNT_MODE);
    order.of.account_mode = (struct wire_account_mode){
        .subject = {"flat-1", 4}, .mode = ACCOUNT_POSTPAID, .opening_micro = 9};
    there_and_back(&order);
    cr_assert_eq(got.of.account_mode.mode, ACCOUNT_POSTPAID);
    cr_assert_eq(got.of.account_mode.opening_micro, 9);
}

static struct wire_order swap_order(void) {
    struct wire_order order = order_of(WIRE_ORDER_METER_BIND);
    order.of.meter_bind = (struct wire_bind){.subject = {"flat-1", 4},
                                             .step = WIRE_METER_SWAP,
                                             .meter = "m-1",
                                             .new_meter = "m-2",
                                             .has_final = true,
                                             .final = {1234567890, NOW_MS - 1000},
                                             .has_initial = true,
                                             .initial = {120000, 0},
                                             .settings = {.utility = TARIFF_HEAT,
                                                          .source = "genset",
                                                          .multiplier_micro = 40000000,
                                                          .modulus_micro = 1000000000000,
                                                          .jitter_micro = 1,
                                                          .agree_micro = 2,
                                                          .max_power_micro = 3,
                                                          .share_from_ppm = 250000,
                                                          .share_to_ppm = 500000}};
    return order;
}

Test(wire_order, meters_come_go_and_are_swapped) {
    struct wire_order order = swap_order();
    there_and_back(&order);
    const struct wire_bind *want = &order.of.meter_bind;
    const struct wire_bind *bind = &got.of.meter_bind;
    cr_assert_str_eq(bind->meter, "m-1");
    cr_assert_str_eq(bind->new_meter, "m-2");
    cr_assert_eq(bind->final.register_micro, 1234567890);
    cr_assert_eq(bind->final.at_ms, NOW_MS - 1000);
    cr_assert_eq(bind->initial.register_micro, 120000);
    cr_assert_eq(bind->initial.at_ms, 0);
    cr_assert_eq(memcmp(&bind->settings, &want->settings, sizeof want->settings), 0);
    order.of.meter_bind.step = WIRE_METER_BIND;
    order.of.meter_bind.has_final = order.of.meter_bind.has_initial = false;
    there_and_back(&order);
    order.of.meter_bind.has_initial = true;
    there_and_back(&order);
    order.of.meter_bind.step = WIRE_METER_UNBIND;
    order.of.meter_bind.has_initial = false;
    there_and_back(&order);
    order.of.meter_bind.has_final = true;
    there_and_back(&order);
}

Test(wire_order, settings_left_out_of_a_meter_are_those_of_a_plain_one) {
    struct wire_order order = swap_order();
    encode(&order);
    Metergate__V1__Order *message = metergate__v1__order__unpack(NULL, len, bytes);
    Metergate__V1__MeterSettings *settings = message->meter_bind->settings;
    settings->has_source = settings->has_multiplier_micro = false;
    settings->has_share_from_ppm = settings->has_share_to_ppm = false;
    len = metergate__v1__order__pack(message, bytes);
    metergate__v1__order__free_unpacked(message, NULL);
    cr_assert_eq(decode(bytes, len), GW_OK);
    cr_assert_eq(got.of.meter_bind.settings.multiplier_micro, 1000000);
    cr_assert_str_eq(got.of.meter_bind.settings.source, "");
    cr_assert_eq(got.of.meter_bind.settings.share_to_ppm, 1000000);
}

/* --- tariffs ------------------------------------------------------------------------------ */

static struct tariff_file file;
static struct wire_order tariff_order;

static void load(const char *name) {
    struct fault_list faults;
    char path[400];
    faults_init(&faults);
    (void)snprintf(path, sizeof path, "%s/config/tariffs/%s", getenv("METERGATE_SOURCE"), name);
    cr_assert_eq(tariffs_load(path, &faults, &file), GW_OK, "%s",
                 faults.count ? faults.lines[0] : name);
    faults_done(&faults);
    tariff_order = order_of(WIRE_ORDER_TARIFF);
    struct wire_tariff *tariff = &tariff_order.of.tariff;
    tariff->tariff = file.tariff;
    tariff->tariff.revision = INT64_MAX;
    strcpy(tariff->zone, file.zone);
    tariff->day_count = file.day_count;
    memcpy(tariff->days, file.days, sizeof file.days);
}

/* The structures were zeroed before they were filled, so that all of them may be compared. */
static void check_same_tariff(const struct wire_tariff *a, const struct wire_tariff *b) {
    cr_assert_eq(memcmp(&a->tariff, &b->tariff, sizeof a->tariff), 0);
    cr_assert_str_eq(a->zone, b->zone);
    cr_assert_eq(a->day_count, b->day_count);
    cr_assert_eq(memcmp(a->days, b->days, a->day_count * sizeof *a->days), 0);
}

Test(wire_order, every_shipped_tariff_comes_back_equal) {
    char folder[400];
    (void)snprintf(folder, sizeof folder, "%s/config/tariffs", getenv("METERGATE_SOURCE"));
    DIR *dir = opendir(folder);
    int count = 0;
    cr_assert_not_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            load(entry->d_name);
            there_and_back(&tariff_order);
            check_same_tariff(&got.of.tariff, &tariff_order.of.tariff);
            count++;
        }
    }
    (void)closedir(dir);
    cr_assert_geq(count, 6);
}

static void name(char *to, char letter, size_t index, size_t size) {
    memset(to, letter, size);
    to[0] = (char)('a' + index);
}

/* As full as a tariff can be. */
static void fill_tariff(struct wire_tariff *out) {
    struct tariff *tariff = &out->tariff;
    *out = (struct wire_tariff){.zone = "Europe/London", .day_count = WIRE_TARIFF_DAYS_MAX};
    *tariff = (struct tariff){.revision = INT64_MAX,
                              .utility = TARIFF_HEAT,
                              .currency = "GBP",
                              .minor = 6,
                              .effective_ms = NOW_MS,
                              .until_ms = NOW_MS + 1,
                              .source_count = TARIFF_SOURCES_MAX,
                              .band_count = TARIFF_BANDS_MAX,
                              .entry_count = TARIFF_ENTRIES_MAX,
                              .standing_count = TARIFF_STANDINGS_MAX,
                              .tax_ppm = 1000000,
                              .tax_mode = TARIFF_TAX_INCLUSIVE,
                              .cap_micro = WIRE_AMOUNT_MAX_MICRO};
    name(tariff->id, 't', 0, TARIFF_ID_MAX);
    for (size_t i = 0; i < TARIFF_SOURCES_MAX; i++) {
        name(tariff->sources[i], 's', i, TARIFF_NAME_MAX);
    }
    for (size_t band = 0; band < TARIFF_BANDS_MAX; band++) {
        name(tariff->bands[band], 'b', band, TARIFF_NAME_MAX);
        for (size_t source = 0; source < TARIFF_SOURCES_MAX; source++) {
            tariff->price_count[source][band] = LADDER_TIERS_MAX;
            for (size_t i = 0; i < LADDER_TIERS_MAX; i++) {
                tariff->prices[source][band][i] = WIRE_AMOUNT_MAX_MICRO - (int64_t)(band + i);
            }
        }
    }
    for (size_t i = 0; i < TARIFF_ENTRIES_MAX; i++) {
        struct tariff_entry *entry = &tariff->entries[i];
        *entry = (struct tariff_entry){101, 1231, DAY_ALL, TARIFF_SLOTS_MAX, {{0}}};
        for (size_t slot = 0; slot < TARIFF_SLOTS_MAX; slot++) {
            entry->slots[slot] =
                (struct tariff_slot){(int)slot * 30, (slot + i) % TARIFF_BANDS_MAX};
        }
    }
    struct ladder *ladder = &tariff->ladder;
    *ladder = (struct ladder){.period = LADDER_YEAR,
                              .reset_day = 31,
                              .reset_month_day = 229,
                              .threshold_count = LADDER_TIERS_MAX - 1,
                              .mode = LADDER_SLAB,
                              .on_change = LADDER_RESET};
    name(ladder->id, 'l', 0, LADDER_ID_MAX);
    for (size_t i = 0; i < LADDER_TIERS_MAX - 1; i++) {
        ladder->thresholds[i] = WIRE_AMOUNT_MAX_MICRO - 100 + (int64_t)i;
    }
    for (size_t i = 0; i < TARIFF_STANDINGS_MAX; i++) {
        struct standing *standing = &tariff->standings[i];
        *standing = (struct standing){.per = STANDING_MONTH_ON_DAY,
                                      .on_day = 31,
                                      .amount_micro = WIRE_AMOUNT_MAX_MICRO,
                                      .total_micro = WIRE_AMOUNT_MAX_MICRO,
                                      .while_cut = STANDING_PAUSE};
        name(standing->name, 'n', i, STANDING_NAME_MAX);
    }
    for (size_t i = 0; i < WIRE_TARIFF_DAYS_MAX; i++) {
        out->days[i] = (struct marked_day){(int32_t)(20000 + 7 * i), DAY_SPECIAL};
    }
}

Test(wire_order, the_fullest_tariff_comes_back_and_fits_one_message) {
    tariff_order = order_of(WIRE_ORDER_TARIFF);
    fill_tariff(&tariff_order.of.tariff);
    there_and_back(&tariff_order);
    check_same_tariff(&got.of.tariff, &tariff_order.of.tariff);
    cr_assert_lt(len, WIRE_DOCUMENT_MAX / 2);
}

/* Where a change is made, and what is said of it. */
static Metergate__V1__Order *open_tariff(void) {
    load("residential-peak-valley.yaml");
    encode(&tariff_order);
    Metergate__V1__Order *message = metergate__v1__order__unpack(NULL, len, bytes);
    cr_assert_not_null(message);
    return message;
}

static void close_refused(Metergate__V1__Order *message, const char *why) {
    len = metergate__v1__order__pack(message, bytes);
    metergate__v1__order__free_unpacked(message, NULL);
    cr_assert_eq(decode(bytes, len), GW_OK);
    cr_expect_eq(got.kind, WIRE_ORDER_NONE, "%s", why);
    cr_expect_not_null(strstr(got.why, why), "\"%s\" is not in \"%s\"", why, got.why);
}

Test(wire_order, a_tariff_that_a_file_might_not_hold_is_refused) {
    Metergate__V1__Order *message = open_tariff();
    message->tariff->revision = 0;
    close_refused(message, "tariff.revision");
    message = open_tariff();
    message->tariff->cap_micro = message->tariff->has_cap_micro = 1;
    close_refused(message, "above the cap");
    message = open_tariff();
    message->tariff->calendar[0]->from_minute[0] = 1;
    close_refused(message, "must begin at 00:00");
    message = open_tariff();
    message->tariff->band[0]->prices[0]->tier_micro[0] = -1;
    close_refused(message, "tariff.band.prices");
    message = open_tariff();
    message->tariff->utility = 9;
    close_refused(message, "tariff.utility");
    message = open_tariff();
    message->tariff->calendar[0]->band[0] = 99;
    close_refused(message, "tariff.calendar");
    message = open_tariff();
    message->tariff->has_until_ms = true;
    message->tariff->until_ms = message->tariff->effective_ms;
    close_refused(message, "until");
}

/* --- bytes by hand ------------------------------------------------------------------------ */

/* A byte is tag (field << 3 | type), length or varint; sint is zig-zag: 2n, or -2n - 1. */
static const uint8_t golden_credit[] = {
    0x08, 1,                                                    /* version */
    0x12, 2,    'o',  'p',                                      /* operator */
    0x1a, 1,    's',                                            /* site */
    0x22, 2,    'g',  'w',                                      /* gateway */
    0x2a, 16,   0x01, 0x9b, 0x77, 0x12, 0x94, 0x00, 0x7a, 0xbc, /* order_id */
    0x81, 2,    3,    4,    5,    6,    7,    8,                /*   */
    0x30, 7,                                                    /* seq */
    0x38, 0xd0, 0x0f,                                           /* issued_ms 1000 -> 2000 */
    0x52, 1,    'a',                                            /* actor, field 10 */
    0xa2, 1,    17,                                             /* credit, field 20 */
    0x0a, 6,    'f',  'l',  'a',  't',  '-',  '1',              /*   account */
    0x10, 3,                                                    /*   tenancy_epoch */
    0x18, 0xd8, 0x04,                                           /*   amount_micro 300 -> 600 */
    0x20, 2,                                                    /*   origin cash */
    0x28, 77,                                                   /*   vseq */
};

Test(wire_order, a_credit_has_the_bytes_of_the_encoding_rules) {
    struct wire_order order = credit_order();
    order.issued_ms = 1000;
    strcpy(order.actor, "a");
    order.of.credit.amount_micro = 300;
    order.of.credit.voucher.seller = 0;
    encode(&order);
    cr_assert_eq(len, sizeof golden_credit);
    cr_assert_eq(memcmp(bytes, golden_credit, len), 0);
    cr_assert_eq(decode(golden_credit, sizeof golden_credit), GW_OK);
    cr_assert_eq(got.kind, WIRE_ORDER_CREDIT);
    cr_assert_eq(got.of.credit.amount_micro, 300);
}

/* --- what refuses the whole order --------------------------------------------------------- */

/* Bytes appended to the body of a credit, which stands last. */
static void append_to_body(const uint8_t *more, size_t more_len) {
    struct wire_order order = credit_order();
    strcpy(order.actor, "a");
    order.of.credit.has_voucher = false;
    encode(&order);
    size_t at = len;
    while (!(bytes[at] == 0xa2 && bytes[at + 1] == 1)) {
        at--;
    }
    memcpy(bytes + len, more, more_len);
    bytes[at + 2] = (uint8_t)(bytes[at + 2] + more_len);
    len += more_len;
}

static void refused(const char *why) {
    cr_assert_eq(decode(bytes, len), GW_OK);
    cr_expect_eq(got.kind, WIRE_ORDER_NONE);
    cr_expect_not_null(strstr(got.why, why), "\"%s\" is not in \"%s\"", why, got.why);
    cr_expect_eq(memcmp(got.order_id, ID, sizeof ID), 0, "who is answered is known");
}

Test(wire_order, an_unknown_field_refuses_the_whole_order_wherever_it_stands) {
    static const uint8_t unknown[] = {0xe8, 0x06, 1}; /* field 109, varint 1 */
    append_to_body(unknown, sizeof unknown);
    refused("not known here");
    append_to_body(unknown, 0);
    cr_assert_eq(decode(bytes, len), GW_OK);
    cr_assert_eq(got.kind, WIRE_ORDER_CREDIT);
    memcpy(bytes + len, unknown, sizeof unknown);
    len += sizeof unknown;
    refused("not known here");
}

Test(wire_order, a_body_that_is_not_known_yet_is_unsupported_and_its_order_known) {
    static const uint8_t supply[] = {0xda, 1, 2, 8, 1}; /* field 27 */
    append_to_body(supply, 0);
    memcpy(bytes + len, supply, sizeof supply);
    len += sizeof supply;
    refused("not known here");
}

Test(wire_order, two_bodies_and_none_are_refused) {
    static const uint8_t refund[] = {0xba, 1, 7, 0x0a, 3, 'f', '-', '1', 0x10, 1};
    append_to_body(refund, 0);
    memcpy(bytes + len, refund, sizeof refund);
    len += sizeof refund;
    refused("more than one body");
    struct wire_order order = credit_order();
    encode(&order);
    while (!(bytes[len] == 0xa2 && bytes[len + 1] == 1)) {
        len--;
    }
    refused("no body");
}

/* One change in a good order. */
struct change {
    const char *what;
    void (*make)(Metergate__V1__Order *order);
    const char *why; /* NULL: there is nobody to answer to */
};

#define CHANGE(name, code)                                                                     \
    static void name(Metergate__V1__Order *order) {                                            \
        code;                                                                                  \
    }
CHANGE(zero_amount, order->credit->amount_micro = 0)
CHANGE(negative_amount, order->credit->amount_micro = -1)
CHANGE(huge_amount, order->credit->amount_micro = INT64_C(1000000000000001))
CHANGE(no_origin, order->credit->origin = 0)
CHANGE(unknown_origin, order->credit->origin = 10)
CHANGE(zero_vseq, order->credit->vseq = 0)
CHANGE(seller_alone, order->credit->has_vseq = 0)
CHANGE(no_account, order->credit->account.len = 0)
CHANGE(nul_in_account, order->credit->account.data[2] = 0)
CHANGE(huge_tenancy, order->credit->tenancy_epoch = UINT32_MAX)
CHANGE(zero_seq, order->seq = 0)
CHANGE(huge_seq, order->seq = UINT64_MAX)
CHANGE(other_version, order->version = 2)
CHANGE(no_actor, order->actor.len = 0)
CHANGE(bell_in_actor, order->actor.data[0] = 7)
CHANGE(past_issued, order->issued_ms = -1)
CHANGE(window_inside_out, order->not_before_ms = order->not_after_ms + 1)
CHANGE(short_id, order->order_id.len = 15)
CHANGE(id_of_version_4, order->order_id.data[6] = 0x4a)
CHANGE(id_of_no_variant, order->order_id.data[8] = 0xc1)
CHANGE(no_gateway, order->gateway.len = 0)
CHANGE(nul_in_operator, order->operator_.data[1] = 0)

static const struct change changes[] = {
    {"zero_amount", zero_amount, "credit.amount_micro"},
    {"negative_amount", negative_amount, "credit.amount_micro"},
    {"huge_amount", huge_amount, "credit.amount_micro"},
    {"no_origin", no_origin, "credit.origin"},
    {"unknown_origin", unknown_origin, "credit.origin"},
    {"zero_vseq", zero_vseq, "credit.vseq"},
    {"seller_alone", seller_alone, "credit.vseq"},
    {"no_account", no_account, "credit.account"},
    {"nul_in_account", nul_in_account, "credit.account"},
    {"huge_tenancy", huge_tenancy, "credit.account"},
    {"zero_seq", zero_seq, "seq"},
    {"huge_seq", huge_seq, "seq"},
    {"other_version", other_version, "version"},
    {"no_actor", no_actor, "actor"},
    {"bell_in_actor", bell_in_actor, "actor"},
    {"past_issued", past_issued, "moment"},
    {"window_inside_out", window_inside_out, "moment"},
    {"short_id", short_id, NULL},
    {"id_of_version_4", id_of_version_4, NULL},
    {"id_of_no_variant", id_of_no_variant, NULL},
    {"no_gateway", no_gateway, NULL},
    {"nul_in_operator", nul_in_operator, NULL},
};

Test(wire_order, each_field_out_of_its_range_is_refused_with_its_name) {
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct wire_order order = credit_order();
        order.not_before_ms = NOW_MS;
        order.not_after_ms = NOW_MS + 1;
        encode(&order);
        Metergate__V1__Order *message = metergate__v1__order__unpack(NULL, len, bytes);
        changes[i].make(message);
        len = metergate__v1__order__pack(message, bytes);
        metergate__v1__order__free_unpacked(message, NULL);
        const enum gw_status status = decode(bytes, len);
        if (!changes[i].why) {
            cr_expect_eq(status, GW_EINVALID, "%s", changes[i].what);
            continue;
        }
        cr_expect_eq(status, GW_OK, "%s", changes[i].what);
        cr_expect_eq(got.kind, WIRE_ORDER_NONE, "%s", changes[i].what);
        cr_expect_not_null(strstr(got.why, changes[i].why), "%s: %s", changes[i].what, got.why);
    }
}

Test(wire_order, a_swap_without_one_of_its_readings_is_refused) {
    for (int part = 0; part < 4; part++) {
        struct wire_order order = swap_order();
        encode(&order);
        Metergate__V1__Order *message = metergate__v1__order__unpack(NULL, len, bytes);
        Metergate__V1__MeterBind *bind = message->meter_bind;
        Metergate__V1__MeterFace *final = bind->final;
        Metergate__V1__MeterFace *initial = bind->initial;
        Metergate__V1__MeterSettings *settings = bind->settings;
        bind->final = part == 0 ? NULL : final;
        bind->initial = part == 1 ? NULL : initial;
        bind->settings = part == 2 ? NULL : settings;
        bind->has_new_meter = part != 3;
        len = metergate__v1__order__pack(message, bytes);
        bind->final = final;
        bind->initial = initial;
        bind->settings = settings;
        metergate__v1__order__free_unpacked(message, NULL);
        refused("meter_bind: lacks a part");
    }
}

Test(wire_order, every_cut_and_every_bit_flip_is_survived) {
    struct wire_order order = swap_order();
    encode(&order);
    const size_t whole = len;
    for (size_t cut = 0; cut < whole; cut++) {
        const enum gw_status status = decode(bytes, cut);
        cr_assert(status != GW_OK || got.kind == WIRE_ORDER_NONE, "cut at %zu", cut);
    }
    for (size_t bit = 0; bit < whole * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        (void)decode(bytes, whole);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

Test(wire_order, what_is_longer_than_a_document_is_too_long) {
    static const uint8_t large[WIRE_DOCUMENT_MAX + 1];
    cr_assert_eq(decode(large, sizeof large), GW_ETOOLONG);
}

Test(wire_order, nothing_without_a_body_is_encoded) {
    const struct wire_order order = order_of(WIRE_ORDER_NONE);
    cr_assert_eq(wire_order_encode(&order, bytes, sizeof bytes, &len), GW_EINVALID);
    const struct wire_order good = credit_order();
    cr_assert_eq(wire_order_encode(&good, bytes, 20, &len), GW_ETOOLONG);
}

/* --- results ------------------------------------------------------------------------------ */

Test(wire_order, a_result_comes_back) {
    struct wire_result want = {.has_order_id = true,
                               .code = WIRE_DUPLICATE,
                               .at_ms = NOW_MS,
                               .has_ledger = true,
                               .ledger_seq = 99,
                               .has_balance = true,
                               .balance_micro = -5,
                               .has_revision = true,
                               .in_force_revision = 12,
                               .detail = "credited by voucher 77",
                               .key_id = 3,
                               .order_through = 6,
                               .order_highest = 9};
    struct wire_result back;
    memcpy(want.order_id, ID, sizeof ID);
    memset(want.chain_head, 0x5a, sizeof want.chain_head);
    memset(&back, 0xa5, sizeof back);
    cr_assert_eq(wire_result_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_result_decode(bytes, len, &scratch, &back), GW_OK);
    cr_assert_eq(back.code, WIRE_DUPLICATE);
    cr_assert_eq(memcmp(back.order_id, ID, sizeof ID), 0);
    cr_assert_eq(memcmp(back.chain_head, want.chain_head, sizeof want.chain_head), 0);
    cr_assert_eq(back.ledger_seq, 99);
    cr_assert_eq(back.balance_micro, -5);
    cr_assert_eq(back.in_force_revision, 12);
    cr_assert_str_eq(back.detail, want.detail);
    cr_assert_eq(back.key_id, 3);
    cr_assert_eq(back.order_through, 6);
    cr_assert_eq(back.order_highest, 9);
}

Test(wire_order, the_fullest_result_fits) {
    struct wire_result want = {.has_order_id = true,
                               .code = WIRE_INTERNAL,
                               .at_ms = 253402300799999,
                               .has_ledger = true,
                               .ledger_seq = INT64_MAX,
                               .has_balance = true,
                               .balance_micro = INT64_MIN,
                               .has_revision = true,
                               .in_force_revision = INT64_MAX,
                               .key_id = UINT32_MAX,
                               .order_through = INT64_MAX,
                               .order_highest = INT64_MAX};
    struct wire_result back;
    memcpy(want.order_id, ID, sizeof ID);
    memset(want.detail, 'x', WIRE_DETAIL_MAX);
    cr_assert_eq(wire_result_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_result_decode(bytes, len, &scratch, &back), GW_OK);
    cr_assert_eq(back.balance_micro, INT64_MIN);
}

/* --- order ids ---------------------------------------------------------------------------- */

Test(wire_order, an_order_id_is_written_and_read) {
    char text[WIRE_ORDER_TEXT_MAX];
    uint8_t back[WIRE_ORDER_ID_BYTES];
    wire_order_id_format(ID, text);
    cr_assert_str_eq(text, "019b7712-9400-7abc-8102-030405060708");
    cr_assert(wire_order_id_parse(text, back));
    cr_assert_eq(memcmp(back, ID, sizeof ID), 0);
    cr_assert(wire_order_id_parse("019B7712-9400-7ABC-8102-030405060708", back));
    cr_assert_eq(memcmp(back, ID, sizeof ID), 0);
    cr_assert_eq(wire_order_id_ms(ID), INT64_C(0x019b77129400));
}

Test(wire_order, what_is_no_order_id_is_not_read) {
    static const char *const wrong[] = {"",
                                        "019b7712-9400-7abc-8102-03040506070",
                                        "019b7712-9400-7abc-8102-0304050607080",
                                        "019b7712-9400-4abc-8102-030405060708",
                                        "019b7712-9400-7abc-c102-030405060708",
                                        "019b771209400-7abc-8102-030405060708",
                                        "019b7712-9400-7abc-8102-03040506070g"};
    uint8_t back[WIRE_ORDER_ID_BYTES];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_not(wire_order_id_parse(wrong[i], back), "%s", wrong[i]);
    }
}
