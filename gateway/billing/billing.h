/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in the store: which reading is whose, what was charged, and every way in which a
 * balance can change.
 *
 *   hub:    store_begin  store_append  billing_reading...   store_commit  billing_settle
 *   orders: store_begin  checks  billing_apply  result      store_commit  billing_settle
 *
 * Everything here that writes does so inside the transaction that its caller has open: the
 * entries of the ledger, the account as it stands after them, daily sums and the keys of what
 * was applied are there together or not at all. billing_settle then says how it ended, and
 * what was not committed is taken back in memory as well.
 *
 * A broken chain of the ledger stops all posting (is_safe): readings go on being stored, and
 * what was used is charged once the ledger has been restored.
 *
 * One thread, the one that owns the store.
 */
#ifndef GATEWAY_BILLING_BILLING_H
#define GATEWAY_BILLING_BILLING_H

#include "gateway/base/chain.h"
#include "gateway/billing/plan.h"
#include "gateway/core/usage.h"
#include "gateway/store/store.h"

struct billing;

/* What somebody should know, beside the entries. The numbers are those of the events. */
enum billing_news_kind {
    BILLING_JUMP,
    BILLING_BACKWARDS,
    BILLING_ROLLOVER,
    BILLING_NEGATIVE,  /* a reversal took the balance below zero */
    BILLING_SAFE_MODE, /* no money is posted any more */
    BILLING_UNRATED,   /* no tariff or price: what is used waits for one */
    /* usage (usage_watch.h); values: used, limit, nights or days in a row */
    BILLING_MONTH,
    BILLING_SPIKE,
    BILLING_NIGHT_FLOW,
    BILLING_NO_USE,
    BILLING_VACANT_USE,
    BILLING_BALANCE,     /* values: check meter, its rooms, the difference */
    BILLING_VERIFICATION /* value: the date, days since 1970 */
};
/* "IMPLAUSIBLE_JUMP": the name of its event. */
const char *billing_news_text(enum billing_news_kind kind);

enum { BILLING_NEWS_VALUES = 3 };

struct billing_news {
    enum billing_news_kind kind;
    const char *account;          /* NULL: none */
    const char *meter;            /* NULL: none */
    struct meter_reading reading; /* the evidence, of a meter's news */
    bool is_over;                 /* what was said before is so no more */
    size_t value_count;           /* 0: the reading says it */
    int64_t values[BILLING_NEWS_VALUES];
    const char *why; /* a sentence; NULL: the kind says it */
};

struct billing_config {
    const struct billing_plan *plan; /* must outlive the billing, or the next billing_renew */
    struct store *store;             /* opened */
    struct clock *clock;
    /* Documents of the cloud, beside those of the plan's files, which hold until the first of
     * a book takes over. Must outlive the billing. */
    const struct tariff_file *const *documents;
    size_t document_count;
    /* Called inside the transaction that it belongs to; NULL: nobody listens. */
    void (*news)(void *context, const struct billing_news *news);
    void *context;
};

/*
 * Loads the accounts and works out what stored readings have run up since the last entries.
 * In transactions of its own opens accounts that are new. GW_EDAMAGED: an account in the store
 * cannot be read; GW_ENOSPACE: there is no room to open them, try later.
 */
MUST_CHECK enum gw_status billing_open(const struct billing_config *config,
                                       struct billing **out);
void billing_close(struct billing *billing); /* NULL is allowed */

/* Another configuration: accruals under the old one become entries first. On failure the old
 * one stays in force. In a transaction of its own. */
MUST_CHECK enum gw_status billing_renew(struct billing *billing,
                                        const struct billing_plan *plan);

/* Has posting stopped? */
bool billing_is_safe(const struct billing *billing);

/* --- inside a transaction of the caller's ------------------------------------------------ */

/* A reading that was just stored, seq its number. Readings of points that nobody pays for are
 * let go by. Failures are the store's: the transaction cannot be committed. */
MUST_CHECK enum gw_status billing_reading(struct billing *billing,
                                          const struct store_reading *reading, uint64_t seq);

/* What became of an order; the names are those of the result codes. */
#define BILLING_OUTCOME_MAP(X)                                                                 \
    X(OK)                                                                                      \
    X(DUPLICATE) /* this payment was credited by its other carrier */                          \
    X(CONFLICT)  /* the same id or voucher number with other content */                        \
    X(UNKNOWN_ACCOUNT)                                                                         \
    X(ACCOUNT_CLOSED)                                                                          \
    X(SUPERSEDED)                                                                              \
    X(LIMIT)                                                                                   \
    X(TOO_OLD)                                                                                 \
    X(UNSUPPORTED) /* it cannot happen to this account; why says what is wrong */              \
    X(INTERNAL)    /* not now; not final, nothing was stored */

enum billing_outcome {
#define X(name) BILLING_##name,
    BILLING_OUTCOME_MAP(X)
#undef X
};

