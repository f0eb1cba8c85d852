/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_wire.h"

#include <stdio.h>
#include <string.h>

enum {
    PATIENCE_US = 50000, /* how long the rest of a request may keep us waiting, plus silence */
    NOISE_CHUNK = 32,    /* of a babble without end */
    OUTPUT = 256,
    ALL_TALKS = SIM_WIRE_TALKS + 2
};

/* --- the port ---------------------------------------------------------------------------- */

bool sim_wire_open(struct sim_wire *wire, const struct sim_wire_config *config, char *error) {
    *wire = (struct sim_wire){
        .config = *config, .settings = config->settings[0], .quiet_from_us = INT64_MIN / 2};
    return sim_port_open(&wire->port, config->path, error);
}

void sim_wire_close(struct sim_wire *wire) {
    sim_port_close(&wire->port);
}

/* Every talker there may be; empty ones included. */
static struct sim_talk *talk_at(struct sim_wire *wire, size_t i) {
    return i < SIM_WIRE_TALKS ? &wire->talks[i]
                              : (i == SIM_WIRE_TALKS ? &wire->echo : &wire->noise);
}

static const struct sim_talk *seen_talk_at(const struct sim_wire *wire, size_t i) {
    return i < SIM_WIRE_TALKS ? &wire->talks[i]
                              : (i == SIM_WIRE_TALKS ? &wire->echo : &wire->noise);
}

static void abandon(struct sim_wire *wire) {
    for (size_t i = 0; i < ALL_TALKS; i++) {
        talk_at(wire, i)->is_abandoned = true;
    }
}

void sim_wire_watch(struct sim_wire *wire) {
    if (sim_port_watch(&wire->port)) {
        abandon(wire);
    }
}

void sim_wire_unplug(struct sim_wire *wire) {
    sim_port_close(&wire->port);
    for (size_t i = 0; i < ALL_TALKS; i++) {
        struct sim_talk *talk = talk_at(wire, i);
        wire->counts.lost_bytes += talk->len - talk->sent;
        talk->len = 0;
        talk->sent = 0;
    }
    wire->counts.noise_bytes += wire->inbox_len;
    wire->inbox_len = 0;
    wire->is_damaged = false;
}

bool sim_wire_plug(struct sim_wire *wire, char *error) {
    char path[LINE_PATH_MAX]; /* the same TCP port again, and not another one for 0 */
    (void)snprintf(path, sizeof path, "%s", wire->port.path);
    return sim_port_open(&wire->port, path, error);
}

/* --- time on the wire -------------------------------------------------------------------- */

static int64_t now_us(const struct sim_wire *wire) {
    return clock_mono_us(wire->config.clock);
}

static int64_t chars_us(const struct sim_wire *wire, size_t n) {
    return line_chars_us(&wire->settings, n);
}

static int64_t silence_us(const struct sim_wire *wire) {
    return line_silence_us(&wire->settings);
}

static int64_t talk_us(const struct sim_talk *talk, size_t n) {
    return talk->start_us + line_chars_us(&talk->settings, n);
}

static int64_t burst_end_us(const struct sim_wire *wire) {
    return wire->burst_start_us + chars_us(wire, wire->burst_len);
}

/* Characters that came while earlier ones were still on the wire queue up behind them. */
static void extend_burst(struct sim_wire *wire, int64_t at_us, size_t n) {
    if (at_us > burst_end_us(wire)) {
        wire->burst_start_us = at_us;
        wire->burst_len = 0;
    }
    wire->burst_len += n;
}

/* When the next character of a talker is over, and when it begins. */
static int64_t char_end_us(const struct sim_talk *talk) {
    return talk_us(talk, talk->sent + 1);
}

static int64_t char_start_us(const struct sim_talk *talk) {
    return talk_us(talk, talk->sent);
}

static bool is_talking(const struct sim_talk *talk) {
    return talk->len > 0;
}

/* Does anybody but the echo talk before a moment? */
static bool is_drowned(const struct sim_wire *wire, int64_t until_us) {
    for (size_t i = 0; i < ALL_TALKS; i++) {
        const struct sim_talk *talk = seen_talk_at(wire, i);
        if (talk != &wire->echo && is_talking(talk) && talk->start_us < until_us) {
            return true;
        }
    }
    return false;
}

