/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_building.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bridges/base/doc.h"
#include "tests/sim/sim_port.h"
#include "tests/sim/sim_protocol.h"

enum { SITE_METERS_MAX = SITE_BUSES_MAX * SITE_BUS_METERS_MAX };
enum { UNSET = -1, VOLTAGE_MAX_MICRO = 1000 * MICRO, ENERGY_MAX_KWH = 40000000 };
#define RATIO_MAX_MICRO (10000 * (int64_t)MICRO)

/* One element of the list simulation; UNSET leaves a meter's default. */
struct sim_entry {
    char meter[SITE_METER_ID_MAX + 1];
    int source_line;
    int64_t load_micro_kw[SIM_HOURS];
    size_t hours; /* read so far */
    int64_t energy_micro_kwh;
    int64_t voltage_micro;
    bool is_dead;
    char serial[SIM_SERIAL_MAX + 1]; /* empty = the default */
    char behind[SITE_METER_ID_MAX + 1];
    int64_t ct_micro;
    int64_t vt_micro;
    struct sim_traits traits;
};

/* --- reading the file -------------------------------------------------------------------- */

static void read_hour(struct doc *doc, const doc_node *node, void *out) {
    struct sim_entry *entry = out;
    const char *text = doc_scalar(node);
    int64_t *load = &entry->load_micro_kw[entry->hours++];
    if (!text || decimal_parse(text, load) != BRIDGE_OK || *load < 0 ||
        *load > SIM_LOAD_MAX_MICRO_KW) {
        doc_fault(doc, node, "load: \"%.60s\" is no number of kW (0 to %d)", text ? text : "?",
                  SIM_LOAD_MAX_MICRO_KW / MICRO);
    }
}

static const struct field constant_fields[] = {
    {"load", FIELD_DECIMAL, offsetof(struct sim_entry, load_micro_kw), "", 0,
     SIM_LOAD_MAX_MICRO_KW, "kW", NULL, NULL, NULL}};
static const struct schema constant_schema = {constant_fields, 1, &sim_traits_schema,
                                              offsetof(struct sim_entry, traits)};

static const struct field curve_fields[] = {{"load", FIELD_LIST, 0, "", SIM_HOURS, SIM_HOURS,
                                             "kW for each hour of the UTC day", NULL, NULL,
                                             read_hour}};
static const struct schema curve_schema = {curve_fields, 1, &sim_traits_schema,
                                           offsetof(struct sim_entry, traits)};

static const struct field entry_fields[] = {
    {"meter", FIELD_ID, offsetof(struct sim_entry, meter), NULL, 1, SITE_METER_ID_MAX,
     "a meter of the buses", NULL, NULL, NULL},
    {"energy", FIELD_DECIMAL, offsetof(struct sim_entry, energy_micro_kwh), "", 0,
     (int64_t)MICRO *ENERGY_MAX_KWH, "kWh at start", NULL, NULL, NULL},
    {"voltage", FIELD_DECIMAL, offsetof(struct sim_entry, voltage_micro), "", MICRO,
     VOLTAGE_MAX_MICRO, "V", NULL, NULL, NULL},
    {"serial", FIELD_ID, offsetof(struct sim_entry, serial), "", 1, SIM_SERIAL_MAX,
     "as printed on the meter", NULL, NULL, NULL},
    {"ct", FIELD_DECIMAL, offsetof(struct sim_entry, ct_micro), "1", MICRO, RATIO_MAX_MICRO,
     "ratio of its current transformer", NULL, NULL, NULL},
    {"vt", FIELD_DECIMAL, offsetof(struct sim_entry, vt_micro), "1", MICRO, RATIO_MAX_MICRO,
     "ratio of its voltage transformer", NULL, NULL, NULL},
    {"behind", FIELD_ID, offsetof(struct sim_entry, behind), "", 1, SITE_METER_ID_MAX,
     "the meter or relay board that cuts its supply", NULL, NULL, NULL},
    {"dead", FIELD_BOOL, offsetof(struct sim_entry, is_dead), "false", 0, 0, "never answers",
     NULL, NULL, NULL},
};

