/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polls and relay actions as plans: serial number first, then the points of a model, sorted
 * by function and register, in as few requests as its limits and the meter's refusals allow.
 */
#include "bridges/modbus/mbrtu_plan.h"

#include <string.h>

#include "bridges/base/bytes.h"
#include "bridges/modbus/mbrtu_frame.h"
#include "bridges/quantity.h"

enum { ILLEGAL_ADDRESS = 2, FIXED_REPLY_BYTES = 8, READ_REPLY_HEAD = 3 };

_Static_assert(sizeof(struct mbrtu_request) <= BRIDGE_NOTES_MAX, "mbrtu_request");
_Static_assert(sizeof(struct mbrtu_progress) <= BRIDGE_NOTES_MAX, "mbrtu_progress");

struct mbrtu_session *mbrtu_session_of(struct bridge_session *session) {
    return (struct mbrtu_session *)(void *)session;
}

struct mbrtu_progress *mbrtu_progress_of(struct plan *plan) {
    return (struct mbrtu_progress *)(void *)plan->notes.bytes;
}

const struct mbrtu_request *mbrtu_request_of(const struct exchange *exchange) {
    return (const struct mbrtu_request *)(const void *)exchange->notes.bytes;
}

/* --- lessons --------------------------------------------------------------------------------
 */

static bool is_refused(const struct mbrtu_session *session, const struct mbrtu_request *request,
                       int64_t now_ms) {
    for (size_t i = 0; i < session->refused_count; i++) {
        const struct mbrtu_refused *lesson = &session->refused[i];
        if (lesson->unit == request->unit && lesson->function == request->function &&
            lesson->start == request->start && lesson->count == request->count &&
            now_ms - lesson->at_ms < MBRTU_LESSON_MS) {
            return true;
        }
    }
    return false;
}

static void learn(struct mbrtu_session *session, const struct mbrtu_request *request,
                  int64_t now_ms) {
    const size_t at =
        session->refused_count < MBRTU_REFUSED_MAX ? session->refused_count++ : session->oldest;
    session->oldest = (at + 1) % MBRTU_REFUSED_MAX;
    session->refused[at] = (struct mbrtu_refused){.unit = request->unit,
                                                  .function = request->function,
                                                  .start = request->start,
                                                  .count = request->count,
                                                  .at_ms = now_ms};
}

void mbrtu_forget(struct mbrtu_session *session, uint8_t unit) {
    size_t kept = 0;
    for (size_t i = 0; i < session->refused_count; i++) {
        if (session->refused[i].unit != unit) {
            session->refused[kept++] = session->refused[i];
        }
    }
    session->refused_count = kept;
    session->oldest = 0;
}

/* --- ranges ---------------------------------------------------------------------------------
 */

static bool is_ratio(const struct model_point *point) {
    return point->quantity == QUANTITY_current_transformer_ratio ||
           point->quantity == QUANTITY_voltage_transformer_ratio;
}

static int64_t end_of(const struct mbrtu_point *point) {
    return point->address + (int64_t)mbrtu_words(point->value.type);
}

/* The read of points [first, last). */
static struct mbrtu_request read_of(const struct plan *plan, size_t first, size_t last) {
    const struct mbrtu_point *start = mbrtu_point_of(&plan->model->points[first]);
    int64_t end = 0;
    for (size_t i = first; i < last; i++) {
        const int64_t this_end = end_of(mbrtu_point_of(&plan->model->points[i]));
        end = this_end > end ? this_end : end;
    }
    return (struct mbrtu_request){.unit = plan->address.bytes[0],
                                  .function = (uint8_t)start->function,
                                  .start = (uint16_t)start->address,
                                  .count = (uint16_t)(end - start->address)};
}

/* Points [first, returned) fit into one read by the model's limits. */
static size_t widest(const struct model *model, size_t first) {
    const struct mbrtu_meter *meter = mbrtu_meter_of(model);
    const struct mbrtu_point *start = mbrtu_point_of(&model->points[first]);
    int64_t end = end_of(start);
    size_t next = first + 1;
    for (; next < model->point_count; next++) {
        const struct mbrtu_point *point = mbrtu_point_of(&model->points[next]);
        const int64_t new_end = end_of(point) > end ? end_of(point) : end;
        if (point->function != start->function || point->address < start->address ||
            point->address - end > meter->max_hole ||
            new_end - start->address > meter->max_registers ||
            is_ratio(&model->points[next]) != is_ratio(&model->points[first])) {
            break;
        }
        end = new_end;
    }
    return next;
}

