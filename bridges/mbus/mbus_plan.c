/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_plan.h"

#include <string.h>

#include "bridges/base/bytes.h"
#include "bridges/mbus/mbus_frame.h"

enum {
    ANSWER_BITS = 330, /* the latest beginning of an answer (EN 13757-2, 5.5.4) */
    ACK = 0xe5,
    FUNCTION = 0x0f
};

_Static_assert(sizeof(struct mbus_progress) <= BRIDGE_NOTES_MAX, "mbus_progress");
_Static_assert(sizeof(struct mbus_ask) <= BRIDGE_NOTES_MAX, "mbus_ask");
_Static_assert((int)MBUS_FRAME_MAX <= (int)BRIDGE_FRAME_MAX, "a frame fits");
_Static_assert((int)MBUS_RELAY_BYTES_MAX <= (int)MBUS_COMMAND_MAX, "a relay command fits");

struct mbus_progress *mbus_progress_of(struct plan *plan) {
    return (struct mbus_progress *)(void *)plan->notes.bytes;
}

/* --- answers ----------------------------------------------------------------------------- */

/* Is the header that of the meter that was selected? An application error and an alarm may have
 * none. */
static bool is_of_selected(const struct mbus_ask *ask, const struct mbus_frame *frame) {
    struct mbus_header header;
    if (mbus_header_read(frame->ci, frame->data, frame->len, &header) != BRIDGE_OK) {
        return false;
    }
    const bool is_alarm = ask->wants_alarm && header.layout == MBUS_NO_HEADER;
    if (header.content == MBUS_APP_ERROR || is_alarm) {
        return true;
    }
    const bool has_id = header.layout == MBUS_LONG_HEADER || header.layout == MBUS_FIXED_HEADER;
    struct mbus_selection wanted = ask->selection;
    const struct mbus_selection meter = mbus_selection_of(&header);
    if (header.layout == MBUS_FIXED_HEADER) { /* tells the id alone */
        wanted.manufacturer = 0xffff;
        wanted.version = wanted.medium = 0xff;
    }
    return has_id && mbus_selection_fits(&wanted, &meter);
}

/* To a selected meter the id decides: what it puts as A is its own address or 253, and an
 * answer that comes late is of another meter at the same 253. */
static bool match(const struct exchange *exchange, const uint8_t *bytes, size_t len) {
    struct mbus_ask ask;
    struct mbus_frame frame;
    memcpy(&ask, exchange->notes.bytes, sizeof ask);
    if (mbus_frame_read(bytes, len, &frame) != BRIDGE_OK) {
        return false;
    }
    if (ask.wants_ack || frame.kind == MBUS_ACK) {
        return (ask.wants_ack || ask.wants_alarm) && frame.kind == MBUS_ACK;
    }
    if ((frame.kind != MBUS_LONG && frame.kind != MBUS_CONTROL) ||
        (frame.c & FUNCTION) != MBUS_RSP_UD) {
        return false;
    }
    return ask.is_selected ? is_of_selected(&ask, &frame) : frame.a == ask.primary;
}

/* --- requests ---------------------------------------------------------------------------- */

static uint8_t link_address(const struct plan *plan) {
    return mbus_is_secondary(&plan->address) ? MBUS_ADDRESS_SELECTED : plan->address.bytes[0];
}

static void ask(const struct plan *plan, bool wants_ack, struct exchange *out) {
    struct mbus_ask notes = {.wants_ack = wants_ack,
                             .is_selected = mbus_is_secondary(&plan->address),
                             .primary = plan->address.bytes[0]};
    if (notes.is_selected) {
        notes.selection = mbus_selection_at(&plan->address);
    }
    *out = (struct exchange){.reply_max = wants_ack ? 1 : MBUS_FRAME_MAX,
                             .timeout_us = plan->model->timeout_ms * 1000,
                             .timeout_bits = ANSWER_BITS,
                             .pause_us = plan->model->pause_ms * 1000,
                             .address = plan->address,
                             .match = match};
    memcpy(out->notes.bytes, &notes, sizeof notes);
}

static void ask_reset(const struct plan *plan, struct exchange *out) {
    ask(plan, true, out);
    out->request_len = mbus_build_short(MBUS_SND_NKE, link_address(plan), out->request);
}

static void ask_link(const struct plan *plan, struct exchange *out) {
    if (!mbus_is_secondary(&plan->address)) {
        ask_reset(plan, out);
        return;
    }
    const struct mbus_selection selection = mbus_selection_at(&plan->address);
    ask(plan, true, out);
    out->request_len = mbus_build_select(&selection, out->request);
}

