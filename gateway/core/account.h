/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account owns and owes, and the only place where that changes.
 *
 *   readings -> accrual (recomputed from stored readings after a restart)
 *                  | an hour, a band, a price or a period has ended; a credit, cut or
 *                  | statement is to come
 *                  v
 *   event ----> account_step ----> entries ----> account_apply ----> state
 *                                     `-> the ledger ---'  (start, verify, restore)
 *
 * account_step makes entries and applies each by account_apply, which is also what turns a
 * stored ledger back into states: so that what is verified is what ran. account_apply checks
 * each entry against the state before it (LEDGER_AND_SYNC L1, L3) and refuses what does not
 * follow.
 *
 * Charged is each unit once: a meter's range begins where its last one ended. Consumption
 * between entries is held as an accrual; account_balance_now takes it off. Readings are given
 * in the order they were stored; those whose time cannot be trusted are not given at all, and
 * what they saw is in the next one that can be. A meter shared by several accounts is cut by
 * cumulative shares, floor(total * share_to) - floor(total * share_from), so that parts add up
 * to the whole however often it is read.
 *
 * After a restart accruals are recomputed from the stored readings after each meter's
 * billed_seq; should that make an entry, it is stored like any other.
 *
 * Memory is the caller's; copying a struct account copies all but the meters. Pure.
 */
#ifndef GATEWAY_CORE_ACCOUNT_H
#define GATEWAY_CORE_ACCOUNT_H

#include "gateway/core/entry.h"
#include "gateway/core/topup.h"

enum {
    ACCOUNT_METERS_MAX = RATING_METERS_MAX,
    ACCOUNT_UTILITIES = 4,     /* enum tariff_utility */
    ACCOUNT_TAXES_MAX = 8,     /* tax rates ever used in a tenancy */
    ACCOUNT_STANDINGS_MAX = 8, /* instalments by name */
    ACCOUNT_EFFECTS_MAX = 24,  /* entries of one step */
    ACCOUNT_ALERTS_MAX = 8,
    ACCOUNT_WHY_MAX = 120
};

/* What a meter has run up since its last entry. Not stored. */
struct account_accrual {
    struct meter_base base; /* as of the newest reading */
    int64_t meter_total_micro;
    uint64_t through_seq;
    int64_t quantity_micro;
    size_t line_count;
    struct rating_line lines[ENTRY_LINES_MAX];
};

struct account_meter {
    /* settings; account_apply sets id, utility and shares from METER_INITIAL */
    char id[ENTRY_ACCOUNT_MAX + 1];
    enum tariff_utility utility;
    size_t source;
    struct meter_limits limits; /* max_delta_micro is not looked at; see max_power_micro */
    int64_t max_power_micro;    /* units an hour; 0 = no limit */
    int64_t share_from_ppm;
    int64_t share_to_ppm;

    /* state */
    bool is_bound; /* between METER_INITIAL and METER_FINAL */
    struct meter_base base;
    int64_t meter_total_micro; /* what it counted since it was bound, for the shares */
    uint64_t billed_seq;       /* readings up to here are in the ledger */
    struct account_accrual accrual;
};

struct account_tax {
    int64_t ppm;
    int64_t residual;
};

struct account_instalment {
    char name[STANDING_NAME_MAX + 1];
    int64_t paid_micro;
};

/* One ladder and one line of standing charges for each utility. */
struct account_service {
    bool is_used;
    int64_t residual;
    struct ladder_use use;     /* as of the last entry */
    struct ladder_use accrued; /* not stored: and with the accruals */
    int64_t due_ms; /* not stored: the first reading from here on closes accruals; 0 = unset */
    int32_t standing_through;                  /* the last date that was charged, */
    char standing_name[STANDING_NAME_MAX + 1]; /* and the last charge of that date */
    int32_t standing_scanned; /* not stored: nothing else is due up to this date */
};

struct account {
    char id[ENTRY_ACCOUNT_MAX + 1];
    uint32_t tenancy; /* 0: never opened */
    bool is_open;
    enum account_mode mode;
    uint64_t aseq;
    int64_t balance_micro;
    struct topup_state debts; /* its balance is not used */
    int32_t debt_week;        /* the Monday that paid_this_week counts from */
    struct account_service services[ACCOUNT_UTILITIES];
    size_t tax_count;
    struct account_tax taxes[ACCOUNT_TAXES_MAX];
    size_t instalment_count;
    struct account_instalment instalments[ACCOUNT_STANDINGS_MAX];
    size_t meter_count;
    struct account_meter *meters; /* of the caller, room for meter_cap */
    size_t meter_cap;
};

/* What the world must tell: tariffs by utility and the local calendar. NULL: there is none. */
struct account_rules {
    const struct tariff_book *books[ACCOUNT_UTILITIES];
    const struct calendar *calendar;
    struct topup_policy topup;
    bool is_supplied; /* false: cut or vacant, which some standing charges wait for */
};

enum account_event_kind {
    ACCOUNT_OPEN,    /* amount = opening credit, mode; epoch + 1 */
    ACCOUNT_BIND,    /* meter (settings and reading): a first meter, or one more */
    ACCOUNT_UNBIND,  /* meter, reading: its final one */
    ACCOUNT_READING, /* meter, reading, seq */
    ACCOUNT_TICK,    /* dates that have begun are charged; *more: call again */
    ACCOUNT_FLUSH,   /* accruals become entries: before a cut or a statement */
    ACCOUNT_CREDIT,  /* amount > 0, order, origin, voucher key */
    ACCOUNT_VOUCHER, /* likewise */
    ACCOUNT_REVERSE, /* target order, split of the credit it takes back */
    ACCOUNT_ADJUST,  /* amount, reason */
    ACCOUNT_DEBT,    /* amount: moved from balance to payment debt (the balance rises) */
    ACCOUNT_REFUND,  /* amount > 0 was paid out */
    ACCOUNT_MODE,    /* mode, amount = opening credit of the new one */
    ACCOUNT_SHUT     /* the tenancy ends: all meters must be unbound before */
};

struct account_event {
    enum account_event_kind kind;
    int64_t at_ms; /* wall time, trusted but for credits */
    uint8_t clock_quality;
    const char *actor;                    /* NULL = "gateway" */
    const char *reason;                   /* NULL = none */
    const char *meter;                    /* id */
    const struct account_meter *settings; /* BIND: id, utility, source, limits, shares */
    struct meter_reading reading;
    uint64_t seq;
    int64_t amount_micro;
    enum account_mode mode;
    const uint8_t *order_id;  /* ENTRY_ORDER_BYTES, NULL = none */
    const uint8_t *target_id; /* likewise */
    struct entry_split split;
    bool has_voucher;
    uint32_t seller;
    uint64_t voucher_no;
    uint32_t origin;
};

/* What a person should know, beside the entries. */
struct account_alert {
    enum meter_verdict verdict; /* JUMP, BACKWARDS, ROLLOVER, JITTER */
    size_t meter;
    struct meter_reading reading; /* the evidence */
};

struct account_effects {
    size_t count;
    struct entry entries[ACCOUNT_EFFECTS_MAX];
    size_t alert_count;
    struct account_alert alerts[ACCOUNT_ALERTS_MAX];
    bool more;                 /* TICK: there is more to charge; call again */
    char why[ACCOUNT_WHY_MAX]; /* a sentence, when the status is not GW_OK */
};

/* An account that nothing has happened to yet. */
void account_init(struct account *account, const char *id, struct account_meter *meters,
                  size_t meter_cap);

/*
 * GW_OK: the state is the one after, effects say what to store, in one transaction. Else the
 * state is as it was and effects->why says what is wrong: GW_NONE: no tariff or price (the
 * reading stays unbilled and is in the next one); GW_EINVALID: this cannot happen to this
 * account (closed, unknown meter, amount of the wrong sign); GW_ERANGE: does not fit; GW_EFULL:
 * too many meters, taxes or instalments.
 */
MUST_CHECK enum gw_status account_step(struct account *account,
                                       const struct account_event *event,
                                       const struct account_rules *rules,
                                       struct account_effects *effects);

/* One stored entry follows. GW_EDAMAGED: it does not follow from the state; why
 * (ACCOUNT_WHY_MAX bytes) names the first thing that is wrong, and the state is as it was. */
MUST_CHECK enum gw_status account_apply(struct account *account, const struct entry *entry,
                                        char *why);

/* The balance less what has accrued, tax included. */
int64_t account_balance_now(const struct account *account, const struct account_rules *rules);

/* The meter of that id, NULL: none. */
struct account_meter *account_meter_named(const struct account *account, const char *id);

/* Drops the accruals: to be recomputed from the readings after each meter's billed_seq. */
void account_forget_accruals(struct account *account);

#endif
