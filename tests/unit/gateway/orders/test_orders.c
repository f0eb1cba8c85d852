/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every check in its place, and an order's one effect whatever happens around it.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/gateway/driven_clock.h"
#include "tests/unit/gateway/orders/memory_sink.h"

static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */
static const int64_t HOUR_MS = 3600000;
static const int64_t DAY_MS = 86400000;

enum { CREDIT_KEY = 2, CONFIG_KEY = 3, OTHER_KEY = 4, STRANGE_KEY = 9, GATEWAY_KEY = 1 };

static struct driven_clock driven;
static struct memory_sink sink;
static struct orders *orders;
static struct seal_secret credit_secret, config_secret, other_secret, gateway_secret;
static struct seal_key keys[3];
static struct seal_key gateway_key;
static struct orders_config config;
static struct wire_scratch scratch;
static uint8_t message[WIRE_MESSAGE_MAX];
static size_t message_len;
static enum wire_code code;
static const char *why;

static struct seal_key public_half(const struct seal_secret *of) {
    struct seal_key key = {.key_id = of->key_id, .role = of->role};
    memcpy(key.public_key, of->public_key, SEAL_PUBLIC_BYTES);
    return key;
}

static void reopen(void) {
    const struct orders_sink functions = memory_sink_of(&sink);
    orders_close(orders);
    cr_assert_eq(orders_open(&config, &functions, &orders), GW_OK);
}

static void setup(void) {
    cr_assert_eq(seal_init(), GW_OK);
    seal_generate(CREDIT_KEY, SEAL_CREDIT, &credit_secret);
    seal_generate(CONFIG_KEY, SEAL_CONFIG, &config_secret);
    seal_generate(OTHER_KEY, SEAL_CONFIG, &other_secret);
    seal_generate(GATEWAY_KEY, SEAL_GATEWAY, &gateway_secret);
    keys[0] = public_half(&credit_secret);
    keys[1] = public_half(&config_secret);
    keys[2] = public_half(&other_secret);
    gateway_key = public_half(&gateway_secret);
    driven_clock_init(&driven, NOW_MS);
    config = (struct orders_config){.operator_id = "op",
                                    .site = "house",
                                    .gateway = "gw-1",
                                    .keys = keys,
                                    .key_count = 3,
                                    .secret = &gateway_secret,
                                    .clock = &driven.clock,
                                    .amount_max_micro = 1000000000};
    memset(&sink, 0, sizeof sink);
    reopen();
}

static void teardown(void) {
    orders_close(orders);
    orders = NULL;
}

TestSuite(orders, .init = setup, .fini = teardown);

/* --- making orders ------------------------------------------------------------------------ */

static struct wire_order order_of(enum wire_order_kind kind, uint8_t id, uint64_t seq) {
    struct wire_order order = {.operator_id = "op",
                               .site = "house",
                               .gateway = "gw-1",
                               .order_id = {[6] = 0x70, [8] = 0x80, [15] = id},
                               .has_seq = true,
                               .seq = seq,
                               .issued_ms = NOW_MS,
                               .not_after_ms = INT64_MAX,
                               .actor = "desk",
                               .kind = kind};
    return order;
}

static struct wire_order credit_of(uint8_t id, uint64_t seq, int64_t amount_micro) {
    struct wire_order order = order_of(WIRE_ORDER_CREDIT, id, seq);
    order.of.credit = (struct wire_credit){
        .subject = {"flat-1", 1}, .amount_micro = amount_micro, .origin = WIRE_ORIGIN_ONLINE};
    return order;
}

static struct wire_order mode_of(uint8_t id, uint64_t seq) {
    struct wire_order order = order_of(WIRE_ORDER_ACCOUNT_MODE, id, seq);
    order.of.account_mode = (struct wire_account_mode){
        .subject = {"flat-1", 1}, .mode = ACCOUNT_POSTPAID, .opening_micro = 1};
    return order;
}

static struct wire_order tenancy_of(uint8_t id, uint64_t seq) {
    struct wire_order order = order_of(WIRE_ORDER_TENANCY, id, seq);
    order.of.tenancy =
        (struct wire_tenancy){.subject = {"flat-1", 0}, .step = WIRE_TENANCY_OPEN};
    return order;
}

