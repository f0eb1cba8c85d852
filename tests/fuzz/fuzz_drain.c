/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window over the outboxes under everything the cloud, the broker and the clock may do:
 * { event | number }... Nothing is sent beyond what is stored, what was acknowledged is not
 * sent again unless the cloud asks for it, and no more is under way than the window holds.
 */
#include "gateway/sync/drain.h"
#include "tests/fuzz/fuzz.h"

enum event { STORED, SENT, CONFIRMED, ACKNOWLEDGED, REWIND, UP, DOWN, TICK, EVENTS };
enum { BATCH = 50 };

struct session {
    struct drain drain;
    int64_t now_ms;
    uint64_t token;
    bool was_asked; /* the cloud's own wish may lie before what it has acknowledged */
};

static void send_one(struct session *session, unsigned n) {
    struct drain *drain = &session->drain;
    enum wire_stream stream;
    uint64_t from = 0;
    if (drain_wants(drain, session->now_ms, &stream, &from)) {
        const struct drain_stream *at = &drain->streams[stream];
        FUZZ_CHECK(drain->is_up && drain->in_flight < DRAIN_WINDOW && !at->is_halted);
        FUZZ_CHECK(from >= 1 && from <= at->head);
        FUZZ_CHECK(from > at->acked || session->was_asked);
        const uint64_t last = from + n % BATCH < at->head ? from + n % BATCH : at->head;
        drain_sent(drain, session->now_ms, stream, last, ++session->token);
        FUZZ_CHECK(at->next == last + 1);
    }
}

static void acknowledge(struct session *session, enum wire_stream stream, unsigned n) {
    const struct drain_stream *at = &session->drain.streams[stream];
    const uint64_t before = at->acked;
    const uint64_t through = before + n - 100U;
    const bool exists = n >= 100 || before >= 100 - n ? through <= at->head : false;
    const bool taken = drain_acknowledged(&session->drain, session->now_ms, stream, through);
    FUZZ_CHECK(taken == exists);
    FUZZ_CHECK(at->acked == (taken && through > before ? through : before));
}

static void happen(struct session *session, enum event event, enum wire_stream stream,
                   unsigned n) {
    struct drain *drain = &session->drain;
    switch ((int)event) {
    case STORED:
        drain_stored(drain, stream, drain->streams[stream].head + n);
        break;
    case SENT:
        send_one(session, n);
        break;
    case CONFIRMED:
        drain_confirmed(drain, n % 2 ? session->token : n);
        break;
    case ACKNOWLEDGED:
        acknowledge(session, stream, n);
        break;
    case REWIND:
        session->was_asked |= drain_rewind(drain, stream, (uint64_t)n * 2);
        break;
    case UP:
        drain_up(drain, session->now_ms, n);
        break;
    case DOWN:
        drain_down(drain);
        break;
    default:
        session->now_ms += (int64_t)n * 400;
        drain_tick(drain, session->now_ms);
        FUZZ_CHECK(drain_due_ms(drain, session->now_ms) > session->now_ms);
    }
}

/* The upper bits of an event say which stream it is about: 0 of the corpus is the readings. */
void fuzz_one(const uint8_t *data, size_t size) {
    static const struct drain_config config = {
        .delay_ms = 5000, .interval_ms = 50, .batch_max = 500};
    struct fuzz_input input = {.data = data, .size = size};
    struct session session = {.now_ms = 1000};
    const uint64_t acked = fuzz_byte(&input);
    drain_init(&session.drain, &config);
    drain_begin(&session.drain, WIRE_READINGS, acked, acked + fuzz_byte(&input));
    while (input.size > 0) {
        const unsigned what = fuzz_byte(&input);
        const enum wire_stream stream = (enum wire_stream)(WIRE_READINGS + what / 64);
        happen(&session, (enum event)(what % EVENTS), stream, fuzz_byte(&input));
        const struct drain_stream *at = &session.drain.streams[stream];
        FUZZ_CHECK(at->acked <= at->head);
        FUZZ_CHECK(at->next >= 1 && at->next <= at->head + 1);
        FUZZ_CHECK(session.drain.in_flight <= DRAIN_WINDOW);
    }
}
