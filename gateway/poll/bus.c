/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/poll/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

enum {
    OPEN_RETRY_FIRST_US = 1000 * 1000,
    OPEN_RETRY_MAX_US = 30 * 1000 * 1000,
    SUSPECT_POLLS = 5, /* two meters at one address take turns: then neither is believed */
};

/* What the bus remembers of a meter beside the planner. */
struct watch {
    uint64_t polls;
    uint64_t failed;
    uint64_t invalid;
    char serial[BRIDGE_SERIAL_MAX + 1]; /* that belongs there; empty = not known yet */
    bool is_wrong;
    unsigned suspect; /* polls that must still find the right meter before it is believed */
    bool is_lost;     /* as it was logged last */
    bool has_invalid; /* likewise */
    int refusal;      /* exception code as it was logged last; 0 = none */
};

struct bus {
    struct bus_config config;
    struct line *line;
    struct transact transact;
    struct planner planner;
    struct planner_meter *planned;
    struct watch *watches;
    struct bridge_session *sessions[BRIDGES_MAX];
    int64_t retry_us;     /* wait before the next try to open */
    int64_t open_at_us;   /* not before */
    bool has_failed_open; /* said already */
};

/* --- life ----------------------------------------------------------------------------------
 */

static enum gw_status open_sessions(struct bus *bus) {
    for (size_t i = 0; i < bus->config.site->meter_count; i++) {
        const struct bridge *bridge = bus->config.site->meters[i].model->bridge;
        struct bridge_session **session = &bus->sessions[bridge_index(bridge)];
        if (bridge->open && !*session && bridge->open(session) != BRIDGE_OK) {
            return GW_ENOMEM;
        }
    }
    return GW_OK;
}

enum gw_status bus_new(const struct bus_config *config, struct bus **out) {
    const size_t count = config->site->meter_count;
    struct bus *bus = calloc(1, sizeof *bus);
    if (!bus) {
        return GW_ENOMEM;
    }
    bus->config = *config;
    bus->planned = calloc(count, sizeof *bus->planned);
    bus->watches = calloc(count, sizeof *bus->watches);
    if (!bus->planned || !bus->watches || open_sessions(bus) != GW_OK) {
        bus_free(bus);
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bus->planned[i].period_us = config->site->meters[i].period_ms * 1000;
        const char *learnt = config->serials ? config->serials[i] : "";
        const char *configured = config->site->meters[i].serial;
        (void)snprintf(bus->watches[i].serial, sizeof bus->watches[i].serial, "%s",
                       *configured ? configured : learnt);
    }
    planner_init(&bus->planner, bus->planned, count, clock_mono_us(config->clock));
    transact_init(&bus->transact, NULL);
    bus->transact.has_echo = config->site->has_echo;
    bus->retry_us = OPEN_RETRY_FIRST_US;
    *out = bus;
    return GW_OK;
}

void bus_free(struct bus *bus) {
    if (!bus) {
        return;
    }
    line_close(bus->line);
    for (size_t i = 0; i < BRIDGES_MAX; i++) {
        const struct bridge *bridge = bridge_at(i);
        if (bridge && bridge->close && bus->sessions[i]) {
            bridge->close(bus->sessions[i]);
        }
    }
    free(bus->planned);
    free(bus->watches);
    free(bus);
}

/* --- mails ----------------------------------------------------------------------------------
 */

static void emit(struct bus *bus, struct bus_mail *mail) {
    mail->bus = bus->config.index;
    bus->config.emit(bus->config.context, mail);
}

static uint32_t local_index(const struct bus *bus, const struct site_meter *meter) {
    return (uint32_t)(meter - bus->config.site->meters);
}

/* --- the line -------------------------------------------------------------------------------
 */

static void report_line(struct bus *bus) {
    struct bus_mail mail = {
        .kind = BUS_LINE,
        .of.line = {.is_up = bus->line != NULL, .counts = bus->transact.counts}};
    emit(bus, &mail);
}

/* Gives up the line; it is opened again after a wait that doubles. */
static void lose_line(struct bus *bus) {
    line_close(bus->line);
    bus->line = NULL;
    bus->open_at_us = clock_mono_us(bus->config.clock) + bus->retry_us;
    bus->retry_us *= 2;
    bus->retry_us = bus->retry_us < OPEN_RETRY_MAX_US ? bus->retry_us : OPEN_RETRY_MAX_US;
    report_line(bus);
}

static void open_line(struct bus *bus) {
    const struct site_bus *site = bus->config.site;
    char error[LINE_ERROR_MAX] = "";
    const enum bridge_status status =
        bus->config.open(site->line.path, &site->options, bus->config.clock, &bus->line, error);
    if (status != BRIDGE_OK) {
        if (!bus->has_failed_open) {
            log_error("line cannot be opened, trying on", "bus=%s error=\"%s\"", site->id,
                      *error ? error : bridge_status_text(status));
        }
        bus->has_failed_open = true;
        bus->line = NULL;
        lose_line(bus);
        return;
    }
    log_info("line is open", "bus=%s line=%s", site->id, site->line.path);
    bus->has_failed_open = false;
    transact_relink(&bus->transact, bus->line);
    report_line(bus);
}