static struct wire_order tariff_of(uint8_t id, uint64_t seq, int64_t revision) {
    struct wire_order order = order_of(WIRE_ORDER_TARIFF, id, seq);
    struct wire_tariff *out = &order.of.tariff;
    *out = (struct wire_tariff){.zone = "Europe/London"};
    out->tariff = (struct tariff){.id = "flat",
                                  .revision = revision,
                                  .currency = "GBP",
                                  .effective_ms = NOW_MS,
                                  .until_ms = INT64_MAX,
                                  .band_count = 1,
                                  .bands = {"all"},
                                  .price_count = {{1}},
                                  .prices = {{{200000}}},
                                  .ladder = {.reset_day = 1, .reset_month_day = 101}};
    return order;
}

static void seal_payload(const struct seal_secret *secret, const char *gateway,
                         const uint8_t *payload, size_t len) {
    cr_assert_eq(seal_close(secret, SEAL_DOMAIN_ORDER, gateway, payload, len, message,
                            sizeof message, &message_len),
                 GW_OK);
}

static void make(const struct wire_order *order, const struct seal_secret *secret) {
    static uint8_t payload[WIRE_MESSAGE_MAX];
    size_t len = 0;
    cr_assert_eq(wire_order_encode(order, payload, sizeof payload, &len), GW_OK);
    seal_payload(secret, order->gateway, payload, len);
}

static enum gw_status take(bool to_all) {
    code = 0;
    return orders_take(orders, to_all, message, message_len, &code, &why);
}

static void sends(const struct wire_order *order, const struct seal_secret *secret) {
    make(order, secret);
    cr_assert_eq(take(strcmp(order->gateway, "_all") == 0), GW_OK);
}

/* The newest result, opened with the gateway's own key. */
static struct wire_result last_result(void) {
    const struct memory_row *row = &sink.now.results[sink.now.result_count - 1];
    struct wire_result result;
    const uint8_t *payload = NULL;
    size_t len = 0;
    uint8_t copy[WIRE_RESULT_MAX];
    cr_assert_gt(sink.now.result_count, 0);
    cr_assert_eq(seal_open(&gateway_key, 1, SEAL_GATEWAY, SEAL_DOMAIN_RESULT, "gw-1",
                           row->bytes, row->len, &scratch, &payload, &len),
                 GW_OK);
    memcpy(copy, payload, len);
    cr_assert_eq(wire_result_decode(copy, len, &scratch, &result), GW_OK);
    return result;
}

/* --- what an order does ------------------------------------------------------------------- */

Test(orders, a_credit_is_applied_and_answered_with_a_signed_result) {
    const struct wire_order order = credit_of(1, 1, 20000000);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    cr_assert_eq(sink.now.balance_micro, 20000000);
    const struct wire_result result = last_result();
    cr_assert_eq(result.code, WIRE_OK);
    cr_assert(result.has_order_id);
    cr_assert_eq(memcmp(result.order_id, order.order_id, sizeof result.order_id), 0);
    cr_assert_eq(result.at_ms, NOW_MS);
    cr_assert(result.has_ledger);
    cr_assert_eq(result.ledger_seq, 1);
    cr_assert_eq(result.chain_head[31], 0x11);
    cr_assert_eq(result.balance_micro, 20000000);
    cr_assert_eq(result.key_id, CREDIT_KEY);
    cr_assert_eq(result.order_through, 1);
    cr_assert_eq(result.order_highest, 1);
}

Test(orders, twenty_times_the_same_order_is_one_effect_and_one_answer) {
    const struct wire_order order = credit_of(1, 1, 5000000);
    for (int i = 0; i < 20; i++) {
        sends(&order, &credit_secret);
        cr_assert_eq(code, WIRE_OK, "%s", why);
        if (i > 0) {
            cr_assert_eq(sink.repeated.seq, 1);
            cr_assert_eq(sink.repeated.len, sink.now.results[0].len);
            cr_assert_eq(
                memcmp(sink.repeated.bytes, sink.now.results[0].bytes, sink.repeated.len), 0);
        }
        driven_clock_pass(&driven, 1000); /* the first answer keeps its first time */
    }
    cr_assert_eq(sink.repeats, 19);
    cr_assert_eq(sink.now.effects, 1);
    cr_assert_eq(sink.now.result_count, 1);
    cr_assert_eq(orders_counts(orders)->repeated, 19);
}

