/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window over the outbox under everything the cloud, the broker and the clock may do:
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
    uint64_t from = 0;
    if (drain_wants(drain, session->now_ms, &from)) {
        FUZZ_CHECK(drain->is_up && drain->in_flight < DRAIN_WINDOW);
        FUZZ_CHECK(from >= 1 && from <= drain->head);
        FUZZ_CHECK(from > drain->acked || session->was_asked);
        const uint64_t last = from + n % BATCH < drain->head ? from + n % BATCH : drain->head;
        drain_sent(drain, session->now_ms, last, ++session->token);
        FUZZ_CHECK(drain->next == last + 1);
    }
}

static void acknowledge(struct session *session, unsigned n) {
    struct drain *drain = &session->drain;
    const uint64_t before = drain->acked;
    const uint64_t through = before + n - 100U;
    const bool exists = n >= 100 || before >= 100 - n ? through <= drain->head : false;
    const bool taken = drain_acknowledged(drain, session->now_ms, through);
    FUZZ_CHECK(taken == exists);
    FUZZ_CHECK(drain->acked == (taken && through > before ? through : before));
}

static void happen(struct session *session, enum event event, unsigned n) {
    struct drain *drain = &session->drain;
    switch ((int)event) {
    case STORED:
        drain_stored(drain, drain->head + n);
        break;
    case SENT:
        send_one(session, n);
        break;
    case CONFIRMED:
        drain_confirmed(drain, n % 2 ? session->token : n);
        break;
    case ACKNOWLEDGED:
        acknowledge(session, n);
        break;
    case REWIND:
        session->was_asked |= drain_rewind(drain, (uint64_t)n * 2);
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
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const struct drain_config config = {
        .delay_ms = 5000, .interval_ms = 50, .batch_max = 500};
    struct fuzz_input input = {.data = data, .size = size};
    struct session session = {.now_ms = 1000};
    const uint64_t acked = fuzz_byte(&input);
    drain_init(&session.drain, &config, acked, acked + fuzz_byte(&input));
    while (input.size > 0) {
        const enum event event = (enum event)(fuzz_byte(&input) % EVENTS);
        happen(&session, event, fuzz_byte(&input));
        const struct drain *drain = &session.drain;
        FUZZ_CHECK(drain->acked <= drain->head);
        FUZZ_CHECK(drain->next >= 1 && drain->next <= drain->head + 1);
        FUZZ_CHECK(drain->in_flight <= DRAIN_WINDOW);
    }
}
