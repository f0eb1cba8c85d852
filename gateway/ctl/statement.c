/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement ACCOUNT: asks the gateway on this machine which stretch of its ledger a day or a
 * month is, fetches the account's entries there and adds them up once more. What does not add
 * up to the balances that the gateway has kept is not printed.
 */
#include "gateway/core/statement.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/money.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/local.h"
#include "gateway/sync/wire_ledger.h"

enum {
    QUESTION_MAX = 600,
    LINES_MAX = 4096,
    TEXT_BYTES = 1024 * 1024,
    ENTRY_BYTES_MAX = 8 * 1024,
    MINOR = 2, /* when no tariff says another */
    MONTH_TEXT = 7
};

struct sheet {
    const struct ctl_options *options;
    const char *account;
    json_t *stretch;       /* what the gateway answered */
    uint64_t count;        /* entries so far */
    int64_t balance_micro; /* behind them */
    bool is_begun;         /* a statement; another tenancy begins another */
    struct entry entry;
    uint8_t bytes[ENTRY_BYTES_MAX];
    struct statement statement;
    struct statement_line lines[LINES_MAX];
    char text[TEXT_BYTES];
};

/* --- asking ------------------------------------------------------------------------------ */

static enum gw_exit wrong(const char *option, const char *text, const char *form) {
    (void)fprintf(stderr, "metergatectl: statement: --%s %s: is not of the form %s\n", option,
                  text, form);
    return GW_EXIT_USAGE;
}

/* The dates that are asked for; 0: those the gateway takes by itself. */
static enum gw_exit take_days(const struct ctl_options *options, int32_t *first,
                              int32_t *last) {
    char begin[DATE_TEXT_MAX];
    *first = 0;
    *last = 0;
    if (options->day && options->month) {
        (void)fprintf(stderr, "metergatectl: statement: --day or --month, not both\n");
        return GW_EXIT_USAGE;
    }
    if (options->day) {
        if (date_parse(options->day, first) != GW_OK) {
            return wrong("day", options->day, "2026-01-31");
        }
        *last = *first;
    }
    if (options->month) {
        (void)snprintf(begin, sizeof begin, "%.8s-01", options->month);
        if (strlen(options->month) != MONTH_TEXT || date_parse(begin, first) != GW_OK) {
            return wrong("month", options->month, "2026-01");
        }
        usage_month(*first, first, last);
        --*last;
    }
    return GW_EXIT_OK;
}

