/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/transact.h"

#include <string.h>

enum {
    BUFFER_BYTES = 2 * BRIDGE_FRAME_MAX,
    BABBLE_US = 50000, /* bytes for so long without a silence: somebody else is talking */
    WAKE_EARLY_US = 60 /* a sleep ends this much before the last byte is due */
};

/* What has come since the request. */
struct inbox {
    uint8_t bytes[BUFFER_BYTES];
    size_t len;
    size_t missing;  /* bytes until the frame in progress is whole; 0 = unknown */
    int64_t seen_us; /* when a byte was seen to come */
    size_t since;    /* bytes taken after that one */
    uint64_t broken; /* of the line, when it began */
    bool damaged;
    bool foreign;
};

void transact_init(struct transact *transact, struct line *line) {
    *transact = (struct transact){.line = line};
}

void transact_relink(struct transact *transact, struct line *line) {
    transact->line = line;
    transact->settings = (struct line_settings){0};
}

static int64_t now_us(const struct transact *transact) {
    return clock_mono_us(transact->line->clock);
}

/* The time of characters and of silences on this line: none where frames come whole. */
static int64_t chars_us(const struct transact *transact, size_t n) {
    return transact->line->is_packet ? 0 : line_chars_us(&transact->settings, n);
}

static int64_t silence_us(const struct transact *transact) {
    return transact->line->is_packet ? 0 : line_silence_us(&transact->settings);
}

/* From the end of a request to the latest beginning of its answer. */
static int64_t timeout_us(const struct transact *transact, const struct exchange *exchange) {
    const bool has_bits = !transact->line->is_packet && exchange->timeout_bits > 0;
    return exchange->timeout_us +
           (has_bits ? exchange->timeout_bits * 1000000 / transact->settings.baud : 0);
}