static struct sim_entry *add_entry(struct sim_building *building) {
    struct sim_entry *entries =
        realloc(building->entries, (building->entry_count + 1) * sizeof *entries);
    if (!entries) {
        abort(); /* at start: without memory there is no going on */
    }
    building->entries = entries;
    return &entries[building->entry_count++];
}

static void read_entry(struct doc *doc, const doc_node *node, void *out) {
    const doc_node *load = doc_get(doc, node, "load");
    const bool is_curve = load && !doc_scalar(load);
    const struct schema schema = {.fields = entry_fields,
                                  .count = sizeof entry_fields / sizeof *entry_fields,
                                  .also = is_curve ? &curve_schema : &constant_schema};
    struct sim_entry *entry = add_entry(out);
    *entry = (struct sim_entry){.source_line = doc_line(node),
                                .load_micro_kw = {UNSET},
                                .energy_micro_kwh = UNSET,
                                .voltage_micro = UNSET,
                                .traits = sim_traits_default};
    doc_read(doc, node, &schema, entry);
    for (size_t hour = 1; !is_curve && hour < SIM_HOURS; hour++) {
        entry->load_micro_kw[hour] = entry->load_micro_kw[0];
    }
}

/* --- the script -------------------------------------------------------------------------- */

static const struct field scene_fields[] = {
    {"at", FIELD_DURATION, offsetof(struct sim_scene, at_ms), NULL, 0, 864000000,
     "since the start", NULL, NULL, NULL},
};
static const struct schema scene_schema = {scene_fields, 1, &sim_order_schema,
                                           offsetof(struct sim_scene, order)};

static void read_scene(struct doc *doc, const doc_node *node, void *out) {
    struct sim_building *building = out;
    struct sim_scene *script =
        realloc(building->script, (building->script_count + 1) * sizeof *script);
    if (!script) {
        abort();
    }
    building->script = script;
    struct sim_scene *scene = &script[building->script_count++];
    *scene = (struct sim_scene){.source_line = doc_line(node)};
    sim_order_init(&scene->order);
    const size_t before = doc_fault_count(doc);
    doc_read(doc, node, &scene_schema, scene);
    char why[SIM_WHY_MAX];
    if (doc_fault_count(doc) == before && !sim_order_check(&scene->order, why)) {
        doc_fault(doc, node, "%s", why);
    }
}

/* What stands first in the file comes first where the time is the same. */
static int by_time(const void *a, const void *b) {
    const struct sim_scene *left = a;
    const struct sim_scene *right = b;
    const int64_t difference = left->at_ms != right->at_ms
                                   ? left->at_ms - right->at_ms
                                   : (int64_t)left->source_line - right->source_line;
    return difference < 0 ? -1 : difference > 0;
}

/* --- the whole file ---------------------------------------------------------------------- */

static const struct field building_fields[] = {
    {"models", FIELD_TEXT, offsetof(struct sim_building, models), NULL, 1, SIM_MODELS_MAX,
     "the folder of model files, relative to this file", NULL, NULL, NULL},
    {"turnaround", FIELD_DURATION, offsetof(struct sim_building, turnaround_ms), "20ms", 0,
     10000, "what a meter needs before it answers", NULL, NULL, NULL},
    {"strict", FIELD_BOOL, offsetof(struct sim_building, is_strict), "false", 0, 0,
     "true: a request that broke the silence of 3.5 characters is not heard", NULL, NULL, NULL},
    {"simulation", FIELD_LIST, 0, "", 0, SITE_METERS_MAX, "what meters measure, see simulation",
     NULL, NULL, read_entry},
    {"control", FIELD_TEXT, offsetof(struct sim_building, control), "", 1, SIM_CONTROL_MAX,
     "the control socket, relative to this file", NULL, NULL, NULL},
    {"script", FIELD_LIST, 0, "", 0, SIM_SCRIPT_MAX, "faults and when they begin", NULL, NULL,
     read_scene},
};
static const struct schema building_schema = {
    building_fields, sizeof building_fields / sizeof *building_fields, &site_schema,
    offsetof(struct sim_building, site)};