Test(orders, after_a_restart_an_order_is_still_done) {
    const struct wire_order order = credit_of(1, 1, 5000000);
    sends(&order, &credit_secret);
    reopen();
    sends(&order, &credit_secret);
    cr_assert_eq(sink.now.effects, 1);
    cr_assert_eq(sink.repeats, 1);
    struct wire_order_mark mark;
    cr_assert_eq(orders_marks(orders, &mark, 1), 1);
    cr_assert_eq(mark.key_id, CREDIT_KEY);
    cr_assert_eq(mark.through, 1);
}

Test(orders, credits_in_any_order_give_the_same) {
    for (unsigned seed = 1; seed <= 20; seed++) {
        uint8_t turn[40];
        memset(&sink, 0, sizeof sink);
        reopen();
        for (uint8_t i = 0; i < 40; i++) {
            turn[i] = i;
        }
        uint32_t dice = seed * 2654435761U;
        for (size_t i = 39; i > 0; i--) {
            dice = dice * 1664525U + 1013904223U;
            const size_t other = (dice >> 16) % (i + 1);
            const uint8_t swapped = turn[i];
            turn[i] = turn[other];
            turn[other] = swapped;
        }
        for (size_t i = 0; i < 40; i++) {
            const struct wire_order order =
                credit_of((uint8_t)(turn[i] + 1), turn[i] + 1U, 1000000 * (turn[i] + 1));
            sends(&order, &credit_secret);
            cr_assert_eq(code, WIRE_OK, "%s", why);
        }
        struct wire_order_mark mark;
        cr_assert_eq(sink.now.balance_micro, 820000000); /* 40 * 41 / 2 */
        cr_assert_eq(orders_marks(orders, &mark, 1), 1);
        cr_assert_eq(mark.through, 40);
        cr_assert_eq(mark.highest, 40);
    }
}

Test(orders, the_same_id_with_other_bytes_is_a_conflict_and_nothing_else) {
    const struct wire_order order = credit_of(1, 1, 5000000);
    const struct wire_order other = credit_of(1, 1, 5000001);
    sends(&order, &credit_secret);
    sends(&other, &credit_secret);
    cr_assert_eq(code, WIRE_CONFLICT);
    cr_assert_eq(last_result().code, WIRE_CONFLICT);
    cr_assert_eq(sink.now.balance_micro, 5000000);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK);
    cr_assert_eq(sink.now.effects, 1);
}

Test(orders, a_refusal_that_applying_gives_is_the_answer_for_ever) {
    const struct wire_order order = credit_of(1, 1, 5000000);
    sink.refuse_with = WIRE_UNKNOWN_ACCOUNT;
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_UNKNOWN_ACCOUNT);
    cr_assert_eq(last_result().order_through, 1);
    sink.refuse_with = 0;
    sends(&order, &credit_secret);
    cr_assert_eq(sink.now.effects, 0);
    cr_assert_eq(sink.repeats, 1);
}

Test(orders, what_is_held_while_it_is_applied_leaves_nothing_and_may_come_again) {
    const struct wire_order order = credit_of(1, 1, 5000000);
    sink.refuse_with = WIRE_HELD;
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_HELD);
    cr_assert_eq(last_result().code, WIRE_HELD);
    cr_assert_eq(last_result().order_highest, 0);
    sink.refuse_with = 0;
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK);
    cr_assert_eq(sink.now.effects, 1);
}

/* --- the order of checks ------------------------------------------------------------------ */

/* What can be wrong with an order, in the order in which WIRE looks for it. */
enum defect {
    TOO_LONG,
    UNKNOWN_KEY,
    TAMPERED,
    UNKNOWN_FIELD,
    WRONG_ROLE,
    OTHER_SITE,
    TAKEN_ID,
    USED_SEQ,
    OLD_REVISION,
    LATE,
    TOO_MUCH,
    NO_ACCOUNT,
    DEFECTS
};

