/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's polling engine alone: bus_step over a real port, as gateway/poll's thread calls
 * it, with meters that are always due. What it reads is counted and checked, not kept.
 *
 * usage: poll LINE BAUD SLAVES MODEL.yaml REQUESTS SECONDS   (0 = no limit)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "bridges/base/wait.h"
#include "bridges/model.h"
#include "gateway/base/log.h"
#include "gateway/poll/bus.h"
#include "tests/bench/tool.h"

static const char program[] = "poll";

enum { UNITS_MAX = 247, MICRO = 1000000 };

struct tally {
    int64_t polls;
    int64_t readings;
    int64_t wrong; /* values of another meter */
    struct transact_counts counts;
};

/* pbus gives registers whose high byte is the unit. */
static void emit(void *context, const struct bus_mail *mail) {
    struct tally *tally = context;
    if (mail->kind == BUS_READING) {
        const int64_t unit = mail->of.reading.value_micro / MICRO >> 8;
        tally->readings++;
        tally->wrong += unit != mail->of.reading.meter + 1;
    } else if (mail->kind == BUS_LINE) {
        tally->counts = mail->of.line.counts;
    } else if (mail->kind == BUS_METER) {
        tally->polls++;
    }
}

static void load(const char *path, struct model *model) {
    struct fault_list faults;
    faults_init(&faults);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status != BRIDGE_OK) {
        tool_fail(program, "the model is not one");
    }
}

static void furnish(const struct model *model, uint32_t baud, struct site_bus *site) {
    for (size_t i = 0; i < site->meter_count; i++) {
        struct site_meter *meter = &site->meters[i];
        *meter = (struct site_meter){.period_ms = 1,
                                     .model = model,
                                     .address = {.len = 1, .bytes = {(uint8_t)(i + 1)}},
                                     .line = model->line,
                                     .index = (uint32_t)i};
        meter->line.baud = baud;
        (void)snprintf(meter->id, sizeof meter->id, "m%zu", i + 1);
    }
}

static void run(struct bus *bus, const struct tally *tally, int64_t requests, int64_t seconds) {
    const int64_t until_ns = tool_now_ns() + seconds * 1000000000;
    while ((requests == 0 || (int64_t)tally->counts.requests < requests) &&
           (seconds == 0 || tool_now_ns() < until_ns)) {
        const int64_t next_us = bus_step(bus);
        if (next_us > tool_now_ns() / 1000) {
            wait_until(next_us);
        }
    }
}

int main(int argc, char **argv) {
    static struct model model;
    static struct site_meter meters[UNITS_MAX];
    if (argc != 7) {
        tool_fail(program, "usage: poll LINE BAUD SLAVES MODEL.yaml REQUESTS SECONDS");
    }
    struct site_bus site = {.id = "bench", .meters = meters};
    struct tally tally = {0};
    struct clock clock;
    struct bus *bus = NULL;
    const uint32_t baud = (uint32_t)tool_number(program, argv[2], 300, 460800);
    site.meter_count = (size_t)tool_number(program, argv[3], 1, UNITS_MAX);
    (void)snprintf(site.line.path, sizeof site.line.path, "%s", argv[1]);
    log_set_level(LOG_LEVEL_ERROR);
    load(argv[4], &model);
    furnish(&model, baud, &site);
    clock_init(&clock);
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* as gateway/poll/poll.c does */
    const struct bus_config config = {
        .site = &site, .clock = &clock, .open = line_open, .emit = emit, .context = &tally};
    if (bus_new(&config, &bus) != GW_OK) {
        tool_fail(program, "out of memory");
    }
    run(bus, &tally, tool_number(program, argv[5], 0, INT64_MAX),
        tool_number(program, argv[6], 0, 3600));
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"requests\": %llu, \"good\": %llu, \"polls\": %lld, \"readings\": %lld, "
                 "\"wrong\": %lld, \"switches\": %ld}\n",
                 (unsigned long long)tally.counts.requests,
                 (unsigned long long)tally.counts.replies, (long long)tally.polls,
                 (long long)tally.readings, (long long)tally.wrong, usage.ru_nvcsw);
    bus_free(bus);
    return 0;
}