/* --- resolving --------------------------------------------------------------------------- */

/* The models' folder as seen from here, not from the file. */
static void format_models_dir(const struct sim_building *building, const char *path, char *dir,
                              size_t size) {
    const char *slash = strrchr(path, '/');
    const int folder_len = slash && *building->models != '/' ? (int)(slash - path + 1) : 0;
    (void)snprintf(dir, size, "%.*s%s", folder_len, path, building->models);
}

static bool is_tcp(const struct site_bus *bus) {
    return strncmp(bus->line.path, SIM_TCP_PREFIX, strlen(SIM_TCP_PREFIX)) == 0;
}

bool sim_building_is_mbtcp(const struct site_bus *bus) {
    return strncmp(bus->line.path, SIM_MODBUS_TCP_PREFIX, strlen(SIM_MODBUS_TCP_PREFIX)) == 0;
}

static void check_bus(struct doc *doc, const struct site_bus *bus) {
    struct stat info;
    const bool is_link = *bus->line.path && !is_tcp(bus) && !sim_building_is_mbtcp(bus);
    if (is_link && lstat(bus->line.path, &info) == 0 && !S_ISLNK(info.st_mode)) {
        faults_add(doc_faults(doc), doc_name(doc), bus->source_line,
                   "line: %s is there already and is no symlink", bus->line.path);
    }
    for (size_t m = 0; m < bus->meter_count; m++) {
        const struct site_meter *meter = &bus->meters[m];
        const bool is_packet = sim_building_is_mbtcp(bus);
        if (meter->model && is_packet && sim_protocol_of(meter->model) != SIM_MODBUS) {
            faults_add(doc_faults(doc), doc_name(doc), meter->source_line,
                       "model: a meter of protocol %s is not on Modbus TCP",
                       meter->model->bridge->name);
        }
        if (meter->model && sim_protocol_of(meter->model) == SIM_NO_PROTOCOL) {
            faults_add(doc_faults(doc), doc_name(doc), meter->source_line,
                       "model: meters of protocol %s cannot be simulated",
                       meter->model->bridge->name);
        }
    }
}

static const struct site_meter *find_meter(const struct site *site, const char *id) {
    for (uint32_t i = 0; i < site->meter_count; i++) {
        const struct site_meter *meter = site_meter_at(site, i);
        if (strcmp(meter->id, id) == 0) {
            return meter;
        }
    }
    return NULL;
}

static void check_entry(const struct sim_building *building, struct doc *doc,
                        const struct sim_entry *entry) {
    if (!*entry->meter) {
        return; /* said already */
    }
    if (!find_meter(&building->site, entry->meter)) {
        faults_add(doc_faults(doc), doc_name(doc), entry->source_line,
                   "meter: no bus has a meter \"%s\"", entry->meter);
    }
    if (*entry->behind && (!find_meter(&building->site, entry->behind) ||
                           strcmp(entry->behind, entry->meter) == 0)) {
        faults_add(doc_faults(doc), doc_name(doc), entry->source_line,
                   "behind: no bus has another meter \"%s\"", entry->behind);
    }
    for (const struct sim_entry *other = building->entries; other < entry; other++) {
        if (strcmp(other->meter, entry->meter) == 0) {
            faults_add(doc_faults(doc), doc_name(doc), entry->source_line,
                       "meter: %s is simulated already (line %d)", entry->meter,
                       other->source_line);
        }
    }
}

