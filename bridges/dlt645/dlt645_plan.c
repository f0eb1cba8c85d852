/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls as plans: the points of a model, sorted by identifier, in as few reads as its blocks
 * and the meter's refusals allow. Frames that follow each other are joined and decoded once.
 */
#include "bridges/dlt645/dlt645_plan.h"

#include <string.h>

#include "bridges/dlt645/dlt645_explain.h"
#include "bridges/dlt645/dlt645_state.h"
#include "bridges/quantity.h"

enum {
    NO_DATA_MS = 24 * 3600 * 1000, /* so long a meter is believed that it has no such data */
    BLOCK_MS = 3600 * 1000,        /* and that it does not give a block, for other reasons */
    DI_2007_BYTES = 4,
    DI_1997_BYTES = 2,
    EXTRA_PREAMBLE = 8 /* FE bytes that a meter may send more than we do */
};

_Static_assert(sizeof(struct dlt645_ask) <= BRIDGE_NOTES_MAX, "dlt645_ask");
_Static_assert(sizeof(struct dlt645_progress) <= BRIDGE_NOTES_MAX, "dlt645_progress");

struct dlt645_session *dlt645_session_of(struct bridge_session *session) {
    return (struct dlt645_session *)(void *)session;
}

struct dlt645_progress *dlt645_progress_of(struct plan *plan) {
    return (struct dlt645_progress *)(void *)plan->notes.bytes;
}

const struct dlt645_ask *dlt645_ask_of(const struct exchange *exchange) {
    return (const struct dlt645_ask *)(const void *)exchange->notes.bytes;
}

/* --- lessons ------------------------------------------------------------------------------ */

