/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about a poll that is over. */
#include "gateway/base/log.h"
#include "gateway/poll/bus_state.h"

static void log_lost(const struct bus *bus, const struct poll *poll, struct watch *watch,
                     bool is_lost) {
    if (is_lost == watch->is_lost) {
        return;
    }
    if (is_lost) {
        log_warn("meter does not answer", "bus=%s meter=%s status=\"%s\"", bus->config.site->id,
                 poll->errand.meter->id, bridge_status_text(poll->errand.status));
    } else {
        log_info("meter answers again", "bus=%s meter=%s", bus->config.site->id,
                 poll->errand.meter->id);
    }
    watch->is_lost = is_lost;
}

static void log_wrong(const struct bus *bus, const struct poll *poll, struct watch *watch) {
    if (poll->is_wrong == watch->is_wrong) {
        return;
    }
    if (poll->is_wrong) {
        log_error("another meter answers, nothing of it is read",
                  "bus=%s meter=%s serial=%s belongs=%s", bus->config.site->id,
                  poll->errand.meter->id, poll->errand.plan.serial, watch->serial);
    } else {
        log_info("the right meter answers again", "bus=%s meter=%s", bus->config.site->id,
                 poll->errand.meter->id);
    }
    watch->is_wrong = poll->is_wrong;
}

static void log_refusal(const struct bus *bus, const struct poll *poll, struct watch *watch) {
    const int refusal = poll->refused                   ? poll->errand.plan.refusal
                        : poll->errand.plan.unsupported ? watch->refusal
                                                        : 0;
    if (refusal == watch->refusal) {
        return;
    }
    if (refusal) {
        log_warn("meter refuses a request", "bus=%s meter=%s code=%d", bus->config.site->id,
                 poll->errand.meter->id, refusal);
    } else {
        log_info("meter refuses no more", "bus=%s meter=%s", bus->config.site->id,
                 poll->errand.meter->id);
    }
    watch->refusal = refusal;
}

static void log_invalid(const struct bus *bus, const struct poll *poll, struct watch *watch) {
    const bool has_invalid = poll->errand.plan.invalid > 0;
    if (has_invalid && !watch->has_invalid) {
        log_warn("meter gives values that are no measurement", "bus=%s meter=%s count=%u",
                 bus->config.site->id, poll->errand.meter->id, poll->errand.plan.invalid);
    }
    watch->has_invalid = has_invalid;
}

void bus_tell_poll(struct bus *bus, const struct poll *poll) {
    struct watch *watch = &bus->watches[poll->errand.index];
    log_lost(bus, poll, watch, planner_is_lost(&bus->planner, poll->errand.index));
    if (poll->answered) {
        log_wrong(bus, poll, watch);
        log_refusal(bus, poll, watch);
        log_invalid(bus, poll, watch);
    }
    log_debug("poll", "bus=%s meter=%s status=\"%s\"", bus->config.site->id,
              poll->errand.meter->id, bridge_status_text(poll->errand.status));
}