struct billing_answer {
    enum billing_outcome outcome;
    bool is_repeat;      /* this very order was applied before: its first answer again */
    bool is_parked;      /* a reversal whose credit has not come yet: it takes it back then */
    uint64_t ledger_seq; /* of its last entry; 0: it wrote none */
    uint8_t chain[CHAIN_HASH_BYTES]; /* the ledger's head behind it */
    int64_t balance_micro;
    char why[ACCOUNT_WHY_MAX];
};

/*
 * Lets an event that an order asks for happen to an account: CREDIT, VOUCHER, REVERSE, ADJUST,
 * DEBT, REFUND, MODE, OPEN, SHUT. What has accrued becomes entries first.
 *
 *   account   NULL is allowed for REVERSE with a target_id
 *   tenancy   the epoch that the order is for; OPEN: the new one. 0: the current, or the next
 *   order_id  needed. The same one with the same content gets its first answer again, with
 *             other content CONFLICT. Only what was done is remembered so: a refusal is not.
 *   CREDIT, VOUCHER   unique by (account, tenancy, seller, voucher number) too
 *   REVERSE   target_id, or the credit's voucher key; the split is looked up. amount 0: all
 *   OPEN      binds every meter of the account at its last trusted reading if that is at most
 * an hour old, else at its next one: nobody pays for what was used before he came SHUT charges
 * up to the last trusted readings, which are the final ones
 *
 * GW_OK: *answer says what became of it; with any other outcome than OK the order wrote
 * nothing, though what had accrued may have become entries. Else the store failed: the
 * transaction cannot be committed, and nothing may be answered.
 */
MUST_CHECK enum gw_status billing_apply(struct billing *billing, const char *account,
                                        uint32_t tenancy, const struct account_event *event,
                                        struct billing_answer *answer);

/* Another device in a meter's place: what the old one showed last and the new one first. Of a
 * shared meter, once for each of its accounts. order_id as above. */
struct billing_swap {
    const char *account;
    const char *meter;
    struct meter_reading final;
    struct meter_reading initial;
    const char *actor;
    const uint8_t *order_id;
};
MUST_CHECK enum gw_status billing_swap(struct billing *billing, const struct billing_swap *swap,
                                       struct billing_answer *answer);

/*
 * A tariff document from the cloud, sound as TARIFF_DOCUMENT, which must outlive the billing
 * (the caller keeps its bytes in the same transaction, and hands it to the next billing_open).
 * A revision that is not above the newest of its book is SUPERSEDED. One whose instant has
 * passed is applied backwards: each account gets one ADJUST entry, what it should have paid
 * less what it has; TOO_OLD when readings of that time are no more, or meters came and went in
 * it; LIMIT when it raises a price further back than the plan allows (and the minute that an
 * order may be on its way).
 */
MUST_CHECK enum gw_status billing_tariff(struct billing *billing,
                                         const struct tariff_file *document,
                                         const uint8_t *order_id,
                                         struct billing_answer *answer);

/* --- behind it --------------------------------------------------------------------------- */

/* How the caller's transaction ended. false: it was taken back, and so is what it did here. */
void billing_settle(struct billing *billing, bool is_committed);

/*
 * Once a second, with no transaction open: dates that have begun, accruals whose time is up,
 * the hour's checkpoint. Bounded steps, each a transaction of its own; GW_ENOSPACE: later.
 */
MUST_CHECK enum gw_status billing_second(struct billing *billing);

/* --- looking ----------------------------------------------------------------------------- */

/* An account as it stands. Pointers live until the next call that changes anything. */
struct billing_view {
    const struct account *account;
    const struct plan_account *plan; /* NULL: not in the configuration any more */
    int64_t balance_now_micro;       /* less what has accrued */
    const struct tariff *tariffs[ACCOUNT_UTILITIES]; /* in force; NULL: none */
};
size_t billing_count(const struct billing *billing);
void billing_look(const struct billing *billing, size_t index, struct billing_view *out);
/* The index of an account; billing_count: there is none. */
size_t billing_find(const struct billing *billing, const char *account);

/* Entries of an account from the end of one day to that of another. */
struct billing_stretch {
    int32_t first_day; /* local dates, both whole */
    int32_t last_day;
    uint64_t from_seq; /* in the ledger of all accounts, both inclusive */
    uint64_t through_seq;
    uint64_t from_aseq; /* of the account's; through below from: there are none */
    uint64_t through_aseq;
    int64_t opening_micro;
    int64_t closing_micro;
};

/* What the statement of an account is about, from a date to a date (31 at most) as far as they
 * are closed. GW_NONE: none of them is. GW_EDAMAGED: what was kept of them cannot be read. */
MUST_CHECK enum gw_status billing_statement(struct billing *billing, const char *account,
                                            int32_t first_day, int32_t last_day,
                                            struct billing_stretch *out);

/* What an account used on a local day, into a sum that usage_init has made for its utility. A
 * day without entries is left as it was. GW_EDAMAGED: its bytes are. */
MUST_CHECK enum gw_status billing_usage(struct billing *billing, const char *account,
                                        int32_t day, struct usage_sum *out);

#endif
