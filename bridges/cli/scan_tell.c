/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bridges/cli/scan.h"
#include "bridges/cli/tell.h"

enum { SECOND_US = 1000000, THOUSANDTHS = 1000, MASK_TEXT = MBUS_ID_TEXT_MAX + 1 + 8 + 1 };

void scan_tell_progress(const struct scan *scan, const char *part, unsigned thousandths) {
    const int64_t elapsed_us = session_now_us(scan->session) - scan->begun_us;
    if (!isatty(STDERR_FILENO) || scan->session->options->verbose) {
        return;
    }
    (void)fprintf(stderr, "\r%s: %u.%u %%, %" PRIu32 " probes, %zu meters", part,
                  thousandths / 10, thousandths % 10, scan->probes, scan->count);
    if (thousandths > 0) {
        const int64_t eta_us = elapsed_us * (THOUSANDTHS - (int64_t)thousandths) / thousandths;
        (void)fprintf(stderr, ", %" PRId64 " s to go  ", eta_us / SECOND_US);
    }
}

void scan_tell_progress_end(void) {
    if (isatty(STDERR_FILENO)) {
        (void)fputs("\r\033[K", stderr);
    }
}

/* --- meters ------------------------------------------------------------------------------ */

static void address_text(const struct scan_meter *meter, char *text) {
    if (meter->has_id) {
        mbus_id_text(&meter->id, text);
    } else {
        (void)snprintf(text, MASK_TEXT, "%d", meter->primary);
    }
}

/* Eight digits, F for any. */
static void fabrication_text(const struct mbus_selection *id, char *text) {
    (void)snprintf(text, MASK_TEXT, "%08X", mbus_selection_fabrication(id));
}

static void tell_meter_json(const struct scan_meter *meter) {
    char text[MASK_TEXT];
    address_text(meter, text);
    json_t *object = json_pack("{sbssss}", "ok", 1, "protocol", "mbus", "address", text);
    if (meter->has_id && meter->id.not_fabrication) {
        fabrication_text(&meter->id, text);
        (void)json_object_set_new(object, "fabrication", json_string(text));
    }
    if (meter->primary >= 0) {
        (void)json_object_set_new(object, "primary", json_integer(meter->primary));
    }
    if (meter->has_id && meter->id.medium != 0xff) {
        (void)json_object_set_new(object, "medium", json_integer(meter->id.medium));
        (void)json_object_set_new(object, "medium_name",
                                  json_string(mbus_medium_name(meter->id.medium)));
    }
    (void)json_object_set_new(object, "selectable", json_boolean(meter->is_selectable));
    tell_json(object);
}

static void tell_meter_text(const struct scan *scan, const struct scan_meter *meter) {
    char text[MASK_TEXT];
    address_text(meter, text);
    (void)printf("%-22s", text);
    if (meter->has_id && meter->id.not_fabrication) {
        fabrication_text(&meter->id, text);
        (void)printf(" fabrication %s", text);
    }
    if (meter->primary >= 0) {
        (void)printf(" primary %-3d", meter->primary);
    }
    if (meter->has_id && meter->id.medium != 0xff) {
        (void)printf(" %s", mbus_medium_name(meter->id.medium));
    }
    if (!meter->is_selectable && scan->search.probes > 0) {
        (void)fputs(" (not by its secondary address)", stdout);
    }
    (void)putchar('\n');
}

/* --- what cannot be told apart ------------------------------------------------------------ */

/* How many meters say that this is their primary address. */
static unsigned at_primary(const struct scan *scan, int primary) {
    unsigned count = 0;
    for (size_t i = 0; i < scan->count; i++) {
        count += scan->meters[i].primary == primary;
    }
    return count;
}

static void tell_primary(const struct scan *scan, int primary) {
    const unsigned count = at_primary(scan, primary);
    const bool is_silent = scan->primaries[primary] == SCAN_NO_DATA && count == 0;
    const char *what =
        is_silent ? "acknowledges and gives no data" : "has several meters, or a disturbed one";
    if (scan->session->options->json) {
        tell_json(json_pack("{sbsssisssi}", "ok", 0, "protocol", "mbus", "primary", primary,
                            "detail", what, "meters", (int)count));
        return;
    }
    (void)printf("primary address %d %s", primary, what);
    (void)printf(count > 1 ? ": %u of the above\n" : "\n", count);
}

/* FFFF and FF are any, as are digits F. */
static void tell_alike(const struct scan *scan, const struct mbus_selection *alike) {
    char text[2 * MASK_TEXT];
    const int len = snprintf(text, sizeof text, "%08X.%04X.%u.%u", alike->id,
                             alike->manufacturer, alike->version, alike->medium);
    if (alike->not_fabrication) {
        text[len] = '/';
        fabrication_text(alike, text + len + 1);
    }
    if (scan->session->options->json) {
        tell_json(json_pack("{sbssssss}", "ok", 0, "protocol", "mbus", "alike", text, "detail",
                            "several meters that cannot be told apart"));
        return;
    }
    (void)printf("%s: several meters that cannot be told apart\n", text);
}

static void tell_sum(const struct scan *scan) {
    const int64_t us = session_now_us(scan->session) - scan->begun_us;
    if (scan->session->options->json) {
        json_t *object =
            json_pack("{sisisb}", "meters", (int)scan->count, "probes", (int)scan->probes,
                      "complete", !scan->is_stopped && !scan->search.is_cut_short);
        tell_ms(object, "time_ms", us);
        tell_json(object);
        return;
    }
    (void)printf("%zu meters, %" PRIu32 " probes, %" PRId64 ".%" PRId64 " s%s\n", scan->count,
                 scan->probes, us / SECOND_US, us % SECOND_US / (SECOND_US / 10),
                 scan->search.is_cut_short ? "; there may be more: the search was cut short"
                                           : "");
}

void scan_tell(const struct scan *scan) {
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->session->options->json) {
            tell_meter_json(&scan->meters[i]);
        } else {
            tell_meter_text(scan, &scan->meters[i]);
        }
    }
    for (int i = 0; i < SCAN_PRIMARIES; i++) {
        if (scan->primaries[i] > SCAN_ONE || at_primary(scan, i) > 1) {
            tell_primary(scan, i);
        }
    }
    for (size_t i = 0; i < scan->search.alike_count; i++) {
        tell_alike(scan, &scan->search.alike[i]);
    }
    tell_sum(scan);
}
