/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/drain.h"

static const enum wire_stream order[WIRE_STREAMS] = {WIRE_LEDGER, WIRE_RESULTS, WIRE_EVENTS,
                                                     WIRE_READINGS};

void drain_init(struct drain *drain, const struct drain_config *config) {
    *drain = (struct drain){.config = *config};
    for (int i = 0; i < WIRE_STREAMS; i++) {
        drain_begin(drain, order[i], 0, 0);
    }
}

void drain_begin(struct drain *drain, enum wire_stream stream, uint64_t acked, uint64_t head) {
    drain->streams[stream] =
        (struct drain_stream){.acked = acked, .next = acked + 1, .head = head};
}

static bool is_backlog(const struct drain *drain, const struct drain_stream *stream) {
    return stream->head + 1 - stream->next > drain->config.batch_max;
}

static void clear_window(struct drain *drain) {
    for (unsigned i = 0; i < DRAIN_WINDOW; i++) {
        drain->tokens[i] = 0;
    }
    drain->in_flight = 0;
}

/* No backlog sends before then; what is short is not held back by what is long. */
static void hold_backlogs(struct drain *drain, int64_t until_ms) {
    for (int i = 0; i < WIRE_STREAMS; i++) {
        struct drain_stream *stream = &drain->streams[order[i]];
        if (is_backlog(drain, stream)) {
            stream->not_before_ms = until_ms;
        }
    }
}

void drain_up(struct drain *drain, int64_t now_ms, unsigned share) {
    clear_window(drain);
    drain->is_up = true;
    for (int i = 0; i < WIRE_STREAMS; i++) {
        struct drain_stream *stream = &drain->streams[order[i]];
        stream->next = stream->acked + 1;
        stream->progress_ms = now_ms;
        stream->not_before_ms = now_ms;
    }
    hold_backlogs(drain, now_ms + drain->config.delay_ms * (int64_t)share / 1000);
}

void drain_down(struct drain *drain) {
    clear_window(drain);
    drain->is_up = false;
}

void drain_stored(struct drain *drain, enum wire_stream stream, uint64_t head) {
    drain->streams[stream].head = head;
}

void drain_halt(struct drain *drain, enum wire_stream stream) {
    drain->streams[stream].is_halted = true;
}

static bool has_more(const struct drain_stream *stream) {
    return !stream->is_halted && stream->next <= stream->head &&
           stream->next <= stream->acked + DRAIN_AHEAD_MAX;
}

bool drain_wants(const struct drain *drain, int64_t now_ms, enum wire_stream *stream,
                 uint64_t *from) {
    if (!drain->is_up || drain->in_flight >= DRAIN_WINDOW) {
        return false;
    }
    for (int i = 0; i < WIRE_STREAMS; i++) {
        const struct drain_stream *next = &drain->streams[order[i]];
        if (has_more(next) && now_ms >= next->not_before_ms) {
            *stream = order[i];
            *from = next->next;
            return true;
        }
    }
    return false;
}

static void note_token(struct drain *drain, int64_t now_ms, uint64_t token) {
    for (unsigned i = 0; i < DRAIN_WINDOW; i++) {
        if (drain->tokens[i] == 0) {
            drain->tokens[i] = token;
            drain->sent_ms[i] = now_ms;
            drain->in_flight++;
            return;
        }
    }
}

void drain_sent(struct drain *drain, int64_t now_ms, enum wire_stream stream, uint64_t last,
                uint64_t token) {
    struct drain_stream *sent = &drain->streams[stream];
    if (sent->next == sent->acked + 1) {
        sent->progress_ms = now_ms; /* the first that waits for an acknowledgement */
    }
    sent->next = last + 1;
    note_token(drain, now_ms, token);
    if (is_backlog(drain, sent)) {
        hold_backlogs(drain, now_ms + drain->config.interval_ms);
    }
}

void drain_confirmed(struct drain *drain, uint64_t token) {
    for (unsigned i = 0; token && i < DRAIN_WINDOW; i++) {
        if (drain->tokens[i] == token) {
            drain->tokens[i] = 0;
            drain->in_flight--;
            return;
        }
    }
}

int64_t drain_due_ms(const struct drain *drain, int64_t now_ms) {
    int64_t due_ms = INT64_MAX;
    for (int i = 0; i < WIRE_STREAMS; i++) {
        const struct drain_stream *stream = &drain->streams[order[i]];
        if (has_more(stream) && stream->not_before_ms > now_ms &&
            stream->not_before_ms < due_ms) {
            due_ms = stream->not_before_ms;
        }
    }
    return due_ms;
}

bool drain_acknowledged(struct drain *drain, int64_t now_ms, enum wire_stream stream,
                        uint64_t through) {
    struct drain_stream *acked = &drain->streams[stream];
    if (through > acked->head) {
        return false;
    }
    if (through > acked->acked) {
        acked->acked = through;
        acked->progress_ms = now_ms;
        acked->next = acked->next > through ? acked->next : through + 1;
    }
    return true;
}

bool drain_rewind(struct drain *drain, enum wire_stream stream, uint64_t from) {
    struct drain_stream *asked = &drain->streams[stream];
    if (from == 0 || from > asked->head + 1) {
        return false;
    }
    asked->next = from < asked->next ? from : asked->next;
    return true;
}

void drain_tick(struct drain *drain, int64_t now_ms) {
    for (int i = 0; i < WIRE_STREAMS; i++) {
        struct drain_stream *stream = &drain->streams[order[i]];
        const bool waits = drain->is_up && stream->next > stream->acked + 1;
        if (waits && now_ms - stream->progress_ms >= DRAIN_UNACKED_MS) {
            stream->next = stream->acked + 1;
            stream->progress_ms = now_ms;
        }
    }
}

bool drain_is_stuck(const struct drain *drain, int64_t now_ms) {
    for (unsigned i = 0; i < DRAIN_WINDOW; i++) {
        if (drain->tokens[i] != 0 && now_ms - drain->sent_ms[i] >= DRAIN_STUCK_MS) {
            return true;
        }
    }
    return false;
}