/* --- hearing ----------------------------------------------------------------------------- */

static bool is_hearing(const struct sim_wire *wire) {
    return wire->inbox_len > 0 || wire->is_damaged;
}

static void drop(struct sim_wire *wire, size_t n) {
    wire->inbox_len -= n;
    memmove(wire->inbox, wire->inbox + n, wire->inbox_len);
}

/* Counts a request that is over and says whether the meters could hear it. */
static bool is_audible(struct sim_wire *wire) {
    const bool is_early = wire->is_early;
    wire->counts.requests++;
    wire->counts.silence_violations += is_early;
    wire->is_damaged = false;
    wire->is_early = true; /* what follows without a pause breaks the silence */
    wire->quiet_from_us = burst_end_us(wire);
    if (is_early && wire->config.is_strict) {
        wire->counts.strict_dropped++;
        return false;
    }
    return true;
}

static void start_talk(struct sim_wire *wire, const struct sim_reply *reply, int64_t from_us) {
    for (size_t i = 0; i < SIM_WIRE_TALKS; i++) {
        struct sim_talk *talk = &wire->talks[i];
        if (!is_talking(talk)) {
            memcpy(talk->bytes, reply->bytes, reply->len);
            talk->len = reply->len;
            talk->sent = 0;
            talk->start_us = from_us + reply->wait_us;
            talk->is_abandoned = false;
            talk->settings = wire->settings;
            return;
        }
    }
    wire->counts.lost_bytes += reply->len;
}

static void accept(struct sim_wire *wire, const struct sim_ears *ears, size_t len) {
    if (!is_audible(wire)) {
        drop(wire, len);
        return;
    }
    const struct sim_request request = {.bytes = wire->inbox,
                                        .len = len,
                                        .baud = wire->settings.baud,
                                        .at_us = now_us(wire),
                                        .end_us = burst_end_us(wire) + silence_us(wire)};
    struct sim_replies replies;
    replies.count = 0;
    ears->answer(ears->context, &request, &replies);
    for (size_t i = 0; i < replies.count; i++) {
        start_talk(wire, &replies.items[i], request.end_us);
    }
    drop(wire, len);
    if (replies.count == 0) {
        wire->counts.ignored++;
        return;
    }
    wire->counts.answered++;
    wire->counts.collision_bytes += wire->inbox_len; /* glued to the request */
    wire->inbox_len = 0;
}

/* Whose frame starts here? BRIDGE_OK and *ears, or the best that any of them makes of it. */
static enum bridge_status recognise(struct sim_wire *wire, const struct sim_ears **ears,
                                    size_t *n) {
    enum bridge_status best = BRIDGE_EFRAME;
    for (size_t i = 0; i < wire->config.ear_count; i++) {
        *ears = &wire->config.ears[i];
        const enum bridge_status status =
            (*ears)->frame(wire->inbox, wire->inbox_len, FRAME_REQUEST, n);
        if (status == BRIDGE_OK) {
            return BRIDGE_OK;
        }
        best = status == BRIDGE_MORE || best == BRIDGE_EFRAME ? status : best;
    }
    return best;
}

static void search(struct sim_wire *wire) {
    while (wire->inbox_len > 0) {
        const struct sim_ears *ears = NULL;
        size_t n = 0;
        const enum bridge_status status = recognise(wire, &ears, &n);
        if (status == BRIDGE_MORE) {
            return;
        }
        if (status == BRIDGE_OK) {
            accept(wire, ears, n);
            continue;
        }
        wire->is_damaged |= status == BRIDGE_ECHECKSUM;
        wire->counts.noise_bytes++;
        drop(wire, 1);
    }
}

/* A pty tells the rate alone: the framing is that of the meters with the same rate. */
static void look_at_port(struct sim_wire *wire) {
    const uint32_t baud = sim_port_baud(&wire->port);
    if (baud == 0 || baud == wire->settings.baud) {
        return;
    }
    struct line_settings settings = wire->config.settings[0];
    for (size_t i = wire->config.settings_count; i-- > 0;) {
        if (wire->config.settings[i].baud == baud) {
            settings = wire->config.settings[i];
        }
    }
    settings.baud = baud;
    sim_wire_tune(wire, &settings);
}

void sim_wire_tune(struct sim_wire *wire, const struct line_settings *settings) {
    sim_wire_work(wire); /* what was due before */
    wire->settings = *settings;
}

