/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_control.h"

static json_t *fail(const char *why) {
    return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

/* ok before what there is to tell; takes over the reference. */
static json_t *tell(json_t *what) {
    json_t *answer = json_pack("{s:b}", "ok", 1);
    (void)json_object_update(answer, what);
    json_decref(what);
    return answer;
}

/* --- faults ------------------------------------------------------------------------------ */

/* "delay_ms": 700 is another way to say "delay": "700ms". */
static json_t *with_durations(const json_t *object) {
    static const struct {
        const char *number;
        const char *text;
    } names[] = {{"delay_ms", "delay"}, {"pause_ms", "pause"}};
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *value = json_object_get(copy, names[i].number);
        if (json_is_integer(value)) {
            (void)json_object_set_new(
                copy, names[i].text,
                json_sprintf("%" JSON_INTEGER_FORMAT "ms", json_integer_value(value)));
            (void)json_object_del(copy, names[i].number);
        }
    }
    return copy;
}

/* JSON is YAML too: the table that reads the script reads this. */
static bool read_order(const json_t *object, struct sim_order *order, char *why) {
    struct fault_list faults;
    faults_init(&faults);
    json_t *plain = with_durations(object);
    char *text = json_dumps(plain, JSON_ENSURE_ASCII);
    struct doc *doc = NULL;
    sim_order_init(order);
    if (text && doc_parse("control", text, strlen(text), &faults, &doc) == BRIDGE_OK) {
        doc_read(doc, doc_root(doc), &sim_order_schema, order);
    }
    const bool is_read = text && faults.count == 0;
    if (!is_read) {
        (void)snprintf(why, SIM_WHY_MAX, "%.190s",
                       faults.count > 0 ? faults.lines[0] : "out of memory");
    }
    doc_free(doc);
    faults_done(&faults);
    free(text);
    json_decref(plain);
    return is_read;
}

static json_t *run_order(struct sim *sim, const json_t *object, bool is_clear) {
    struct sim_order order;
    char why[SIM_WHY_MAX];
    if (!json_is_object(object)) {
        return fail("an object is wanted, such as {\"meter\": \"flat-1\"}");
    }
    if (!is_clear && !json_object_get(object, "fault")) {
        return fail("fault: is missing");
    }
    if (!read_order(object, &order, why)) {
        return fail(why);
    }
    const bool is_good = is_clear ? !*order.meter != !*order.bus : sim_order_check(&order, why);
    if (!is_good) {
        return fail(is_clear ? "either meter or bus is needed" : why);
    }
    return sim_apply(sim, &order, is_clear, why) ? tell(json_object()) : fail(why);
}

static json_t *run_set(struct sim *sim, const json_t *argument) {
    return run_order(sim, argument, false);
}

static json_t *run_clear(struct sim *sim, const json_t *argument) {
    return run_order(sim, argument, true);
}

/* --- looking ----------------------------------------------------------------------------- */

static json_t *run_counts(struct sim *sim, const json_t *argument) {
    return json_is_true(argument) ? tell(sim_counts(sim, true))
                                  : fail("counts: true is wanted");
}

static json_t *run_values(struct sim *sim, const json_t *argument) {
    const char *id = json_string_value(argument);
    struct sim_meter *meter = id ? sim_meter_named(sim, id) : NULL;
    return meter ? tell(sim_values(sim, meter)) : fail("values: there is no such meter");
}

/* --- the adapter ------------------------------------------------------------------------- */

static json_t *run_adapter(struct sim *sim, const json_t *argument,
                           bool (*act)(struct sim_bus *bus, char *error)) {
    const char *id = json_string_value(argument);
    struct sim_bus *bus = id ? sim_bus_named(sim, id) : NULL;
    char error[LINE_ERROR_MAX];
    if (!bus) {
        return fail("there is no such bus");
    }
    return act(bus, error) ? tell(json_pack("{s:s}", "path", sim_bus_path(bus))) : fail(error);
}

static json_t *run_unplug(struct sim *sim, const json_t *argument) {
    return run_adapter(sim, argument, sim_bus_unplug);
}

static json_t *run_plug(struct sim *sim, const json_t *argument) {
    return run_adapter(sim, argument, sim_bus_plug);
}

static const struct verb {
    const char *name;
    json_t *(*run)(struct sim *sim, const json_t *argument);
} verbs[] = {
    {"set", run_set},       {"clear", run_clear},   {"counts", run_counts},
    {"values", run_values}, {"unplug", run_unplug}, {"plug", run_plug},
};

static json_t *run(struct sim *sim, const json_t *line) {
    if (json_object_get(line, "fault")) {
        return run_order(sim, line, false);
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const json_t *argument = json_object_get(line, verbs[i].name);
        if (argument) {
            return json_object_size(line) == 1 ? verbs[i].run(sim, argument)
                                               : fail("one thing at a time");
        }
    }
    return fail("set, clear, counts, values, unplug or plug is wanted");
}

json_t *sim_command(struct sim *sim, const char *line, size_t len) {
    json_error_t error;
    json_t *parsed = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (!parsed) {
        char why[SIM_WHY_MAX];
        (void)snprintf(why, sizeof why, "not JSON: %.150s", error.text);
        return fail(why);
    }
    json_t *answer = json_is_object(parsed) ? run(sim, parsed) : fail("an object is wanted");
    json_decref(parsed);
    return answer;
}
