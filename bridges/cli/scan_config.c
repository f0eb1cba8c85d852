/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cli/scan.h"
#include "bridges/cli/tell.h"
#include "bridges/model.h"

#define MODELS_DIR "/usr/share/metergate/models"

enum { MODELS_MAX = 300 };

/* What the shipped models say of their meters. */
struct library {
    size_t count;
    struct known {
        char id[MODEL_ID_MAX + 1];
        struct mbus_meter meter;
    } models[MODELS_MAX];
};

/* --- models ------------------------------------------------------------------------------ */

static void add_model(struct library *library, const char *path) {
    struct fault_list faults;
    struct model model;
    faults_init(&faults);
    const enum bridge_status status = model_load(path, &faults, &model);
    faults_done(&faults);
    if (status != BRIDGE_OK || strcmp(model.bridge->name, "mbus") != 0 ||
        mbus_meter_of(&model)->manufacturer == 0 || library->count == MODELS_MAX) {
        return;
    }
    struct known *known = &library->models[library->count++];
    memcpy(known->id, model.id, sizeof known->id);
    known->meter = *mbus_meter_of(&model);
}

static void read_library(struct library *library, const char *folder) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (dir && (entry = readdir(dir))) {
        char path[PATH_MAX];
        const char *dot = strrchr(entry->d_name, '.');
        const int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (dot && strcmp(dot, ".yaml") == 0 && len > 0 && len < (int)sizeof path) {
            add_model(library, path);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

/* How much of the meter a model names: -1 = it is another's. */
static int fit_of(const struct mbus_meter *model, const struct mbus_selection *id) {
    const bool fits = model->manufacturer == id->manufacturer &&
                      (model->version == MBUS_ANY || model->version == id->version) &&
                      (model->medium == MBUS_ANY || model->medium == id->medium);
    return fits ? 1 + (model->version != MBUS_ANY) + (model->medium != MBUS_ANY) : -1;
}

static const char *generic_of(uint8_t medium) {
    static const struct {
        uint8_t medium;
        const char *id;
    } rows[] = {
        {0x02, "generic-mbus-electricity"}, {0x03, "generic-mbus-gas"},
        {0x04, "generic-mbus-heat"},        {0x0a, "generic-mbus-heat"},
        {0x0b, "generic-mbus-heat"},        {0x0c, "generic-mbus-heat"},
        {0x0d, "generic-mbus-heat"},        {0x06, "generic-mbus-water"},
        {0x07, "generic-mbus-water"},       {0x15, "generic-mbus-water"},
        {0x16, "generic-mbus-water"},       {0x17, "generic-mbus-water"},
        {0x28, "generic-mbus-water"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].medium == medium) {
            return rows[i].id;
        }
    }
    return NULL;
}

/* NULL: nothing is known of such a meter. */
static const char *model_of(const struct library *library, const struct scan_meter *meter) {
    const char *best = generic_of(meter->id.medium);
    int best_fit = 0;
    for (size_t i = 0; i < library->count; i++) {
        const int fit = fit_of(&library->models[i].meter, &meter->id);
        if (fit > best_fit) {
            best = library->models[i].id;
            best_fit = fit;
        }
    }
    return best;
}

/* --- the file ---------------------------------------------------------------------------- */

/* Some other meter has its secondary address, and its primary one is not known or shared. */
static bool is_hidden(const struct scan *scan, const struct scan_meter *meter) {
    unsigned count = 0;
    for (size_t i = 0; i < scan->count; i++) {
        count += scan->meters[i].primary == meter->primary;
    }
    return meter->id.not_fabrication && (meter->primary < 0 || count > 1);
}

static void write_meter(const struct scan *scan, const struct library *library,
                        const struct scan_meter *meter, size_t number, FILE *out) {
    char id[MBUS_ID_TEXT_MAX + 1];
    char address[MBUS_ID_TEXT_MAX + 1];
    const char *model = meter->has_id ? model_of(library, meter) : NULL;
    mbus_id_text(&meter->id, id);
    (void)snprintf(address, sizeof address, "%d", meter->primary);
    const bool by_primary =
        !meter->is_selectable || (meter->has_id && meter->id.not_fabrication);
    (void)fprintf(out, "      %s{id: meter-%zu, model: %s, address: %s, period: 15m%s%s}\n",
                  is_hidden(scan, meter) ? "# has no address of its own: - "
                  : model                ? "- "
                                         : "# no model is known: - ",
                  number, model ? model : "generic-mbus-water",
                  by_primary && meter->primary >= 0 ? address : id,
                  meter->has_id ? ", serial: " : "", meter->has_id ? id : "");
}

static bool write_all(const struct scan *scan, const char *line, FILE *out) {
    const struct cli_options *options = scan->session->options;
    struct library *library = calloc(1, sizeof *library);
    if (!library) {
        return false;
    }
    read_library(library, options->models ? options->models : MODELS_DIR);
    (void)fprintf(out, "buses:\n  - id: bus-1\n    line: %s\n    meters:\n", line);
    for (size_t i = 0; i < scan->count; i++) {
        write_meter(scan, library, &scan->meters[i], i + 1, out);
    }
    free(library);
    return !ferror(out);
}

enum cli_exit scan_write_config(const struct scan *scan, const char *line) {
    const struct cli_options *options = scan->session->options;
    char text[SESSION_FAULT_MAX];
    FILE *out = fopen(options->write_config, "wxe");
    bool is_written = out && write_all(scan, line, out);
    if (out && fclose(out) != 0) {
        is_written = false;
    }
    if (is_written) {
        return CLI_OK;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    (void)snprintf(text, sizeof text, "%s: %s", options->write_config, strerror(errno));
    return tell_failure(options, CLI_USAGE, text);
}