/* Each byte of the master comes back when its last bit is off the wire. */
static void give_back(struct sim_wire *wire, const uint8_t *bytes, size_t n, int64_t end_us) {
    struct sim_fault *fault = &wire->config.faults[SIM_ECHO];
    struct sim_talk *echo = &wire->echo;
    if (!fault->is_on) {
        return;
    }
    const int64_t from_us = end_us - chars_us(wire, n);
    if (is_talking(echo) && talk_us(echo, echo->len) + 1 < from_us) {
        wire->counts.lost_bytes += echo->len - echo->sent; /* far behind: a machine at rest */
        echo->len = 0;
    }
    if (!is_talking(echo)) {
        echo->sent = 0;
        echo->start_us = from_us;
        echo->is_abandoned = false;
        echo->settings = wire->settings;
    }
    const size_t room = sizeof echo->bytes - echo->len;
    const size_t kept = n < room ? n : room;
    memcpy(echo->bytes + echo->len, bytes, kept);
    echo->len += kept;
    wire->counts.lost_bytes += n - kept;
    fault->struck++;
}

static void collide(struct sim_wire *wire, size_t n) {
    wire->counts.collision_bytes += wire->inbox_len + n;
    wire->inbox_len = 0;
    wire->is_damaged = false;
}

void sim_wire_hear(struct sim_wire *wire) {
    sim_wire_work(wire); /* what was due before these bytes */
    uint8_t *end = wire->inbox + wire->inbox_len;
    const ssize_t got = sim_port_read(&wire->port, end, sizeof wire->inbox - wire->inbox_len);
    const int64_t at_us = now_us(wire);
    if (got < 0) {
        abandon(wire);
    }
    if (got <= 0) {
        return;
    }
    look_at_port(wire);
    if (!is_hearing(wire)) {
        wire->is_early = at_us < wire->quiet_from_us + silence_us(wire);
    }
    extend_burst(wire, at_us, (size_t)got);
    give_back(wire, end, (size_t)got, burst_end_us(wire));
    if (is_drowned(wire, burst_end_us(wire))) {
        collide(wire, (size_t)got);
        return;
    }
    wire->inbox_len += (size_t)got;
    search(wire);
}

/* Patience is for a request still to be completed; behind a damaged one nothing is awaited. */
static int64_t give_up_us(const struct sim_wire *wire) {
    return burst_end_us(wire) + silence_us(wire) + (wire->is_damaged ? 0 : PATIENCE_US);
}

static void give_up(struct sim_wire *wire) {
    if (wire->is_damaged && is_audible(wire)) {
        wire->counts.ignored++;
    }
    wire->counts.noise_bytes += wire->inbox_len;
    wire->quiet_from_us = burst_end_us(wire);
    wire->inbox_len = 0;
}

/* --- talking ----------------------------------------------------------------------------- */

/* One character on the wire, made by all talkers whose characters overlap. */
struct character {
    int64_t due_us; /* INT64_MAX = nobody talks */
    uint8_t byte;
    bool is_wanted; /* by a client that was there when a talker began */
};

static int64_t first_end_us(const struct sim_wire *wire) {
    int64_t first_us = INT64_MAX;
    for (size_t i = 0; i < ALL_TALKS; i++) {
        const struct sim_talk *talk = seen_talk_at(wire, i);
        if (is_talking(talk) && char_end_us(talk) < first_us) {
            first_us = char_end_us(talk);
        }
    }
    return first_us;
}

/* At another rate the same bits make another character. */
static uint8_t heard_as(const struct sim_wire *wire, const struct sim_talk *talk) {
    const uint8_t byte = talk->bytes[talk->sent];
    return talk->settings.baud == wire->settings.baud ? byte : (uint8_t)(byte * 0x9d + 0x3b);
}

static struct character next_character(const struct sim_wire *wire) {
    struct character next = {.due_us = first_end_us(wire), .byte = 0xff};
    const int64_t first_us = next.due_us;
    for (size_t i = 0; i < ALL_TALKS; i++) {
        const struct sim_talk *talk = seen_talk_at(wire, i);
        if (is_talking(talk) && char_start_us(talk) < first_us) {
            const int64_t end_us = char_end_us(talk);
            next.due_us = end_us > next.due_us ? end_us : next.due_us;
            next.byte &= heard_as(wire, talk);
            next.is_wanted |= !talk->is_abandoned;
        }
    }
    return next;
}