static const struct {
    enum wire_code code;
    const char *why;
} expected[DEFECTS] = {
    [TOO_LONG] = {WIRE_UNSUPPORTED, "too long"},
    [UNKNOWN_KEY] = {WIRE_BAD_SIGNATURE, "not known"},
    [TAMPERED] = {WIRE_BAD_SIGNATURE, "signature is wrong"},
    [UNKNOWN_FIELD] = {WIRE_UNSUPPORTED, "not known here"},
    [WRONG_ROLE] = {WIRE_BAD_SIGNATURE, "a config key may not sign account_mode"},
    [OTHER_SITE] = {WIRE_WRONG_GATEWAY, "another one"},
    [TAKEN_ID] = {WIRE_CONFLICT, "another order's"},
    [USED_SEQ] = {WIRE_TOO_OLD, "used before"},
    [OLD_REVISION] = {WIRE_SUPERSEDED, "newer"},
    [LATE] = {WIRE_EXPIRED, "has passed"},
    [TOO_MUCH] = {WIRE_LIMIT, "more money"},
    [NO_ACCOUNT] = {WIRE_UNKNOWN_ACCOUNT, ""},
};

static bool has(unsigned defects, enum defect defect) {
    return defects >> defect & 1U;
}

static void send_with(unsigned defects) {
    static uint8_t payload[WIRE_MESSAGE_MAX];
    static const uint8_t field_109[] = {0xe8, 0x06, 1};
    size_t len = 0;
    struct wire_order order =
        mode_of(has(defects, TAKEN_ID) ? 1 : 2, has(defects, USED_SEQ)       ? 5
                                                : has(defects, OLD_REVISION) ? 4
                                                                             : 6);
    strcpy(order.actor, "another desk"); /* than that of the first order */
    if (has(defects, OTHER_SITE)) {
        strcpy(order.site, "barn");
    }
    order.not_after_ms = has(defects, LATE) ? NOW_MS - 1 : INT64_MAX;
    order.of.account_mode.opening_micro = has(defects, TOO_MUCH) ? 1000000001 : 1;
    sink.refuse_with = has(defects, NO_ACCOUNT) ? WIRE_UNKNOWN_ACCOUNT : 0;
    cr_assert_eq(wire_order_encode(&order, payload, sizeof payload, &len), GW_OK);
    if (has(defects, UNKNOWN_FIELD)) {
        memcpy(payload + len, field_109, sizeof field_109);
        len += sizeof field_109;
    }
    struct seal_secret secret = has(defects, WRONG_ROLE) ? config_secret : credit_secret;
    secret.key_id = has(defects, UNKNOWN_KEY) ? STRANGE_KEY : secret.key_id;
    seal_payload(&secret, "gw-1", payload, len);
    message[10] ^= has(defects, TAMPERED); /* within the payload */
    message_len = has(defects, TOO_LONG) ? WIRE_DOCUMENT_MAX + 1000 : message_len;
    cr_assert_eq(take(false), GW_OK);
}

static void begin_again(void) {
    memset(&sink, 0, sizeof sink);
    reopen();
    const struct wire_order first = mode_of(1, 5);
    sends(&first, &credit_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
}

Test(orders, without_a_defect_it_passes) {
    begin_again();
    send_with(0);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    cr_assert_eq(sink.now.effects, 2);
}

Test(orders, of_any_two_defects_the_earlier_check_answers) {
    for (unsigned first = 0; first < DEFECTS; first++) {
        for (unsigned second = first; second < DEFECTS; second++) {
            begin_again();
            send_with(1U << first | 1U << second);
            cr_expect_eq(code, expected[first].code, "%u and %u: %s %s", first, second,
                         wire_code_text(code), why);
            cr_expect_not_null(strstr(why, expected[first].why), "%u and %u: %s", first, second,
                               why);
            cr_expect_eq(sink.now.effects, 1, "%u and %u", first, second);
            cr_expect_eq(last_result().code, expected[first].code);
            cr_expect_eq(last_result().has_order_id, first > TAMPERED);
        }
    }
}

Test(orders, an_order_with_every_defect_fails_at_each_check_in_turn) {
    unsigned defects = (1U << DEFECTS) - 1;
    for (unsigned first = 0; first < DEFECTS; first++) {
        begin_again();
        send_with(defects);
        cr_expect_eq(code, expected[first].code, "%u: %s", first, wire_code_text(code));
        defects &= ~(1U << first);
    }
}

/* --- sequences ---------------------------------------------------------------------------- */

Test(orders, gaps_are_told_and_filled) {
    struct wire_order order = credit_of(1, 1, 1);
    struct wire_order_mark mark;
    sends(&order, &credit_secret);
    order = credit_of(4, 4, 1);
    sends(&order, &credit_secret);
    cr_assert_eq(orders_marks(orders, &mark, 1), 1);
    cr_assert_eq(mark.through, 1);
    cr_assert_eq(mark.highest, 4);
    cr_assert_eq(last_result().order_through, 1);
    order = credit_of(2, 2, 1);
    sends(&order, &credit_secret);
    order = credit_of(3, 3, 1);
    sends(&order, &credit_secret);
    cr_assert_eq(orders_marks(orders, &mark, 1), 1);
    cr_assert_eq(mark.through, 4);
}

Test(orders, a_number_that_was_used_is_too_old_and_says_where_the_sequence_is) {
    struct wire_order order = credit_of(1, 1, 1);
    sends(&order, &credit_secret);
    order = credit_of(2, 1, 1);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_TOO_OLD);
    cr_assert_eq(last_result().order_through, 1);
    cr_assert_eq(sink.now.effects, 1);
    order = credit_of(3, 1026, 1);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_LIMIT);
    cr_assert_eq(last_result().order_highest, 1);
}