/* --- one poll -------------------------------------------------------------------------------
 */

/* A poll of one meter as it goes on. */
struct poll {
    const struct site_meter *meter;
    struct watch *watch;
    struct plan plan;
    enum bridge_status status; /* of the last transaction */
    bool answered;             /* any accepted reply */
    bool refused;
    unsigned identified; /* how often its serial number was looked at */
    bool is_wrong;
    size_t count;
    struct reading readings[MODEL_POINTS_MAX];
};

static void keep_samples(struct bus *bus, struct poll *poll, const struct samples *samples) {
    const struct instant now = clock_wall(bus->config.clock);
    for (size_t i = 0; i < samples->count && poll->count < MODEL_POINTS_MAX; i++) {
        poll->readings[poll->count++] = (struct reading){
            .meter = local_index(bus, poll->meter),
            .point = samples->items[i].point,
            .quality = (uint8_t)(reading_clock_quality(now.trust) | samples->items[i].quality),
            .at_ms = now.at_ms,
            .value_micro = samples->items[i].value_micro};
    }
}

/* Gives out what the poll has read, when it is certain whose it is. */
static void emit_readings(struct bus *bus, const struct poll *poll) {
    if (poll->is_wrong || (poll->plan.serials_read > 0 && !poll->plan.is_identified)) {
        return;
    }
    for (size_t i = 0; i < poll->count; i++) {
        struct bus_mail mail = {.kind = BUS_READING, .of.reading = poll->readings[i]};
        emit(bus, &mail);
    }
}

static void learn_serial(struct bus *bus, const struct poll *poll) {
    struct watch *watch = poll->watch;
    struct bus_mail mail = {.kind = BUS_IDENTITY,
                            .of.identity.meter = local_index(bus, poll->meter)};
    memcpy(watch->serial, poll->plan.serial, sizeof watch->serial);
    memcpy(mail.of.identity.serial, poll->plan.serial, sizeof mail.of.identity.serial);
    log_info("meter is known by its serial number", "bus=%s meter=%s serial=%s",
             bus->config.site->id, poll->meter->id, watch->serial);
    emit(bus, &mail);
}

/* Is this the meter that belongs here? A number that is not there is no number of ours. */
static bool is_right_meter(struct bus *bus, struct poll *poll) {
    struct watch *watch = poll->watch;
    const bool is_new = poll->plan.serials_read != poll->identified;
    const bool is_missing = poll->meter->model->has_serial && poll->plan.serials_read == 0;
    if (!is_new && !is_missing) {
        return true;
    }
    const bool is_first = poll->identified == 0;
    poll->identified = poll->plan.serials_read;
    if (!*watch->serial && !is_missing) {
        learn_serial(bus, poll);
    }
    if (strcmp(watch->serial, poll->plan.serial) != 0) {
        watch->suspect = SUSPECT_POLLS;
        return false;
    }
    if (watch->suspect > 0 && is_first) {
        watch->suspect--;
        return false;
    }
    return true;
}

static bool is_line_fault(enum bridge_status status) {
    return status == BRIDGE_EGONE || status == BRIDGE_EPORT;
}

/* One request of the plan. false: the poll is over. */
static bool poll_step(struct bus *bus, struct poll *poll) {
    const struct bridge *bridge = poll->meter->model->bridge;
    struct bridge_session *session = bus->sessions[bridge_index(bridge)];
    struct exchange exchange;
    uint8_t frame[BRIDGE_FRAME_MAX];
    struct samples samples;
    size_t len = 0;
    if (bridge->next(session, &poll->plan, &exchange) != BRIDGE_OK) {
        return false;
    }
    poll->status =
        transact_run(&bus->transact, &poll->meter->line, bridge, &exchange, frame, &len);
    if (poll->status !=
        BRIDGE_OK) { /* as a rule the other requests would cost a timeout each */
        return !is_line_fault(poll->status) && bridge->missed &&
               bridge->missed(session, &poll->plan, &exchange, poll->status);
    }
    poll->answered = true;
    poll->status = bridge->take(session, &poll->plan, &exchange, frame, len, &samples);
    if (!is_right_meter(bus, poll)) {
        poll->is_wrong = true;
        return false;
    }
    if (poll->status == BRIDGE_OK) {
        keep_samples(bus, poll, &samples);
    }
    poll->refused |= poll->status == BRIDGE_EREFUSED;
    return poll->status == BRIDGE_OK || poll->status == BRIDGE_EREFUSED;
}

/* --- what is said about it ------------------------------------------------------------------
 */

