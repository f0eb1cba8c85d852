/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/billing/billing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/reading.h"
#include "gateway/base/log.h"
#include "gateway/billing/billing_balance.h"
#include "gateway/billing/billing_watch.h"

enum { REPLAY_STEP = 500 };

/* --- news -------------------------------------------------------------------------------- */

const char *billing_news_text(enum billing_news_kind kind) {
    static const char *const texts[] = {[BILLING_JUMP] = "IMPLAUSIBLE_JUMP",
                                        [BILLING_BACKWARDS] = "REGISTER_BACKWARDS",
                                        [BILLING_ROLLOVER] = "ROLLOVER",
                                        [BILLING_NEGATIVE] = "NEGATIVE_AFTER_REVERSAL",
                                        [BILLING_SAFE_MODE] = "SAFE_MODE",
                                        [BILLING_UNRATED] = "UNRATED",
                                        [BILLING_MONTH] = "MONTH_OVER_MONTH",
                                        [BILLING_SPIKE] = "SPIKE",
                                        [BILLING_NIGHT_FLOW] = "NIGHT_FLOW",
                                        [BILLING_NO_USE] = "NO_USE",
                                        [BILLING_VACANT_USE] = "VACANT_USE",
                                        [BILLING_BALANCE] = "BALANCE_OF_ENERGY",
                                        [BILLING_VERIFICATION] = "VERIFICATION_DUE"};
    return texts[kind];
}

void billing_tell(const struct billing *billing, const struct billing_news *news) {
    if (billing->news && !billing->is_rehearsing) {
        billing->news(billing->context, news);
    }
}

void billing_stop(struct billing *billing, const char *why) {
    if (!billing->is_safe) {
        billing->is_safe = true;
        log_error("no money is posted any more", "reason=\"%s\"", why);
        billing_tell(billing, &(struct billing_news){.kind = BILLING_SAFE_MODE, .why = why});
    }
}

bool billing_is_safe(const struct billing *billing) {
    return billing->is_safe;
}

/* --- one step ---------------------------------------------------------------------------- */

static enum gw_status write_entry(struct billing *billing, const struct entry *entry) {
    size_t len = 0;
    enum gw_status status =
        wire_entry_encode(entry, billing->bytes, sizeof billing->bytes, &len);
    assert(status == GW_OK); /* account_apply has accepted it */
    status = store_put_record(billing->store, STORE_LEDGER, billing->bytes, len,
                              &billing->written_seq);
    status = status == GW_OK ? billing_count_usage(billing, entry) : status;
    return status == GW_OK ? billing_watch_entry(billing, entry) : status;
}

static enum gw_status write_account(struct billing *billing, const struct account *account) {
    size_t len = 0;
    const enum gw_status status =
        wire_account_encode(account, billing->bytes, sizeof billing->bytes, &len);
    assert(status == GW_OK);
    return store_put_blob(billing->store, STORE_ACCOUNT, account->id, billing->bytes, len);
}

/* The entries of a step and the account behind them. */
static enum gw_status write_effects(struct billing *billing,
                                    const struct billing_account *account) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->effects.count; i++) {
        status = write_entry(billing, &billing->effects.entries[i]);
    }
    return status == GW_OK && billing->effects.count > 0
               ? write_account(billing, &account->account)
               : status;
}

enum gw_status billing_step(struct billing *billing, struct billing_account *account,
                            const struct account_event *event, enum gw_status *verdict) {
    account->is_touched = true;
    *verdict = account_step(&account->account, event, &account->rules, &billing->effects);
    if (*verdict != GW_OK) {
        return GW_OK;
    }
    return billing->is_rehearsing ? GW_OK : write_effects(billing, account);
}

/* --- taking back ------------------------------------------------------------------------- */

/* An account that nothing has happened to, with the room it has. */
static void clear(struct billing_account *account) {
    char id[ENTRY_ACCOUNT_MAX + 1];
    memcpy(id, account->account.id, sizeof id);
    account_init(&account->account, id, account->meters, account->meter_cap);
    account->ticked = 0;
    account->closed = 0;
}

/* Its bytes, with as much room as they need. GW_EINVALID: they are no such account. */
static enum gw_status decode(struct billing *billing, struct billing_account *account,
                             size_t len) {
    char id[ENTRY_ACCOUNT_MAX + 1];
    memcpy(id, account->account.id, sizeof id);
    enum gw_status status = wire_account_decode(billing->bytes, len, &account->account);
    if (status == GW_EFULL && billing_make_room(account, ACCOUNT_METERS_MAX) != GW_OK) {
        return GW_ENOMEM;
    }
    if (status == GW_EFULL) {
        clear(account);
        status = wire_account_decode(billing->bytes, len, &account->account);
    }
    const bool is_it = status == GW_OK && strcmp(account->account.id, id) == 0;
    memcpy(account->account.id, id, sizeof id);
    return is_it ? GW_OK : GW_EINVALID;
}