static void ask_data(struct plan *plan, struct exchange *out) {
    const uint8_t c = mbus_c_with_fcb(MBUS_REQ_UD2, mbus_progress_of(plan)->fcb);
    ask(plan, false, out);
    out->request_len = mbus_build_short(c, link_address(plan), out->request);
}

static void ask_alarm(struct plan *plan, struct exchange *out) {
    const uint8_t c = mbus_c_with_fcb(MBUS_REQ_UD1, mbus_progress_of(plan)->fcb);
    struct mbus_ask notes;
    ask(plan, false, out);
    out->request_len = mbus_build_short(c, link_address(plan), out->request);
    memcpy(&notes, out->notes.bytes, sizeof notes);
    notes.wants_alarm = true;
    memcpy(out->notes.bytes, &notes, sizeof notes);
}

static void ask_write(struct plan *plan, struct exchange *out) {
    const struct mbus_progress *progress = mbus_progress_of(plan);
    const struct mbus_command *command = &progress->command;
    ask(plan, true, out);
    out->request_len =
        mbus_build_long(mbus_c_with_fcb(MBUS_SND_UD, progress->fcb), link_address(plan),
                        command->ci, command->data, command->len, out->request);
}

static bool needs_selection(const struct plan *plan, enum mbus_stage stage) {
    const bool is_sent_to_253 = stage == MBUS_AT_READ || stage == MBUS_AT_WRITE ||
                                stage == MBUS_AT_STATE || stage == MBUS_AT_ALARM ||
                                stage == MBUS_AT_LEAVE;
    return is_sent_to_253 && mbus_is_secondary(&plan->address);
}

/* Somebody else was selected meanwhile: whatever went to 253 would be theirs. What was written
 * is not written again: the state tells. */
static void regain_selection(struct bridge_session *session, struct plan *plan) {
    const struct mbus_session *ours = (const struct mbus_session *)session;
    struct mbus_progress *progress = mbus_progress_of(plan);
    if (!ours || !needs_selection(plan, (enum mbus_stage)progress->stage) ||
        memcmp(&ours->selected, &plan->address, sizeof plan->address) == 0) {
        return;
    }
    const bool is_over = progress->stage == MBUS_AT_LEAVE ||
                         progress->lost == MBUS_SELECTIONS_MAX ||
                         (progress->job == MBUS_COMMAND && progress->is_written);
    progress->lost++;
    progress->stage = is_over ? MBUS_AT_END : MBUS_AT_LINK;
    progress->tries = progress->requested = progress->telegrams = 0;
}

/* A reset that goes to 253 ends the selection. */
static void note_selection(struct bridge_session *session, const struct plan *plan,
                           bool is_selected) {
    struct mbus_session *ours = (struct mbus_session *)session;
    if (ours && mbus_is_secondary(&plan->address)) {
        ours->selected = is_selected ? plan->address : (struct meter_address){0};
    }
}

static uint8_t behind_link(const struct mbus_progress *progress) {
    if (progress->job == MBUS_ALARMS) {
        return MBUS_AT_ALARM;
    }
    const bool wants_state =
        progress->job == MBUS_RELAY && (progress->is_written || progress->action == RELAY_LOOK);
    return wants_state ? MBUS_AT_STATE : MBUS_AT_READ;
}

/* What follows a telegram when the meter does not say that more do. */
static uint8_t behind_read(const struct plan *plan, const struct mbus_progress *progress) {
    if (progress->job != MBUS_READOUT) {
        return MBUS_AT_WRITE;
    }
    const bool has_more = progress->requested < mbus_meter_of(plan->model)->telegrams;
    return has_more ? MBUS_AT_READ : MBUS_AT_END;
}

enum bridge_status mbus_next(struct bridge_session *session, struct plan *plan,
                             struct exchange *out) {
    struct mbus_progress *progress = mbus_progress_of(plan);
    regain_selection(session, plan);
    progress->asked = progress->stage;
    switch ((enum mbus_stage)progress->stage) {
    case MBUS_AT_LINK:
        progress->stage = behind_link(progress);
        progress->fcb = true; /* the first that counts behind a reset (EN 60870-5-2, 5.1.2) */
        note_selection(session, plan, true);
        ask_link(plan, out);
        break;
    case MBUS_AT_READ:
        progress->requested++;
        progress->stage = behind_read(plan, progress);
        ask_data(plan, out);
        break;
    case MBUS_AT_WRITE:
        progress->is_written = true;
        plan->outcome.answer = RELAY_NO_ANSWER;
        /* from the first telegram: the readout may have stopped before a later one */
        progress->stage = progress->job == MBUS_RELAY ? MBUS_AT_LINK : MBUS_AT_END;
        ask_write(plan, out);
        break;
    case MBUS_AT_STATE:
        progress->stage = MBUS_AT_END;
        ask_data(plan, out);
        break;
    case MBUS_AT_ALARM:
        progress->stage = MBUS_AT_END;
        ask_alarm(plan, out);
        break;
    case MBUS_AT_LEAVE:
        progress->stage = MBUS_AT_END;
        note_selection(session, plan, false);
        ask_reset(plan, out);
        break;
    case MBUS_AT_END:
        return BRIDGE_DONE;
    }
    return BRIDGE_OK;
}