static bool is_refused(const struct dlt645_session *session, const struct plan *plan,
                       uint32_t di) {
    for (size_t i = 0; i < session->refused_count; i++) {
        const struct dlt645_refused *lesson = &session->refused[i];
        if (lesson->di == di && lesson->until_ms > plan->now_ms &&
            memcmp(lesson->address, plan->address.bytes, DLT645_ADDRESS_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static void learn(struct dlt645_session *session, const struct plan *plan, uint32_t di,
                  int64_t for_ms) {
    const size_t at = session->refused_count < DLT645_REFUSED_MAX ? session->refused_count++
                                                                  : session->oldest;
    session->oldest = (at + 1) % DLT645_REFUSED_MAX;
    session->refused[at] = (struct dlt645_refused){.di = di, .until_ms = plan->now_ms + for_ms};
    memcpy(session->refused[at].address, plan->address.bytes, DLT645_ADDRESS_BYTES);
}

/* --- requests ----------------------------------------------------------------------------- */

static size_t di_bytes(uint16_t edition) {
    return edition == DLT645_1997 ? DI_1997_BYTES : DI_2007_BYTES;
}

static uint32_t di_at(const struct dlt645_frame *frame, size_t bytes) {
    uint32_t di = 0;
    for (size_t i = bytes; i-- > 0;) {
        di = di << 8 | frame->data[i];
    }
    return di;
}

/* As many bytes as stand behind the identifier; a part of them while more frames follow. */
static bool fits(const struct dlt645_ask *ask, size_t len, bool is_part) {
    const struct dlt645_extent extent =
        dlt645_extent((enum dlt645_edition)ask->edition, ask->di);
    if (is_part || extent.step == 0) {
        return len > 0;
    }
    return len > 0 && len % extent.step == 0 && len <= extent.most;
}

static bool match_read(const struct dlt645_ask *ask, const struct dlt645_frame *frame) {
    const size_t head = di_bytes(ask->edition);
    const bool has_seq = ask->seq > 0 && ask->edition != DLT645_1997;
    if (frame->data_len < head + has_seq || di_at(frame, head) != ask->di) {
        return false;
    }
    const bool is_part = frame->control & DLT645_MORE_FRAMES || ask->seq > 0;
    return (!has_seq || frame->data[frame->data_len - 1] == ask->seq) &&
           fits(ask, frame->data_len - head - has_seq, is_part);
}

/* The one answer: from the meter that was asked, to this function, with the same identifier
 * and as many bytes as it has; or its refusal of this function (2007: 5.2.3, 5.3). */
static bool match(const struct exchange *exchange, const uint8_t *bytes, size_t len) {
    const struct dlt645_ask *ask = dlt645_ask_of(exchange);
    struct dlt645_frame frame;
    if (dlt645_frame_decode(bytes, len, &frame) != BRIDGE_OK ||
        !(frame.control & DLT645_FROM_SLAVE) ||
        (frame.control & DLT645_FUNCTION) != ask->control ||
        !dlt645_address_answers(ask->address, frame.address)) {
        return false;
    }
    if (frame.control & DLT645_ABNORMAL) {
        return frame.data_len == 1;
    }
    return ask->has_di ? match_read(ask, &frame)
                       : frame.data_len == 0 && !(frame.control & DLT645_MORE_FRAMES);
}

void dlt645_send(const struct plan *plan, const struct dlt645_frame *frame,
                 struct exchange *out) {
    struct dlt645_frame sent = *frame;
    const bool is_answered = !dlt645_address_is_broadcast(frame->address);
    sent.preamble = (size_t)dlt645_meter_of(plan->model)->preamble;
    *out = (struct exchange){
        .reply_max = is_answered ? sent.preamble + EXTRA_PREAMBLE + DLT645_OVERHEAD : 0,
        .timeout_us = plan->model->timeout_ms * 1000,
        .pause_us = plan->model->pause_ms * 1000,
        .address = plan->address,
        .match = match};
    out->address.len = DLT645_ADDRESS_BYTES;
    memcpy(out->address.bytes, frame->address, DLT645_ADDRESS_BYTES);
    out->request_len = dlt645_frame_encode(&sent, out->request);
    struct dlt645_ask ask = {.control = sent.control,
                             .edition = (uint16_t)dlt645_model_edition(plan->model)};
    memcpy(ask.address, frame->address, DLT645_ADDRESS_BYTES);
    memcpy(out->notes.bytes, &ask, sizeof ask);
}

static void set_expected(struct exchange *out, uint32_t di, uint8_t seq) {
    struct dlt645_ask ask = *dlt645_ask_of(out);
    const struct dlt645_extent extent = dlt645_extent((enum dlt645_edition)ask.edition, di);
    const size_t reply = out->reply_max + DI_2007_BYTES + (seq > 0) + extent.most;
    ask.has_di = true;
    ask.di = di;
    ask.seq = seq;
    out->reply_max = reply < BRIDGE_FRAME_MAX ? reply : BRIDGE_FRAME_MAX;
    memcpy(out->notes.bytes, &ask, sizeof ask);
}

void dlt645_read(struct plan *plan, uint32_t di, struct exchange *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct dlt645_frame frame;
    dlt645_request_read(plan->address.bytes, dlt645_model_edition(plan->model), di, &frame);
    dlt645_send(plan, &frame, out);
    set_expected(out, di, 0);
    progress->di = di;
}

static void read_following(struct plan *plan, struct exchange *out) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct dlt645_frame frame;
    dlt645_request_next(plan->address.bytes, dlt645_model_edition(plan->model), progress->di,
                        progress->seq, &frame);
    dlt645_send(plan, &frame, out);
    set_expected(out, progress->di, progress->seq);
}

/* Points [first, returned) are read by one request: by their block, or by an identifier that
 * several share. */
static size_t end_of_group(const struct model *model, size_t first, bool is_block) {
    const struct dlt645_point *start = dlt645_point_of(&model->points[first]);
    size_t last = first + 1;
    while (last < model->point_count) {
        const struct dlt645_point *point = dlt645_point_of(&model->points[last]);
        if (is_block ? point->block != start->block : point->di != start->di) {
            break;
        }
        last++;
    }
    return last;
}

/* The next read that the meter has not refused; false when there is none left. */
static bool next_read(const struct dlt645_session *session, struct plan *plan, uint32_t *di) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    while (progress->next < plan->model->point_count) {
        const size_t first = progress->next;
        const struct dlt645_point *point = dlt645_point_of(&plan->model->points[first]);
        const size_t single_end = end_of_group(plan->model, first, false);
        const size_t block_end =
            point->block ? end_of_group(plan->model, first, true) : single_end;
        progress->is_block =
            block_end > single_end && !is_refused(session, plan, (uint32_t)point->block);
        progress->first = (uint16_t)first;
        progress->next = (uint16_t)(progress->is_block ? block_end : single_end);
        *di = (uint32_t)(progress->is_block ? point->block : point->di);
        if (progress->is_block || !is_refused(session, plan, *di)) {
            return true;
        }
        plan->unsupported += progress->next - progress->first;
    }
    return false;
}

static void read_serial(struct plan *plan, struct exchange *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_1997 = dlt645_model_edition(plan->model) == DLT645_1997;
    progress->asked = DLT645_AT_SERIAL;
    progress->has_closed = progress->has_asked;
    progress->has_asked = true;
    dlt645_read(plan, is_1997 ? DLT645_DI_METER_NUMBER_1997 : DLT645_DI_METER_NUMBER, out);
}

/* The points lie between two numbers: the same meter gave them all. */
static enum bridge_status finish(struct plan *plan, struct exchange *out) {
    if (!plan->model->has_serial || dlt645_progress_of(plan)->has_closed) {
        return BRIDGE_DONE;
    }
    read_serial(plan, out);
    return BRIDGE_OK;
}

enum bridge_status dlt645_plan_next(struct bridge_session *session, struct plan *plan,
                                    struct exchange *out) {
    struct dlt645_session *ours = dlt645_session_of(session);
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    plan->wait_ms = 0;
    if (progress->seq > 0) {
        read_following(plan, out);
        return BRIDGE_OK;
    }
    progress->asked = progress->stage;
    if (progress->stage <= DLT645_AT_SERIAL) {
        uint32_t di = 0;
        progress->stage = progress->asked = DLT645_AT_POINTS;
        if (plan->model->has_serial && !progress->has_asked) {
            read_serial(plan, out);
            return BRIDGE_OK;
        }
        if (!next_read(ours, plan, &di)) {
            return finish(plan, out);
        }
        dlt645_read(plan, di, out);
        return BRIDGE_OK;
    }
    return progress->stage >= DLT645_AT_TIME           ? dlt645_clock_next(ours, plan, out)
           : progress->stage >= DLT645_AT_VALUE_BEFORE ? dlt645_write_next(ours, plan, out)
                                                       : dlt645_order_next(ours, plan, out);
}

/* --- replies ------------------------------------------------------------------------------ */

/* Every frame carries its meter's address: the number it is known by. A few meters answer with
 * the wildcards they were asked with, which tells nothing. */
static void take_address(struct plan *plan, const struct dlt645_frame *frame) {
    char text[DLT645_ADDRESS_DIGITS + 1];
    dlt645_address_format(frame->address, text);
    if (plan->model->has_serial || strspn(text, "0123456789") != DLT645_ADDRESS_DIGITS) {
        return;
    }
    memcpy(plan->serial, text, sizeof text);
    plan->serials_read++;
    plan->is_identified = true;
}

const struct dlt645_value *dlt645_only(uint32_t di, const uint8_t *data, size_t len,
                                       struct dlt645_values *values) {
    dlt645_values_decode(di > 0xffff ? DLT645_2007 : DLT645_1997, di, data, len, true, values);
    const bool is_good = values->count > 0 && !values->items[0].invalid;
    return is_good ? &values->items[0] : NULL;
}

/* One that is no number stays unread, and then nobody knows which meter this is. */
static void take_serial(struct plan *plan, const uint8_t *data, size_t len) {
    struct dlt645_values values;
    const struct dlt645_value *number =
        dlt645_only(dlt645_progress_of(plan)->di, data, len, &values);
    if (!number || strlen(number->text) > BRIDGE_SERIAL_MAX) {
        dlt645_progress_of(plan)->stage = DLT645_AT_END;
        return;
    }
    const bool is_same = plan->serials_read == 0 || strcmp(plan->serial, number->text) == 0;
    (void)strcpy(plan->serial, number->text);
    plan->serials_read++;
    plan->is_identified = is_same;
}

/* The value of a point in micro-units; the bits of a word as its number. */
static enum bridge_status measure(const struct dlt645_point *point,
                                  const struct dlt645_value *value, int64_t *micro) {
    if (value->invalid) {
        return BRIDGE_EINVALID;
    }
    if (value->kind == DLT645_DECIMAL) {
        return decimal_scale(value->micro,
                             (struct ratio){point->scale.num, point->scale.den * MICRO}, micro);
    }
    const bool is_set =
        point->bit >= 0 && ((value->bits >> point->bit & 1) != point->is_inverted);
    *micro = (point->bit < 0 ? (int64_t)value->bits : (int64_t)is_set) * MICRO;
    return value->kind == DLT645_BITS ? BRIDGE_OK : BRIDGE_EINVALID;
}

static const struct dlt645_value *find_value(const struct dlt645_values *values, int64_t di) {
    for (size_t i = 0; i < values->count; i++) {
        if (values->items[i].di == (uint32_t)di) {
            return &values->items[i];
        }
    }
    return NULL;
}

/* A word tells more than the points that are cut out of it. */
static void take_words(struct plan *plan, const struct dlt645_values *values) {
    for (size_t i = 0; i < values->count; i++) {
        const struct dlt645_value *value = &values->items[i];
        if (!value->invalid && value->kind == DLT645_BITS) {
            const struct meter_state state = dlt645_state(value->di, (uint16_t)value->bits);
            plan->state = meter_state_over(&plan->state, &state);
        }
    }
}

static void take_points(struct plan *plan, const uint8_t *data, size_t len,
                        struct samples *out) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct dlt645_values values;
    plan->is_identified &= !plan->model->has_serial;
    dlt645_values_decode(dlt645_model_edition(plan->model), progress->di, data, len, true,
                         &values);
    take_words(plan, &values);
    for (uint16_t i = progress->first; i < progress->next; i++) {
        const struct dlt645_point *point = dlt645_point_of(&plan->model->points[i]);
        const struct dlt645_value *value = find_value(&values, point->di);
        int64_t micro = 0;
        if (!value) { /* a block that ends before it */
            plan->unsupported++;
        } else if (measure(point, value, &micro) == BRIDGE_OK) {
            out->items[out->count++] = (struct sample){.point = i, .value_micro = micro};
        } else {
            plan->invalid++;
        }
    }
}

static void take_whole(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len, struct samples *out) {
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->asked == DLT645_AT_POINTS) {
        take_points(plan, data, len, out);
    } else if (progress->asked == DLT645_AT_SERIAL) {
        take_serial(plan, data, len);
    } else if (progress->asked >= DLT645_AT_TIME) {
        dlt645_clock_take(session, plan, data, len);
    } else if (progress->asked >= DLT645_AT_VALUE_BEFORE) {
        dlt645_write_take(session, plan, data, len);
    } else {
        dlt645_order_take(session, plan, data, len);
    }
}

