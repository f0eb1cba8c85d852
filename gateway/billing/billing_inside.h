/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of billing, shared by the files of this room only.
 */
#ifndef GATEWAY_BILLING_BILLING_INSIDE_H
#define GATEWAY_BILLING_BILLING_INSIDE_H

#include "gateway/billing/billing.h"
#include "gateway/sync/wire_ledger.h"

enum {
    BILLING_DAYS_MAX = 2 * TARIFFS_DAYS_MAX,
    BILLING_REGISTER_KEY_MAX = 2 * ENTRY_ACCOUNT_MAX + 5,
    BILLING_USAGE_KEY_MAX = ENTRY_ACCOUNT_MAX + 20
};

/* A meter as its account pays for it, and what it showed last. */
struct billing_meter {
    const struct plan_meter *plan;
    uint32_t point;  /* its register's number in the store */
    bool has_latest; /* a reading whose time can be trusted was seen */
    struct meter_reading latest;
    uint8_t clock_quality;
    uint64_t latest_seq;
    enum meter_verdict told; /* the alert that was given for it last */
    int64_t watched_ms;      /* its usage is watched up to here, at least; 0 = not known */
    size_t next_of_point;    /* index of the next payer of this point; NO_ROUTE: none */
    size_t account;          /* index */
};

struct billing_account {
    struct account account;       /* its meters are those below */
    struct account_meter *meters; /* owned, room for meter_cap */
    size_t meter_cap;
    const struct plan_account *plan; /* NULL: not in the configuration any more */
    struct account_rules rules;
    bool is_touched;  /* in the transaction that is open */
    bool is_replayed; /* takes part in a replay */
    bool is_unrated;  /* and it was said */
    int32_t closed;   /* the newest local date that was closed; 0 = not known */
    int32_t ticked;   /* the newest date for which nothing is left to charge; 0 = unknown */
};

/* On the way through the ledger, once a day. */
struct billing_walk {
    int32_t day; /* 0 = never yet */
    bool is_over;
    uint64_t seq; /* looked at so far */
    uint8_t hash[CHAIN_HASH_BYTES];
};

struct billing {
    const struct billing_plan *plan;
    struct store *store;
    struct clock *clock;
    const struct tariff_file **documents; /* owned, what they point to is not */
    size_t document_count;
    size_t kept_count; /* of them, those that were committed: the first ones */
    void (*news)(void *context, const struct billing_news *news);
    void *context;

    struct calendar calendar;
    struct marked_day days[BILLING_DAYS_MAX];
    struct tariff_book books[PLAN_BOOKS_MAX]; /* index as in the plan */
    size_t count;
    struct billing_account *accounts;
    size_t route_count;
    struct billing_meter *routes; /* every meter of every account */
    size_t point_count;
    size_t *first_of_point; /* by number: index of routes, or NO_ROUTE */

    size_t member_count;
    struct billing_member
        *members;     /* of check meters: each, then its rooms; billing_balance.c */
    int32_t compared; /* the newest local date that they were; 0 = not known */
    int32_t dated;    /* when verification dates were looked at last */

    bool is_safe;
    bool is_replaying;
    bool is_rehearsing; /* an order of several steps is tried, and nothing is written */
    bool must_reload;   /* touched accounts are not what the store says */
    size_t next_tick;   /* index of the account whose dates are looked at next */
    int64_t checkpoint_due_ms;
    uint64_t replay_from; /* no reading before this one is needed, by the last checkpoint */
    struct billing_walk walk;
    uint64_t written_seq; /* the newest entry this transaction wrote; 0 = none */
    struct account_effects effects;
    uint8_t bytes[WIRE_ACCOUNT_STATE_MAX];
    struct store_records records;
};

#define BILLING_NO_ROUTE SIZE_MAX

/* --- billing.c --------------------------------------------------------------------------- */

/*
 * One step of an account, written down. *verdict is account_step's; billing->effects holds what
 * came of it. The status is the store's.
 */
MUST_CHECK enum gw_status billing_step(struct billing *billing, struct billing_account *account,
                                       const struct account_event *event,
                                       enum gw_status *verdict);
void billing_tell(const struct billing *billing, const struct billing_news *news);
/* No money is posted any more, and why. */
void billing_stop(struct billing *billing, const char *why);
/* Takes back in memory what a transaction that was not committed did, and works out anew what
 * readings before `end` have run up. First of all in every transaction. */
