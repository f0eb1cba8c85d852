/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A meter's clock, read and set: by broadcast (C = 08), which moves it by 5 minutes at most and
 * once a day, or by writing (C = 14) with a password. When which is right says meter_clock.h.
 */
#include <string.h>

#include "bridges/dlt645/dlt645_plan.h"

enum {
    TIME_BYTES = 3, /* ss mm hh */
    DATE_BYTES = 4, /* WW DD MM YY */
    CENTURY = 2000
};

/* --- bytes -------------------------------------------------------------------------------- */

static uint8_t bcd_of(unsigned number) {
    return (uint8_t)(number / 10 << 4 | number % 10);
}

bool dlt645_civil_of(const uint8_t *time, const uint8_t *date, int64_t *civil_s) {
    for (size_t i = 0; i < TIME_BYTES; i++) {
        if (!bcd_is(time[i]) || !bcd_is(date[i + 1])) {
            return false;
        }
    }
    const struct civil civil = {.year = CENTURY + (int64_t)bcd_value(date[3]),
                                .month = bcd_value(date[2]),
                                .day = bcd_value(date[1]),
                                .hour = bcd_value(time[2]),
                                .minute = bcd_value(time[1]),
                                .second = bcd_value(time[0])};
    return meter_clock_seconds(&civil, civil_s);
}

void dlt645_moment_of(int64_t civil_s, uint8_t *moment) {
    const struct civil last = {
        .year = 2099, .month = 12, .day = 31, .hour = 23, .minute = 59, .second = 59};
    int64_t last_s = civil_s;
    struct civil civil;
    (void)meter_clock_seconds(&last, &last_s);
    meter_clock_civil(civil_s < last_s ? civil_s : last_s, &civil);
    const unsigned parts[DLT645_MOMENT_BYTES] = {civil.second, civil.minute,
                                                 civil.hour,   civil.day,
                                                 civil.month,  (unsigned)(civil.year % 100)};
    for (size_t i = 0; i < DLT645_MOMENT_BYTES; i++) {
        moment[i] = bcd_of(parts[i]);
    }
}

/* --- setting up --------------------------------------------------------------------------- */

enum bridge_status dlt645_clock(struct plan *plan, const struct meter_clock_order *order) {
    static const uint8_t stages[] = {[METER_CLOCK_READ] = DLT645_AT_TIME,
                                     [METER_CLOCK_BROADCAST] = DLT645_AT_BROADCAST,
                                     [METER_CLOCK_WRITE] = DLT645_AT_WRITE_DATE};
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_write = order->action == METER_CLOCK_WRITE;
    plan->clock = (struct meter_clock){0};
    if (is_write && (dlt645_model_edition(plan->model) == DLT645_1997 ||
                     !dlt645_is_one_meter(&plan->address) || !plan->credential)) {
        return BRIDGE_ECONFIG;
    }
    progress->stage = stages[order->action];
    progress->clock = *order;
    return BRIDGE_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

static int64_t civil_now_s(const struct plan *plan, const struct dlt645_progress *progress) {
    return progress->clock.civil_s + (plan->now_ms - progress->clock.at_ms) / 1000;
}

static void send_broadcast(struct plan *plan, struct exchange *out) {
    uint8_t moment[DLT645_MOMENT_BYTES];
    struct dlt645_frame frame;
    dlt645_moment_of(civil_now_s(plan, dlt645_progress_of(plan)), moment);
    dlt645_request_time(moment, &frame);
    dlt645_send(plan, &frame, out);
}

static void write_part(struct plan *plan, bool is_date, struct exchange *out) {
    const int64_t civil_s = civil_now_s(plan, dlt645_progress_of(plan));
    const struct dlt645_auth auth = dlt645_auth_of(plan->credential);
    uint8_t moment[DLT645_MOMENT_BYTES];
    struct civil civil;
    struct dlt645_frame frame;
    meter_clock_civil(civil_s, &civil);
    dlt645_moment_of(civil_s, moment);
    const uint8_t date[DATE_BYTES] = {bcd_of(civil.weekday), moment[3], moment[4], moment[5]};
    (void)dlt645_request_write(plan->address.bytes, is_date ? DLT645_DI_DATE : DLT645_DI_TIME,
                               &auth, is_date ? date : moment,
                               is_date ? (size_t)DATE_BYTES : (size_t)TIME_BYTES, &frame);
    dlt645_send(plan, &frame, out);
}

static enum bridge_status next_write(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_date = progress->stage == DLT645_AT_WRITE_DATE;
    const char *why = NULL;
    progress->stage = is_date ? DLT645_AT_WRITE_TIME : DLT645_AT_END;
    if (!dlt645_may_order(session, plan, &why)) {
        progress->stage = DLT645_AT_END;
        plan->outcome.why = why;
        return BRIDGE_DONE;
    }
    write_part(plan, is_date, out);
    dlt645_count_strike(session, plan);
    return BRIDGE_OK;
}

enum bridge_status dlt645_clock_next(struct dlt645_session *session, struct plan *plan,
                                     struct exchange *out) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    const bool is_1997 = dlt645_model_edition(plan->model) == DLT645_1997;
    switch (progress->stage) {
    case DLT645_AT_TIME:
        progress->stage = DLT645_AT_DATE;
        dlt645_read(plan, is_1997 ? DLT645_DI_TIME_1997 : DLT645_DI_TIME, out);
        return BRIDGE_OK;
    case DLT645_AT_DATE:
        progress->stage = DLT645_AT_END;
        dlt645_read(plan, is_1997 ? DLT645_DI_DATE_1997 : DLT645_DI_DATE, out);
        return BRIDGE_OK;
    case DLT645_AT_BROADCAST:
        progress->stage = DLT645_AT_END;
        send_broadcast(plan, out);
        return BRIDGE_OK;
    case DLT645_AT_WRITE_DATE:
    case DLT645_AT_WRITE_TIME:
        return next_write(session, plan, out);
    default:
        return BRIDGE_DONE;
    }
}

/* --- replies ------------------------------------------------------------------------------ */

/* The date is read after the time. Just before midnight nobody knows which day the time was of:
 * then nothing is known, and the clock is read at another time. */
static void take_date(struct plan *plan, const uint8_t *data) {
    enum { LAST_HOUR = 0x23, LAST_MINUTE = 0x59 };
    const struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->time[2] == LAST_HOUR && progress->time[1] == LAST_MINUTE) {
        return;
    }
    struct meter_clock clock = {.at_ms = progress->time_ms};
    const bool is_good = dlt645_civil_of(progress->time, data, &clock.civil_s);
    clock.quality = is_good ? METER_CLOCK_GOOD : METER_CLOCK_INVALID;
    plan->clock = clock;
}

void dlt645_clock_take(struct dlt645_session *session, struct plan *plan, const uint8_t *data,
                       size_t len) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->asked == DLT645_AT_TIME && len == TIME_BYTES) {
        memcpy(progress->time, data, TIME_BYTES);
        progress->time_ms = plan->now_ms;
    } else if (progress->asked == DLT645_AT_DATE && len == DATE_BYTES) {
        take_date(plan, data);
    } else if (progress->asked >= DLT645_AT_WRITE_DATE) {
        dlt645_count_accepted(session, plan);
    }
}

void dlt645_clock_refused(struct dlt645_session *session, struct plan *plan) {
    struct dlt645_progress *progress = dlt645_progress_of(plan);
    if (progress->asked >= DLT645_AT_WRITE_DATE) {
        dlt645_count_refused(session, plan);
    }
    progress->stage = DLT645_AT_END;
}