/* As the store has it, with nothing accrued; one that cannot be read stops all posting. */
static enum gw_status load_account(struct billing *billing, struct billing_account *account) {
    size_t len = 0;
    const size_t meters = account->plan ? account->plan->meter_count : 1;
    enum gw_status status = billing_make_room(account, meters);
    if (status != GW_OK) {
        return status;
    }
    clear(account);
    status = store_get_blob(billing->store, STORE_ACCOUNT, account->account.id, billing->bytes,
                            sizeof billing->bytes, &len);
    if (status == GW_OK) {
        status = decode(billing, account, len);
    }
    if (status == GW_EINVALID) {
        clear(account);
        billing_stop(billing, "an account in the store cannot be read");
    }
    billing_set_meters(billing, account);
    account_forget_accruals(&account->account);
    return status == GW_NONE || status == GW_EINVALID ? GW_OK : status;
}

static enum gw_status reload(struct billing *billing) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->count; i++) {
        if (billing->accounts[i].is_touched) {
            status = load_account(billing, &billing->accounts[i]);
        }
    }
    return status;
}

/* A document of the transaction that was taken back is the caller's again: the books are made
 * without it. They were that before, so that it cannot fail. */
static void settle_documents(struct billing *billing, bool is_committed) {
    if (is_committed || billing->document_count == billing->kept_count) {
        billing->kept_count = billing->document_count;
        return;
    }
    billing->document_count = billing->kept_count;
    const enum gw_status status = billing_make_books(billing);
    assert(status == GW_OK);
}

void billing_settle(struct billing *billing, bool is_committed) {
    settle_documents(billing, is_committed);
    billing->written_seq = 0;
    billing->must_reload |= !is_committed;
    for (size_t i = 0; is_committed && !billing->must_reload && i < billing->count; i++) {
        billing->accounts[i].is_touched = false;
    }
}

/* --- replaying --------------------------------------------------------------------------- */

/* From where stored readings are needed: the oldest that a touched account has not billed. */
static uint64_t replay_from(const struct billing *billing, uint64_t end) {
    uint64_t from = end;
    for (size_t i = 0; i < billing->count; i++) {
        const struct billing_account *account = &billing->accounts[i];
        for (size_t m = 0; account->is_replayed && m < account->account.meter_count; m++) {
            const struct account_meter *meter = &account->meters[m];
            if (meter->is_bound && meter->billed_seq < from) {
                from = meter->billed_seq + 1;
            }
        }
    }
    return from;
}

static enum gw_status replay_batch(struct billing *billing,
                                   const struct store_reading *readings,
                                   const struct store_batch *batch, uint64_t end) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < batch->count && batch->first_seq + i < end; i++) {
        status = billing_give(billing, &readings[i], batch->first_seq + i);
    }
    return status;
}

static enum gw_status replay(struct billing *billing, uint64_t end) {
    struct store_reading *readings = malloc(REPLAY_STEP * sizeof *readings);
    uint64_t from = replay_from(billing, end);
    from = from > billing->replay_from ? from : billing->replay_from;
    enum gw_status status = readings ? GW_OK : GW_ENOMEM;
    while (status == GW_OK && from < end) {
        struct store_batch batch = {.last_seq = end};
        status = store_read(billing->store, from, readings, REPLAY_STEP, &batch);
        status = status == GW_OK ? replay_batch(billing, readings, &batch, end) : status;
        from = batch.last_seq + 1;
    }
    free(readings);
    return status == GW_NONE ? GW_OK : status;
}

/* Works out the accruals of all accounts that are touched, of readings before `end`. */
static enum gw_status replay_touched(struct billing *billing, uint64_t end) {
    for (size_t i = 0; i < billing->count; i++) {
        billing->accounts[i].is_replayed = billing->accounts[i].is_touched;
    }
    billing->is_replaying = true;
    const enum gw_status status = replay(billing, end);
    billing->is_replaying = false;
    return status;
}

enum gw_status billing_mend(struct billing *billing, uint64_t end) {
    if (!billing->must_reload || billing->is_safe) {
        return GW_OK;
    }
    enum gw_status status = reload(billing);
    billing->must_reload = status != GW_OK;
    return status == GW_OK ? replay_touched(billing, end) : status;
}

/* --- opening ----------------------------------------------------------------------------- */

static enum gw_status load_all(struct billing *billing) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->count; i++) {
        billing->accounts[i].is_touched = true;
        status = load_account(billing, &billing->accounts[i]);
    }
    return status;
}

/* Meters that the configuration has taken from an account, or changed in it. */
static bool has_changed(struct billing *billing, const struct billing_account *account,
                        const struct account_meter *meter) {
    const struct billing_meter *route = billing_route(billing, account, meter->id);
    return !route || route->plan->utility != meter->utility ||
           route->plan->share_from_ppm != meter->share_from_ppm ||
           route->plan->share_to_ppm != meter->share_to_ppm ||
           route->plan->multiplier_micro != meter->base.reading.multiplier_micro ||
           !billing_is_same_register(billing, route);
}

