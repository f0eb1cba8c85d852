/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/sync/drain.h"

enum { BATCH = 500 };

static const struct drain_config plain = {
    .delay_ms = 300000, .interval_ms = 50, .batch_max = BATCH};

static struct drain drain;
static const struct drain_stream *const readings = &drain.streams[WIRE_READINGS];
static enum wire_stream stream;
static uint64_t tokens;

/* A drain that knows of readings (acked, head], and of nothing else. */
static void begin(uint64_t acked, uint64_t head) {
    drain_init(&drain, &plain);
    drain_begin(&drain, WIRE_READINGS, acked, head);
}

/* A drain that is up, with records (acked, head]. */
static void up(uint64_t acked, uint64_t head) {
    begin(acked, head);
    drain_up(&drain, 0, 0);
    tokens = 0;
}

static uint64_t wanted(int64_t now_ms) {
    uint64_t from = 0;
    cr_assert(drain_wants(&drain, now_ms, &stream, &from));
    return from;
}

static void wants_nothing(int64_t now_ms) {
    uint64_t from = 0;
    cr_assert_not(drain_wants(&drain, now_ms, &stream, &from));
}

/* Sends one message that ends at `last`; its token. */
static uint64_t send_through(int64_t now_ms, uint64_t last) {
    cr_assert_leq(wanted(now_ms), last);
    drain_sent(&drain, now_ms, WIRE_READINGS, last, ++tokens);
    return tokens;
}

Test(drain, nothing_is_sent_while_the_link_is_down) {
    begin(0, 10);
    wants_nothing(0);
    drain_up(&drain, 0, 0);
    cr_assert_eq(wanted(0), 1);
    drain_down(&drain);
    wants_nothing(1000000);
}

Test(drain, sending_starts_behind_what_the_cloud_has) {
    up(41, 50);
    cr_assert_eq(wanted(0), 42);
}

Test(drain, nothing_stored_is_nothing_to_send) {
    up(0, 0);
    wants_nothing(0);
    drain_stored(&drain, WIRE_READINGS, 1);
    cr_assert_eq(wanted(0), 1);
    send_through(0, 1);
    wants_nothing(0);
    drain_stored(&drain, WIRE_READINGS, 3);
    cr_assert_eq(wanted(0), 2);
}

Test(drain, sixteen_messages_without_a_puback_fill_the_window) {
    up(0, 100);
    for (uint64_t i = 1; i <= 16; i++) {
        send_through(0, i);
    }
    wants_nothing(0);
    drain_confirmed(&drain, 5);
    cr_assert_eq(wanted(0), 17);
    send_through(0, 17);
    wants_nothing(0);
    drain_confirmed(&drain, 1);
    drain_confirmed(&drain, 2);
    send_through(0, 18);
    send_through(0, 19);
    wants_nothing(0);
}

Test(drain, a_puback_only_moves_the_window) {
    up(0, 20);
    for (uint64_t i = 1; i <= 16; i++) {
        send_through(0, i);
    }
    for (uint64_t token = 1; token <= 16; token++) {
        drain_confirmed(&drain, token);
    }
    cr_assert_eq(readings->acked, 0, "delivered is what the cloud says");
    cr_assert_eq(wanted(0), 17);
    drain_down(&drain);
    drain_up(&drain, 1000, 0);
    cr_assert_eq(wanted(1000), 1, "all of it goes out again");
}

Test(drain, a_token_that_is_not_known_changes_nothing) {
    up(0, 100);
    for (uint64_t i = 1; i <= 16; i++) {
        send_through(0, i);
    }
    const struct drain before = drain;
    drain_confirmed(&drain, 0);
    drain_confirmed(&drain, 17);
    drain_confirmed(&drain, UINT64_MAX);
    cr_assert_eq(memcmp(&before, &drain, sizeof drain), 0);
    wants_nothing(0);
    drain_confirmed(&drain, 3);
    drain_confirmed(&drain, 3); /* a second PUBACK for the same message */
    send_through(0, 17);
    wants_nothing(0);
}

Test(drain, pubacks_of_an_earlier_connection_make_no_room_beyond_the_window) {
    up(0, 100);
    for (uint64_t i = 1; i <= 16; i++) {
        send_through(0, i);
    }
    drain_down(&drain);
    drain_up(&drain, 10, 0);
    for (uint64_t i = 1; i <= 16; i++) {
        send_through(10, i);
    }
    for (uint64_t token = 1; token <= 16; token++) {
        drain_confirmed(&drain, token);
    }
    wants_nothing(10);
}

