/* SPDX-License-Identifier: Apache-2.0 */
/* One telegram of a readout: whose it is, and the samples its records give. */
#include <string.h>

#include "bridges/base/bytes.h"
#include "bridges/mbus/mbus_frame.h"
#include "bridges/mbus/mbus_key.h"
#include "bridges/mbus/mbus_plan.h"

enum {
    STATUS_APPLICATION = 0x03, /* 1 busy, 2 error, 3 alarm (EN 13757-3, 5.9) */
    STATUS_ERROR = 2,
    STATUS_LOW_POWER = 0x04,
    STATUS_PERMANENT = 0x08,
    STATUS_TEMPORARY = 0x10
};

_Static_assert(MODEL_POINTS_MAX <= 64, "a bit each");

/* What the records of one telegram give. */
struct harvest {
    uint64_t has;   /* points with a value */
    uint64_t bad;   /* points whose record is no measurement, or that two records claim */
    uint32_t names; /* hash of all heads */
    bool more;
    int64_t micro[MODEL_POINTS_MAX];
};

/* --- whose it is ------------------------------------------------------------------------- */

static bool is_of_model(const struct mbus_meter *meter, const struct mbus_header *header) {
    return (meter->manufacturer == 0 || meter->manufacturer == header->manufacturer) &&
           (meter->version == MBUS_ANY || meter->version == header->version) &&
           (meter->medium == MBUS_ANY || meter->medium == header->medium);
}

/* A fixed structure tells no manufacturer and version: the id alone is known then. */
static enum bridge_status identify(struct plan *plan, const struct mbus_header *header) {
    const struct mbus_meter *meter = mbus_meter_of(plan->model);
    const struct mbus_selection meter_id = mbus_selection_of(header);
    char text[MBUS_ID_TEXT_MAX + 1];
    if (header->layout != MBUS_LONG_HEADER && header->layout != MBUS_FIXED_HEADER) {
        return meter->has_id ? BRIDGE_EMISMATCH : BRIDGE_OK;
    }
    if (header->layout == MBUS_LONG_HEADER && !is_of_model(meter, header)) {
        return BRIDGE_EMISMATCH;
    }
    mbus_id_text(&meter_id, text);
    const bool is_same = plan->serials_read == 0 || strcmp(plan->serial, text) == 0;
    memcpy(plan->serial, text, sizeof text); /* also another's: the caller knows whose it is */
    plan->serials_read++;
    plan->is_identified = is_same;
    return is_same ? BRIDGE_OK : BRIDGE_EMISMATCH;
}

/* --- records ----------------------------------------------------------------------------- */

/* Two records of one point: the same number is no harm, anything else is not to be decided. */
static void claim(struct harvest *harvest, size_t i, enum bridge_status status, int64_t micro) {
    const uint64_t bit = (uint64_t)1 << i;
    const bool clashes = harvest->has & bit && harvest->micro[i] != micro;
    if (status != BRIDGE_OK || clashes) {
        harvest->bad |= bit;
        return;
    }
    harvest->has |= bit;
    harvest->micro[i] = micro;
}

static void take_record(const struct model *model, const struct mbus_record *record,
                        struct harvest *harvest) {
    harvest->more |= record->special == MBUS_MORE_FOLLOWS;
    if (record->special != MBUS_RECORD) {
        return;
    }
    harvest->names =
        bytes_hash(harvest->names, record->head, (size_t)record->dib_len + record->vib_len);
    for (size_t i = 0; i < model->point_count; i++) {
        int64_t micro = 0;
        if (!mbus_record_fits(&mbus_point_of(&model->points[i])->record, record)) {
            continue;
        }
        const enum bridge_status status = mbus_point_micro(&model->points[i], record, &micro);
        if (status != BRIDGE_ECONFIG) { /* else of another unit, and another record may fit */
            claim(harvest, i, status, micro);
        }
    }
}