/* --- what came --------------------------------------------------------------------------- */

static enum bridge_status take_readout(struct plan *plan, const uint8_t *frame, size_t len,
                                       struct samples *out) {
    struct mbus_progress *progress = mbus_progress_of(plan);
    bool more = false;
    const enum bridge_status status = mbus_take_telegram(plan, frame, len, out, &more);
    if (status != BRIDGE_OK) {
        progress->stage = MBUS_AT_END; /* nothing is written to what is not identified */
        return status;
    }
    if (progress->job == MBUS_READOUT) {
        progress->stage = more ? MBUS_AT_READ : MBUS_AT_END;
    }
    return BRIDGE_OK;
}

static enum bridge_status take_state(struct plan *plan, const uint8_t *frame, size_t len) {
    const struct mbus_progress *progress = mbus_progress_of(plan);
    const enum bridge_status status = mbus_take_state(plan, frame, len);
    if (progress->is_written && plan->relay != RELAY_UNKNOWN) {
        const bool is_done = (plan->relay == RELAY_IS_OPEN) == (progress->action == RELAY_OPEN);
        plan->outcome.verdict = is_done ? RELAY_VERIFIED : RELAY_NOT_DONE;
    }
    return status;
}

/* NULL for a meter that is selected, or without a session. */
static struct mbus_habits *habits_of(struct bridge_session *session, const struct plan *plan) {
    struct mbus_session *learnt = (struct mbus_session *)session;
    const bool is_primary = !mbus_is_secondary(&plan->address);
    return learnt && is_primary && plan->address.bytes[0] <= MBUS_ADDRESS_MAX
               ? &learnt->meters[plan->address.bytes[0]]
               : NULL;
}

static void learn_ack(struct bridge_session *session, const struct plan *plan) {
    struct mbus_habits *habits = habits_of(session, plan);
    if (habits) {
        habits->acknowledges = true;
    }
}

/* May the first telegram of a readout be one of the readout before? Learns each. */
static bool is_repeated(struct mbus_habits *habits, bool is_first, const uint8_t *bytes,
                        size_t len) {
    struct mbus_frame frame;
    struct mbus_header header;
    if (mbus_frame_read(bytes, len, &frame) != BRIDGE_OK ||
        mbus_header_read(frame.ci, frame.data, frame.len, &header) != BRIDGE_OK) {
        return false;
    }
    const uint32_t hash = bytes_hash(BYTES_HASH, bytes, len);
    const bool is_old = is_first && habits->counts && habits->hash == hash;
    const bool is_doubtful = is_first && habits->is_lost;
    habits->is_lost = false;
    habits->counts |= habits->is_known && habits->access_no != header.access_no;
    habits->is_known = true;
    habits->access_no = header.access_no;
    habits->hash = hash;
    return is_old || is_doubtful;
}

static bool must_reset_again(struct bridge_session *session, struct plan *plan,
                             const uint8_t *frame, size_t len) {
    struct mbus_progress *progress = mbus_progress_of(plan);
    struct mbus_habits *habits = habits_of(session, plan);
    if (!habits || !is_repeated(habits, progress->telegrams == 0, frame, len)) {
        return false;
    }
    progress->stage = progress->is_anew ? MBUS_AT_END : MBUS_AT_LINK;
    progress->is_anew = true;
    progress->requested = 0;
    return true;
}

