/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/ledger.h"
#include "gateway/sync/wire_ledger.h"
#include "gateway/tariffs/zone_file.h"

enum { GROW = 256 };

/* The entries of one account, by their numbers. */
struct chosen {
    char account[ENTRY_ACCOUNT_MAX + 1];
    size_t count;
    uint64_t *seqs;
};

struct exporting {
    const struct ctl_options *options;
    int64_t from_ms;
    int64_t to_ms;
    struct zone_file *zone_file; /* NULL: UTC */
    struct zone utc;
    struct ledger_print print;
    bool is_short_of_memory;
    size_t count;
    struct chosen *accounts; /* in the order in which they appear */
};

/* --- what is asked for ------------------------------------------------------------------- */

static enum gw_exit wrong(const char *option, const char *text, const char *fault) {
    (void)fprintf(stderr, "metergatectl: ledger export: --%s %s: %s\n", option, text, fault);
    return GW_EXIT_USAGE;
}

static enum gw_exit take_date(const struct exporting *on, const char *option, const char *text,
                              int64_t *at_ms) {
    int32_t day;
    if (!text) {
        return GW_EXIT_OK;
    }
    if (date_parse(text, &day) != GW_OK) {
        return wrong(option, text, "is no date such as 2026-01-31");
    }
    *at_ms = zone_day_start(on->print.zone, day);
    return GW_EXIT_OK;
}

static enum gw_exit take_options(struct exporting *on) {
    const struct ctl_options *options = on->options;
    on->from_ms = INT64_MIN;
    on->to_ms = INT64_MAX;
    on->print.zone = &on->utc;
    if (options->zone) {
        if (zone_file_load(options->zone, &on->zone_file) != GW_OK) {
            return wrong("zone", options->zone, "is no time zone that this system knows");
        }
        on->print.zone = &on->zone_file->zone;
    }
    const enum gw_exit code = take_date(on, "from", options->from, &on->from_ms);
    return code == GW_EXIT_OK ? take_date(on, "to", options->to, &on->to_ms) : code;
}

static bool is_chosen(const struct exporting *on, const struct entry *entry) {
    const char *account = on->options->account;
    return (!account || strcmp(account, entry->account) == 0) && entry->at_ms >= on->from_ms &&
           entry->at_ms < on->to_ms;
}

/* --- choosing ---------------------------------------------------------------------------- */

static struct chosen *account_of(struct exporting *on, const char *id) {
    for (size_t i = 0; i < on->count; i++) {
        if (strcmp(on->accounts[i].account, id) == 0) {
            return &on->accounts[i];
        }
    }
    struct chosen *more = on->count % GROW == 0
                              ? realloc(on->accounts, (on->count + GROW) * sizeof *more)
                              : on->accounts;
    if (!more) {
        return NULL;
    }
    on->accounts = more;
    struct chosen *chosen = &on->accounts[on->count++];
    *chosen = (struct chosen){.count = 0};
    memcpy(chosen->account, id, strlen(id) + 1);
    return chosen;
}

static void choose(void *context, const struct ledger_row *row, const struct entry *entry) {
    struct exporting *on = context;
    struct chosen *chosen = is_chosen(on, entry) ? account_of(on, entry->account) : NULL;
    if (!is_chosen(on, entry) || !chosen) {
        on->is_short_of_memory |= is_chosen(on, entry);
        return;
    }
    uint64_t *more = chosen->count % GROW == 0
                         ? realloc(chosen->seqs, (chosen->count + GROW) * sizeof *more)
                         : chosen->seqs;
    if (!more) {
        on->is_short_of_memory = true;
        return;
    }
    chosen->seqs = more;
    chosen->seqs[chosen->count++] = row->seq;
}

/* --- printing ---------------------------------------------------------------------------- */

static enum gw_status print_row(void *context, const struct ledger_row *row) {
    struct exporting *on = context;
    struct entry entry;
    const enum gw_status status = wire_entry_decode(row->bytes, row->len, &entry);
    if (status == GW_OK && !on->options->csv) {
        ledger_statement_entry(&on->print, row, &entry);
    } else if (status == GW_OK && is_chosen(on, &entry)) {
        ledger_csv_entry(&on->print, row, &entry);
    }
    return status;
}

static enum gw_status print_statement(struct exporting *on, struct ledger_file *file,
                                      const struct chosen *chosen) {
    enum gw_status status = GW_OK;
    ledger_statement_begin(&on->print, chosen->account);
    for (size_t i = 0; status == GW_OK && i < chosen->count; i++) {
        status = ledger_file_one(file, chosen->seqs[i], print_row, on);
    }
    ledger_statement_end(&on->print);
    return status;
}

static enum gw_status print_all(struct exporting *on, struct ledger_file *file) {
    if (on->options->csv) {
        ledger_csv_begin();
        return ledger_file_each(file, print_row, on);
    }
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < on->count; i++) {
        status = print_statement(on, file, &on->accounts[i]);
    }
    return status;
}

/* A ledger that does not hold gives no statements: they would look as good as any. */
static enum gw_exit refuse(const struct ledger_file *file, const struct ledger_walk *walk,
                           enum gw_status status) {
    (void)fprintf(stderr, "metergatectl: nothing is exported: ");
    if (ledger_walk_fault(walk)->what[0]) {
        ledger_print_fault(stderr, ledger_walk_fault(walk));
    } else {
        (void)fprintf(stderr, "%s", ledger_file_error(file));
    }
    (void)fprintf(stderr, "\n");
    return status == GW_EDAMAGED ? GW_EXIT_DATA : GW_EXIT_FAILED;
}

static enum gw_exit export_from(struct exporting *on, struct ledger_file *file,
                                struct ledger_walk *walk) {
    const enum gw_status status = ledger_follow(file, walk, choose, on);
    if (status != GW_OK) {
        return refuse(file, walk, status);
    }
    if (on->is_short_of_memory) {
        (void)fprintf(stderr, "metergatectl: out of memory\n");
        return GW_EXIT_FAILED;
    }
    if (on->count == 0 && on->options->account) {
        (void)fprintf(stderr, "metergatectl: account %s has no entries then\n",
                      on->options->account);
        return GW_EXIT_FAILED;
    }
    return print_all(on, file) == GW_OK && fflush(stdout) == 0 ? GW_EXIT_OK : GW_EXIT_FAILED;
}

static void done(struct exporting *on) {
    for (size_t i = 0; i < on->count; i++) {
        free(on->accounts[i].seqs);
    }
    free(on->accounts);
    zone_file_free(on->zone_file);
}

enum gw_exit ledger_export(const struct ctl_options *options, char **arguments) {
    struct exporting on = {.options = options};
    struct ledger_file *file = NULL;
    enum gw_exit code = take_options(&on);
    if (code == GW_EXIT_OK) {
        code = ledger_open(arguments[0], &file);
    }
    if (code == GW_EXIT_OK) {
        struct ledger_walk *walk = ledger_walk_new();
        code = walk ? export_from(&on, file, walk) : GW_EXIT_FAILED;
        ledger_walk_free(walk);
    }
    ledger_file_close(file);
    done(&on);
    return code;
}
