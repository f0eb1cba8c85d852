/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs of STORE_STATEMENT: ACCOUNT, the newest date that is closed; ACCOUNT/DATE, where that
 * one ends.
 */
#include "gateway/billing/billing_statement.h"

#include <stdio.h>

#include "gateway/base/log.h"
#include "gateway/billing/billing_run.h"

enum { VERSION = 1, KEY_MAX = ENTRY_ACCOUNT_MAX + 1 + DATE_TEXT_MAX };

/* The end of a day. Zeroed: nothing had happened yet. */
struct mark {
    int32_t day;
    int32_t before; /* the date that was closed before it */
    int32_t tenancy;
    uint64_t aseq;
    int64_t balance_micro;
    uint64_t seq; /* the ledger's newest entry */
    int64_t at_ms;
};

/* --- in the store ------------------------------------------------------------------------ */

static void carry(struct billing_run *run, struct mark *mark) {
    billing_run_narrow(run, &mark->day);
    billing_run_narrow(run, &mark->before);
    billing_run_narrow(run, &mark->tenancy);
    billing_run_count(run, &mark->aseq);
    billing_run_wide(run, &mark->balance_micro);
    billing_run_count(run, &mark->seq);
    billing_run_wide(run, &mark->at_ms);
}

static void name_mark(const char *account, int32_t day, char key[KEY_MAX]) {
    char date[DATE_TEXT_MAX];
    date_format(day, date);
    (void)snprintf(key, KEY_MAX, "%s/%s", account, date);
}

/* GW_NONE: there is none; GW_EDAMAGED: it cannot be read. */
static enum gw_status load_run(struct billing *billing, const char *key,
                               struct billing_run *run) {
    const enum gw_status status = store_get_blob(billing->store, STORE_STATEMENT, key,
                                                 run->bytes, sizeof run->bytes, &run->len);
    if (status == GW_OK) {
        billing_run_read(run, VERSION);
    }
    return status == GW_ETOOLONG ? GW_EDAMAGED : status;
}

static enum gw_status load_mark(struct billing *billing, const char *account, int32_t day,
                                struct mark *mark) {
    struct billing_run run;
    char key[KEY_MAX];
    name_mark(account, day, key);
    const enum gw_status status = load_run(billing, key, &run);
    if (status != GW_OK) {
        return status;
    }
    carry(&run, mark);
    return billing_run_is_whole(&run) && mark->day == day && mark->before < day ? GW_OK
                                                                                : GW_EDAMAGED;
}

/* The newest date that is closed; as load_run. */
static enum gw_status load_newest(struct billing *billing, const char *account, int32_t *day) {
    struct billing_run run;
    const enum gw_status status = load_run(billing, account, &run);
    if (status != GW_OK) {
        return status;
    }
    billing_run_narrow(&run, day);
    return billing_run_is_whole(&run) && *day > 0 ? GW_OK : GW_EDAMAGED;
}

static enum gw_status keep_mark(struct billing *billing, const char *account,
                                struct mark *mark) {
    struct billing_run run;
    char key[KEY_MAX];
    name_mark(account, mark->day, key);
    billing_run_write(&run, VERSION);
    carry(&run, mark);
    enum gw_status status =
        store_put_blob(billing->store, STORE_STATEMENT, key, run.bytes, run.len);
    if (status != GW_OK) {
        return status;
    }
    billing_run_write(&run, VERSION);
    billing_run_narrow(&run, &mark->day);
    return store_put_blob(billing->store, STORE_STATEMENT, account, run.bytes, run.len);
}

/* --- closing ----------------------------------------------------------------------------- */

bool billing_owes_day(const struct billing_account *account, int32_t today) {
    return account->account.tenancy > 0 && account->closed < today - 1;
}