static enum bridge_status take_records(const struct model *model,
                                       const struct mbus_header *header,
                                       struct harvest *harvest) {
    struct mbus_records records;
    struct mbus_record record;
    enum bridge_status status;
    mbus_records_init(&records, header);
    while ((status = mbus_record_next(&records, &record)) == BRIDGE_OK) {
        take_record(model, &record, harvest);
    }
    return status == BRIDGE_DONE ? BRIDGE_OK : status;
}

/* --- samples ----------------------------------------------------------------------------- */

/* An error that passes, or an alarm of the application, which a fixed structure has not. */
static bool warns(const struct mbus_header *header) {
    return header->status & STATUS_TEMPORARY ||
           (header->layout != MBUS_FIXED_HEADER &&
            (header->status & STATUS_APPLICATION) >= STATUS_ERROR);
}

static uint8_t quality_of(const struct mbus_header *header) {
    if (header->layout == MBUS_NO_HEADER) {
        return 0;
    }
    const bool is_doubtful = header->status & STATUS_LOW_POWER || warns(header);
    return (uint8_t)((header->status & STATUS_PERMANENT ? READING_METER_FAULT : 0) |
                     (is_doubtful ? READING_METER_WARNS : 0));
}

static void take_state(struct plan *plan, const struct mbus_header *header) {
    const uint64_t battery = meter_mask(METER_BATTERY_LOW);
    const uint64_t fault = meter_mask(METER_FAULT);
    const uint64_t warning = meter_mask(METER_WARNS);
    if (header->layout == MBUS_NO_HEADER) {
        return;
    }
    const uint64_t bits = (header->status & STATUS_LOW_POWER ? battery : 0) |
                          (header->status & STATUS_PERMANENT ? fault : 0) |
                          (warns(header) ? warning : 0);
    const struct meter_state state = {.known = battery | fault | warning, .bits = bits};
    plan->state = meter_state_over(&plan->state, &state);
}

static unsigned count_bits(uint64_t bits) {
    unsigned count = 0;
    for (; bits; bits &= bits - 1) {
        count++;
    }
    return count;
}

/* A point that an earlier telegram has given keeps that value. */
static void give(struct plan *plan, const struct harvest *harvest, uint8_t quality,
                 struct samples *out) {
    struct mbus_progress *progress = mbus_progress_of(plan);
    const uint64_t fresh = harvest->has & ~harvest->bad & ~progress->given;
    for (uint16_t i = 0; i < plan->model->point_count; i++) {
        if (fresh >> i & 1) {
            out->items[out->count++] = (struct sample){
                .point = i, .quality = quality, .value_micro = harvest->micro[i]};
        }
    }
    plan->invalid += count_bits(harvest->bad & ~progress->given);
    progress->given |= harvest->has | harvest->bad;
    plan->absent = (unsigned)plan->model->point_count - count_bits(progress->given);
}

/* --- telegrams --------------------------------------------------------------------------- */

/* Does another telegram follow? Some meters say so for ever, and some give the first one again
 * and again, with other readings: the names of the records tell. */
static bool goes_on(struct mbus_progress *progress, const struct harvest *harvest) {
    const bool is_first = progress->telegrams == 0;
    const bool is_again = !is_first && (harvest->names == progress->first_hash ||
                                        harvest->names == progress->last_hash);
    progress->first_hash = is_first ? harvest->names : progress->first_hash;
    progress->last_hash = harvest->names;
    progress->telegrams++;
    return harvest->more && !is_again && progress->telegrams < MBUS_TELEGRAMS_MAX;
}

