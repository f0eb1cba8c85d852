/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/quantity.h"

enum { SERIAL_WORDS_MAX = 16 };

/* --- what there is ----------------------------------------------------------------------- */

static struct sim_range range_of(const struct mbrtu_point *point) {
    return (struct sim_range){.function = point->function,
                              .start = point->address,
                              .end = point->address + (int64_t)mbrtu_words(point->value.type)};
}

static struct sim_range serial_range(const struct model *model) {
    const struct mbrtu_serial *serial = &mbrtu_meter_of(model)->serial;
    return (struct sim_range){.function = serial->function,
                              .start = serial->address,
                              .end = serial->address + serial->words};
}

static struct sim_range state_range(const struct model *model) {
    const struct mbrtu_relay_state *state = &mbrtu_meter_of(model)->relay_state;
    return (struct sim_range){
        .function = state->function, .start = state->address, .end = state->address + 1};
}

/* What is written to the relay reads back with function 1 or 3. */
static struct sim_range write_range(const struct model *model) {
    const struct mbrtu_relay_write *write = &mbrtu_meter_of(model)->relay_write;
    const bool is_coil =
        write->function == MBRTU_WRITE_COIL || write->function == MBRTU_WRITE_COILS;
    const int64_t reads = is_coil ? MBRTU_READ_COILS : MBRTU_READ_HOLDING;
    return (struct sim_range){.function = write->function ? reads : 0,
                              .start = write->address,
                              .end = write->address + (int64_t)write->word_count};
}

