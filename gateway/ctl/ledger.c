/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/ledger.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/ctl/show.h"

enum { SHOW_EVERY = 1024, HASH_TEXT_MAX = 2 * CHAIN_HASH_BYTES + 1 };

/* --- following a file -------------------------------------------------------------------- */

enum gw_exit ledger_open(const char *path, struct ledger_file **out) {
    char error[LEDGER_FILE_ERROR_MAX] = "";
    const enum gw_status status = ledger_file_open(path, out, error);
    if (status == GW_OK) {
        return GW_EXIT_OK;
    }
    if (status == GW_EBUSY) {
        (void)fprintf(
            stderr,
            "metergatectl: %s: a gateway that runs has it; take a snapshot of it with "
            "metergatectl --local SOCKET snapshot FILE\n",
            path);
        return GW_EXIT_BUSY;
    }
    (void)fprintf(stderr, "metergatectl: %s\n", error);
    return status == GW_EPERMISSION ? GW_EXIT_PERMISSION
           : status == GW_EDAMAGED  ? GW_EXIT_DATA
                                    : GW_EXIT_FAILED;
}

struct following {
    struct ledger_walk *walk;
    ledger_seen *seen;
    void *context;
    bool is_shown;
    uint64_t rows;
};

static void show_progress(const struct following *on, uint64_t seq) {
    if (on->is_shown && on->rows > 0 && seq % SHOW_EVERY == 0) {
        (void)fprintf(stderr, "\r%3" PRIu64 " %%", seq < on->rows ? seq * 100 / on->rows : 100);
    }
}

static enum gw_status follow_row(void *context, const struct ledger_row *row) {
    const struct following *on = context;
    struct entry entry;
    show_progress(on, row->seq);
    const enum gw_status status = ledger_walk_next(on->walk, row, &entry);
    if (status == GW_OK && on->seen) {
        on->seen(on->context, row, &entry);
    }
    return status;
}

static enum gw_status follow_state(void *context, const char *id, const uint8_t *bytes,
                                   size_t len) {
    const struct following *on = context;
    return ledger_walk_state(on->walk, id, bytes, len);
}

enum gw_status ledger_follow(struct ledger_file *file, struct ledger_walk *walk,
                             ledger_seen *seen, void *context) {
    struct ledger_head head;
    struct following on = {.walk = walk, .seen = seen, .context = context};
    on.is_shown = isatty(STDERR_FILENO) == 1;
    on.rows = ledger_file_rows(file);
    enum gw_status status = ledger_file_each(file, follow_row, &on);
    if (on.is_shown && on.rows >= SHOW_EVERY) {
        (void)fprintf(stderr, "\r      \r");
    }
    if (status == GW_OK) {
        status = ledger_file_head(file, &head);
    }
    if (status == GW_OK) {
        status = ledger_walk_end(walk, head.seq, head.hash, head.hash_len);
    }
    if (status == GW_OK) {
        status = ledger_file_states(file, follow_state, &on);
    }
    return status == GW_OK ? ledger_walk_states_end(walk) : status;
}

void ledger_print_fault(FILE *out, const struct ledger_fault *fault) {
    char time[SHOW_TIME_MAX] = "";
    if (fault->seq == 0) {
        (void)fprintf(out, "account %s: %s", fault->account, fault->what);
        return;
    }
    (void)fprintf(out, "entry %" PRIu64, fault->seq);
    if (fault->has_entry) {
        show_time(fault->at_ms, time);
        (void)fprintf(out, " (account %s, %s, %s)", fault->account,
                      entry_kind_text(fault->kind), time);
    }
    (void)fprintf(out, ": %s", fault->what);
}

/* --- verify ------------------------------------------------------------------------------ */