static bool same_address(const struct meter_address *a, const struct meter_address *b) {
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

int64_t transact_free_at_us(const struct transact *transact,
                            const struct meter_address *address) {
    for (size_t i = 0; i < transact->quarantine_count; i++) {
        if (same_address(&transact->quarantines[i].address, address)) {
            return transact->quarantines[i].until_us;
        }
    }
    return 0;
}

static void forget_past(struct transact *transact, int64_t at_us) {
    size_t kept = 0;
    for (size_t i = 0; i < transact->quarantine_count; i++) {
        if (transact->quarantines[i].until_us > at_us) {
            transact->quarantines[kept++] = transact->quarantines[i];
        }
    }
    transact->quarantine_count = kept;
}

static void quarantine(struct transact *transact, const struct meter_address *address,
                       int64_t until_us) {
    forget_past(transact, now_us(transact));
    if (transact->quarantine_count == TRANSACT_QUARANTINES_MAX) {
        transact->quiet_at_us = until_us; /* too many to tell apart: the whole line waits */
        return;
    }
    transact->quarantines[transact->quarantine_count++] =
        (struct quarantine){.address = *address, .until_us = until_us};
}

/* Takes n bytes out of the inbox. */
static void cut(struct inbox *inbox, size_t at, size_t n) {
    memmove(inbox->bytes + at, inbox->bytes + at + n, inbox->len - at - n);
    inbox->len -= n;
}

/* Looks for the one reply in what has come. Drops whole strangers and noise, keeps a frame in
 * progress. true: the reply was moved to frame. */
static bool search(struct transact *transact, const struct bridge *bridge,
                   const struct exchange *exchange, struct inbox *inbox, uint8_t *frame,
                   size_t *len) {
    size_t at = 0;
    size_t keep_from = SIZE_MAX; /* where the first frame in progress starts */
    inbox->missing = 0;
    while (at < inbox->len) {
        size_t n = 0;
        const enum bridge_status status =
            bridge->frame(inbox->bytes + at, inbox->len - at, FRAME_REPLY, &n);
        /* a frame of one byte is a byte of the frame in progress as long as there is one */
        const bool is_inside = n == 1 && keep_from != SIZE_MAX;
        if (status == BRIDGE_OK && is_inside) {
            at++;
            continue;
        }
        if (status == BRIDGE_OK && exchange->match(exchange, inbox->bytes + at, n)) {
            memcpy(frame, inbox->bytes + at, n);
            *len = n;
            transact->counts.noise_bytes += at;
            return true;
        }
        if (status == BRIDGE_OK && keep_from == SIZE_MAX) {
            transact->counts.foreign++;
            inbox->foreign = true;
            cut(inbox, at, n);
            continue;
        } /* inside a frame in progress it may be that one's own content */
        if (status == BRIDGE_MORE && keep_from == SIZE_MAX) {
            keep_from = at;
            inbox->missing = n;
        }
        inbox->damaged |= status == BRIDGE_ECHECKSUM;
        at++;
    }
    const size_t drop = keep_from < inbox->len ? keep_from : inbox->len;
    transact->counts.noise_bytes += drop;
    cut(inbox, 0, drop);
    return false;
}

/* Throws away what has come since the last transaction, until the line has been silent. */
static enum bridge_status settle(struct transact *transact) {
    const int64_t rest_us = silence_us(transact);
    int64_t give_up_us = 0;
    transact->line->ops->sleep_until(transact->line, transact->quiet_at_us);
    int64_t until_us = now_us(transact);
    for (;;) {
        uint8_t rest[BRIDGE_FRAME_MAX];
        size_t got = 0;
        const enum bridge_status status =
            transact->line->ops->read(transact->line, rest, sizeof rest, until_us, &got);
        if (status != BRIDGE_OK) {
            return status == BRIDGE_ETIMEOUT ? BRIDGE_OK : status;
        }
        transact->counts.noise_bytes += got;
        const int64_t at_us = now_us(transact);
        give_up_us = give_up_us ? give_up_us : at_us + BABBLE_US + rest_us;
        if (at_us > give_up_us) {
            return BRIDGE_EBABBLE;
        }
        until_us = at_us + rest_us;
    }
}

static enum bridge_status prepare(struct transact *transact,
                                  const struct line_settings *settings,
                                  const struct meter_address *address) {
    if (!line_settings_equal(&transact->settings, settings)) {
        const enum bridge_status status = transact->line->ops->set(transact->line, settings);
        if (status != BRIDGE_OK) {
            return status;
        }
        transact->settings = *settings;
    }
    const int64_t free_us = transact_free_at_us(transact, address);
    if (free_us > transact->quiet_at_us) {
        transact->line->ops->sleep_until(transact->line, free_us);
    }
    forget_past(transact, now_us(transact));
    return settle(transact);
}

/* One sleep instead of a wake-up for each byte of a frame in progress. Reckoned from a byte
 * that was seen to come: what is there after a sleep may have come up to a character's time
 * ago. true: it has slept. */
static bool sleep_missing(struct transact *transact, const struct inbox *inbox,
                          int64_t deadline_us) {
    if (inbox->missing <= 1) {
        return false;
    }
    const int64_t due_us =
        inbox->seen_us + chars_us(transact, inbox->since + inbox->missing) - WAKE_EARLY_US;
    if (due_us <= now_us(transact)) {
        return false;
    }
    transact->line->ops->sleep_until(transact->line,
                                     due_us < deadline_us ? due_us : deadline_us);
    return true;
}

static void note_arrival(const struct transact *transact, struct inbox *inbox, size_t got,
                         bool has_slept) {
    inbox->len += got;
    inbox->since = has_slept ? inbox->since + got : 0;
    inbox->seen_us = has_slept ? inbox->seen_us : now_us(transact);
}

/* The deadline has passed: what the bytes that came were. */
static enum bridge_status verdict(struct transact *transact, const struct inbox *inbox) {
    transact->counts.noise_bytes += inbox->len;
    if (inbox->damaged || transact->line->broken != inbox->broken) {
        return BRIDGE_ECHECKSUM;
    }
    return inbox->foreign ? BRIDGE_EMISMATCH : BRIDGE_ETIMEOUT;
}

/* Reads until the reply is there or the deadline has passed. */
static enum bridge_status collect(struct transact *transact, const struct bridge *bridge,
                                  const struct exchange *exchange, int64_t deadline_us,
                                  uint8_t *frame, size_t *len) {
    struct inbox inbox = {.broken = transact->line->broken};
    for (;;) {
        size_t got = 0;
        const bool has_slept = sleep_missing(transact, &inbox, deadline_us);
        const enum bridge_status status =
            transact->line->ops->read(transact->line, inbox.bytes + inbox.len,
                                      BUFFER_BYTES - inbox.len, deadline_us, &got);
        if (status != BRIDGE_OK) {
            return status == BRIDGE_ETIMEOUT ? verdict(transact, &inbox) : status;
        }
        note_arrival(transact, &inbox, got, has_slept);
        if (search(transact, bridge, exchange, &inbox, frame, len)) {
            return BRIDGE_OK;
        }
        if (now_us(transact) > deadline_us) { /* there is always one more byte */
            transact->counts.noise_bytes += inbox.len;
            return BRIDGE_EBABBLE;
        }
        if (inbox.len == BUFFER_BYTES) { /* a false start that never ends: give up its head */
            cut(&inbox, 0, BRIDGE_FRAME_MAX);
            transact->counts.noise_bytes += BRIDGE_FRAME_MAX;
        }
    }
}

/* Counts the outcome and says when the line and the address may be used again. */
static void conclude(struct transact *transact, const struct exchange *exchange,
                     int64_t sent_us, enum bridge_status status) {
    const int64_t began_us = sent_us - chars_us(transact, exchange->request_len);
    const int64_t least_us = silence_us(transact);
    const int64_t rest_us = exchange->pause_us > least_us ? exchange->pause_us : least_us;
    int64_t end_us = now_us(transact);
    if (status ==
        BRIDGE_EECHO) { /* the meter may have heard it: nobody talks into its answer */
        const int64_t answer_us =
            sent_us + timeout_us(transact, exchange) + chars_us(transact, exchange->reply_max);
        end_us = end_us > answer_us ? end_us : answer_us;
    }
    transact->quiet_at_us = end_us + rest_us;
    transact->counts.busy_us += (uint64_t)(transact->quiet_at_us - began_us);
    if (status == BRIDGE_OK) {
        transact->counts.replies += exchange->reply_max > 0;
        return;
    }
    transact->counts.damaged += status == BRIDGE_ECHECKSUM;
    transact->counts.timeouts += status != BRIDGE_ECHECKSUM;
    quarantine(transact, &exchange->address,
               sent_us + TRANSACT_LATEST_ANSWER * timeout_us(transact, exchange) +
                   chars_us(transact, exchange->reply_max));
}

/* Takes the echo of the request off the line: exactly as many bytes, exactly the same. */
static enum bridge_status strip_echo(struct transact *transact, const struct exchange *exchange,
                                     int64_t deadline_us) {
    uint8_t echo[BRIDGE_REQUEST_MAX];
    size_t have = 0;
    while (have < exchange->request_len) {
        size_t got = 0;
        const enum bridge_status status = transact->line->ops->read(
            transact->line, echo + have, exchange->request_len - have, deadline_us, &got);
        if (status != BRIDGE_OK) {
            return status == BRIDGE_ETIMEOUT ? BRIDGE_EECHO : status;
        }
        have += got;
    }
    return memcmp(echo, exchange->request, have) == 0 ? BRIDGE_OK : BRIDGE_EECHO;
}

/* Sends the request; *sent_us is when its last bit has left. */
static enum bridge_status send(struct transact *transact, const struct exchange *exchange,
                               int64_t *sent_us) {
    *sent_us = now_us(transact) + chars_us(transact, exchange->request_len);
    enum bridge_status status =
        transact->line->ops->write(transact->line, exchange->request, exchange->request_len);
    if (status == BRIDGE_OK) {
        transact->line->ops->sleep_until(transact->line, *sent_us);
    }
    if (status == BRIDGE_OK && transact->has_echo) {
        status = strip_echo(transact, exchange, *sent_us + timeout_us(transact, exchange));
    }
    return status;
}

enum bridge_status transact_run(struct transact *transact, const struct line_settings *settings,
                                const struct bridge *bridge, const struct exchange *exchange,
                                uint8_t *frame, size_t *len) {
    enum bridge_status status = prepare(transact, settings, &exchange->address);
    if (status != BRIDGE_OK) {
        return status;
    }
    int64_t sent_us;
    transact->counts.requests++;
    status = send(transact, exchange, &sent_us);
    *len = 0;
    if (status == BRIDGE_OK && exchange->reply_max > 0) {
        const int64_t reply_us = chars_us(transact, exchange->reply_max);
        status = collect(transact, bridge, exchange,
                         sent_us + timeout_us(transact, exchange) + reply_us, frame, len);
    }
    conclude(transact, exchange, sent_us, status);
    return status;
}

/* Into heard what fits, until silence; at most twice the longest answer. */
static enum bridge_status take_down(struct transact *transact, const struct exchange *exchange,
                                    int64_t sent_us, int64_t gap_us, uint8_t *heard,
                                    size_t *len) {
    const int64_t window_us = sent_us + timeout_us(transact, exchange);
    const int64_t end_us = window_us + 2 * (chars_us(transact, exchange->reply_max) + gap_us);
    int64_t until_us = window_us;
    while (now_us(transact) < end_us) {
        uint8_t bytes[BRIDGE_FRAME_MAX];
        size_t got = 0;
        const enum bridge_status status =
            transact->line->ops->read(transact->line, bytes, sizeof bytes, until_us, &got);
        if (status != BRIDGE_OK) {
            return status == BRIDGE_ETIMEOUT ? BRIDGE_OK : status;
        }
        const size_t room = BRIDGE_FRAME_MAX - *len;
        memcpy(heard + *len, bytes, got < room ? got : room);
        *len += got < room ? got : room;
        const int64_t quiet_us = now_us(transact) + gap_us;
        until_us = quiet_us > window_us ? quiet_us : window_us;
    }
    return BRIDGE_EBABBLE;
}

enum bridge_status transact_listen(struct transact *transact,
                                   const struct line_settings *settings,
                                   const struct exchange *exchange, int64_t gap_us,
                                   uint8_t *heard, size_t *len) {
    enum bridge_status status = prepare(transact, settings, &exchange->address);
    *len = 0;
    if (status != BRIDGE_OK) {
        return status;
    }
    int64_t sent_us;
    transact->counts.requests++;
    status = send(transact, exchange, &sent_us);
    if (status == BRIDGE_OK) {
        status = take_down(transact, exchange, sent_us, gap_us, heard, len);
    }
    transact->counts.replies += *len > 0;
    transact->quiet_at_us = now_us(transact) + silence_us(transact);
    transact->counts.busy_us +=
        (uint64_t)(transact->quiet_at_us - sent_us + chars_us(transact, exchange->request_len));
    return status;
}