static enum bridge_status read_header(struct plan *plan, const uint8_t *bytes, size_t len,
                                      struct mbus_header *header) {
    struct mbus_frame frame;
    enum bridge_status status = mbus_frame_read(bytes, len, &frame);
    if (status == BRIDGE_OK && frame.kind != MBUS_LONG && frame.kind != MBUS_CONTROL) {
        status = BRIDGE_EFRAME;
    }
    if (status == BRIDGE_OK) {
        status = mbus_header_read(frame.ci, frame.data, frame.len, header);
    }
    if (status != BRIDGE_OK) {
        return status;
    }
    if (header->content == MBUS_APP_ERROR) {
        plan->refusal = header->error ? header->error : MBUS_REFUSED_UNSPECIFIED;
        return BRIDGE_EREFUSED;
    }
    return header->content == MBUS_VARIABLE || header->content == MBUS_FIXED
               ? identify(plan, header)
               : BRIDGE_EFRAME;
}

enum bridge_status mbus_take_telegram(struct plan *plan, const uint8_t *frame, size_t len,
                                      struct samples *out, bool *more) {
    struct mbus_header header;
    struct harvest harvest = {.names = BYTES_HASH};
    enum bridge_status status = read_header(plan, frame, len, &header);
    if (status != BRIDGE_OK) {
        return status;
    }
    if (header.security) { /* the meter is there, and its values are hidden */
        plan->invalid += (unsigned)plan->model->point_count;
        *more = false;
        return BRIDGE_OK;
    }
    status = take_records(plan->model, &header, &harvest);
    if (status != BRIDGE_OK) { /* what stands before the break may be misread as well */
        return status;
    }
    take_state(plan, &header);
    give(plan, &harvest, quality_of(&header), out);
    *more = goes_on(mbus_progress_of(plan), &harvest);
    return BRIDGE_OK;
}

enum bridge_status mbus_take_alarm(struct plan *plan, const uint8_t *frame, size_t len) {
    struct mbus_frame alarm;
    struct mbus_header header;
    if (mbus_frame_read(frame, len, &alarm) != BRIDGE_OK) {
        return BRIDGE_EFRAME;
    }
    if (alarm.kind == MBUS_ACK) {
        return BRIDGE_OK;
    }
    if (mbus_header_read(alarm.ci, alarm.data, alarm.len, &header) != BRIDGE_OK) {
        return BRIDGE_EFRAME;
    }
    if (header.content == MBUS_APP_ERROR) {
        plan->refusal = header.error ? header.error : MBUS_REFUSED_UNSPECIFIED;
        return BRIDGE_EREFUSED;
    }
    return BRIDGE_OK;
}

/* --- the relay's state ------------------------------------------------------------------- */

static enum relay_state state_of(const struct mbus_relay *relay,
                                 const struct mbus_record *record) {
    const struct mbus_value *value = &record->value;
    if (value->kind != MBUS_NUMBER || value->invalid != MBUS_VALID || value->mantissa < 0 ||
        value->mantissa > UINT32_MAX) {
        return RELAY_UNKNOWN;
    }
    const int64_t masked = (int64_t)value->mantissa & relay->mask;
    return masked == relay->is_closed ? RELAY_IS_CLOSED
           : masked == relay->is_open ? RELAY_IS_OPEN
                                      : RELAY_UNKNOWN;
}

enum bridge_status mbus_take_state(struct plan *plan, const uint8_t *frame, size_t len) {
    const struct mbus_relay *relay = &mbus_meter_of(plan->model)->relay;
    struct mbus_header header;
    struct mbus_records records;
    struct mbus_record record;
    enum bridge_status status = read_header(plan, frame, len, &header);
    if (status != BRIDGE_OK || header.security) {
        return status;
    }
    enum relay_state state = RELAY_UNKNOWN;
    mbus_records_init(&records, &header);
    while ((status = mbus_record_next(&records, &record)) == BRIDGE_OK) {
        if (mbus_record_fits(&relay->state, &record)) {
            state = state_of(relay, &record);
        }
    }
    plan->relay = status == BRIDGE_DONE ? state : RELAY_UNKNOWN;
    return status == BRIDGE_DONE ? BRIDGE_OK : status;
}