/* NULL: no answer, or the gateway says no; which was told. Takes the question. */
static json_t *ask(const struct ctl_options *options, json_t *question) {
    char line[QUESTION_MAX];
    char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
    const int len = snprintf(line, sizeof line, "%s\n", text ? text : "");
    const bool fits = text && len > 0 && (size_t)len < sizeof line;
    free(text);
    json_decref(question);
    if (!fits) {
        (void)fprintf(stderr, "metergatectl: statement: that is no name of an account\n");
        return NULL;
    }
    char *answer = malloc(LOCAL_ANSWER_MAX);
    const ssize_t got = answer ? local_ask(options, line, answer) : -1;
    json_error_t error;
    json_t *out = got < 0 ? NULL : json_loadb(answer, (size_t)got, 0, &error);
    free(answer);
    if (got >= 0 && !json_is_true(json_object_get(out, "ok"))) {
        (void)fprintf(stderr, "metergatectl: the gateway says: %s\n",
                      local_text(json_object_get(out, "error")).bytes);
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *ask_stretch(const struct sheet *sheet, int32_t first, int32_t last) {
    char begin[DATE_TEXT_MAX];
    char end[DATE_TEXT_MAX];
    date_format(first, begin);
    date_format(last, end);
    return ask(sheet->options,
               json_pack("{ssssss*ss*}", "query", "statement", "account", sheet->account,
                         "first", first ? begin : NULL, "last", last ? end : NULL));
}

static int64_t number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

/* --- adding up --------------------------------------------------------------------------- */

static enum gw_exit refuse(const struct sheet *sheet, const char *why) {
    (void)fprintf(stderr,
                  "metergatectl: statement: entry %" PRIu64 " of account %s: %s; check the "
                  "ledger with ledger verify\n",
                  sheet->entry.aseq, sheet->account, why);
    return GW_EXIT_DATA;
}

static enum gw_exit print(struct sheet *sheet) {
    const json_t *minor = json_object_get(sheet->stretch, "minor");
    if (statement_close(&sheet->statement) != GW_OK) {
        return refuse(sheet, "the lines do not add up to what was posted");
    }
    const int decimals = minor ? (int)json_integer_value(minor) : MINOR;
    if (statement_text(&sheet->statement,
                       decimals >= 0 && decimals <= MONEY_MINOR_MAX ? decimals : MINOR,
                       sheet->text, sizeof sheet->text) != GW_OK) {
        return refuse(sheet, "the statement is too long");
    }
    (void)printf("%s to %s, amounts in %s\n%s",
                 local_text(json_object_get(sheet->stretch, "first")).bytes,
                 local_text(json_object_get(sheet->stretch, "last")).bytes,
                 local_text(json_object_get(sheet->stretch, "currency")).bytes, sheet->text);
    return GW_EXIT_OK;
}

static void begin(struct sheet *sheet) {
    statement_init(&sheet->statement, sheet->account, sheet->balance_micro, sheet->lines,
                   LINES_MAX);
    sheet->is_begun = true;
}

static enum gw_exit add(struct sheet *sheet) {
    if (sheet->is_begun && sheet->statement.last_aseq > 0 &&
        sheet->entry.tenancy != sheet->statement.tenancy) {
        const enum gw_exit code = print(sheet);
        if (code != GW_EXIT_OK) {
            return code;
        }
        begin(sheet);
    }
    const enum gw_status status = statement_add(&sheet->statement, &sheet->entry);
    if (status != GW_OK) {
        return refuse(sheet, status == GW_EFULL ? "the statement has too many lines"
                                                : "it does not follow from those before");
    }
    sheet->balance_micro = sheet->entry.balance_after;
    sheet->count++;
    return GW_EXIT_OK;
}

/* --- fetching ---------------------------------------------------------------------------- */

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct sheet *sheet, const char *hex) {
    const size_t len = hex ? strlen(hex) / 2 : 0;
    if (len == 0 || strlen(hex) % 2 != 0 || len > ENTRY_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const int high = digit(hex[2 * i]);
        const int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        sheet->bytes[i] = (uint8_t)(16 * high + low);
    }
    return wire_entry_decode(sheet->bytes, len, &sheet->entry) == GW_OK;
}

static enum gw_exit add_all(struct sheet *sheet, const json_t *entries) {
    enum gw_exit code = GW_EXIT_OK;
    for (size_t i = 0; code == GW_EXIT_OK && i < json_array_size(entries); i++) {
        code = decode(sheet, json_string_value(json_array_get(entries, i)))
                   ? add(sheet)
                   : refuse(sheet, "the one behind it cannot be read");
    }
    return code;
}

static enum gw_exit fetch(struct sheet *sheet) {
    const int64_t through = number(sheet->stretch, "through");
    int64_t next = number(sheet->stretch, "from");
    enum gw_exit code = GW_EXIT_OK;
    while (code == GW_EXIT_OK && next <= through) {
        json_t *answer =
            ask(sheet->options,
                json_pack("{sssssIsI}", "query", "entries", "account", sheet->account, "from",
                          (json_int_t)next, "through", (json_int_t)through));
        const int64_t further = number(answer, "next");
        code = answer && further > next ? add_all(sheet, json_object_get(answer, "entries"))
                                        : GW_EXIT_FAILED;
        next = further;
        json_decref(answer);
    }
    return code;
}

/* The kept balances are not the entries' sum's own: they must agree. */
static enum gw_exit finish(struct sheet *sheet) {
    if (sheet->count != (uint64_t)number(sheet->stretch, "count") ||
        sheet->balance_micro != number(sheet->stretch, "closing_micro")) {
        return refuse(sheet, "the entries are not those that the gateway has closed the days "
                             "with");
    }
    return print(sheet);
}

static enum gw_exit run(struct sheet *sheet) {
    int32_t first;
    int32_t last;
    enum gw_exit code = take_days(sheet->options, &first, &last);
    if (code != GW_EXIT_OK) {
        return code;
    }
    sheet->stretch = ask_stretch(sheet, first, last);
    if (!sheet->stretch) {
        return GW_EXIT_FAILED;
    }
    sheet->balance_micro = number(sheet->stretch, "opening_micro");
    begin(sheet);
    code = fetch(sheet);
    return code == GW_EXIT_OK ? finish(sheet) : code;
}

enum gw_exit ctl_statement(const struct ctl_options *options, char **arguments) {
    if (!options->local) {
        (void)fprintf(stderr, "metergatectl: statement: needs --local; see --help\n");
        return GW_EXIT_USAGE;
    }
    struct sheet *sheet = calloc(1, sizeof *sheet);
    if (!sheet) {
        (void)fprintf(stderr, "metergatectl: statement: out of memory\n");
        return GW_EXIT_FAILED;
    }
    sheet->options = options;
    sheet->account = arguments[0];
    const enum gw_exit code = run(sheet);
    json_decref(sheet->stretch);
    free(sheet);
    return code;
}
