/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another tariff document, another configuration.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/reading.h"
#include "gateway/base/log.h"
#include "gateway/billing/billing_order.h"

enum { WAY_MS = 60000 /* that an order which holds at once may take to come */ };

static struct account_event now_of(const struct billing *billing) {
    const struct instant now = clock_wall(billing->clock);
    return (struct account_event){.kind = ACCOUNT_FLUSH,
                                  .at_ms = now.at_ms,
                                  .clock_quality = reading_clock_quality(now.trust)};
}

static bool pays_by(const struct billing_account *account, size_t book) {
    for (size_t u = 0; account->plan && u < ACCOUNT_UTILITIES; u++) {
        if (account->plan->books[u] == book) {
            return true;
        }
    }
    return book == PLAN_NO_BOOK;
}

typedef enum gw_status book_step(struct billing *billing, struct billing_account *account,
                                 const struct account_event *now, enum gw_status *verdict);

/* The same step for every account that pays by a book. */
static enum gw_status step_book(struct billing *billing, size_t book,
                                const struct account_event *now, book_step *step) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->count; i++) {
        struct billing_account *account = &billing->accounts[i];
        enum gw_status verdict = GW_OK;
        if (account->account.is_open && pays_by(account, book)) {
            status = step(billing, account, now, &verdict);
        }
    }
    return status;
}

enum gw_status billing_flush_book(struct billing *billing, size_t book,
                                  const struct account_event *now) {
    return step_book(billing, book, now, billing_step);
}

/* --- what a document may do -------------------------------------------------------------- */

struct change {
    const struct tariff_file *document;
    size_t book; /* index in the plan */
    int64_t now_ms;
    int64_t old_revision; /* of what held at its instant */
    int64_t *debits;      /* by account; the caller frees */
};

static size_t book_named(const struct billing_plan *plan, const char *id) {
    size_t i = 0;
    while (i < plan->book_count && strcmp(plan->books[i].id, id) != 0) {
        i++;
    }
    return i;
}

static bool is_superseded(const struct billing *billing, const struct tariff *tariff) {
    for (size_t i = 0; i < billing->document_count; i++) {
        const struct tariff *other = &billing->documents[i]->tariff;
        if (strcmp(other->id, tariff->id) == 0 && other->revision >= tariff->revision) {
            return true;
        }
    }
    return false;
}

/* Does anything that held since its instant cost less than it? */
static bool raises(const struct tariff_book *book, const struct tariff *tariff,
                   int64_t now_ms) {
    int64_t at_ms = tariff->effective_ms;
    while (at_ms <= now_ms) {
        const size_t held = tariff_book_at(book, at_ms);
        if (held < book->count && tariff_may_raise(book->tariffs[held], tariff)) {
            return true;
        }
        at_ms = tariff_book_next(book, at_ms);
    }
    return false;
}

static bool fits(const struct tariff *first, const struct tariff *tariff) {
    return first->utility == tariff->utility &&
           strcmp(first->currency, tariff->currency) == 0 &&
           first->source_count == tariff->source_count &&
           memcmp(first->sources, tariff->sources, sizeof first->sources) == 0;
}

/* May it take over? If not, that is answered. */
static bool is_allowed(const struct billing *billing, const struct change *change,
                       struct billing_answer *answer) {
    const struct tariff *tariff = &change->document->tariff;
    const struct tariff *first = &billing->plan->books[change->book].files[0]->tariff;
    const int64_t back_ms = change->now_ms - tariff->effective_ms;
    if (is_superseded(billing, tariff)) {
        (void)billing_refuse(answer, BILLING_SUPERSEDED,
                             "a revision that is not below %" PRId64 " came before",
                             tariff->revision);
        return false;
    }
    if (!fits(first, tariff) || strcmp(change->document->zone, billing->plan->zone_name) != 0) {
        (void)billing_refuse(answer, BILLING_UNSUPPORTED,
                             "it differs from its book in utility, currency, sources or zone");
        return false;
    }
    if (back_ms > billing->plan->max_backdate_ms + WAY_MS &&
        raises(&billing->books[change->book], tariff, change->now_ms)) {
        (void)billing_refuse(answer, BILLING_LIMIT,
                             "it may raise a price further back than max_backdate allows");
        return false;
    }
    return true;
}

