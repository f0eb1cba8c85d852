/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/drain.h"

void drain_init(struct drain *drain, const struct drain_config *config, uint64_t acked,
                uint64_t head) {
    *drain = (struct drain){.config = *config, .acked = acked, .next = acked + 1, .head = head};
}

static bool is_backlog(const struct drain *drain) {
    return drain->head + 1 - drain->next > drain->config.batch_max;
}

static void clear_window(struct drain *drain) {
    for (unsigned i = 0; i < DRAIN_WINDOW; i++) {
        drain->tokens[i] = 0;
    }
    drain->in_flight = 0;
}

void drain_up(struct drain *drain, int64_t now_ms, unsigned share) {
    clear_window(drain);
    drain->is_up = true;
    drain->next = drain->acked + 1;
    drain->progress_ms = now_ms;
    drain->not_before_ms =
        now_ms + (is_backlog(drain) ? drain->config.delay_ms * (int64_t)share / 1000 : 0);
}

void drain_down(struct drain *drain) {
    clear_window(drain);
    drain->is_up = false;
}

void drain_stored(struct drain *drain, uint64_t head) {
    drain->head = head;
}

bool drain_wants(const struct drain *drain, int64_t now_ms, uint64_t *from) {
    *from = drain->next;
    return drain->is_up && now_ms >= drain->not_before_ms && drain->in_flight < DRAIN_WINDOW &&
           drain->next <= drain->head && drain->next <= drain->acked + DRAIN_AHEAD_MAX;
}

void drain_sent(struct drain *drain, int64_t now_ms, uint64_t last, uint64_t token) {
    if (drain->next == drain->acked + 1) {
        drain->progress_ms = now_ms; /* the first that waits for an acknowledgement */
    }
    drain->next = last + 1;
    for (unsigned i = 0; i < DRAIN_WINDOW; i++) {
        if (drain->tokens[i] == 0) {
            drain->tokens[i] = token;
            drain->sent_ms[i] = now_ms;
            drain->in_flight++;
            break;
        }
    }
    if (is_backlog(drain)) {
        drain->not_before_ms = now_ms + drain->config.interval_ms;
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

bool drain_acknowledged(struct drain *drain, int64_t now_ms, uint64_t through) {
    if (through > drain->head) {
        return false;
    }
    if (through > drain->acked) {
        drain->acked = through;
        drain->progress_ms = now_ms;
        drain->next = drain->next > through ? drain->next : through + 1;
    }
    return true;
}

bool drain_rewind(struct drain *drain, uint64_t from) {
    if (from == 0 || from > drain->head + 1) {
        return false;
    }
    drain->next = from < drain->next ? from : drain->next;
    return true;
}

void drain_tick(struct drain *drain, int64_t now_ms) {
    const bool waits = drain->is_up && drain->next > drain->acked + 1;
    if (waits && now_ms - drain->progress_ms >= DRAIN_UNACKED_MS) {
        drain->next = drain->acked + 1;
        drain->progress_ms = now_ms;
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
