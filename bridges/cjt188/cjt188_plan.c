/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls as plans: the identifiers of a model one after the other. The order of an identifier's
 * bytes that a meter answers to is found out by trying, and kept for each meter.
 */
#include "bridges/cjt188/cjt188_plan.h"

#include <string.h>

enum {
    REFUSAL_MS = 24 * 3600 * 1000, /* so long a meter is believed that it has no such data */
    DI_BYTES = 2,
    HEAD_BYTES = 3,    /* and SER */
    REFUSAL_BYTES = 3, /* SER ST ST; some send DI SER */
    DATA_MOST = 100,   /* 64H, what a read may answer */
    DATA_USUAL = 22,   /* 901F of water and gas */
    DATA_HEAT = 46,    /* and of heat */
    EXTRA_PREAMBLE = 8 /* FE bytes that a meter may send more than we do */
};

_Static_assert(sizeof(struct cjt188_ask) <= BRIDGE_NOTES_MAX, "cjt188_ask");
_Static_assert(sizeof(struct cjt188_progress) <= BRIDGE_NOTES_MAX, "cjt188_progress");

struct cjt188_session *cjt188_session_of(struct bridge_session *session) {
    return (struct cjt188_session *)(void *)session;
}

struct cjt188_progress *cjt188_progress_of(struct plan *plan) {
    return (struct cjt188_progress *)(void *)plan->notes.bytes;
}

const struct cjt188_ask *cjt188_ask_of(const struct exchange *exchange) {
    return (const struct cjt188_ask *)(const void *)exchange->notes.bytes;
}

/* --- what was found out ------------------------------------------------------------------- */

static bool same_meter(const struct meter_address *a, const struct meter_address *b) {
    return memcmp(a->bytes, b->bytes, CJT188_WIRE_BYTES) == 0;
}

static struct cjt188_habit *habit_of(struct cjt188_session *session, const struct plan *plan) {
    for (size_t i = 0; i < session->habit_count; i++) {
        if (same_meter(&session->habits[i].address, &plan->address)) {
            return &session->habits[i];
        }
    }
    return NULL;
}

/* It has answered to this order of the identifier's bytes. */
static void learn_order(struct cjt188_session *session, struct plan *plan) {
    struct cjt188_habit *habit = habit_of(session, plan);
    if (!habit) {
        const size_t at = session->habit_count < CJT188_HABITS_MAX ? session->habit_count++
                                                                   : session->oldest_habit;
        session->oldest_habit = (at + 1) % CJT188_HABITS_MAX;
        habit = &session->habits[at];
        habit->address = plan->address;
    }
    habit->is_little = cjt188_progress_of(plan)->is_little;
}

static bool is_refused(const struct cjt188_session *session, const struct plan *plan,
                       uint16_t di) {
    for (size_t i = 0; i < session->refused_count; i++) {
        const struct cjt188_refused *lesson = &session->refused[i];
        if (lesson->di == di && lesson->until_ms > plan->now_ms &&
            same_meter(&lesson->address, &plan->address)) {
            return true;
        }
    }
    return false;
}

static void learn_refusal(struct cjt188_session *session, const struct plan *plan,
                          uint16_t di) {
    const size_t at = session->refused_count < CJT188_REFUSED_MAX ? session->refused_count++
                                                                  : session->oldest_refused;
    session->oldest_refused = (at + 1) % CJT188_REFUSED_MAX;
    session->refused[at] = (struct cjt188_refused){
        .address = plan->address, .di = di, .until_ms = plan->now_ms + REFUSAL_MS};
}

/* --- requests ----------------------------------------------------------------------------- */

static bool is_di(const struct cjt188_frame *frame, uint16_t di) {
    const uint8_t high = (uint8_t)(di >> 8);
    const uint8_t low = (uint8_t)(di & 0xff);
    return (frame->data[0] == high && frame->data[1] == low) ||
           (frame->data[0] == low && frame->data[1] == high);
}

/* The one answer: from the meter that was asked and of its class, to this function, with the
 * identifier in either order; or its refusal of this function. The serial number is not looked
 * at: not all give it back. */