/* Is what was kept the beginning of this very answer? Another plan may have come between. */
static bool is_joined(const struct dlt645_joined *joined, const struct plan *plan,
                      const struct dlt645_progress *progress) {
    return joined->di == progress->di && joined->seq == progress->seq &&
           memcmp(joined->address, plan->address.bytes, DLT645_ADDRESS_BYTES) == 0;
}

static bool join(struct dlt645_joined *joined, const struct plan *plan,
                 const struct dlt645_progress *progress, const uint8_t *data, size_t len) {
    if (progress->seq == 0) {
        *joined = (struct dlt645_joined){.di = progress->di};
        memcpy(joined->address, plan->address.bytes, DLT645_ADDRESS_BYTES);
    } else if (!is_joined(joined, plan, progress)) {
        return false;
    }
    if (len > sizeof joined->bytes - joined->len) {
        return false;
    }
    memcpy(joined->bytes + joined->len, data, len);
    joined->len += len;
    joined->seq = (uint8_t)(progress->seq + 1);
    return progress->seq < UINT8_MAX;
}

static enum bridge_status take_data(struct dlt645_session *session, struct plan *plan,
                                    const struct dlt645_ask *ask,
                                    const struct dlt645_frame *frame, struct samples *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const size_t head = ask->has_di ? di_bytes(ask->edition) : 0;
    const bool has_seq = ask->seq > 0 && ask->edition != DLT645_1997;
    const uint8_t *data = frame->data + head;
    size_t len = frame->data_len - head - has_seq;
    const bool has_more = frame->control & DLT645_MORE_FRAMES;
    if (has_more || progress->seq > 0) {
        if (!join(&session->joined, plan, progress, data, len)) {
            progress->seq = 0;
            return BRIDGE_EFRAME;
        }
        data = session->joined.bytes;
        len = session->joined.len;
    }
    progress->seq = has_more ? session->joined.seq : 0;
    if (!has_more) {
        take_whole(session, plan, data, len, out);
    }
    return BRIDGE_OK;
}