static bool has_bus(const struct site *site, const char *id) {
    for (size_t b = 0; b < site->bus_count; b++) {
        if (strcmp(site->buses[b].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void check_scene(const struct sim_building *building, struct doc *doc,
                        const struct sim_scene *scene) {
    const struct sim_order *order = &scene->order;
    if (*order->meter && !find_meter(&building->site, order->meter)) {
        faults_add(doc_faults(doc), doc_name(doc), scene->source_line,
                   "meter: no bus has a meter \"%s\"", order->meter);
    }
    if (*order->bus && !has_bus(&building->site, order->bus)) {
        faults_add(doc_faults(doc), doc_name(doc), scene->source_line,
                   "bus: there is no bus \"%s\"", order->bus);
    }
}

static void resolve(struct sim_building *building, struct doc *doc) {
    char dir[2 * SIM_MODELS_MAX];
    format_models_dir(building, doc_name(doc), dir, sizeof dir);
    if (*building->models) {
        site_resolve(&building->site, doc, dir);
    }
    for (size_t b = 0; b < building->site.bus_count; b++) {
        check_bus(doc, &building->site.buses[b]);
    }
    for (size_t i = 0; i < building->entry_count; i++) {
        check_entry(building, doc, &building->entries[i]);
    }
    for (size_t i = 0; i < building->script_count; i++) {
        check_scene(building, doc, &building->script[i]);
    }
    if (*building->control) {
        doc_path(doc, building->control, sizeof building->control);
    }
    if (building->script_count > 1) {
        qsort(building->script, building->script_count, sizeof *building->script, by_time);
    }
}

static void apply(const struct sim_entry *entry, struct sim_meter *meter) {
    if (entry->load_micro_kw[0] != UNSET) {
        memcpy(meter->load_micro_kw, entry->load_micro_kw, sizeof meter->load_micro_kw);
    }
    if (entry->energy_micro_kwh != UNSET) {
        meter->devices[SIM_ITSELF].base_micro_kwh = entry->energy_micro_kwh;
    }
    if (entry->voltage_micro != UNSET) {
        meter->voltage_micro = entry->voltage_micro;
    }
    if (*entry->serial) {
        memcpy(meter->devices[SIM_ITSELF].serial, entry->serial, sizeof entry->serial);
    }
    meter->traits = entry->traits;
    meter->clock_shift_us = entry->traits.clock_s * MICRO;
    meter->ct_micro = entry->ct_micro;
    meter->vt_micro = entry->vt_micro;
    meter->faults[SIM_DEAD].is_on = entry->is_dead;
}

/* NULL only for a name that was refused before. */
static struct sim_meter *meter_named(const struct sim_building *building, const char *id) {
    const struct site_meter *site = find_meter(&building->site, id);
    return site ? &building->meters[site->index] : NULL;
}

static void put_behind(struct sim_meter *meter, struct sim_meter *relay) {
    meter->next_behind = relay->behind;
    relay->behind = meter;
}

static void make_meters(struct sim_building *building) {
    const struct site *site = &building->site;
    building->meters = calloc(site->meter_count, sizeof *building->meters);
    if (!building->meters) {
        abort();
    }
    for (uint32_t i = 0; i < site->meter_count; i++) {
        sim_meter_init(&building->meters[i], site_meter_at(site, i));
    }
    for (size_t i = 0; i < building->entry_count; i++) {
        const struct sim_entry *entry = &building->entries[i];
        struct sim_meter *meter = meter_named(building, entry->meter);
        struct sim_meter *relay = meter_named(building, entry->behind);
        if (meter) {
            apply(entry, meter);
        }
        if (meter && relay) {
            put_behind(meter, relay);
        }
    }
}

bool sim_building_load(struct sim_building *building, const char *path,
                       struct fault_list *faults) {
    *building = (struct sim_building){0};
    struct doc *doc;
    if (doc_load(path, faults, &doc) != BRIDGE_OK) {
        return false;
    }
    doc_read(doc, doc_root(doc), &building_schema, building);
    resolve(building, doc);
    doc_free(doc);
    if (faults->count > 0) {
        return false;
    }
    make_meters(building);
    return true;
}

void sim_building_done(struct sim_building *building) {
    free(building->meters);
    free(building->entries);
    free(building->script);
    site_done(&building->site);
}

void sim_building_help(FILE *out) {
    schema_print(&building_schema, "", out);
    schema_print(
        &(struct schema){entry_fields, sizeof entry_fields / sizeof *entry_fields, NULL, 0},
        "simulation.", out);
    schema_print(&constant_schema, "simulation.", out);
    schema_print(&(struct schema){curve_fields, 1, NULL, 0}, "or simulation.", out);
    schema_print(&scene_schema, "script.", out);
}
