/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time on the wire of one poll of each model: as the driver plans it, as the cheapest plan
 * the model allows, and with a request for each point. The cheapest plan is found by dynamic
 * programming over the points in order, with the model's own limits: one function a request,
 * its longest read, the holes it may read along, transformer ratios first and by themselves.
 *
 *   request | t3.5 | turnaround | reply | t3.5        8E1 and 8N1 as the model says
 *
 * usage: plan TURNAROUND_US MODEL.yaml...    one JSON object: microseconds, by model
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bridges/modbus/mbrtu_plan.h"
#include "bridges/model.h"
#include "bridges/quantity.h"
#include "tests/bench/tool.h"

static const char program[] = "plan";

enum { REQUEST_BYTES = 8, REPLY_FIXED = 5 };

static int64_t request_us(const struct model *model, int64_t registers, int64_t turnaround_us) {
    return line_chars_us(&model->line, REQUEST_BYTES + REPLY_FIXED + 2 * (size_t)registers) +
           2 * line_silence_us(&model->line) + turnaround_us;
}

static int64_t ours_us(const struct model *model, int64_t turnaround_us) {
    const struct meter_address address = {.len = 1, .bytes = {1}};
    struct bridge_session *session = NULL;
    struct exchange exchange;
    struct plan plan;
    int64_t total_us = 0;
    if (model->bridge->open(&session) != BRIDGE_OK) {
        tool_fail(program, "out of memory");
    }
    plan_init(&plan, model, &address);
    while (model->bridge->next(session, &plan, &exchange) == BRIDGE_OK) {
        if (mbrtu_progress_of(&plan)->asked == MBRTU_AT_POINTS) {
            total_us += request_us(model, mbrtu_request_of(&exchange)->count, turnaround_us);
        }
    }
    model->bridge->close(session);
    return total_us;
}

static bool is_ratio(const struct model_point *point) {
    return point->quantity == QUANTITY_current_transformer_ratio ||
           point->quantity == QUANTITY_voltage_transformer_ratio;
}

static int64_t end_of(const struct mbrtu_point *point) {
    return point->address + (int64_t)mbrtu_words(point->value.type);
}

/* Registers of one read of points [first, last), or 0 where the model does not allow it. */
static int64_t span(const struct model *model, size_t first, size_t last) {
    const struct mbrtu_meter *meter = mbrtu_meter_of(model);
    const struct mbrtu_point *start = mbrtu_point_of(&model->points[first]);
    int64_t end = end_of(start);
    for (size_t i = first + 1; i < last; i++) {
        const struct mbrtu_point *point = mbrtu_point_of(&model->points[i]);
        if (point->function != start->function || point->address < start->address ||
            point->address - end > meter->max_hole ||
            is_ratio(&model->points[i]) != is_ratio(&model->points[first])) {
            return 0;
        }
        end = end_of(point) > end ? end_of(point) : end;
    }
    const int64_t registers = end - start->address;
    return registers <= meter->max_registers || last - first == 1 ? registers : 0;
}

/* best[n]: the cheapest way to read the first n points. */
static int64_t best_us(const struct model *model, int64_t turnaround_us) {
    int64_t best[MODEL_POINTS_MAX + 1] = {0};
    for (size_t last = 1; last <= model->point_count; last++) {
        best[last] = INT64_MAX;
        for (size_t first = 0; first < last; first++) {
            const int64_t registers = span(model, first, last);
            const int64_t us = registers
                                   ? best[first] + request_us(model, registers, turnaround_us)
                                   : INT64_MAX;
            best[last] = us < best[last] ? us : best[last];
        }
    }
    return best[model->point_count];
}

static int64_t single_us(const struct model *model, int64_t turnaround_us) {
    int64_t total_us = 0;
    for (size_t i = 0; i < model->point_count; i++) {
        total_us += request_us(model, span(model, i, i + 1), turnaround_us);
    }
    return total_us;
}

static void load(const char *path, struct model *model) {
    struct fault_list faults;
    faults_init(&faults);
    const enum bridge_status status = model_load(path, &faults, model);
    faults_print(&faults, stderr);
    faults_done(&faults);
    if (status != BRIDGE_OK) {
        tool_fail(program, path);
    }
}

int main(int argc, char **argv) {
    static struct model model;
    if (argc < 3) {
        tool_fail(program, "usage: plan TURNAROUND_US MODEL.yaml...");
    }
    const int64_t turnaround_us = tool_number(program, argv[1], 0, 10000000);
    (void)printf("{");
    for (int i = 2; i < argc; i++) {
        load(argv[i], &model);
        if (strcmp(model.bridge->name, "modbus") != 0) {
            continue;
        }
        (void)printf("%s\"%s\": [%lld, %lld, %lld]", i > 2 ? ", " : "", model.id,
                     (long long)ours_us(&model, turnaround_us),
                     (long long)best_us(&model, turnaround_us),
                     (long long)single_us(&model, turnaround_us));
    }
    (void)printf("}\n");
    return 0;
}