/* A refused block is asked for by its parts at once. */
static void take_refusal(struct dlt645_session *session, struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool has_none = plan->refusal & DLT645_ERROR_NO_DATA;
    progress->seq = 0;
    if (progress->asked == DLT645_AT_SERIAL) {
        progress->stage = DLT645_AT_END;
        return;
    }
    if (progress->asked != DLT645_AT_POINTS) {
        if (progress->asked >= DLT645_AT_TIME) {
            dlt645_clock_refused(session, plan);
        } else if (progress->asked >= DLT645_AT_VALUE_BEFORE) {
            dlt645_write_refused(session, plan);
        } else {
            dlt645_order_refused(session, plan);
        }
        return;
    }
    if (has_none || progress->is_block) {
        learn(session, plan, progress->di, has_none ? NO_DATA_MS : BLOCK_MS);
    }
    if (progress->is_block) {
        progress->next = progress->first;
    }
}

enum bridge_status dlt645_plan_take(struct bridge_session *session, struct plan *plan,
                                    const struct exchange *exchange, const uint8_t *bytes,
                                    size_t len, struct samples *out) {
    struct dlt645_session *ours = dlt645_session_of(session);
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    struct dlt645_frame frame;
    out->count = 0;
    if (exchange->reply_max == 0) {
        return BRIDGE_OK;
    }
    const enum bridge_status status = dlt645_frame_decode(bytes, len, &frame);
    if (status != BRIDGE_OK) {
        return status;
    }
    progress->retries = 0;
    progress->has_answered = true;
    take_address(plan, &frame);
    if (frame.control & DLT645_ABNORMAL) {
        plan->refusal = frame.data[0];
        take_refusal(ours, plan);
        return BRIDGE_EREFUSED;
    }
    return take_data(ours, plan, dlt645_ask_of(exchange), &frame, out);
}

/* The number that was asked for last has not come. */
static void forget_serial(struct dlt645_progress *progress) {
    if (progress->asked == DLT645_AT_SERIAL) {
        progress->has_asked = progress->has_closed;
        progress->has_closed = false;
    }
}

/* A read does no harm a second time. A meter that has not answered at all in this poll would
 * cost the line another timeout and its rest. */
bool dlt645_plan_missed(struct bridge_session *session, struct plan *plan,
                        const struct exchange *exchange, enum bridge_status status) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_silent = status == BRIDGE_ETIMEOUT && !progress->has_answered;
    const bool is_poll = progress->asked <= DLT645_AT_SERIAL;
    (void)session;
    progress->seq = 0; /* what follows is read again from its beginning */
    if (!dlt645_ask_of(exchange)->has_di || (is_poll && is_silent) ||
        progress->retries >= dlt645_meter_of(plan->model)->retries) {
        return !is_poll && (dlt645_write_missed(plan) || dlt645_order_missed(plan));
    }
    progress->retries++;
    progress->stage = progress->asked;
    forget_serial(progress);
    progress->next = progress->asked == DLT645_AT_POINTS ? progress->first : progress->next;
    return true;
}