Test(orders, a_refused_body_takes_its_place_in_the_sequence_and_keeps_its_answer) {
    static uint8_t payload[WIRE_MESSAGE_MAX];
    size_t len = 0;
    const struct wire_order order = credit_of(1, 1, 1);
    cr_assert_eq(wire_order_encode(&order, payload, sizeof payload, &len), GW_OK);
    memcpy(payload + len, "\xe8\x06\x01", 3); /* field 109 */
    seal_payload(&credit_secret, "gw-1", payload, len + 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(take(false), GW_OK);
    }
    cr_assert_eq(sink.now.result_count, 1);
    cr_assert_eq(last_result().code, WIRE_UNSUPPORTED);
    cr_assert_eq(last_result().order_through, 1);
    cr_assert_eq(sink.repeats, 2);
    cr_assert_eq(sink.now.effects, 0);
}

Test(orders, an_order_without_a_sequence_number_is_refused) {
    struct wire_order order = credit_of(1, 1, 1);
    order.has_seq = false;
    order.seq = 0;
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_UNSUPPORTED);
    cr_assert_eq(sink.now.effects, 0);
}

/* --- revisions ---------------------------------------------------------------------------- */

Test(orders, a_tariff_of_a_lower_or_equal_revision_is_superseded) {
    struct wire_order order = tariff_of(1, 1, 7);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    order = tariff_of(2, 2, 6);
    sends(&order, &other_secret); /* whoever sends it */
    order.seq = 1;
    sends(&order, &other_secret);
    for (int64_t revision = 6; revision <= 7; revision++) {
        order = tariff_of((uint8_t)(10 + revision), (uint64_t)revision, revision);
        sends(&order, &config_secret);
        cr_assert_eq(code, WIRE_SUPERSEDED);
        cr_assert(last_result().has_revision);
        cr_assert_eq(last_result().in_force_revision, 7);
    }
    cr_assert_eq(sink.now.tariff_revision, 7);
    order = tariff_of(3, 3, 8);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    cr_assert_eq(sink.now.tariff_revision, 8);
}

Test(orders, of_two_orders_for_one_tenancy_the_higher_number_of_a_key_counts) {
    struct wire_order order = tenancy_of(1, 2);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    order = tenancy_of(2, 1);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_SUPERSEDED);
    cr_assert_eq(last_result().order_through, 2);
    /* of another subject it is the newest, and numbers of two keys cannot be compared */
    order = tenancy_of(3, 3);
    strcpy(order.of.tenancy.subject.account, "flat-2");
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK);
    order = tenancy_of(4, 1);
    sends(&order, &other_secret);
    cr_assert_eq(code, WIRE_OK);
}

Test(orders, an_order_that_changed_nothing_supersedes_nothing) {
    struct wire_order order = tariff_of(1, 1, 9);
    sink.refuse_with = WIRE_UNSUPPORTED;
    sends(&order, &config_secret);
    sink.refuse_with = 0;
    order = tariff_of(2, 2, 8);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
}

/* --- time --------------------------------------------------------------------------------- */