static void finish_talk(struct sim_wire *wire, struct sim_talk *talk, int64_t at_us) {
    talk->start_us = talk_us(talk, talk->len); /* noise goes on from there */
    talk->len = 0;
    talk->sent = 0;
    if (talk != &wire->echo) {
        /* a master that collided must keep silent after its own last character too */
        const int64_t heard_us = burst_end_us(wire);
        wire->quiet_from_us = at_us > heard_us ? at_us : heard_us;
    }
}

/* Takes a character from all who made it. */
static void consume(struct sim_wire *wire, int64_t at_us) {
    const int64_t first_us = first_end_us(wire);
    size_t talkers = 0;
    for (size_t i = 0; i < ALL_TALKS; i++) {
        struct sim_talk *talk = talk_at(wire, i);
        if (is_talking(talk) && char_start_us(talk) < first_us) {
            talkers++;
            talk->sent++;
            if (talk->sent == talk->len) {
                finish_talk(wire, talk, at_us);
            }
        }
    }
    wire->counts.merged_bytes += talkers - 1;
}

static void write_out(struct sim_wire *wire, const uint8_t *bytes, size_t n) {
    wire->counts.lost_bytes += n - sim_port_write(&wire->port, bytes, n);
}

static void say(struct sim_wire *wire, int64_t at_us) {
    uint8_t output[OUTPUT];
    size_t n = 0;
    while (n < OUTPUT) {
        const struct character next = next_character(wire);
        if (next.due_us > at_us) {
            break;
        }
        if (at_us - next.due_us > wire->counts.late_max_us) {
            wire->counts.late_max_us = at_us - next.due_us;
        }
        consume(wire, at_us);
        output[n] = next.byte;
        n += next.is_wanted;
        wire->counts.lost_bytes += !next.is_wanted;
    }
    if (n > 0) {
        write_out(wire, output, n);
    }
}

static bool must_babble(const struct sim_wire *wire) {
    const struct sim_fault *fault = &wire->config.faults[SIM_BABBLE];
    return fault->is_on && sim_port_is_open(&wire->port) &&
           (!is_talking(&wire->noise) || fault->asked == 0 /* new terms */);
}

/* The next burst of noise, behind the last one by the pause; without end where bytes is 0. */
static void babble(struct sim_wire *wire, int64_t at_us) {
    struct sim_fault *fault = &wire->config.faults[SIM_BABBLE];
    struct sim_talk *noise = &wire->noise;
    const bool is_endless = fault->terms.bytes == 0;
    const int64_t follow_us = noise->start_us + (is_endless ? 0 : fault->terms.pause_ms * 1000);
    const bool is_fresh = fault->asked == 0 || follow_us + chars_us(wire, 2) < at_us;
    noise->start_us = is_fresh ? at_us : follow_us;
    noise->len = is_endless ? NOISE_CHUNK : (size_t)fault->terms.bytes;
    noise->sent = 0;
    noise->is_abandoned = false;
    noise->settings = wire->settings;
    for (size_t i = 0; i < noise->len; i++) {
        noise->bytes[i] = (uint8_t)sim_random(&fault->random, 256);
    }
    fault->asked++;
    fault->struck++;
}

/* A burst that has not begun when the fault is taken away does not come. */
static void hush(struct sim_wire *wire) {
    if (!wire->config.faults[SIM_BABBLE].is_on && wire->noise.sent == 0) {
        wire->noise.len = 0;
    }
}

int64_t sim_wire_due_us(const struct sim_wire *wire) {
    const int64_t say_us = next_character(wire).due_us;
    const int64_t up_us = is_hearing(wire) ? give_up_us(wire) : INT64_MAX;
    const int64_t next_us = say_us < up_us ? say_us : up_us;
    return must_babble(wire) ? 0 : next_us;
}

void sim_wire_work(struct sim_wire *wire) {
    const int64_t at_us = now_us(wire);
    hush(wire);
    say(wire, at_us);
    if (must_babble(wire)) {
        babble(wire, at_us);
    }
    if (is_hearing(wire) && give_up_us(wire) <= at_us) {
        give_up(wire);
    }
}
