/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_answer.h"

#include <string.h>

enum { PERCENT = 100 };

bool sim_strikes(struct sim_meter *meter, enum sim_fault_kind kind) {
    meter->faults[kind].struck += meter->faults[kind].is_on;
    return meter->faults[kind].is_on;
}

const struct sim_terms *sim_terms_of(const struct sim_meter *meter, enum sim_fault_kind kind) {
    return &meter->faults[kind].terms;
}

/* A pty does not tell parity, so the rate alone decides. */
bool sim_hears(const struct sim_meter *meter, const struct sim_request *request) {
    return request->baud == meter->baud && request->at_us >= meter->deaf_until_us;
}

void sim_who_answers(struct sim_meter *meter, bool answers[2]) {
    struct sim_fault *merge = &meter->faults[SIM_MERGE];
    answers[SIM_ITSELF] = answers[SIM_OTHER] = false;
    if (!merge->is_on) {
        sim_strikes(meter, SIM_SWAP_SERIAL);
        answers[sim_meter_device(meter)] = true;
        return;
    }
    const bool is_clean = (int64_t)sim_random(&merge->random, PERCENT) < merge->terms.share;
    const bool is_other = sim_random(&merge->random, 2);
    merge->struck += !is_clean;
    answers[SIM_ITSELF] = !is_clean || !is_other;
    answers[SIM_OTHER] = !is_clean || is_other;
}

void sim_take_time(struct sim_meter *meter, int64_t turnaround_us, size_t from,
                   struct sim_replies *out) {
    const int64_t own_ms = meter->traits.turnaround_ms;
    int64_t wait_us = own_ms == SIM_UNSET ? turnaround_us : own_ms * 1000;
    if (sim_strikes(meter, SIM_SLOW)) {
        wait_us = sim_terms_of(meter, SIM_SLOW)->delay_ms * 1000;
    }
    if (sim_strikes(meter, SIM_LATE)) {
        wait_us += sim_terms_of(meter, SIM_LATE)->delay_ms * 1000;
    }
    for (size_t i = from; i < out->count; i++) {
        out->items[i].wait_us += wait_us;
    }
}

void sim_go_deaf(struct sim_meter *meter, const struct sim_request *request,
                 const struct sim_reply *reply) {
    if (!meter->faults[SIM_LATE].is_on) {
        meter->deaf_until_us = request->end_us + reply->wait_us;
    }
}

static void flip(struct sim_reply *reply, uint64_t bit) {
    reply->bytes[bit / 8] = (uint8_t)(reply->bytes[bit / 8] ^ 1U << bit % 8);
}

static void damage(struct sim_fault *fault, const struct sim_checksum *checksum,
                   struct sim_reply *reply) {
    if (fault->terms.bits == 0) {
        flip(reply, 8 * checksum->at + sim_random(&fault->random, 8 * checksum->len));
    }
    struct sim_reply marks = {.bytes = {0}};
    for (int64_t i = 0; i < fault->terms.bits;) {
        const uint64_t bit = sim_random(&fault->random, 8 * reply->len);
        if (!(marks.bytes[bit / 8] >> bit % 8 & 1)) { /* never the same one twice */
            flip(&marks, bit);
            flip(reply, bit);
            i++;
        }
    }
}

static void add_glitch(uint8_t byte, struct sim_reply *reply) {
    memmove(reply->bytes + 1, reply->bytes, reply->len);
    reply->bytes[0] = byte;
    reply->bytes[reply->len + 1] = byte;
    reply->len += 2;
}

void sim_spoil(struct sim_meter *meter, const struct sim_checksum *checksum,
               struct sim_reply *reply) {
    struct sim_fault *crc = &meter->faults[SIM_CRC];
    if (crc->is_on && sim_fault_strikes(crc)) {
        damage(crc, checksum, reply);
    }
    const size_t kept = (size_t)sim_terms_of(meter, SIM_TRUNCATE)->bytes;
    if (sim_strikes(meter, SIM_TRUNCATE) && kept < reply->len) {
        reply->len = kept;
    }
    if (sim_strikes(meter, SIM_GLITCH)) {
        add_glitch((uint8_t)sim_terms_of(meter, SIM_GLITCH)->byte, reply);
    }
}