Test(drain, the_clouds_acknowledgement_is_what_counts) {
    up(0, 20);
    send_through(0, 5);
    send_through(0, 9);
    cr_assert(drain_acknowledged(&drain, 100, WIRE_READINGS, 5));
    cr_assert_eq(readings->acked, 5);
    cr_assert_eq(wanted(100), 10, "what was sent and not acknowledged is not sent twice");
    drain_down(&drain);
    drain_up(&drain, 200, 0);
    cr_assert_eq(wanted(200), 6);
}

Test(drain, an_acknowledgement_ahead_of_sending_skips_what_the_cloud_has) {
    up(0, 20);
    cr_assert(drain_acknowledged(&drain, 0, WIRE_READINGS, 15));
    cr_assert_eq(wanted(0), 16);
    cr_assert(drain_acknowledged(&drain, 0, WIRE_READINGS, 20));
    wants_nothing(0);
}

Test(drain, an_acknowledgement_beyond_the_head_is_refused) {
    up(3, 20);
    send_through(0, 10);
    const struct drain before = drain;
    cr_assert_not(drain_acknowledged(&drain, 5, WIRE_READINGS, 21));
    cr_assert_not(drain_acknowledged(&drain, 5, WIRE_READINGS, UINT64_MAX));
    cr_assert_eq(memcmp(&before, &drain, sizeof drain), 0);
    cr_assert(drain_acknowledged(&drain, 5, WIRE_READINGS, 20));
}

Test(drain, an_acknowledgement_of_less_than_before_is_ignored) {
    up(10, 20);
    send_through(0, 15);
    const struct drain before = drain;
    cr_assert(drain_acknowledged(&drain, 5, WIRE_READINGS, 10));
    cr_assert(drain_acknowledged(&drain, 5, WIRE_READINGS, 4));
    cr_assert(drain_acknowledged(&drain, 5, WIRE_READINGS, 0));
    cr_assert_eq(memcmp(&before, &drain, sizeof drain), 0);
}

Test(drain, the_cloud_may_ask_for_records_again) {
    up(10, 100);
    send_through(0, 60);
    cr_assert(drain_rewind(&drain, WIRE_READINGS, 31));
    cr_assert_eq(wanted(0), 31);
    cr_assert(drain_rewind(&drain, WIRE_READINGS, 50));
    cr_assert_eq(wanted(0), 31, "forward is no rewind");
    cr_assert(drain_rewind(&drain, WIRE_READINGS, 11));
    cr_assert_eq(wanted(0), 11);
}

Test(drain, asking_for_records_that_do_not_exist_is_refused) {
    up(10, 100);
    send_through(0, 60);
    const struct drain before = drain;
    cr_assert_not(drain_rewind(&drain, WIRE_READINGS, 0));
    cr_assert_not(drain_rewind(&drain, WIRE_READINGS, 102));
    cr_assert_not(drain_rewind(&drain, WIRE_READINGS, UINT64_MAX));
    cr_assert_eq(memcmp(&before, &drain, sizeof drain), 0);
    cr_assert(drain_rewind(&drain, WIRE_READINGS, 101), "the next one that will be stored");
    cr_assert_eq(wanted(0), 61);
}

Test(drain, a_large_backlog_waits_its_share_of_the_delay) {
    static const struct {
        unsigned share;
        int64_t wait_ms;
    } table[] = {{0, 0}, {1, 300}, {500, 150000}, {999, 299700}, {1000, 300000}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        begin(0, BATCH + 1);
        drain_up(&drain, 7000, table[i].share);
        if (table[i].wait_ms > 0) {
            wants_nothing(7000);
            wants_nothing(7000 + table[i].wait_ms - 1);
        }
        cr_assert_eq(wanted(7000 + table[i].wait_ms), 1, "share %u", table[i].share);
    }
}

Test(drain, a_short_backlog_goes_out_at_once) {
    begin(1000, 1000 + BATCH);
    drain_up(&drain, 7000, 1000);
    cr_assert_eq(wanted(7000), 1001);
}

Test(drain, the_delay_counts_from_each_connect) {
    begin(0, 10 * BATCH);
    drain_up(&drain, 0, 1000);
    drain_down(&drain);
    drain_up(&drain, 200000, 1000);
    wants_nothing(300000);
    wants_nothing(499999);
    cr_assert_eq(wanted(500000), 1);
}