MUST_CHECK enum gw_status billing_mend(struct billing *billing, uint64_t end);
/* The route of a meter of an account; NULL: the plan knows none. */
struct billing_meter *billing_route(struct billing *billing,
                                    const struct billing_account *account, const char *meter);

/* --- billing_setup.c --------------------------------------------------------------------- */

/* Books and calendar of the plan and the documents. */
MUST_CHECK enum gw_status billing_make_books(struct billing *billing);
MUST_CHECK enum gw_status billing_make_accounts(struct billing *billing);
/* Books and calendar of an account: pointers into *billing. */
void billing_set_rules(struct billing *billing, struct billing_account *account);
/* Room for so many meters; an account has more than it pays for, when some have gone. */
MUST_CHECK enum gw_status billing_make_room(struct billing_account *account, size_t meters);
/* What entries do not carry: limits, source. */
void billing_set_meters(struct billing *billing, struct billing_account *account);

/* --- billing_reading.c ------------------------------------------------------------------- */

/* Can its time be vouched for, and does its meter work? */
bool billing_is_trusted(const struct store_reading *reading);
/* A reading to all that pay for it, or of a replay to those that take part. */
MUST_CHECK enum gw_status billing_give(struct billing *billing,
                                       const struct store_reading *reading, uint64_t seq);

/* Opens the first tenancy of an account that has had none. */
MUST_CHECK enum gw_status billing_first_tenancy(struct billing *billing,
                                                struct billing_account *account, int64_t at_ms,
                                                uint8_t clock_quality);
/* Binds a meter at the newest reading that was seen of it; nothing when there is none. */
MUST_CHECK enum gw_status billing_bind(struct billing *billing, struct billing_account *account,
                                       const struct billing_meter *route,
                                       const struct account_event *order);
/* Ends what an account pays for a meter, at what it showed last. */
MUST_CHECK enum gw_status billing_unbind(struct billing *billing,
                                         struct billing_account *account,
                                         struct account_meter *meter,
                                         const struct account_event *order,
                                         enum gw_status *verdict);

/* --- billing_usage.c --------------------------------------------------------------------- */

/* Adds an entry to the sums of its day. */
MUST_CHECK enum gw_status billing_count_usage(struct billing *billing,
                                              const struct entry *entry);

/* --- billing_tariff.c -------------------------------------------------------------------- */

/* What all accounts of a book have run up becomes entries; index of the plan's books, or
 * PLAN_NO_BOOK: of all accounts. */
MUST_CHECK enum gw_status billing_flush_book(struct billing *billing, size_t book,
                                             const struct account_event *now);

/* --- billing_late.c ---------------------------------------------------------------------- */

/* How the reason of an entry begins that adjusts for a late document; with the tariff's id. */
#define BILLING_LATE_WORDS "tariff %s came late: "

/*
 * What an account should have paid for a tariff's utility from an instant on under the books
 * in force, less what it has: by its ledger and the stored readings. GW_NONE: readings of that
 * time are no more, or meters came and went in it.
 */
MUST_CHECK enum gw_status billing_late(struct billing *billing, struct billing_account *account,
                                       const struct tariff *tariff, int64_t from_ms,
                                       int64_t *debit_micro);

/* --- billing_check.c --------------------------------------------------------------------- */

/* Compares the accounts with the newest entries. */
MUST_CHECK enum gw_status billing_check_tail(struct billing *billing);
/* Where the ledger stands, and from where readings are needed. */
MUST_CHECK enum gw_status billing_write_checkpoint(struct billing *billing, int64_t now_ms);
/* Was the ledger found broken at some time? Then all stops, until another one is put there. */
MUST_CHECK enum gw_status billing_check_found(struct billing *billing);
/* One piece of the way through the whole ledger. */
MUST_CHECK enum gw_status billing_walk(struct billing *billing, int64_t now_ms);
/* Which register of a meter an account pays for: entries do not say. */
MUST_CHECK enum gw_status billing_keep_register(struct billing *billing,
                                                const struct billing_meter *route);
bool billing_is_same_register(struct billing *billing, const struct billing_meter *route);
/* Is the ledger still the one of which the last checkpoint was taken? If not, all stops. */
MUST_CHECK enum gw_status billing_check_checkpoint(struct billing *billing);

/* --- billing_time.c ---------------------------------------------------------------------- */

/* Charges the dates that have begun, all of them. */
MUST_CHECK enum gw_status billing_charge_dates(struct billing *billing,
                                               struct billing_account *account,
                                               const struct account_event *order,
                                               enum gw_status *verdict);

#endif