/* --- letting it take over ---------------------------------------------------------------- */

static enum gw_status add_document(struct billing *billing,
                                   const struct tariff_file *document) {
    const struct tariff_file **documents =
        realloc(billing->documents, (billing->document_count + 2) * sizeof *documents);
    if (!documents) {
        return GW_ENOMEM;
    }
    billing->documents = documents;
    documents[billing->document_count++] = document;
    return billing_make_books(billing);
}

/* It does not take over after all. */
static enum gw_status drop_document(struct billing *billing) {
    billing->document_count--;
    return billing_make_books(billing);
}

/* What an earlier late document has adjusted cannot be cut in two: what it was about is
 * reckoned again as well. */
static int64_t reach_back(const struct order_late *late, int64_t from_ms) {
    for (size_t i = late->count; i > 0; i--) {
        if (late->times[i - 1].at_ms > from_ms && late->times[i - 1].from_ms < from_ms) {
            from_ms = late->times[i - 1].from_ms;
        }
    }
    return from_ms;
}

/* Keeps it with the newest ones. */
static enum gw_status note_late(struct billing *billing, const struct change *change,
                                struct order_late *late) {
    if (late->count == ORDER_LATE_MAX) {
        memmove(late->times, late->times + 1, (ORDER_LATE_MAX - 1) * sizeof *late->times);
        late->count--;
    }
    late->times[late->count].from_ms = change->document->tariff.effective_ms;
    late->times[late->count].at_ms = change->now_ms;
    late->count++;
    return order_keep_late(billing, change->document->tariff.id, late);
}

static enum gw_status reckon(struct billing *billing, const struct change *change,
                             int64_t from_ms) {
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->count; i++) {
        struct billing_account *account = &billing->accounts[i];
        if (account->account.is_open && pays_by(account, change->book)) {
            status = billing_late(billing, account, &change->document->tariff, from_ms,
                                  &change->debits[i]);
        }
    }
    return status;
}

static enum gw_status adjust(struct billing *billing, const struct change *change,
                             const struct account_event *now, const uint8_t *order_id) {
    const struct tariff *tariff = &change->document->tariff;
    char reason[ENTRY_REASON_MAX + 1];
    struct account_event event = *now;
    (void)snprintf(reason, sizeof reason,
                   BILLING_LATE_WORDS "revision %" PRId64 " instead of %" PRId64, tariff->id,
                   tariff->revision, change->old_revision);
    event.kind = ACCOUNT_ADJUST;
    event.reason = reason;
    event.order_id = order_id;
    enum gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < billing->count; i++) {
        enum gw_status verdict = GW_OK;
        event.amount_micro = -change->debits[i];
        if (event.amount_micro != 0) {
            status = billing_step(billing, &billing->accounts[i], &event, &verdict);
        }
        if (verdict != GW_OK) {
            log_error("an account cannot be adjusted", "account=%s reason=\"%s\"",
                      billing->accounts[i].account.id, billing->effects.why);
        }
    }
    return status;
}

/* Dates and accruals up to now are charged as the old documents say, then the new one counts,
 * and what it has missed is reckoned. */