Test(drain, messages_of_a_backlog_keep_their_interval) {
    up(0, 4 * BATCH);
    send_through(0, BATCH);
    wants_nothing(0);
    wants_nothing(49);
    cr_assert_eq(wanted(50), BATCH + 1);
    send_through(60, 2 * BATCH);
    wants_nothing(109);
    send_through(110, 3 * BATCH);
    /* one batch is left: that is no backlog any more */
    cr_assert_eq(wanted(110), 3 * BATCH + 1);
}

Test(drain, new_readings_of_a_gateway_that_keeps_up_are_not_held_back) {
    up(0, 0);
    for (uint64_t i = 1; i <= 10; i++) {
        drain_stored(&drain, WIRE_READINGS, 12 * i);
        send_through(0, 12 * i);
    }
    drain_stored(&drain, WIRE_READINGS, 130);
    cr_assert_eq(wanted(0), 121);
}

Test(drain, a_puback_that_takes_a_minute_means_a_dead_link) {
    up(0, 10);
    cr_assert_not(drain_is_stuck(&drain, 1000000), "nothing is under way");
    const uint64_t first = send_through(5000, 1);
    send_through(30000, 2);
    cr_assert_not(drain_is_stuck(&drain, 64999));
    cr_assert(drain_is_stuck(&drain, 65000));
    drain_confirmed(&drain, first);
    cr_assert_not(drain_is_stuck(&drain, 89999));
    cr_assert(drain_is_stuck(&drain, 90000));
    drain_down(&drain);
    cr_assert_not(drain_is_stuck(&drain, 1000000));
}

Test(drain, an_acknowledgement_that_does_not_come_sends_again) {
    up(0, 100);
    send_through(1000, 50);
    drain_confirmed(&drain, 1);
    drain_tick(&drain, 30999);
    cr_assert_eq(wanted(30999), 51);
    drain_tick(&drain, 31000);
    cr_assert_eq(wanted(31000), 1);
    send_through(31000, 50);
    drain_tick(&drain, 60999);
    cr_assert_eq(wanted(60999), 51, "and waits as long again");
    drain_tick(&drain, 61000);
    cr_assert_eq(wanted(61000), 1);
}

Test(drain, progress_of_the_acknowledgement_puts_off_sending_again) {
    up(0, 100);
    send_through(0, 50);
    cr_assert(drain_acknowledged(&drain, 20000, WIRE_READINGS, 10));
    drain_tick(&drain, 49999);
    cr_assert_eq(wanted(49999), 51);
    drain_tick(&drain, 50000);
    cr_assert_eq(wanted(50000), 11);
}

Test(drain, what_is_all_acknowledged_is_not_sent_again) {
    up(0, 50);
    send_through(0, 50);
    cr_assert(drain_acknowledged(&drain, 10, WIRE_READINGS, 50));
    drain_tick(&drain, 1000000);
    wants_nothing(1000000);
    /* the wait starts with the next message, not with the last acknowledgement */
    drain_stored(&drain, WIRE_READINGS, 60);
    send_through(2000000, 60);
    drain_tick(&drain, 2000000 + 29999);
    wants_nothing(2029999);
    drain_tick(&drain, 2030000);
    cr_assert_eq(wanted(2030000), 51);
}

Test(drain, a_tick_while_the_link_is_down_changes_nothing) {
    up(0, 50);
    send_through(0, 50);
    drain_down(&drain);
    const struct drain before = drain;
    drain_tick(&drain, 10000000);
    cr_assert_eq(memcmp(&before, &drain, sizeof drain), 0);
}

Test(drain, no_more_than_32000_records_run_ahead_of_the_acknowledgement) {
    int64_t now_ms = 0;
    up(0, 1000000);
    for (uint64_t last = BATCH; last <= 32000; last += BATCH) {
        drain_confirmed(&drain, send_through(now_ms, last));
        now_ms += 50;
    }
    wants_nothing(now_ms);
    wants_nothing(now_ms + 20000);
    cr_assert(drain_acknowledged(&drain, now_ms, WIRE_READINGS, 1));
    cr_assert_eq(wanted(now_ms), 32001);
}

/* --- several streams
 * --------------------------------------------------------------------------
 */

