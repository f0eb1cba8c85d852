/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_registers.h"

#include "bridges/modbus/mbrtu_frame.h"

/* --- what there is ----------------------------------------------------------------------- */

static struct sim_range range_of(const struct mbrtu_point *point) {
    return (struct sim_range){.function = point->function,
                              .start = point->address,
                              .end =
                                  point->address + (int64_t)mbrtu_words(point->value.type)};
}

/* The i-th area a model describes; false behind the last. */
static bool area_at(const struct model *model, size_t i, struct sim_range *out) {
    if (i >= model->point_count) {
        return false;
    }
    *out = range_of(mbrtu_point_of(&model->points[i]));
    return true;
}

bool sim_registers_have(const struct model *model, const struct sim_range *range) {
    bool reaches_low = false;
    bool reaches_high = false;
    struct sim_range area;
    for (size_t i = 0; area_at(model, i, &area); i++) {
        reaches_low |= area.function == range->function && area.start <= range->start;
        reaches_high |= area.function == range->function && area.end >= range->end;
    }
    return reaches_low && reaches_high;
}

static bool overlap(const struct sim_range *a, const struct sim_range *b) {
    return a->function == b->function && a->start < b->end && b->start < a->end;
}

/* --- reading ----------------------------------------------------------------------------- */

/* A meter shows whole steps of its resolution, and a register what has been reached. */
static int64_t in_steps(const struct mbrtu_value *value, int64_t micro) {
    return value->resolution_micro ? micro - micro % value->resolution_micro : micro;
}

static bool encode(const struct sim_view *view, const struct model_point *point,
                   uint16_t *words) {
    const struct mbrtu_value *value = &mbrtu_point_of(point)->value;
    const int64_t micro =
        sim_meter_value(view->meter, view->device, view->era, view->at_us, point->quantity);
    return mbrtu_encode(value, in_steps(value, micro), words) == BRIDGE_OK;
}

bool sim_registers_show(const struct sim_view *view, const struct model_point *point,
                        int64_t *micro) {
    uint16_t words[MBRTU_VALUE_WORDS_MAX];
    return encode(view, point, words) &&
           mbrtu_decode(&mbrtu_point_of(point)->value, words, micro) == BRIDGE_OK;
}

/* Copies those words of an area that lie in the range; the others are not asked for. */
static void place(const struct sim_range *area, const uint16_t *from,
                  const struct sim_range *range, uint16_t *words) {
    for (int64_t at = area->start; at < area->end; at++) {
        if (at >= range->start && at < range->end) {
            words[at - range->start] = from[at - area->start];
        }
    }
}

static void place_held(const struct sim_meter *meter, const struct sim_range *range,
                       uint16_t *words) {
    for (size_t i = 0; i < meter->held_count; i++) {
        const struct sim_held *held = &meter->held[i];
        const struct sim_range area = {.function =
                                           held->is_coil ? SIM_READ_COILS : MBRTU_READ_HOLDING,
                                       .start = held->address,
                                       .end = held->address + 1};
        if (overlap(&area, range)) {
            place(&area, &held->value, range, words);
        }
    }
}

bool sim_registers_read(const struct sim_view *view, const struct sim_range *range,
                        uint16_t *words) {
    const struct model *model = view->meter->site->model;
    for (size_t i = 0; i < model->point_count; i++) {
        const struct sim_range area = range_of(mbrtu_point_of(&model->points[i]));
        uint16_t from[MBRTU_VALUE_WORDS_MAX];
        if (!overlap(&area, range)) {
            continue;
        }
        if (!encode(view, &model->points[i], from)) {
            return false;
        }
        place(&area, from, range, words);
    }
    place_held(view->meter, range, words);
    return true;
}

/* --- writing ----------------------------------------------------------------------------- */

/* What is measured cannot be written, as on a real meter. */
static bool is_writable(const struct model *model, int64_t function, int64_t address) {
    const struct sim_range one = {.function = function, .start = address, .end = address + 1};
    for (size_t i = 0; i < model->point_count; i++) {
        const struct sim_range area = range_of(mbrtu_point_of(&model->points[i]));
        if (overlap(&area, &one) && !sim_meter_measures(model->points[i].quantity)) {
            return true;
        }
    }
    return false;
}

bool sim_registers_let_write(const struct model *model, const struct sim_range *range) {
    for (int64_t at = range->start; at < range->end; at++) {
        if (!is_writable(model, range->function, at)) {
            return false;
        }
    }
    return true;
}

static struct sim_held *find_held(struct sim_meter *meter, bool is_coil, uint16_t address) {
    for (size_t i = 0; i < meter->held_count; i++) {
        struct sim_held *held = &meter->held[i];
        if (held->is_coil == is_coil && held->address == address) {
            return held;
        }
    }
    return meter->held_count < SIM_HELD_MAX ? &meter->held[meter->held_count++] : NULL;
}

void sim_registers_write(const struct sim_view *view, bool is_coil, uint16_t address,
                         uint16_t value) {
    struct sim_fault *stuck = &view->meter->faults[SIM_STUCK_RELAY];
    if (stuck->is_on) {
        stuck->struck++;
        return;
    }
    struct sim_held *held = find_held(view->meter, is_coil, address);
    if (held) {
        *held = (struct sim_held){.is_coil = is_coil, .address = address, .value = value};
    }
}
