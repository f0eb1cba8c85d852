/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the local door tells of the ledger. It is handed out as it is stored, a bounded part for
 * each question: who asked adds it up, and the gateway goes on polling meanwhile.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hub/hub_state.h"
#include "gateway/sync/wire_ledger.h"

enum {
    DAYS_MAX = 31,
    STEPS_MAX = 20,               /* reads of the ledger for one question */
    ANSWER_BYTES_MAX = 64 * 1024, /* of entries, before the last read */
    HEX_MAX = 2 * STORE_RECORD_MAX + 1
};

json_t *hub_failure_json(const char *what) {
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_false());
    json_object_set_new(out, "error", json_string(what));
    return out;
}

static const char *text_of(const json_t *asked, const char *key) {
    return json_string_value(json_object_get(asked, key));
}

/* --- days -------------------------------------------------------------------------------- */

/* A date of the question; without one it is yesterday. */
static bool take_day(struct hub *hub, const json_t *asked, const char *key, int32_t *day) {
    const struct calendar calendar = plan_calendar(&hub->settings->plan);
    const char *text = text_of(asked, key);
    *day = zone_local(&calendar.zone, clock_wall(hub->clock).at_ms).day - 1;
    return !json_object_get(asked, key) || (text && date_parse(text, day) == GW_OK);
}

static void set_day(json_t *out, const char *key, int32_t day) {
    char date[DATE_TEXT_MAX];
    date_format(day, date);
    json_object_set_new(out, key, json_string(date));
}

static void set_number(json_t *out, const char *key, int64_t number) {
    json_object_set_new(out, key, json_integer(number));
}

static void describe_money(const struct billing_view *view, json_t *out) {
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        if (view->tariffs[u]) {
            json_object_set_new(out, "currency", json_string(view->tariffs[u]->currency));
            set_number(out, "minor", view->tariffs[u]->minor);
            return;
        }
    }
}

static json_t *describe(const struct billing_view *view,
                        const struct billing_stretch *stretch) {
    json_t *out = json_object();
    json_object_set_new(out, "ok", json_true());
    json_object_set_new(out, "account", json_string(view->account->id));
    set_day(out, "first", stretch->first_day);
    set_day(out, "last", stretch->last_day);
    set_number(out, "from", (int64_t)stretch->from_seq);
    set_number(out, "through", (int64_t)stretch->through_seq);
    set_number(out, "count", (int64_t)(stretch->through_aseq - stretch->from_aseq + 1));
    set_number(out, "opening_micro", stretch->opening_micro);
    set_number(out, "closing_micro", stretch->closing_micro);
    describe_money(view, out);
    return out;
}

json_t *hub_statement_json(struct hub *hub, const json_t *asked) {
    const char *account = text_of(asked, "account");
    const size_t index = hub->billing && account ? billing_find(hub->billing, account) : 0;
    struct billing_stretch stretch;
    struct billing_view view;
    int32_t first;
    int32_t last;
    if (!hub->billing || !account || index == billing_count(hub->billing)) {
        return hub_failure_json("there is no such account");
    }
    if (!take_day(hub, asked, "first", &first) || !take_day(hub, asked, "last", &last) ||
        last < first || last - first >= DAYS_MAX) {
        return hub_failure_json("first and last must be dates such as 2026-01-31, at most 31");
    }
    const enum gw_status status =
        billing_statement(hub->billing, account, first, last, &stretch);
    if (status != GW_OK) {
        return hub_failure_json(status == GW_NONE
                                    ? "none of these days has been closed: a day is closed at "
                                      "midnight, or with those after it that were missed"
                                    : "what was kept of these days cannot be read");
    }
    billing_look(hub->billing, index, &view);
    return describe(&view, &stretch);
}

/* --- entries ----------------------------------------------------------------------------- */

/* A question for entries, on its way. */
struct page {
    const char *account;
    uint64_t next;
    uint64_t through;
    size_t used; /* bytes that are answered */
    json_t *entries;
    struct entry entry;
    struct store_records records;
    char hex[HEX_MAX];
};

static void add(struct page *page, const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        page->hex[2 * i] = digits[bytes[i] >> 4];
        page->hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_array_append_new(page->entries, json_stringn(page->hex, 2 * len));
    page->used += len;
}

static enum gw_status read_some(struct hub *hub, struct page *page) {
    const struct store_records *records = &page->records;
    size_t at = 0;
    enum gw_status status =
        store_read_records(hub->store, STORE_LEDGER, page->next, &page->records);
    for (size_t i = 0; status == GW_OK && i < records->count && page->next <= page->through;
         i++) {
        status = wire_entry_decode(records->bytes + at, records->len[i], &page->entry);
        if (status == GW_OK && strcmp(page->entry.account, page->account) == 0) {
            add(page, records->bytes + at, records->len[i]);
        }
        at += records->len[i];
        page->next++;
    }
    return status == GW_OK && records->count == 0 ? GW_EDAMAGED : status;
}

static enum gw_status read_all(struct hub *hub, struct page *page) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < STEPS_MAX && page->next <= page->through &&
                       page->used < ANSWER_BYTES_MAX;
         i++) {
        status = read_some(hub, page);
    }
    return status;
}

json_t *hub_entries_json(struct hub *hub, const json_t *asked) {
    const char *account = text_of(asked, "account");
    const json_int_t from = json_integer_value(json_object_get(asked, "from"));
    const json_int_t through = json_integer_value(json_object_get(asked, "through"));
    const uint64_t head = store_record_head(hub->store, STORE_LEDGER);
    if (!account || from < 1 || through < 1 || (uint64_t)through > head) {
        return hub_failure_json("the ledger has no such entries");
    }
    struct page *page = malloc(sizeof *page);
    if (!page) {
        return hub_failure_json("out of memory");
    }
    page->account = account;
    page->next = (uint64_t)from;
    page->through = (uint64_t)through;
    page->used = 0;
    page->entries = json_array();
    const enum gw_status status = read_all(hub, page);
    json_t *out = status == GW_OK ? json_object() : hub_failure_json("the ledger is damaged");
    if (status == GW_OK) {
        json_object_set_new(out, "ok", json_true());
        set_number(out, "next", (int64_t)page->next);
        json_object_set(out, "entries", page->entries);
    }
    json_decref(page->entries);
    free(page);
    return out;
}