/* Something waits in every stream: ledger 10, results 4, events 5, readings 300. */
static void up_with_all(void) {
    begin(0, 300);
    drain_begin(&drain, WIRE_LEDGER, 0, 10);
    drain_begin(&drain, WIRE_EVENTS, 2, 7);
    drain_begin(&drain, WIRE_RESULTS, 5, 9);
    drain_up(&drain, 0, 0);
    tokens = 0;
}

static void sends(int64_t now_ms, enum wire_stream want, uint64_t first, uint64_t last) {
    uint64_t from = 0;
    cr_assert(drain_wants(&drain, now_ms, &stream, &from));
    cr_assert_eq(stream, want, "%d", (int)stream);
    cr_assert_eq(from, first);
    drain_sent(&drain, now_ms, stream, last, ++tokens);
}

Test(drain, ledger_goes_before_results_events_and_readings) {
    up_with_all();
    sends(0, WIRE_LEDGER, 1, 6);
    sends(0, WIRE_LEDGER, 7, 10);
    sends(0, WIRE_RESULTS, 6, 9);
    sends(0, WIRE_EVENTS, 3, 7);
    sends(0, WIRE_READINGS, 1, 200);
    drain_stored(&drain, WIRE_EVENTS, 8);
    drain_stored(&drain, WIRE_LEDGER, 11);
    sends(0, WIRE_LEDGER, 11, 11);
    sends(0, WIRE_EVENTS, 8, 8);
    sends(0, WIRE_READINGS, 201, 300);
    wants_nothing(0);
}

Test(drain, the_streams_share_one_window) {
    begin(0, 300);
    drain_begin(&drain, WIRE_LEDGER, 0, 100);
    drain_up(&drain, 0, 0);
    tokens = 0;
    for (uint64_t i = 1; i <= 15; i++) {
        sends(0, WIRE_LEDGER, i, i);
    }
    drain_begin(&drain, WIRE_LEDGER, 100, 100);
    sends(0, WIRE_READINGS, 1, 5);
    wants_nothing(0);
    drain_confirmed(&drain, 3);
    sends(0, WIRE_READINGS, 6, 6);
    wants_nothing(0);
}

Test(drain, an_acknowledgement_of_one_stream_moves_no_other) {
    up_with_all();
    sends(0, WIRE_LEDGER, 1, 10);
    sends(0, WIRE_RESULTS, 6, 9);
    cr_assert(drain_acknowledged(&drain, 5, WIRE_LEDGER, 10));
    cr_assert_not(drain_acknowledged(&drain, 5, WIRE_EVENTS, 8), "there is none");
    cr_assert_eq(drain.streams[WIRE_LEDGER].acked, 10);
    cr_assert_eq(drain.streams[WIRE_RESULTS].acked, 5);
    cr_assert_eq(drain.streams[WIRE_EVENTS].acked, 2);
    cr_assert_eq(readings->acked, 0);
    cr_assert(drain_rewind(&drain, WIRE_RESULTS, 8));
    sends(10, WIRE_RESULTS, 8, 9);
    drain_down(&drain);
    drain_up(&drain, 20, 0);
    sends(20, WIRE_RESULTS, 6, 9);
}

Test(drain, a_stream_that_is_not_acknowledged_goes_again_and_the_others_do_not) {
    up_with_all();
    sends(0, WIRE_LEDGER, 1, 10);
    sends(0, WIRE_RESULTS, 6, 9);
    cr_assert(drain_acknowledged(&drain, 100, WIRE_LEDGER, 10));
    sends(20000, WIRE_EVENTS, 3, 7);
    sends(20000, WIRE_READINGS, 1, 300);
    drain_tick(&drain, 30000);
    sends(30000, WIRE_RESULTS, 6, 9);
    wants_nothing(30000);
    drain_tick(&drain, 50000);
    sends(50000, WIRE_EVENTS, 3, 7);
    sends(50000, WIRE_READINGS, 1, 300);
    wants_nothing(50000);
}

Test(drain, a_long_backlog_waits_and_what_is_short_does_not) {
    begin(0, 10 * BATCH);
    drain_begin(&drain, WIRE_LEDGER, 0, 10);
    drain_begin(&drain, WIRE_EVENTS, 0, 1);
    drain_up(&drain, 1000, 1000);
    tokens = 0;
    cr_assert_eq(drain_due_ms(&drain, 1000), 301000);
    sends(1000, WIRE_LEDGER, 1, 10);
    sends(1000, WIRE_EVENTS, 1, 1);
    wants_nothing(300999);
    sends(301000, WIRE_READINGS, 1, BATCH);
    cr_assert_eq(drain_due_ms(&drain, 301000), 301050);
    drain_stored(&drain, WIRE_RESULTS, 1);
    sends(301001, WIRE_RESULTS, 1, 1);
    wants_nothing(301049);
    sends(301050, WIRE_READINGS, BATCH + 1, 2 * BATCH);
}