static enum gw_status take_over(struct billing *billing, struct change *change,
                                const uint8_t *order_id, struct billing_answer *answer) {
    const struct account_event now = now_of(billing);
    const struct tariff_book *book = &billing->books[change->book];
    const size_t held = tariff_book_at(book, change->document->tariff.effective_ms);
    change->old_revision = held < book->count ? book->tariffs[held]->revision : 0;
    enum gw_status status = step_book(billing, change->book, &now, billing_charge_dates);
    status = status == GW_OK ? billing_flush_book(billing, change->book, &now) : status;
    status = status == GW_OK ? add_document(billing, change->document) : status;
    if (status != GW_OK || change->document->tariff.effective_ms > change->now_ms) {
        return status;
    }
    struct order_late late;
    status = order_load_late(billing, change->document->tariff.id, &late);
    if (status == GW_OK) {
        status =
            reckon(billing, change, reach_back(&late, change->document->tariff.effective_ms));
    }
    if (status == GW_NONE) {
        (void)billing_refuse(answer, BILLING_TOO_OLD,
                             "what is needed to reckon it backwards is not there any more");
        return drop_document(billing);
    }
    status = status == GW_OK ? adjust(billing, change, &now, order_id) : status;
    return status == GW_OK ? note_late(billing, change, &late) : status;
}

static enum gw_status take_document(struct billing *billing, const struct order_ask *ask,
                                    struct billing_answer *answer) {
    const struct tariff_file *document = ask->document;
    struct change change = {.document = document,
                            .book = book_named(billing->plan, document->tariff.id),
                            .now_ms = ask->event->at_ms};
    if (change.book == billing->plan->book_count) {
        (void)snprintf(answer->why, sizeof answer->why, "no account here pays by it");
        return GW_OK;
    }
    if (!is_allowed(billing, &change, answer)) {
        return GW_OK;
    }
    change.debits = calloc(billing->count + 1, sizeof *change.debits);
    const enum gw_status status =
        change.debits ? take_over(billing, &change, ask->event->order_id, answer) : GW_ENOMEM;
    free(change.debits);
    return status;
}

enum gw_status billing_tariff(struct billing *billing, const struct tariff_file *document,
                              const uint8_t *order_id, struct billing_answer *answer) {
    char subject[TARIFF_ID_MAX + 60];
    struct account_event event = now_of(billing);
    (void)snprintf(subject, sizeof subject, "%s/%" PRId64 "/%" PRId64, document->tariff.id,
                   document->tariff.revision, document->tariff.effective_ms);
    event.order_id = order_id;
    const struct order_ask ask = {.event = &event, .document = document, .subject = subject};
    return billing_once(billing, &ask, take_document, answer);
}

/* --- another configuration --------------------------------------------------------------- */

static enum gw_status flush_all(struct billing *billing) {
    const struct account_event now = now_of(billing);
    enum gw_status status = store_begin(billing->store);
    if (status != GW_OK) {
        return status;
    }
    status = billing_mend(billing, store_head(billing->store) + 1);
    status = status == GW_OK ? billing_flush_book(billing, PLAN_NO_BOOK, &now) : status;
    if (status == GW_OK) {
        status = store_commit(billing->store);
    } else {
        store_rollback(billing->store);
    }
    billing_settle(billing, status == GW_OK);
    return status;
}

/* What belongs to a billing moves into another one; pointers into it are set anew. */
static void move(struct billing *from, struct billing *to) {
    struct billing old = *to;
    *to = *from;
    *from = old;
    to->calendar.days = to->days;
    for (size_t i = 0; i < to->count; i++) {
        billing_set_rules(to, &to->accounts[i]);
    }
}

enum gw_status billing_renew(struct billing *billing, const struct billing_plan *plan) {
    const struct billing_config config = {.plan = plan,
                                          .store = billing->store,
                                          .clock = billing->clock,
                                          .documents = billing->documents,
                                          .document_count = billing->document_count,
                                          .news = billing->news,
                                          .context = billing->context};
    struct billing *fresh = NULL;
    enum gw_status status = billing->is_safe ? GW_OK : flush_all(billing);
    status = status == GW_OK ? billing_open(&config, &fresh) : status;
    if (status == GW_OK) {
        move(fresh, billing);
        billing_close(fresh);
    }
    return status;
}