/* The next read that the meter has not refused; false when there is none left. */
static bool next_read(const struct mbrtu_session *session, struct plan *plan,
                      struct mbrtu_progress *progress, struct mbrtu_request *out) {
    while (progress->next < plan->model->point_count) {
        const size_t first = progress->next;
        size_t last = widest(plan->model, first);
        *out = read_of(plan, first, last);
        while (is_refused(session, out, plan->now_ms) && last - first > 1) {
            last = first + (last - first + 1) / 2;
            *out = read_of(plan, first, last);
        }
        progress->first = (uint16_t)first;
        progress->next = (uint16_t)last;
        if (!is_refused(session, out, plan->now_ms)) {
            return true;
        }
        plan->unsupported++;
    }
    return false;
}

/* --- requests -------------------------------------------------------------------------------
 */

/* The one reply that answers the request: to a read, same unit, same function and as many bytes
 * as were asked for; to a write, its echo (V1.1b3 6.1 to 6.12); or an exception to this very
 * function (V1.1b3 7). */
static bool match(const struct exchange *exchange, const uint8_t *frame, size_t len) {
    const struct mbrtu_request *request = mbrtu_request_of(exchange);
    if (len < MBRTU_EXCEPTION_BYTES || frame[0] != request->unit) {
        return false;
    }
    if (frame[1] == (request->function | MBRTU_EXCEPTION_BIT)) {
        return len == MBRTU_EXCEPTION_BYTES;
    }
    if (frame[1] != request->function) {
        return false;
    }
    if (request->function > MBRTU_READ_INPUT) {
        return len == FIXED_REPLY_BYTES && memcmp(frame, exchange->request, 6) == 0;
    }
    const bool is_bits = request->function <= MBRTU_READ_DISCRETE;
    return frame[2] == (is_bits ? (request->count + 7) / 8 : 2 * request->count);
}

static enum bridge_status ask(struct mbrtu_session *session, const struct plan *plan,
                              const struct mbrtu_request *request, struct exchange *out) {
    const bool is_write = request->function > MBRTU_READ_INPUT;
    *out = (struct exchange){.reply_max = is_write ? FIXED_REPLY_BYTES
                                                   : READ_REPLY_HEAD + 2U * request->count +
                                                         MBRTU_CRC_BYTES,
                             .timeout_us = plan->model->timeout_ms * 1000,
                             .pause_us = plan->model->pause_ms * 1000,
                             .address = plan->address,
                             .match = match};
    memcpy(out->notes.bytes, request, sizeof *request);
    return mbrtu_codec_request(session->codec, request, out->request, sizeof out->request,
                               &out->request_len);
}

static struct mbrtu_request serial_read(const struct plan *plan) {
    const struct mbrtu_serial *serial = &mbrtu_meter_of(plan->model)->serial;
    return (struct mbrtu_request){.unit = plan->address.bytes[0],
                                  .function = (uint8_t)serial->function,
                                  .start = (uint16_t)serial->address,
                                  .count = (uint16_t)serial->words};
}

static struct mbrtu_request relay_write(const struct plan *plan, uint8_t action) {
    const struct mbrtu_relay_write *write = &mbrtu_meter_of(plan->model)->relay_write;
    struct mbrtu_request request = {.unit = plan->address.bytes[0],
                                    .function = (uint8_t)write->function,
                                    .start = (uint16_t)write->address,
                                    .count = (uint16_t)write->word_count};
    memcpy(request.words, action == RELAY_OPEN ? write->open : write->closed,
           sizeof request.words);
    return request;
}

static struct mbrtu_request state_read(const struct plan *plan) {
    const struct mbrtu_relay_state *state = &mbrtu_meter_of(plan->model)->relay_state;
    return (struct mbrtu_request){.unit = plan->address.bytes[0],
                                  .function = (uint8_t)state->function,
                                  .start = (uint16_t)state->address,
                                  .count = 1};
}