static void log_lost(const struct bus *bus, const struct poll *poll, bool is_lost) {
    if (is_lost == poll->watch->is_lost) {
        return;
    }
    if (is_lost) {
        log_warn("meter does not answer", "bus=%s meter=%s status=\"%s\"", bus->config.site->id,
                 poll->meter->id, bridge_status_text(poll->status));
    } else {
        log_info("meter answers again", "bus=%s meter=%s", bus->config.site->id,
                 poll->meter->id);
    }
    poll->watch->is_lost = is_lost;
}

static void log_wrong(const struct bus *bus, const struct poll *poll) {
    if (poll->is_wrong == poll->watch->is_wrong) {
        return;
    }
    if (poll->is_wrong) {
        log_error("another meter answers, nothing of it is read",
                  "bus=%s meter=%s serial=%s belongs=%s", bus->config.site->id, poll->meter->id,
                  poll->plan.serial, poll->watch->serial);
    } else {
        log_info("the right meter answers again", "bus=%s meter=%s", bus->config.site->id,
                 poll->meter->id);
    }
    poll->watch->is_wrong = poll->is_wrong;
}

static void log_refusal(const struct bus *bus, const struct poll *poll) {
    struct watch *watch = poll->watch;
    const int refusal = poll->refused            ? poll->plan.refusal
                        : poll->plan.unsupported ? watch->refusal
                                                 : 0;
    if (refusal == watch->refusal) {
        return;
    }
    if (refusal) {
        log_warn("meter refuses a request", "bus=%s meter=%s code=%d", bus->config.site->id,
                 poll->meter->id, refusal);
    } else {
        log_info("meter refuses no more", "bus=%s meter=%s", bus->config.site->id,
                 poll->meter->id);
    }
    watch->refusal = refusal;
}

static void log_invalid(const struct bus *bus, const struct poll *poll) {
    const bool has_invalid = poll->plan.invalid > 0;
    if (has_invalid && !poll->watch->has_invalid) {
        log_warn("meter gives values that are no measurement", "bus=%s meter=%s count=%u",
                 bus->config.site->id, poll->meter->id, poll->plan.invalid);
    }
    poll->watch->has_invalid = has_invalid;
}

static void log_changes(const struct bus *bus, const struct poll *poll, bool is_lost) {
    log_lost(bus, poll, is_lost);
    if (poll->answered) {
        log_wrong(bus, poll);
        log_refusal(bus, poll);
        log_invalid(bus, poll);
    }
}

static void report_meter(struct bus *bus, const struct poll *poll, size_t index) {
    const struct watch *watch = poll->watch;
    struct bus_mail mail = {.kind = BUS_METER,
                            .of.meter = {.meter = local_index(bus, poll->meter),
                                         .answered = poll->answered,
                                         .is_lost = planner_is_lost(&bus->planner, index),
                                         .is_wrong = watch->is_wrong,
                                         .polls = watch->polls,
                                         .failed = watch->failed,
                                         .missed = bus->planner.meters[index].missed,
                                         .invalid = watch->invalid}};
    emit(bus, &mail);
}

static void poll_meter(struct bus *bus, size_t index) {
    struct poll poll = {.meter = &bus->config.site->meters[index],
                        .watch = &bus->watches[index],
                        .status = BRIDGE_OK};
    plan_init(&poll.plan, poll.meter->model, &poll.meter->address);
    poll.plan.now_ms = clock_mono_ms(bus->config.clock);
    while (poll_step(bus, &poll)) {
    }
    emit_readings(bus, &poll);
    if (is_line_fault(poll.status)) {
        log_error("line is gone", "bus=%s status=\"%s\"", bus->config.site->id,
                  bridge_status_text(poll.status));
        lose_line(bus); /* the meter is not to blame: it stays due */
        return;
    }
    const bool good = poll.status == BRIDGE_OK || poll.status == BRIDGE_EREFUSED;
    bus->retry_us = OPEN_RETRY_FIRST_US;
    poll.watch->polls++;
    poll.watch->failed += !good || poll.is_wrong;
    poll.watch->invalid += poll.plan.invalid;
    planner_done(&bus->planner, index, clock_mono_us(bus->config.clock), good,
                 transact_free_at_us(&bus->transact, &poll.meter->address));
    log_changes(bus, &poll, planner_is_lost(&bus->planner, index));
    log_debug("poll", "bus=%s meter=%s status=\"%s\"", bus->config.site->id, poll.meter->id,
              bridge_status_text(poll.status));
    report_meter(bus, &poll, index);
    report_line(bus);
}

int64_t bus_step(struct bus *bus) {
    const int64_t now_us = clock_mono_us(bus->config.clock);
    if (!bus->line) {
        if (now_us < bus->open_at_us) {
            return bus->open_at_us;
        }
        open_line(bus);
        if (!bus->line) {
            return bus->open_at_us;
        }
    }
    size_t index;
    int64_t until_us;
    if (!planner_next(&bus->planner, now_us, &index, &until_us)) {
        return until_us;
    }
    poll_meter(bus, index);
    return 0;
}