Test(drain, two_backlogs_share_one_rate_and_the_ledger_comes_first) {
    begin(0, 3 * BATCH);
    drain_begin(&drain, WIRE_LEDGER, 0, 3 * BATCH);
    drain_up(&drain, 0, 0);
    tokens = 0;
    sends(0, WIRE_LEDGER, 1, BATCH);
    wants_nothing(49);
    sends(50, WIRE_LEDGER, BATCH + 1, 2 * BATCH);
    sends(50, WIRE_LEDGER, 2 * BATCH + 1, 3 * BATCH);
    sends(50, WIRE_READINGS, 1, BATCH);
    wants_nothing(99);
    sends(100, WIRE_READINGS, BATCH + 1, 2 * BATCH);
}

Test(drain, a_stream_that_is_halted_holds_up_no_other) {
    up_with_all();
    drain_halt(&drain, WIRE_LEDGER);
    sends(0, WIRE_RESULTS, 6, 9);
    drain_stored(&drain, WIRE_LEDGER, 12);
    sends(0, WIRE_EVENTS, 3, 7);
    drain_down(&drain);
    drain_up(&drain, 0, 0);
    sends(0, WIRE_RESULTS, 6, 9);
}

/* --- against a reference -------------------------------------------------------------------
 */

/* The same rules, written down as plainly as can be: a list of what is on its way. */
struct reference {
    bool up;
    uint64_t acked;
    uint64_t next;
    uint64_t head;
    int64_t not_before_ms;
    int64_t progress_ms;
    struct {
        uint64_t token;
        int64_t sent_ms;
    } flying[16];
    unsigned flying_count;
};
static struct reference model;

static bool model_backlog(void) {
    return model.head >= model.next && model.head - model.next + 1 > plain.batch_max;
}

static bool model_wants(int64_t now_ms) {
    return model.up && model.flying_count < 16 && model.next <= model.head &&
           model.next - model.acked <= 32000 && now_ms >= model.not_before_ms;
}

static void model_sent(int64_t now_ms, uint64_t last, uint64_t token) {
    if (model.next == model.acked + 1) {
        model.progress_ms = now_ms;
    }
    model.next = last + 1;
    model.flying[model.flying_count].token = token;
    model.flying[model.flying_count++].sent_ms = now_ms;
    if (model_backlog()) {
        model.not_before_ms = now_ms + plain.interval_ms;
    }
}

static void model_confirmed(uint64_t token) {
    for (unsigned i = 0; i < model.flying_count; i++) {
        if (model.flying[i].token == token) {
            model.flying[i] = model.flying[--model.flying_count];
            return;
        }
    }
}

static bool model_stuck(int64_t now_ms) {
    for (unsigned i = 0; i < model.flying_count; i++) {
        if (now_ms - model.flying[i].sent_ms >= 60000) {
            return true;
        }
    }
    return false;
}

static void model_up(int64_t now_ms, unsigned share) {
    model.up = true;
    model.flying_count = 0;
    model.next = model.acked + 1;
    model.progress_ms = now_ms;
    model.not_before_ms = now_ms + (model_backlog() ? plain.delay_ms / 1000 * share : 0);
}

static bool model_acknowledged(int64_t now_ms, uint64_t through) {
    if (through > model.head) {
        return false;
    }
    if (through > model.acked) {
        model.acked = through;
        model.progress_ms = now_ms;
        if (model.next <= through) {
            model.next = through + 1;
        }
    }
    return true;
}

static bool model_rewind(uint64_t from) {
    if (from < 1 || from > model.head + 1) {
        return false;
    }
    if (from < model.next) {
        model.next = from;
    }
    return true;
}

static void model_tick(int64_t now_ms) {
    if (model.up && model.next > model.acked + 1 && now_ms - model.progress_ms >= 30000) {
        model.next = model.acked + 1;
        model.progress_ms = now_ms;
    }
}

static uint64_t random_state;

static uint64_t dice(uint64_t sides) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % sides;
}

