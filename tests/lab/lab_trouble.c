/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "tests/lab/lab_story.h"

enum {
    FAULT_MINUTES_MAX = 90,
    STORM_DELAY_MS = 6000 /* beyond any model's timeout, up to three of the usual ones */
};

/* --- what goes wrong --------------------------------------------------------------------- */

/* Not among them: another meter in the same place, which a model without serial number cannot
 * tell, and what the daemon does not switch yet. */
static const struct sim_order mishaps[] = {
    {.kind = SIM_LATE, .terms = {.delay_ms = 700}},
    {.kind = SIM_LATE, .terms = {.delay_ms = 1900}},
    {.kind = SIM_SLOW, .terms = {.delay_ms = 300}},
    {.kind = SIM_DEAD},
    {.kind = SIM_CRC, .terms = {.every = 3}},
    {.kind = SIM_CRC, .terms = {.share = 40, .bits = 3}},
    {.kind = SIM_TRUNCATE, .terms = {.bytes = 4}},
    {.kind = SIM_WRONG_ADDRESS, .terms = {.unit = 99}},
    {.kind = SIM_EXCEPTION, .terms = {.code = 6}},
    {.kind = SIM_GLITCH},
    {.kind = SIM_BABBLE, .terms = {.bytes = 40, .pause_ms = 900}},
    {.kind = SIM_ECHO},
};

static void merge_terms(struct sim_terms *terms, const struct sim_terms *wanted) {
    terms->delay_ms = wanted->delay_ms ? wanted->delay_ms : terms->delay_ms;
    terms->every = wanted->every ? wanted->every : terms->every;
    terms->share = wanted->share ? wanted->share : terms->share;
    terms->bits = wanted->bits ? wanted->bits : terms->bits;
    terms->bytes = wanted->bytes ? wanted->bytes : terms->bytes;
    terms->pause_ms = wanted->pause_ms ? wanted->pause_ms : terms->pause_ms;
    terms->unit = wanted->unit ? wanted->unit : terms->unit;
    terms->code = wanted->code ? wanted->code : terms->code;
}

static const struct site_meter *any_meter(struct lab *lab) {
    const struct site *site = &lab->sim.building.site;
    return site_meter_at(site, (uint32_t)lab_random(lab, site->meter_count));
}

/* A fault of a random meter or of a random line. */
static bool draw_order(struct lab *lab, struct sim_order *order) {
    const struct sim_order *wanted =
        &mishaps[lab_random(lab, sizeof mishaps / sizeof *mishaps)];
    sim_order_init(order);
    order->kind = wanted->kind;
    merge_terms(&order->terms, &wanted->terms);
    if (sim_fault_is_of_line((enum sim_fault_kind)order->kind)) {
        const struct site *site = &lab->sim.building.site;
        (void)snprintf(order->bus, sizeof order->bus, "%s",
                       site->buses[lab_random(lab, site->bus_count)].id);
    } else {
        (void)snprintf(order->meter, sizeof order->meter, "%s", any_meter(lab)->id);
    }
    char why[SIM_WHY_MAX];
    if (!sim_order_check(order, why)) {
        (void)fprintf(stderr, "lab: %s\n", why);
        return false;
    }
    return true;
}

bool lab_run_minutes(struct story *story, int64_t minutes) {
    return lab_run(&story->lab, story->lab.now_us + minutes * 60000000);
}

static bool fault_for_a_while(struct story *story) {
    struct sim_order order;
    char why[SIM_WHY_MAX];
    if (!draw_order(&story->lab, &order) || !sim_apply(&story->lab.sim, &order, false, why)) {
        return false;
    }
    const int64_t minutes = 1 + (int64_t)lab_random(&story->lab, FAULT_MINUTES_MAX);
    return lab_run_minutes(story, minutes) && sim_apply(&story->lab.sim, &order, true, why);
}

static bool restart_gateway(struct story *story) {
    if (lab_random(&story->lab, 2) == 0) {
        lab_kill_gateway(&story->lab);
    } else {
        lab_stop_gateway(&story->lab);
    }
    story->restarts++;
    return lab_run_minutes(story, 2) && lab_start_gateway(&story->lab) == GW_OK;
}

