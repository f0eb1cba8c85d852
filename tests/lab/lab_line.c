/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/lab.h"

struct lab_line {
    struct line line;
    struct lab *lab;
    struct sim_bus *bus;
};

static struct lab_line *line_of(struct line *line) {
    return (struct lab_line *)line;
}

static enum bridge_status line_set(struct line *line, const struct line_settings *settings) {
    sim_wire_tune(&line_of(line)->bus->wire, settings);
    return BRIDGE_OK;
}

static enum bridge_status line_write(struct line *line, const uint8_t *buf, size_t len) {
    const struct lab_line *self = line_of(line);
    if (!self->bus->is_plugged ||
        write(self->bus->wire.port.slave_fd, buf, len) != (ssize_t)len) {
        return BRIDGE_EGONE;
    }
    sim_wire_hear(&self->bus->wire);
    return BRIDGE_OK;
}

static enum bridge_status line_read(struct line *line, uint8_t *buf, size_t cap,
                                    int64_t deadline_us, size_t *got) {
    const struct lab_line *self = line_of(line);
    struct sim_wire *wire = &self->bus->wire;
    struct lab *lab = self->lab;
    while (self->bus->is_plugged) {
        const ssize_t n = read(wire->port.slave_fd, buf, cap);
        if (n > 0) {
            *got = (size_t)n;
            return BRIDGE_OK;
        }
        const int64_t due_us = sim_wire_due_us(wire);
        if (due_us > deadline_us) {
            lab->now_us = deadline_us > lab->now_us ? deadline_us : lab->now_us;
            return BRIDGE_ETIMEOUT;
        }
        lab->now_us = due_us > lab->now_us ? due_us : lab->now_us;
        sim_wire_work(wire);
    }
    return BRIDGE_EGONE;
}

static void line_sleep_until(struct line *line, int64_t until_us) {
    const struct lab_line *self = line_of(line);
    if (until_us > self->lab->now_us) {
        self->lab->now_us = until_us;
        sim_wire_work(&self->bus->wire);
    }
}

static void line_end(struct line *line) {
    free(line_of(line));
}

static const struct line_ops ops = {.set = line_set,
                                    .write = line_write,
                                    .read = line_read,
                                    .sleep_until = line_sleep_until,
                                    .close = line_end};

enum bridge_status lab_line_open(const char *path, const struct line_options *options,
                                 const struct clock *clock, struct line **out, char *error) {
    (void)options;
    struct lab *lab = lab_of(clock);
    struct sim_bus *bus = sim_bus_named(&lab->sim, path + strlen(SIM_MEMORY_PREFIX));
    if (!bus || !bus->is_plugged) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: not there", path);
        return BRIDGE_EGONE;
    }
    struct lab_line *self = calloc(1, sizeof *self);
    if (!self) {
        (void)snprintf(error, LINE_ERROR_MAX, "%s: out of memory", path);
        return BRIDGE_EGONE;
    }
    *self = (struct lab_line){.line = {.ops = &ops, .clock = clock}, .lab = lab, .bus = bus};
    *out = &self->line;
    return BRIDGE_OK;
}