static enum gw_status flush(struct billing *billing, struct billing_account *account,
                            const struct account_event *now) {
    struct account_event event = *now;
    enum gw_status verdict = GW_OK;
    event.kind = ACCOUNT_FLUSH;
    const enum gw_status status = billing_step(billing, account, &event, &verdict);
    if (verdict != GW_OK) {
        log_warn("a day is closed without what has accrued", "account=%s reason=\"%s\"",
                 account->account.id, billing->effects.why);
    }
    return status;
}

static struct mark mark_of(const struct billing *billing, const struct account *account,
                           int32_t day, int64_t at_ms) {
    return (struct mark){.day = day,
                         .tenancy = (int32_t)account->tenancy,
                         .aseq = account->aseq,
                         .balance_micro = account->balance_micro,
                         .seq = store_record_head(billing->store, STORE_LEDGER),
                         .at_ms = at_ms};
}

/* Before its first day an account has nothing; when it cannot be told which days were closed,
 * the next one begins here. */
static enum gw_status begin(struct billing *billing, struct billing_account *account,
                            const struct account_event *now, int32_t yesterday, bool is_first) {
    struct mark mark = {.day = yesterday};
    if (!is_first) {
        log_error("it cannot be read which days were closed, statements begin anew",
                  "account=%s", account->account.id);
        mark = mark_of(billing, &account->account, yesterday, now->at_ms);
    }
    const enum gw_status status = keep_mark(billing, account->account.id, &mark);
    account->closed = yesterday;
    return status;
}

enum gw_status billing_close_day(struct billing *billing, struct billing_account *account,
                                 const struct account_event *now, int32_t today) {
    int32_t newest = account->closed;
    account->is_touched = true;
    enum gw_status status =
        newest == 0 ? load_newest(billing, account->account.id, &newest) : GW_OK;
    if (status == GW_NONE || status == GW_EDAMAGED) {
        return begin(billing, account, now, today - 1, status == GW_NONE);
    }
    if (status != GW_OK) {
        return status;
    }
    account->closed = newest;
    if (!billing_owes_day(account, today)) {
        return GW_OK;
    }
    status = account->account.is_open ? flush(billing, account, now) : GW_OK;
    struct mark mark = mark_of(billing, &account->account, today - 1, now->at_ms);
    mark.before = newest;
    status = status == GW_OK ? keep_mark(billing, account->account.id, &mark) : status;
    account->closed = today - 1;
    return status;
}

/* --- looking ----------------------------------------------------------------------------- */

/* The newest end of a day within the dates; GW_NONE: none of them was closed. */
static enum gw_status find_last(struct billing *billing, const char *account, int32_t first_day,
                                int32_t last_day, struct mark *mark) {
    enum gw_status status = GW_NONE;
    for (int32_t day = last_day; status == GW_NONE && day >= first_day; day--) {
        status = load_mark(billing, account, day, mark);
    }
    return status == GW_OK && mark->before == 0 ? GW_NONE : status;
}

enum gw_status billing_statement(struct billing *billing, const char *account,
                                 int32_t first_day, int32_t last_day,
                                 struct billing_stretch *out) {
    struct mark last;
    struct mark before;
    int32_t newest = 0;
    enum gw_status status = load_newest(billing, account, &newest);
    if (status != GW_OK) {
        return status;
    }
    status =
        find_last(billing, account, first_day, newest < last_day ? newest : last_day, &last);
    int32_t day = status == GW_OK ? last.before : 0;
    before = last;
    while (status == GW_OK && before.day >= first_day && before.before > 0) {
        day = before.before;
        status = load_mark(billing, account, day, &before);
    }
    if (status != GW_OK) {
        return status == GW_NONE && day > 0 ? GW_EDAMAGED : status;
    }
    *out = (struct billing_stretch){.first_day = before.day + 1,
                                    .last_day = last.day,
                                    .from_seq = before.seq + 1,
                                    .through_seq = last.seq,
                                    .from_aseq = before.aseq + 1,
                                    .through_aseq = last.aseq,
                                    .opening_micro = before.balance_micro,
                                    .closing_micro = last.balance_micro};
    return GW_OK;
}