/* The i-th area a model describes; false behind the last. One it lacks has function 0. */
static bool area_at(const struct model *model, size_t i, struct sim_range *out) {
    static struct sim_range (*const sections[])(const struct model *) = {
        serial_range, state_range, write_range};
    if (i >= model->point_count + sizeof sections / sizeof *sections) {
        return false;
    }
    *out = i < model->point_count ? range_of(mbrtu_point_of(&model->points[i]))
                                  : sections[i - model->point_count](model);
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

/* What the transformers leave of it. */
static int64_t secondary(const struct sim_meter *meter, int multiply, int64_t micro) {
    const bool by_ct = multiply == MBRTU_CT || multiply == MBRTU_CT_VT;
    const bool by_vt = multiply == MBRTU_VT || multiply == MBRTU_CT_VT;
    const int64_t behind_ct =
        by_ct ? (int64_t)((int128)micro * MICRO / meter->ct_micro) : micro;
    return by_vt ? (int64_t)((int128)behind_ct * MICRO / meter->vt_micro) : behind_ct;
}

static bool encode(const struct sim_view *view, const struct model_point *point,
                   uint16_t *words) {
    const struct mbrtu_value *value = &mbrtu_point_of(point)->value;
    const int64_t whole =
        sim_meter_value(view->meter, view->device, view->era, view->at_us, point->quantity);
    const int64_t micro = secondary(view->meter, mbrtu_point_of(point)->multiply, whole);
    return mbrtu_encode(value, in_steps(value, micro), words) == BRIDGE_OK;
}

static bool primary(const struct sim_meter *meter, int multiply, int64_t *micro) {
    const bool by_ct = multiply == MBRTU_CT || multiply == MBRTU_CT_VT;
    const bool by_vt = multiply == MBRTU_VT || multiply == MBRTU_CT_VT;
    return (!by_ct || decimal_multiply(*micro, meter->ct_micro, micro) == BRIDGE_OK) &&
           (!by_vt || decimal_multiply(*micro, meter->vt_micro, micro) == BRIDGE_OK);
}

bool sim_registers_show(const struct sim_view *view, const struct model_point *point,
                        int64_t *micro) {
    const struct sim_range range = range_of(mbrtu_point_of(point));
    uint16_t words[MBRTU_VALUE_WORDS_MAX] = {0};
    return sim_registers_read(view, &range, words) &&
           mbrtu_decode(&mbrtu_point_of(point)->value, words, micro) == BRIDGE_OK &&
           primary(view->meter, mbrtu_point_of(point)->multiply, micro);
}

/* Copies those words of an area that lie in the range; the others are not asked for. mask: the
 * bits that are the area's, where several share a register. */
static void place(const struct sim_range *area, const uint16_t *from, const uint16_t *mask,
                  const struct sim_range *range, uint16_t *words) {
    for (int64_t at = area->start; at < area->end; at++) {
        if (area->function == range->function && at >= range->start && at < range->end) {
            const uint16_t bits = mask[at - area->start];
            uint16_t *word = &words[at - range->start];
            *word = (uint16_t)((*word & ~bits) | (from[at - area->start] & bits));
        }
    }
}

static const uint16_t all_bits[SERIAL_WORDS_MAX] = {
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff};

/* The bits a field takes, as registers: those of its largest value. */
static void field_mask(const struct mbrtu_value *value, uint16_t *mask) {
    struct mbrtu_value plain = *value;
    plain.scale = (struct ratio){.num = 1, .den = 1};
    const int64_t top = ((int64_t)1 << value->width) - 1;
    if (value->width == 0 || top > INT64_MAX / MICRO ||
        mbrtu_encode(&plain, top * MICRO, mask) != BRIDGE_OK) {
        memcpy(mask, all_bits, MBRTU_VALUE_WORDS_MAX * sizeof *mask);
    }
}

static void place_held(const struct sim_meter *meter, const struct sim_range *range,
                       uint16_t *words) {
    for (size_t i = 0; i < meter->held_count; i++) {
        const struct sim_held *held = &meter->held[i];
        const struct sim_range area = {.function = held->is_coil ? MBRTU_READ_COILS
                                                                 : MBRTU_READ_HOLDING,
                                       .start = held->address,
                                       .end = held->address + 1};
        if (overlap(&area, range)) {
            place(&area, &held->value, all_bits, range, words);
        }
    }
}

static bool place_point(const struct sim_view *view, const struct model_point *point,
                        const struct sim_range *range, uint16_t *words) {
    const struct sim_range area = range_of(mbrtu_point_of(point));
    uint16_t from[MBRTU_VALUE_WORDS_MAX];
    uint16_t mask[MBRTU_VALUE_WORDS_MAX];
    if (!overlap(&area, range)) {
        return true;
    }
    if (!encode(view, point, from)) {
        return false;
    }
    field_mask(&mbrtu_point_of(point)->value, mask);
    place(&area, from, mask, range, words);
    return true;
}

/* What the relay says of itself. */
static void place_state(const struct sim_meter *meter, const struct sim_range *range,
                        uint16_t *words) {
    const struct model *model = meter->site->model;
    const struct mbrtu_relay_state *state = &mbrtu_meter_of(model)->relay_state;
    const struct sim_range area = state_range(model);
    const uint16_t value = (uint16_t)(meter->says_open ? state->open : state->closed);
    const uint16_t mask = (uint16_t)state->mask;
    if (state->function) {
        place(&area, &value, &mask, range, words);
    }
}

/* --- the serial number ------------------------------------------------------------------- */

static uint16_t word_of(const uint8_t *bytes, size_t i) {
    return (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
}

static unsigned digit_of(char c) {
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : 0;
}

/* Digits stand at the end of the registers, zeros before them. */
static void put_bcd(const char *text, uint8_t *bytes, size_t size) {
    size_t digits = strlen(text);
    for (size_t i = size; i-- > 0 && digits > 0;) {
        unsigned byte = digit_of(text[--digits]);
        byte |= digits > 0 ? digit_of(text[--digits]) << 4 : 0;
        bytes[i] = (uint8_t)byte;
    }
}

static void put_number(const char *text, uint8_t *bytes, size_t size) {
    uint64_t number = strtoull(text, NULL, 10);
    for (size_t i = size; i-- > 0; number >>= 8) {
        bytes[i] = (uint8_t)(number & 0xff);
    }
}

static size_t serial_bytes(const struct sim_view *view, uint8_t *bytes) {
    const struct mbrtu_serial *serial = &mbrtu_meter_of(view->meter->site->model)->serial;
    const char *text = view->meter->devices[view->device].serial;
    const size_t size = 2 * (size_t)serial->words;
    const size_t len = strlen(text);
    memset(bytes, 0, 2UL * SERIAL_WORDS_MAX);
    switch ((enum mbrtu_serial_type)serial->type) {
    case MBRTU_SERIAL_BCD:
        put_bcd(text, bytes, size);
        break;
    case MBRTU_SERIAL_NUMBER:
        put_number(text, bytes, size);
        break;
    case MBRTU_SERIAL_TEXT:
        memcpy(bytes, text, len < size ? len : size);
        break;
    }
    return size;
}

static void place_serial(const struct sim_view *view, const struct sim_range *range,
                         uint16_t *words) {
    const struct sim_range area = serial_range(view->meter->site->model);
    uint8_t bytes[2 * SERIAL_WORDS_MAX];
    uint16_t from[SERIAL_WORDS_MAX] = {0};
    const size_t size = serial_bytes(view, bytes);
    for (size_t i = 0; i < size / 2; i++) {
        from[i] = word_of(bytes, i);
    }
    place(&area, from, all_bits, range, words);
}

void sim_registers_serial(const struct sim_view *view, char *text) {
    const struct mbrtu_serial *serial = &mbrtu_meter_of(view->meter->site->model)->serial;
    const char *printed = view->meter->devices[view->device].serial;
    uint8_t bytes[2 * SERIAL_WORDS_MAX];
    const size_t size = serial_bytes(view, bytes);
    if (serial->function == 0 || serial->type != MBRTU_SERIAL_BCD) {
        (void)snprintf(text, SIM_SERIAL_TEXT_MAX, "%s", printed);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

bool sim_registers_read(const struct sim_view *view, const struct sim_range *range,
                        uint16_t *words) {
    const struct model *model = view->meter->site->model;
    for (size_t i = 0; i < model->point_count; i++) {
        if (!place_point(view, &model->points[i], range, words)) {
            return false;
        }
    }
    place_held(view->meter, range, words);
    place_serial(view, range, words);
    place_state(view->meter, range, words);
    return true;
}

/* --- writing ----------------------------------------------------------------------------- */

/* What is measured cannot be written, as on a real meter. */
static bool is_writable(const struct model *model, int64_t function, int64_t address) {
    const struct sim_range one = {.function = function, .start = address, .end = address + 1};
    const struct sim_range relay = write_range(model);
    if (overlap(&relay, &one)) {
        return true;
    }
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

static void hold(struct sim_meter *meter, const struct sim_range *range,
                 const uint16_t *words) {
    const bool is_coil = range->function == MBRTU_READ_COILS;
    for (int64_t at = range->start; at < range->end; at++) {
        struct sim_held *held = find_held(meter, is_coil, (uint16_t)at);
        if (held) {
            *held = (struct sim_held){
                .is_coil = is_coil, .address = (uint16_t)at, .value = words[at - range->start]};
        }
    }
}

/* Is that what the model writes to open, or to close? A coil is on or off. */
static bool says(const uint16_t *wanted, const uint16_t *words, const struct sim_range *area) {
    for (int64_t i = 0; i < area->end - area->start; i++) {
        const uint16_t want = area->function == MBRTU_READ_COILS ? wanted[i] != 0 : wanted[i];
        if (words[i] != want) {
            return false;
        }
    }
    return true;
}

enum sim_obedience sim_registers_write(const struct sim_view *view,
                                       const struct sim_range *range, const uint16_t *words) {
    const struct mbrtu_relay_write *write =
        &mbrtu_meter_of(view->meter->site->model)->relay_write;
    const struct sim_range relay = write_range(view->meter->site->model);
    struct sim_fault *stuck = &view->meter->faults[SIM_STUCK_RELAY];
    uint16_t now[MBRTU_RELAY_WORDS_MAX] = {0};
    if (!overlap(&relay, range)) {
        hold(view->meter, range, words);
        return SIM_OBEYS;
    }
    if (stuck->is_on) {
        stuck->struck++;
        return SIM_OBEYS;
    }
    hold(view->meter, range, words);
    place_held(view->meter, &relay, now);
    const bool is_open = says(write->open, now, &relay);
    return is_open || says(write->closed, now, &relay) ? sim_meter_order(view, is_open, 0)
                                                       : SIM_OBEYS;
}