static void hash_text(const uint8_t *hash, char *text) {
    for (size_t i = 0; i < CHAIN_HASH_BYTES; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
}

/* What verify has found. */
struct verdict {
    enum gw_status file;   /* is the file sound as a file? */
    enum gw_status ledger; /* does the ledger hold? */
    char file_error[LEDGER_FILE_ERROR_MAX];
    char ledger_error[LEDGER_FILE_ERROR_MAX];
};

static json_t *fault_json(const struct ledger_fault *fault) {
    char time[SHOW_TIME_MAX] = "";
    json_t *object = json_object();
    if (fault->seq > 0) {
        (void)json_object_set_new(object, "seq", json_integer((json_int_t)fault->seq));
    }
    if (fault->account[0]) {
        (void)json_object_set_new(object, "account", json_string(fault->account));
    }
    if (fault->has_entry) {
        show_time(fault->at_ms, time);
        (void)json_object_set_new(object, "kind", json_string(entry_kind_text(fault->kind)));
        (void)json_object_set_new(object, "at", json_string(time));
    }
    (void)json_object_set_new(object, "what", json_string(fault->what));
    return object;
}

static void print_json(const struct ledger_walk *walk, const struct verdict *verdict) {
    char hash[HASH_TEXT_MAX] = "";
    const struct ledger_fault *fault = ledger_walk_fault(walk);
    hash_text(ledger_walk_hash(walk), hash);
    json_t *object = json_pack("{s:b, s:I, s:I, s:s}", "ok",
                               verdict->file == GW_OK && verdict->ledger == GW_OK, "entries",
                               (json_int_t)ledger_walk_count(walk), "accounts",
                               (json_int_t)ledger_walk_accounts(walk), "hash", hash);
    if (verdict->file != GW_OK) {
        (void)json_object_set_new(object, "file", json_string(verdict->file_error));
    }
    if (fault->what[0]) {
        (void)json_object_set_new(object, "first_bad", fault_json(fault));
    } else if (verdict->ledger != GW_OK) {
        (void)json_object_set_new(object, "error", json_string(verdict->ledger_error));
    }
    show_json(object);
}

static void print_text(const struct ledger_walk *walk, const struct verdict *verdict) {
    char hash[HASH_TEXT_MAX] = "";
    const uint64_t count = ledger_walk_count(walk);
    hash_text(ledger_walk_hash(walk), hash);
    if (verdict->file != GW_OK) {
        (void)printf("the file is damaged: %s\n", verdict->file_error);
    }
    if (verdict->ledger == GW_OK) {
        (void)printf("%" PRIu64 " entries of %zu accounts hold, head %s\n", count,
                     ledger_walk_accounts(walk), hash);
        return;
    }
    (void)printf("%s ", verdict->ledger == GW_EDAMAGED ? "first bad:" : "not verified:");
    if (ledger_walk_fault(walk)->what[0]) {
        ledger_print_fault(stdout, ledger_walk_fault(walk));
    } else {
        (void)printf("entry %" PRIu64 " or one behind it cannot be read: %s", count + 1,
                     verdict->ledger_error);
    }
    (void)printf("\nthe %" PRIu64 " entries before it hold, up to hash %s\n", count, hash);
}

static enum gw_exit exit_of(const struct verdict *verdict) {
    const bool is_damaged = verdict->file == GW_EDAMAGED || verdict->ledger == GW_EDAMAGED;
    const bool is_good = verdict->file == GW_OK && verdict->ledger == GW_OK;
    return is_good ? GW_EXIT_OK : is_damaged ? GW_EXIT_DATA : GW_EXIT_FAILED;
}

static enum gw_exit verify_file(const struct ctl_options *options, struct ledger_file *file) {
    struct verdict verdict = {.file = ledger_file_check(file)};
    struct ledger_walk *walk = ledger_walk_new();
    if (!walk) {
        return GW_EXIT_FAILED;
    }
    (void)snprintf(verdict.file_error, sizeof verdict.file_error, "%s",
                   ledger_file_error(file));
    verdict.ledger = ledger_follow(file, walk, NULL, NULL);
    (void)snprintf(verdict.ledger_error, sizeof verdict.ledger_error, "%s",
                   verdict.ledger == GW_ENOMEM ? "out of memory" : ledger_file_error(file));
    (options->json ? print_json : print_text)(walk, &verdict);
    ledger_walk_free(walk);
    return exit_of(&verdict);
}

static enum gw_exit verify(const struct ctl_options *options, char **arguments) {
    struct ledger_file *file = NULL;
    enum gw_exit code = ledger_open(arguments[0], &file);
    if (code == GW_EXIT_OK) {
        code = verify_file(options, file);
    }
    ledger_file_close(file);
    return code;
}

/* --- the command ------------------------------------------------------------------------- */

enum gw_exit ctl_ledger(const struct ctl_options *options, char **arguments) {
    static const struct {
        const char *name;
        enum gw_exit (*run)(const struct ctl_options *options, char **arguments);
    } acts[] = {{"verify", verify}, {"export", ledger_export}};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(acts[i].name, arguments[0]) == 0) {
            return acts[i].run(options, arguments + 1);
        }
    }
    (void)fprintf(stderr, "metergatectl: ledger: %s: is neither verify nor export\n",
                  arguments[0]);
    return GW_EXIT_USAGE;
}