enum bridge_status mbrtu_next(struct bridge_session *session, struct plan *plan,
                              struct exchange *out) {
    struct mbrtu_session *ours = mbrtu_session_of(session);
    struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    struct mbrtu_request request = {0};
    if (progress->stage == MBRTU_AT_SERIAL && !plan->model->has_serial) {
        progress->stage = MBRTU_AT_POINTS;
    }
    progress->asked = progress->stage;
    switch ((enum mbrtu_stage)progress->stage) {
    case MBRTU_AT_SERIAL:
        progress->stage = MBRTU_AT_POINTS;
        request = serial_read(plan);
        break;
    case MBRTU_AT_POINTS:
        if (next_read(ours, plan, progress, &request)) {
            break;
        }
        if (plan->serials_read == 0) {
            return BRIDGE_DONE;
        }
        progress->asked = MBRTU_AT_SERIAL_AGAIN;
        progress->stage = MBRTU_AT_END;
        request = serial_read(plan);
        break;
    case MBRTU_AT_SERIAL_AGAIN:
    case MBRTU_AT_WRITE:
        progress->stage =
            mbrtu_meter_of(plan->model)->relay_state.function ? MBRTU_AT_STATE : MBRTU_AT_END;
        plan->outcome.answer = RELAY_NO_ANSWER;
        request = relay_write(plan, progress->action);
        break;
    case MBRTU_AT_STATE:
        progress->stage = MBRTU_AT_END;
        request = state_read(plan);
        break;
    case MBRTU_AT_END:
        return BRIDGE_DONE;
    }
    return ask(ours, plan, &request, out);
}

enum bridge_status mbrtu_relay(struct plan *plan, enum relay_action action) {
    const struct mbrtu_meter *meter = mbrtu_meter_of(plan->model);
    struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    const bool is_order = action == RELAY_OPEN || action == RELAY_CLOSE;
    const bool can = action == RELAY_LOOK ? meter->relay_state.function != 0
                                          : is_order && meter->relay_write.function != 0;
    if (!can) {
        return BRIDGE_ECONFIG;
    }
    progress->action = (uint8_t)action;
    progress->stage = action == RELAY_LOOK ? MBRTU_AT_STATE : MBRTU_AT_WRITE;
    plan->relay = RELAY_UNKNOWN;
    plan->outcome = (struct relay_outcome){0};
    return BRIDGE_OK;
}

/* --- replies --------------------------------------------------------------------------------
 */

static void note_ratio(struct mbrtu_progress *progress, uint16_t quantity, int64_t micro) {
    if (quantity == QUANTITY_current_transformer_ratio) {
        progress->has_ct = true;
        progress->ct_micro = micro;
    } else if (quantity == QUANTITY_voltage_transformer_ratio) {
        progress->has_vt = true;
        progress->vt_micro = micro;
    }
}

/* The primary side. BRIDGE_EINVALID: the ratio was not read in this poll. */
static enum bridge_status multiply(const struct mbrtu_progress *progress, int with,
                                   int64_t *micro) {
    const bool by_ct = with == MBRTU_CT || with == MBRTU_CT_VT;
    const bool by_vt = with == MBRTU_VT || with == MBRTU_CT_VT;
    enum bridge_status status = BRIDGE_OK;
    if ((by_ct && !progress->has_ct) || (by_vt && !progress->has_vt)) {
        return BRIDGE_EINVALID;
    }
    if (by_ct) {
        status = decimal_multiply(*micro, progress->ct_micro, micro);
    }
    if (status == BRIDGE_OK && by_vt) {
        status = decimal_multiply(*micro, progress->vt_micro, micro);
    }
    return status;
}

static void take_points(struct plan *plan, const struct mbrtu_request *request,
                        const uint16_t *values, struct samples *out) {
    struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    for (uint16_t i = progress->first; i < progress->next; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&plan->model->points[i]);
        int64_t micro = 0;
        enum bridge_status status =
            mbrtu_decode(&point->value, values + (point->address - request->start), &micro);
        status = status == BRIDGE_OK ? multiply(progress, point->multiply, &micro) : status;
        if (status != BRIDGE_OK) {
            plan->invalid++;
            continue;
        }
        note_ratio(progress, plan->model->points[i].quantity, micro);
        out->items[out->count++] = (struct sample){.point = i, .value_micro = micro};
    }
}