Test(orders, without_a_clock_a_credit_counts_and_the_rest_waits) {
    clock_raise_floor(&driven.clock, NOW_MS + DAY_MS);
    driven.wall_ms = 1000; /* 1970 */
    struct wire_order order = credit_of(1, 1, 7);
    order.not_after_ms = 1;
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    struct wire_order tariff = tariff_of(2, 1, 7);
    tariff.issued_ms = NOW_MS + DAY_MS;
    sends(&tariff, &config_secret);
    cr_assert_eq(code, WIRE_HELD);
    cr_assert_eq(last_result().order_highest, 0);
    driven.wall_ms = NOW_MS + DAY_MS + HOUR_MS;
    sends(&tariff, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
}

Test(orders, a_window_is_kept_to_the_millisecond) {
    const struct {
        int64_t issued_ms, not_before_ms, not_after_ms;
        enum wire_code code;
    } rows[] = {
        {NOW_MS, NOW_MS, NOW_MS, WIRE_OK},
        {NOW_MS, NOW_MS + 1, INT64_MAX, WIRE_HELD},
        {NOW_MS, 0, NOW_MS - 1, WIRE_EXPIRED},
        {NOW_MS + HOUR_MS, 0, INT64_MAX, WIRE_OK},
        {NOW_MS + HOUR_MS + 1, 0, INT64_MAX, WIRE_HELD},
        {NOW_MS - 90 * DAY_MS, 0, INT64_MAX, WIRE_OK},
        {NOW_MS - 90 * DAY_MS - 1, 0, INT64_MAX, WIRE_TOO_OLD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_order order = tenancy_of((uint8_t)(i + 1), i + 1);
        order.issued_ms = rows[i].issued_ms;
        order.not_before_ms = rows[i].not_before_ms;
        order.not_after_ms = rows[i].not_after_ms;
        sends(&order, &config_secret);
        cr_expect_eq(code, rows[i].code, "row %zu: %s", i, why);
    }
}

Test(orders, what_is_held_takes_no_place_and_what_has_expired_does) {
    struct wire_order order = tenancy_of(1, 1);
    struct wire_order_mark mark;
    order.not_before_ms = NOW_MS + 1000;
    sends(&order, &config_secret);
    cr_assert_eq(orders_marks(orders, &mark, 1), 0);
    driven_clock_pass(&driven, 1000);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    order = tenancy_of(2, 2);
    order.not_after_ms = NOW_MS;
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_EXPIRED);
    cr_assert_eq(orders_marks(orders, &mark, 1), 1);
    cr_assert_eq(mark.through, 2);
}

/* --- everybody ---------------------------------------------------------------------------- */

static struct wire_order to_all(struct wire_order order) {
    strcpy(order.site, "_all");
    strcpy(order.gateway, "_all");
    return order;
}

Test(orders, a_tariff_for_everybody_has_a_sequence_of_its_own) {
    struct wire_order order = to_all(tariff_of(1, 1, 7));
    struct wire_order_mark marks[4];
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    order = tenancy_of(2, 1);
    sends(&order, &config_secret);
    cr_assert_eq(code, WIRE_OK, "%s", why);
    cr_assert_eq(orders_marks(orders, marks, 4), 2);
    cr_assert_neq(marks[0].to_all, marks[1].to_all);
    cr_assert_eq(marks[0].through, 1);
    cr_assert_eq(marks[1].through, 1);
}

Test(orders, money_for_everybody_is_refused) {
    const struct wire_order order = to_all(credit_of(1, 1, 5));
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_UNSUPPORTED);
    cr_assert_eq(sink.now.effects, 0);
}

Test(orders, what_is_for_one_is_not_for_everybody_nor_the_other_way_round) {
    struct wire_order order = tariff_of(1, 1, 7);
    make(&order, &config_secret);
    cr_assert_eq(take(true), GW_OK);
    cr_assert_eq(code, WIRE_BAD_SIGNATURE);
    order = to_all(order);
    make(&order, &config_secret);
    cr_assert_eq(take(false), GW_OK);
    cr_assert_eq(code, WIRE_BAD_SIGNATURE);
    cr_assert_eq(sink.now.effects, 0);
}

/* --- rates -------------------------------------------------------------------------------- */