static enum gw_status drop_changed(struct billing *billing) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; i < billing->count; i++) {
        struct billing_account *account = &billing->accounts[i];
        for (size_t m = 0; status == GW_OK && m < account->account.meter_count; m++) {
            struct account_meter *meter = &account->meters[m];
            enum gw_status verdict = GW_OK;
            if (account->plan && account->account.is_open && meter->is_bound &&
                has_changed(billing, account, meter)) {
                status = billing_unbind(billing, account, meter, NULL, &verdict);
            }
        }
    }
    return status;
}

static enum gw_status open_new(struct billing *billing) {
    const struct instant now = clock_wall(billing->clock);
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && now.trust != CLOCK_UNSET && i < billing->count; i++) {
        status = billing_first_tenancy(billing, &billing->accounts[i], now.at_ms,
                                       reading_clock_quality(now.trust));
    }
    return status;
}

static enum gw_status catch_up(struct billing *billing) {
    enum gw_status status = store_begin(billing->store);
    if (status != GW_OK) {
        return status;
    }
    status = replay_touched(billing, store_head(billing->store) + 1);
    status = status == GW_OK ? drop_changed(billing) : status;
    status = status == GW_OK ? open_new(billing) : status;
    if (status != GW_OK) {
        store_rollback(billing->store);
        return status;
    }
    status = store_commit(billing->store);
    billing_settle(billing, status == GW_OK);
    return status;
}

static enum gw_status start(struct billing *billing) {
    enum gw_status status = billing_make_books(billing);
    status = status == GW_OK ? billing_make_accounts(billing) : status;
    status = status == GW_OK ? billing_make_checks(billing) : status;
    status = status == GW_OK ? load_all(billing) : status;
    if (status != GW_OK) {
        return status;
    }
    if (!store_chain_is_whole(billing->store)) {
        billing_stop(billing, "the chain of the ledger is broken");
        billing_settle(billing, true);
        return GW_OK;
    }
    status = billing_check_tail(billing);
    status = status == GW_OK ? billing_check_checkpoint(billing) : status;
    status = status == GW_OK ? billing_check_found(billing) : status;
    return status == GW_OK && !billing->is_safe ? catch_up(billing) : status;
}

static enum gw_status keep_documents(struct billing *billing,
                                     const struct billing_config *config) {
    billing->documents = calloc(config->document_count + 1, sizeof *billing->documents);
    if (!billing->documents) {
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < config->document_count; i++) {
        billing->documents[i] = config->documents[i];
    }
    billing->document_count = config->document_count;
    billing->kept_count = config->document_count;
    return GW_OK;
}

enum gw_status billing_open(const struct billing_config *config, struct billing **out) {
    struct billing *billing = calloc(1, sizeof *billing);
    if (!billing) {
        return GW_ENOMEM;
    }
    billing->plan = config->plan;
    billing->store = config->store;
    billing->clock = config->clock;
    billing->news = config->news;
    billing->context = config->context;
    enum gw_status status = keep_documents(billing, config);
    status = status == GW_OK ? start(billing) : status;
    if (status != GW_OK) {
        billing_close(billing);
        return status;
    }
    *out = billing;
    return GW_OK;
}

void billing_close(struct billing *billing) {
    if (billing) {
        free(billing->documents);
        for (size_t i = 0; i < billing->count && billing->accounts; i++) {
            free(billing->accounts[i].meters);
        }
        free(billing->accounts);
        free(billing->routes);
        free(billing->members);
        free(billing->first_of_point);
        free(billing);
    }
}

/* --- looking ----------------------------------------------------------------------------- */

struct billing_meter *billing_route(struct billing *billing,
                                    const struct billing_account *account, const char *meter) {
    const size_t index = (size_t)(account - billing->accounts);
    for (size_t i = 0; i < billing->route_count; i++) {
        if (billing->routes[i].account == index &&
            strcmp(billing->routes[i].plan->id, meter) == 0) {
            return &billing->routes[i];
        }
    }
    return NULL;
}

size_t billing_count(const struct billing *billing) {
    return billing->count;
}

size_t billing_find(const struct billing *billing, const char *account) {
    size_t i = 0;
    while (i < billing->count && strcmp(billing->accounts[i].account.id, account) != 0) {
        i++;
    }
    return i;
}

void billing_look(const struct billing *billing, size_t index, struct billing_view *out) {
    const struct billing_account *account = &billing->accounts[index];
    const int64_t now_ms = clock_wall(billing->clock).at_ms;
    *out = (struct billing_view){.account = &account->account,
                                 .plan = account->plan,
                                 .balance_now_micro =
                                     account_balance_now(&account->account, &account->rules)};
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        const struct tariff_book *book = account->rules.books[u];
        const size_t at = book ? tariff_book_at(book, now_ms) : 0;
        out->tariffs[u] = book && at < book->count ? book->tariffs[at] : NULL;
    }
}