static bool match(const struct exchange *exchange, const uint8_t *bytes, size_t len) {
    const struct cjt188_ask *ask = cjt188_ask_of(exchange);
    struct cjt188_frame frame;
    if (cjt188_frame_decode(bytes, len, &frame) != BRIDGE_OK ||
        !(frame.control & CJT188_FROM_SLAVE) ||
        (frame.control & CJT188_FUNCTION) != ask->control ||
        !cjt188_type_answers(ask->type, frame.type) ||
        !cjt188_address_answers(ask->address, frame.address)) {
        return false;
    }
    if (frame.control & CJT188_ABNORMAL) {
        return frame.data_len <= REFUSAL_BYTES;
    }
    const size_t least = HEAD_BYTES + (ask->control == CJT188_READ);
    return frame.data_len >= least && is_di(&frame, ask->di);
}

uint8_t cjt188_next_ser(struct cjt188_session *session) {
    session->ser = session->ser == UINT8_MAX ? 1 : (uint8_t)(session->ser + 1);
    return session->ser;
}

struct cjt188_peer cjt188_peer_of(struct cjt188_session *session, struct plan *plan) {
    const struct cjt188_meter *meter = cjt188_meter_of(plan->model);
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    const struct cjt188_habit *habit = habit_of(session, plan);
    const uint8_t type = plan->address.bytes[0];
    struct cjt188_peer peer = {.type = type ? type : (uint8_t)meter->type,
                               .preamble = (uint8_t)meter->preamble};
    memcpy(peer.address, plan->address.bytes + 1, CJT188_ADDRESS_BYTES);
    const bool is_little = meter->order == CJT188_ORDER_AUTO
                               ? habit && habit->is_little
                               : meter->order == CJT188_ORDER_LITTLE;
    peer.is_little = is_little != progress->has_turned;
    progress->is_little = peer.is_little;
    return peer;
}

static size_t usual_len(const struct cjt188_frame *frame, uint16_t di) {
    if (di != CJT188_DI_READING) {
        return DATA_MOST;
    }
    const bool is_small =
        frame->type >> 4 == CJT188_WATER >> 4 || frame->type >> 4 == CJT188_GAS >> 4;
    return is_small ? DATA_USUAL : DATA_HEAT;
}

void cjt188_send(const struct plan *plan, const struct cjt188_frame *frame, uint16_t di,
                 struct exchange *out) {
    struct cjt188_ask ask = {.type = frame->type, .control = frame->control, .di = di};
    memcpy(ask.address, frame->address, CJT188_ADDRESS_BYTES);
    *out = (struct exchange){.reply_max = frame->preamble + EXTRA_PREAMBLE + CJT188_OVERHEAD +
                                          usual_len(frame, di),
                             .timeout_us = plan->model->timeout_ms * 1000,
                             .pause_us = plan->model->pause_ms * 1000,
                             .address = plan->address,
                             .match = match};
    out->request_len = cjt188_frame_encode(frame, out->request);
    memcpy(out->notes.bytes, &ask, sizeof ask);
}

/* Points [first, returned) stand behind one identifier. */
static size_t end_of_group(const struct model *model, size_t first) {
    size_t last = first + 1;
    while (last < model->point_count && cjt188_point_of(&model->points[last])->di ==
                                            cjt188_point_of(&model->points[first])->di) {
        last++;
    }
    return last;
}

static bool next_read(const struct cjt188_session *session, struct plan *plan, uint16_t *di) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    while (progress->next < plan->model->point_count) {
        progress->first = progress->next;
        progress->next = (uint16_t)end_of_group(plan->model, progress->first);
        *di = (uint16_t)cjt188_point_of(&plan->model->points[progress->first])->di;
        if (!is_refused(session, plan, *di)) {
            return true;
        }
        plan->unsupported += progress->next - progress->first;
    }
    return false;
}

enum bridge_status cjt188_next(struct bridge_session *session, struct plan *plan,
                               struct exchange *out) {
    struct cjt188_session *ours = cjt188_session_of(session);
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    plan->wait_ms = 0;
    progress->asked = progress->stage;
    if (progress->stage != CJT188_AT_POINTS) {
        return cjt188_valve_next(ours, plan, out);
    }
    uint16_t di = 0;
    if (!next_read(ours, plan, &di)) {
        return BRIDGE_DONE;
    }
    const struct cjt188_peer peer = cjt188_peer_of(ours, plan);
    struct cjt188_frame frame;
    cjt188_request_read(&peer, di, cjt188_next_ser(ours), &frame);
    cjt188_send(plan, &frame, di, out);
    return BRIDGE_OK;
}

/* --- replies ------------------------------------------------------------------------------ */

static void take_state(struct plan *plan, const struct cjt188_explanation *explained) {
    if (explained->has_status) {
        const struct meter_state state = cjt188_state(plan->model, &explained->status);
        plan->state = meter_state_over(&plan->state, &state);
    }
}