Test(orders, strangers_are_answered_now_and_then) {
    const struct wire_order order = credit_of(1, 1, 5);
    make(&order, &credit_secret);
    message[10] ^= 1;
    for (int i = 0; i < 500; i++) {
        cr_assert_eq(take(false), GW_OK);
        cr_assert_eq(code, WIRE_BAD_SIGNATURE);
    }
    cr_assert_eq(sink.now.result_count, 5);
    cr_assert_eq(orders_counts(orders)->refused, 500);
    cr_assert_eq(orders_counts(orders)->silent, 495);
    driven_clock_pass(&driven, 10000);
    cr_assert_eq(take(false), GW_OK);
    cr_assert_eq(take(false), GW_OK);
    cr_assert_eq(sink.now.result_count, 6);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK, "the good one still gets through: %s", why);
}

Test(orders, what_a_broker_plays_back_is_answered_ten_times_a_second) {
    const struct wire_order order = credit_of(1, 1, 5);
    sends(&order, &credit_secret);
    for (int i = 0; i < 400; i++) {
        cr_assert_eq(take(false), GW_OK);
    }
    cr_assert_eq(sink.repeats, 100);
    driven_clock_pass(&driven, 1000);
    for (int i = 0; i < 400; i++) {
        cr_assert_eq(take(false), GW_OK);
    }
    cr_assert_eq(sink.repeats, 110);
}

Test(orders, a_flood_is_not_even_looked_at) {
    const struct wire_order order = credit_of(1, 1, 5);
    make(&order, &credit_secret);
    message[10] ^= 1;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(take(false), GW_OK);
    }
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_LIMIT);
    cr_assert_eq(sink.now.effects, 0);
    driven_clock_pass(&driven, 1000);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK);
}

/* --- when the storage fails --------------------------------------------------------------- */

Test(orders, wherever_the_storage_fails_the_order_is_applied_once_in_the_end) {
    static const enum gw_status failures[] = {GW_ENOSPACE, GW_ESTORAGE, GW_EUNKNOWN};
    const struct wire_order order = tariff_of(1, 1, 3);
    for (size_t f = 0; f < 3; f++) {
        for (uint64_t at = 1;; at++) {
            memset(&sink, 0, sizeof sink);
            reopen();
            sink.fail_at = at;
            sink.fail_with = failures[f];
            make(&order, &config_secret);
            const enum gw_status status = take(false);
            if (sink.calls < at) {
                cr_assert_eq(status, GW_OK);
                cr_assert_gt(at, 7, "begin, apply, three puts or more, commit");
                break;
            }
            cr_assert_eq(status, failures[f] == GW_ENOSPACE ? GW_OK : failures[f]);
            cr_assert(status != GW_OK || code == WIRE_INTERNAL);
            cr_assert_not(sink.is_open);
            cr_assert_eq(sink.now.effects, 0);
            cr_assert_eq(sink.now.done_count, 0);
            cr_assert_eq(sink.now.value_count, 0);
            cr_assert_eq(take(false), GW_OK);
            cr_assert_eq(code, WIRE_OK, "%s", why);
            cr_assert_eq(take(false), GW_OK);
            cr_assert_eq(sink.now.effects, 1);
            cr_assert_eq(sink.now.done_count, 1);
            cr_assert_eq(sink.now.result_count, 1);
        }
    }
}

Test(orders, damage_in_what_is_stored_is_said_at_the_start) {
    const struct orders_sink functions = memory_sink_of(&sink);
    struct orders *broken = NULL;
    strcpy(sink.now.values[0].key, "sequence/2");
    sink.now.values[0].len = 3;
    sink.now.value_count = 1;
    cr_assert_eq(orders_open(&config, &functions, &broken), GW_EDAMAGED);
    cr_assert_null(broken);
}

/* --- other keys --------------------------------------------------------------------------- */

Test(orders, a_key_that_is_gone_signs_nothing_and_comes_back_where_it_was) {
    struct wire_order order = credit_of(1, 1, 5);
    sends(&order, &credit_secret);
    struct orders_config fewer = config;
    fewer.keys = keys + 1;
    fewer.key_count = 2;
    cr_assert_eq(orders_configure(orders, &fewer), GW_OK);
    order = credit_of(2, 2, 5);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_BAD_SIGNATURE);
    cr_assert_eq(orders_configure(orders, &config), GW_OK);
    order = credit_of(3, 1, 5);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_TOO_OLD);
    order = credit_of(2, 2, 5);
    sends(&order, &credit_secret);
    cr_assert_eq(code, WIRE_OK);
}
