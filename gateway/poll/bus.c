/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/poll/bus.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/poll/bus_state.h"

enum { OPEN_RETRY_MAX_US = 30 * 1000 * 1000 };

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
    bus->doubts = calloc(count, sizeof *bus->doubts);
    if (!bus->planned || !bus->watches || !bus->doubts || open_sessions(bus) != GW_OK) {
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
    bus->retry_us = BUS_OPEN_RETRY_FIRST_US;
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
    free(bus->doubts);
    free(bus);
}

/* --- mails ----------------------------------------------------------------------------------
 */

void bus_emit(struct bus *bus, struct bus_mail *mail) {
    mail->bus = bus->config.index;
    bus->config.emit(bus->config.context, mail);
}

size_t bus_mail_bytes(const struct bus_mail *mail) {
    static const size_t sizes[] = {
        [BUS_READING] = sizeof mail->of.reading,   [BUS_STATE] = sizeof mail->of.told,
        [BUS_METER] = sizeof mail->of.meter,       [BUS_LINE] = sizeof mail->of.line,
        [BUS_IDENTITY] = sizeof mail->of.identity, [BUS_LOCKOUT] = sizeof mail->of.lockout,
        [BUS_RELAY] = sizeof mail->of.relay,       [BUS_CLOCK] = sizeof mail->of.clock};
    return offsetof(struct bus_mail, of) + sizes[mail->kind];
}

/* --- the line -------------------------------------------------------------------------------
 */

void bus_report_line(struct bus *bus) {
    struct bus_mail mail = {
        .kind = BUS_LINE,
        .of.line = {.is_up = bus->line != NULL, .counts = bus->transact.counts}};
    bus_emit(bus, &mail);
}

/* Gives up the line; it is opened again after a wait that doubles. */
static void close_line(struct bus *bus) {
    line_close(bus->line);
    bus->line = NULL;
    bus->open_at_us = clock_mono_us(bus->config.clock) + bus->retry_us;
    bus->retry_us *= 2;
    bus->retry_us = bus->retry_us < OPEN_RETRY_MAX_US ? bus->retry_us : OPEN_RETRY_MAX_US;
    bus_report_line(bus);
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
        close_line(bus);
        return;
    }
    log_info("line is open", "bus=%s line=%s", site->id, site->line.path);
    bus->has_failed_open = false;
    transact_relink(&bus->transact, bus->line);
    bus_report_line(bus);
}

bool bus_is_line_fault(enum bridge_status status) {
    return status == BRIDGE_EGONE || status == BRIDGE_EPORT;
}

/* No meter is to blame: those in hand stay due. */
void bus_lose_line(struct bus *bus, enum bridge_status status) {
    log_error("line is gone", "bus=%s status=\"%s\"", bus->config.site->id,
              bridge_status_text(status));
    for (size_t i = 0; i < BUS_POLLS_MAX; i++) {
        if (bus->polls[i].errand.meter) {
            bus_poll_drop(bus, &bus->polls[i]);
        }
    }
    bus_orders_lose_line(bus, status);
    close_line(bus);
}

/* --- plans in hand ------------------------------------------------------------------------ */

void errand_begin(struct bus *bus, struct errand *errand, uint32_t index) {
    const struct site_meter *meter = &bus->config.site->meters[index];
    *errand = (struct errand){.meter = meter,
                              .index = index,
                              .turn = bus->turns++,
                              .ready_us = transact_free_at_us(&bus->transact, &meter->address),
                              .status = BRIDGE_OK};
    plan_init(&errand->plan, meter->model, &meter->address);
}

void errand_rest(const struct bus *bus, struct errand *errand) {
    const int64_t free_us = transact_free_at_us(&bus->transact, &errand->meter->address);
    errand->ready_us = clock_mono_us(bus->config.clock) + errand->plan.wait_ms * 1000;
    errand->ready_us = free_us > errand->ready_us ? free_us : errand->ready_us;
}

bool errand_goes_before(const struct errand *errand, const struct errand *other,
                        int64_t now_us) {
    return errand->ready_us <= now_us && (!other || errand->turn < other->turn);
}

/* --- one step ----------------------------------------------------------------------------- */

static bool step_order(struct bus *bus, enum bus_order_kind kind, int64_t now_us,
                       int64_t *until_us) {
    struct job *job = bus_order_next(bus, kind, now_us, until_us);
    if (job) {
        bus_order_step(bus, job);
    }
    return job;
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
    int64_t until_us = BUS_NEVER;
    if (step_order(bus, BUS_ORDER_RELAY, now_us, &until_us)) {
        return 0;
    }
    const bool is_midway = bus->last && bus->last->errand.ready_us <= now_us;
    if (!is_midway && step_order(bus, BUS_ORDER_CLOCK, now_us, &until_us)) {
        return 0;
    }
    struct poll *poll = bus_poll_next(bus, now_us, &until_us);
    if (!poll) {
        return until_us;
    }
    bus_poll_step(bus, poll);
    return 0;
}