static void take_points(struct plan *plan, const struct cjt188_explanation *explained,
                        struct samples *out) {
    const struct cjt188_progress *progress = cjt188_progress_of(plan);
    const struct cjt188_meter *meter = cjt188_meter_of(plan->model);
    take_state(plan, explained);
    for (uint16_t i = progress->first; i < progress->next; i++) {
        int64_t micro = 0;
        const enum bridge_status status =
            cjt188_measure(meter, &plan->model->points[i], explained, &micro);
        if (status == BRIDGE_OK) {
            out->items[out->count++] = (struct sample){.point = i, .value_micro = micro};
        } else if (status == BRIDGE_EMISMATCH) {
            plan->unsupported++;
        } else {
            plan->invalid++;
        }
    }
}

/* Every frame carries its meter's address: the number it is known by. */
static void take_address(struct plan *plan, const struct cjt188_frame *frame) {
    char text[CJT188_ADDRESS_DIGITS + 1];
    cjt188_address_format(frame->address, text);
    if (frame->address[0] == CJT188_ANY) {
        return;
    }
    memcpy(plan->serial, text, sizeof text);
    plan->serials_read++;
    plan->is_identified = true;
}

/* The other order of the identifier's bytes, once in a plan and only of a meter that has not
 * answered to either. An order to a valve is not what one tries that with. */
static bool turn(struct cjt188_session *session, struct plan *plan) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    const bool may = cjt188_meter_of(plan->model)->order == CJT188_ORDER_AUTO &&
                     !habit_of(session, plan) && !progress->has_turned &&
                     progress->asked != CJT188_AT_ORDER &&
                     progress->asked != CJT188_AT_WRITE_TIME;
    if (may) {
        progress->has_turned = true;
        progress->stage = progress->asked;
        progress->next = progress->first;
    }
    return may;
}

/* SER ST ST; ST says what is the matter. */
static enum bridge_status take_refusal(struct cjt188_session *session, struct plan *plan,
                                       const struct cjt188_ask *ask,
                                       const struct cjt188_frame *frame) {
    const uint8_t *data = frame->data;
    plan->refusal = frame->data_len == REFUSAL_BYTES ? data[1] << 8 | data[2]
                    : frame->data_len > 0            ? data[frame->data_len - 1]
                                                     : 0;
    if (turn(session, plan)) {
        return BRIDGE_EREFUSED;
    }
    if (cjt188_progress_of(plan)->asked == CJT188_AT_POINTS) {
        learn_refusal(session, plan, ask->di);
    } else {
        cjt188_valve_refused(plan);
    }
    return BRIDGE_EREFUSED;
}

enum bridge_status cjt188_take(struct bridge_session *session, struct plan *plan,
                               const struct exchange *exchange, const uint8_t *bytes,
                               size_t len, struct samples *out) {
    struct cjt188_session *ours = cjt188_session_of(session);
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    const struct cjt188_ask *ask = cjt188_ask_of(exchange);
    struct cjt188_frame frame;
    struct cjt188_explanation explained;
    out->count = 0;
    const enum bridge_status status = cjt188_frame_decode(bytes, len, &frame);
    if (status != BRIDGE_OK) {
        return status;
    }
    progress->retries = 0;
    progress->has_answered = true;
    take_address(plan, &frame);
    if (frame.control & CJT188_ABNORMAL) {
        return take_refusal(ours, plan, ask, &frame);
    }
    learn_order(ours, plan);
    progress->has_turned = false; /* from here on the habit says it */
    cjt188_explain(&frame, &explained);
    if (progress->asked == CJT188_AT_POINTS) {
        take_points(plan, &explained, out);
    } else {
        cjt188_valve_take(plan, &explained);
    }
    return BRIDGE_OK;
}

/* A read does no harm a second time, and a meter on a battery sleeps through the first. */
bool cjt188_missed(struct bridge_session *session, struct plan *plan,
                   const struct exchange *exchange, enum bridge_status status) {
    struct cjt188_progress *progress = cjt188_progress_of(plan);
    (void)status;
    if (cjt188_ask_of(exchange)->control == CJT188_READ) {
        if (progress->retries < cjt188_meter_of(plan->model)->retries) {
            progress->retries++;
            progress->stage = progress->asked;
            progress->next = progress->first;
            return true;
        }
        if (turn(cjt188_session_of(session), plan)) {
            progress->retries = 0;
            return true;
        }
    }
    return progress->asked != CJT188_AT_POINTS && cjt188_valve_missed(plan);
}