enum bridge_status mbus_take(struct bridge_session *session, struct plan *plan,
                             const struct exchange *exchange, const uint8_t *frame, size_t len,
                             struct samples *out) {
    (void)exchange;
    struct mbus_progress *progress = mbus_progress_of(plan);
    out->count = 0;
    progress->tries = 0;
    switch ((enum mbus_stage)progress->asked) {
    case MBUS_AT_READ:
        progress->fcb = !progress->fcb;
        return must_reset_again(session, plan, frame, len)
                   ? BRIDGE_OK
                   : take_readout(plan, frame, len, out);
    case MBUS_AT_WRITE:
        progress->fcb = !progress->fcb;
        plan->outcome.answer = RELAY_ACKNOWLEDGED;
        return BRIDGE_OK;
    case MBUS_AT_STATE:
        progress->fcb = !progress->fcb;
        return take_state(plan, frame, len);
    case MBUS_AT_ALARM:
        progress->fcb = !progress->fcb;
        return mbus_take_alarm(plan, frame, len);
    case MBUS_AT_LEAVE:
        return (enum bridge_status)progress->failed;
    case MBUS_AT_LINK:
        learn_ack(session, plan);
        break;
    case MBUS_AT_END:
        break;
    }
    return BRIDGE_OK;
}

/* --- what did not ------------------------------------------------------------------------ */

/* The selection may be gone: another meter was asked for in between. From the first telegram
 * again; what was given stays given. */
static void select_anew(struct mbus_progress *progress) {
    progress->is_anew = true;
    progress->stage = MBUS_AT_LINK;
    progress->tries = progress->requested = progress->telegrams = 0;
}

static bool give_up(struct mbus_habits *habits, struct mbus_progress *progress,
                    enum bridge_status status) {
    const bool has_heard = progress->telegrams > 0;
    progress->failed = (uint8_t)status;
    progress->stage = has_heard ? MBUS_AT_LEAVE : MBUS_AT_END;
    if (habits && progress->asked != MBUS_AT_LINK) {
        habits->is_lost = true;
    }
    return has_heard;
}

bool mbus_missed(struct bridge_session *session, struct plan *plan,
                 const struct exchange *exchange, enum bridge_status status) {
    (void)exchange;
    struct mbus_progress *progress = mbus_progress_of(plan);
    const bool is_selected = mbus_is_secondary(&plan->address);
    struct mbus_habits *habits = habits_of(session, plan);
    const bool must_acknowledge = is_selected || (habits && habits->acknowledges);
    if (progress->asked == MBUS_AT_LINK && !must_acknowledge) {
        return true; /* some meters read out without acknowledging the reset */
    }
    if (progress->asked == MBUS_AT_LEAVE) {
        return false;
    }
    if (progress->tries < MBUS_RETRIES) {
        progress->tries++;
        progress->requested =
            (uint8_t)(progress->requested - (progress->asked == MBUS_AT_READ));
        progress->stage = progress->asked;
        return true;
    }
    progress->tries = 0;
    if (progress->asked == MBUS_AT_WRITE && progress->job == MBUS_RELAY) {
        progress->stage = MBUS_AT_LINK; /* it may have obeyed: its state tells */
        return true;
    }
    if (progress->asked == MBUS_AT_READ && is_selected && !progress->is_anew) {
        select_anew(progress);
        return true;
    }
    return give_up(habits, progress, status);
}

/* --- actions ----------------------------------------------------------------------------- */

static void set_command(struct mbus_command *command, uint8_t ci, const uint8_t *data,
                        uint8_t len) {
    command->ci = ci;
    command->len = len;
    memcpy(command->data, data, len);
}

enum bridge_status mbus_relay(struct plan *plan, enum relay_action action) {
    const struct mbus_relay *relay = &mbus_meter_of(plan->model)->relay;
    struct mbus_progress *progress = mbus_progress_of(plan);
    const bool is_known = action == RELAY_OPEN || action == RELAY_CLOSE || action == RELAY_LOOK;
    if (relay->closed_len == 0 || relay->open_len == 0 || !is_known) {
        return BRIDGE_ECONFIG;
    }
    *progress = (struct mbus_progress){.job = MBUS_RELAY, .action = (uint8_t)action};
    if (action == RELAY_OPEN) {
        set_command(&progress->command, relay->ci, relay->open, relay->open_len);
    } else if (action == RELAY_CLOSE) {
        set_command(&progress->command, relay->ci, relay->closed, relay->closed_len);
    }
    plan->relay = RELAY_UNKNOWN;
    plan->outcome = (struct relay_outcome){0};
    return BRIDGE_OK;
}

void mbus_write(struct plan *plan, const struct mbus_command *command) {
    struct mbus_progress *progress = mbus_progress_of(plan);
    *progress = (struct mbus_progress){.job = MBUS_COMMAND, .command = *command};
}

void mbus_read_alarms(struct plan *plan) {
    *mbus_progress_of(plan) = (struct mbus_progress){.job = MBUS_ALARMS};
}