static bool restart_headend(struct story *story) {
    lab_stop_headend(&story->lab);
    story->restarts++;
    return lab_run_minutes(story, 20) && lab_start_headend(&story->lab) == GW_OK;
}

static bool unplug_bus(struct story *story) {
    struct lab *lab = &story->lab;
    struct sim_bus *bus = &lab->sim.buses[lab_random(lab, lab->sim.bus_count)];
    char error[LINE_ERROR_MAX];
    return sim_bus_unplug(bus, error) && lab_run_minutes(story, 5) && sim_bus_plug(bus, error);
}

static bool flap_network(struct story *story) {
    struct lab *lab = &story->lab;
    if (lab->link.is_cut) {
        return true;
    }
    lab_link_cut(lab);
    const bool good = lab_run_minutes(story, 1 + (int64_t)lab_random(lab, 30));
    lab_link_heal(lab);
    return good;
}

static bool lose_time_server(struct story *story) {
    story->lab.is_synced = !story->lab.is_synced;
    return true;
}

bool lab_go_wrong(struct story *story) {
    static bool (*const ways[])(struct story *) = {
        fault_for_a_while, fault_for_a_while, fault_for_a_while, restart_gateway,
        restart_headend,   unplug_bus,        flap_network,      lose_time_server};
    story->mishaps++;
    return ways[lab_random(&story->lab, sizeof ways / sizeof *ways)](story);
}

/* --- a storm ----------------------------------------------------------------------------- */

uint64_t lab_struck(const struct sim *sim) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < sim->building.site.meter_count; i++) {
        for (int kind = 0; kind < SIM_FAULT_KINDS; kind++) {
            count += sim->building.meters[i].faults[kind].struck;
        }
    }
    return count;
}

/* Late by anything, or damaged, or both: another way for each meter. */
static bool disturb(struct lab *lab, const struct site_meter *meter) {
    static const struct sim_order ways[] = {
        {.kind = SIM_LATE},
        {.kind = SIM_LATE},
        {.kind = SIM_LATE},
        {.kind = SIM_CRC, .terms = {.share = 70, .bits = 3}},
        {.kind = SIM_TRUNCATE, .terms = {.bytes = 5}},
        {.kind = SIM_GLITCH},
        {.kind = SIM_WRONG_ADDRESS, .terms = {.unit = 3}},
    };
    struct sim_order order;
    char why[SIM_WHY_MAX];
    sim_order_init(&order);
    (void)snprintf(order.meter, sizeof order.meter, "%s", meter->id);
    if (!sim_apply(&lab->sim, &order, true, why)) {
        return false;
    }
    const struct sim_order *way = &ways[lab_random(lab, sizeof ways / sizeof *ways)];
    order.kind = way->kind;
    merge_terms(&order.terms, &way->terms);
    if (order.kind == SIM_LATE) {
        order.terms.delay_ms = 1 + (int64_t)lab_random(lab, STORM_DELAY_MS);
    }
    return lab_random(lab, 3) == 0 ||
           (sim_order_check(&order, why) && sim_apply(&lab->sim, &order, false, why));
}

static void show_storm(const struct story *story) {
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%llu of %lld answers disturbed ",
                      (unsigned long long)lab_struck(&story->lab.sim),
                      (long long)story->faults);
    }
}

bool lab_storm(struct story *story) {
    struct lab *lab = &story->lab;
    const struct site *site = &lab->sim.building.site;
    bool good = true;
    while (good && !lab_is_interrupted && lab_struck(&lab->sim) < (uint64_t)story->faults) {
        for (uint32_t i = 0; good && i < site->meter_count; i++) {
            good = disturb(lab, site_meter_at(site, i));
        }
        good = good && lab_run_minutes(story, 1);
        show_storm(story);
    }
    for (uint32_t i = 0; good && i < site->meter_count; i++) {
        struct sim_order order;
        char why[SIM_WHY_MAX];
        sim_order_init(&order);
        (void)snprintf(order.meter, sizeof order.meter, "%s", site_meter_at(site, i)->id);
        good = sim_apply(&lab->sim, &order, true, why);
    }
    return good;
}