static char *put_number(char *at, uint64_t number) {
    char digits[24];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

/* The serial number as text; empty when the registers hold none. */
static void take_serial(struct plan *plan, const struct mbrtu_request *request,
                        const uint16_t *values) {
    const int type = mbrtu_meter_of(plan->model)->serial.type;
    char *at = plan->serial;
    uint64_t number = 0;
    for (uint16_t i = 0; i < request->count; i++) {
        const uint8_t bytes[2] = {(uint8_t)(values[i] >> 8), (uint8_t)(values[i] & 0xff)};
        number = number << 16 | values[i];
        for (size_t b = 0; b < 2 && type != MBRTU_SERIAL_NUMBER; b++) {
            if (type == MBRTU_SERIAL_BCD) {
                *at++ = "0123456789abcdef"[bytes[b] >> 4];
                *at++ = "0123456789abcdef"[bytes[b] & 0xf];
            } else if (bytes[b] > ' ' && bytes[b] < 0x7f) {
                *at++ = (char)bytes[b];
            }
        }
    }
    at = type == MBRTU_SERIAL_NUMBER ? put_number(at, number) : at;
    *at = '\0';
    plan->serials_read++;
    plan->is_identified = plan->serials_read > 1; /* behind the last value */
}

/* Lessons are of one meter: another one at its address has learnt nothing yet. */
static void know_serial(struct mbrtu_session *session, const struct plan *plan) {
    const uint32_t hash = bytes_hash(BYTES_HASH, plan->serial, strlen(plan->serial));
    uint32_t *known = &session->serials[plan->address.bytes[0]];
    if (*known && *known != hash) {
        mbrtu_forget(session, plan->address.bytes[0]);
    }
    *known = hash;
}

static void take_state(struct plan *plan, uint16_t value) {
    const struct mbrtu_relay_state *state = &mbrtu_meter_of(plan->model)->relay_state;
    const int64_t masked = value & state->mask;
    plan->relay = masked == state->closed ? RELAY_IS_CLOSED
                  : masked == state->open ? RELAY_IS_OPEN
                                          : RELAY_UNKNOWN;
    const struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    if (progress->action != RELAY_LOOK && plan->relay != RELAY_UNKNOWN) {
        const bool is_done = (plan->relay == RELAY_IS_OPEN) == (progress->action == RELAY_OPEN);
        plan->outcome.verdict = is_done ? RELAY_VERIFIED : RELAY_NOT_DONE;
    }
}

/* A refused range is asked for in halves at once; other refusals end it for this poll. */
static void take_refusal(struct mbrtu_session *session, struct plan *plan,
                         const struct mbrtu_request *request) {
    struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    if (plan->refusal == ILLEGAL_ADDRESS && progress->asked == MBRTU_AT_POINTS) {
        learn(session, request, plan->now_ms);
        progress->next = progress->first;
    }
    if (progress->asked == MBRTU_AT_WRITE) {
        progress->stage = MBRTU_AT_END;
        plan->outcome.answer = RELAY_REFUSED;
    }
}

enum bridge_status mbrtu_take(struct bridge_session *session, struct plan *plan,
                              const struct exchange *exchange, const uint8_t *frame, size_t len,
                              struct samples *out) {
    struct mbrtu_session *ours = mbrtu_session_of(session);
    const struct mbrtu_request *request = mbrtu_request_of(exchange);
    const struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    uint16_t values[MBRTU_VALUES_MAX] = {0};
    enum bridge_status status = BRIDGE_OK;
    out->count = 0;
    if (len == MBRTU_EXCEPTION_BYTES && frame[1] & MBRTU_EXCEPTION_BIT &&
        request->function > MBRTU_READ_INPUT) {
        plan->refusal = frame[2];
        status = BRIDGE_EREFUSED;
    } else if (request->function <= MBRTU_READ_INPUT) {
        status = mbrtu_codec_reply(ours->codec, request, frame, len, values, &plan->refusal);
    }
    if (status == BRIDGE_EREFUSED) {
        take_refusal(ours, plan, request);
    }
    if (status != BRIDGE_OK) {
        return status;
    }
    if (progress->asked == MBRTU_AT_SERIAL || progress->asked == MBRTU_AT_SERIAL_AGAIN) {
        take_serial(plan, request, values);
        know_serial(ours, plan);
    } else if (progress->asked == MBRTU_AT_POINTS) {
        take_points(plan, request, values, out);
    } else if (progress->asked == MBRTU_AT_WRITE) {
        plan->outcome.answer = RELAY_ACKNOWLEDGED;
    } else if (progress->asked == MBRTU_AT_STATE) {
        take_state(plan, values[0]);
    }
    return BRIDGE_OK;
}

/* A write that nobody has answered may have been done: the state tells. */
bool mbrtu_missed(struct bridge_session *session, struct plan *plan,
                  const struct exchange *exchange, enum bridge_status status) {
    const struct mbrtu_progress *progress = mbrtu_progress_of(plan);
    (void)session;
    (void)exchange;
    (void)status;
    return progress->asked == MBRTU_AT_WRITE && progress->stage == MBRTU_AT_STATE;
}