static void random_step(int64_t now_ms) {
    const uint64_t token = tokens > 20 ? tokens - dice(20) : dice(tokens + 2);
    /* around what is possible, sometimes beyond it */
    const uint64_t seq = model.acked + dice(model.head - model.acked + 3);
    switch (dice(12)) {
    case 0: {
        const unsigned share = (unsigned)dice(1001);
        drain_up(&drain, now_ms, share);
        model_up(now_ms, share);
        break;
    }
    case 1:
        if (dice(4) == 0) {
            drain_down(&drain);
            model.up = false;
            model.flying_count = 0;
        }
        break;
    case 2:
    case 3:
        model.head += dice(2000);
        drain_stored(&drain, WIRE_READINGS, model.head);
        break;
    case 4:
    case 5:
        drain_confirmed(&drain, token);
        model_confirmed(token);
        break;
    case 6:
        cr_assert_eq(drain_acknowledged(&drain, now_ms, WIRE_READINGS, seq),
                     model_acknowledged(now_ms, seq));
        break;
    case 7:
        if (dice(4) == 0) {
            cr_assert_eq(drain_rewind(&drain, WIRE_READINGS, seq), model_rewind(seq));
        }
        break;
    case 8:
        drain_tick(&drain, now_ms);
        model_tick(now_ms);
        break;
    default: {
        uint64_t from = 0;
        if (drain_wants(&drain, now_ms, &stream, &from)) {
            const uint64_t left = model.head - from;
            const uint64_t last = from + dice(left < BATCH ? left + 1 : BATCH);
            drain_sent(&drain, now_ms, WIRE_READINGS, last, ++tokens);
            model_sent(now_ms, last, tokens);
        }
        break;
    }
    }
}

Test(drain, a_hundred_thousand_random_steps_agree_with_the_reference) {
    unsigned sent = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        int64_t now_ms = 0;
        random_state = seed * 0x9e3779b97f4a7c15;
        model = (struct reference){.acked = seed, .next = seed + 1, .head = seed * 500};
        begin(model.acked, model.head);
        tokens = 0;
        for (int step = 0; step < 5000; step++) {
            uint64_t from = 0;
            now_ms += (int64_t)dice(step % 100 == 0 ? 70000 : 200);
            random_step(now_ms);
            cr_assert_eq(drain_wants(&drain, now_ms, &stream, &from), model_wants(now_ms),
                         "seed %lu step %d", (unsigned long)seed, step);
            cr_assert_eq(readings->next, model.next, "seed %lu step %d", (unsigned long)seed,
                         step);
            cr_assert_eq(readings->acked, model.acked);
            cr_assert_eq(drain_is_stuck(&drain, now_ms), model_stuck(now_ms),
                         "seed %lu step %d", (unsigned long)seed, step);
        }
        sent += (unsigned)tokens;
    }
    cr_assert_gt(sent, 1000, "the steps did send something");
}

/* A cloud end that commits what comes in order and asks for what is missing; messages may be
 * lost with the connection. Everything arrives, nothing twice in what is committed. */
Test(drain, every_record_arrives_through_a_link_that_fails_all_the_time) {
    uint64_t committed = 0;
    int64_t now_ms = 0;
    random_state = 77;
    up(0, 20000);
    for (int step = 0; step < 200000 && committed < 20000; step++) {
        uint64_t from = 0;
        now_ms += 60;
        if (dice(40) == 0) {
            drain_down(&drain);
            drain_up(&drain, now_ms, 0);
        }
        if (drain_wants(&drain, now_ms, &stream, &from)) {
            const uint64_t last = from + 99 < 20000 ? from + 99 : 20000;
            drain_sent(&drain, now_ms, WIRE_READINGS, last, ++tokens);
            if (dice(5) > 0) { /* it arrives */
                drain_confirmed(&drain, tokens);
                if (from <= committed + 1) {
                    committed = last > committed ? last : committed;
                } else if (dice(2) == 0) {
                    cr_assert(drain_rewind(&drain, WIRE_READINGS, committed + 1));
                }
            }
        }
        if (dice(3) == 0) {
            cr_assert(drain_acknowledged(&drain, now_ms, WIRE_READINGS, committed));
        }
        drain_tick(&drain, now_ms);
        if (drain_is_stuck(&drain, now_ms)) {
            drain_down(&drain);
            drain_up(&drain, now_ms, 0);
        }
    }
    cr_assert_eq(committed, 20000);
}
