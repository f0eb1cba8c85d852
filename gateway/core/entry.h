/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the ledger: one thing that happened to one account, with all that anyone needs
 * who wants to reckon it again (LEDGER_AND_SYNC 4.1). Entries are only ever appended; the state
 * of an account is what account_apply makes of them in their order. Plain values, no pointers.
 *
 *   amount            what the balance changes by; balance_after = balance_before + amount
 *   debit             net = floor(residual before + lines), tax likewise; amount = -(net + tax)
 *   register range    from..to of one meter; the next range of that meter begins at `to`
 *
 * Texts are printable ASCII. Pure.
 */
#ifndef GATEWAY_CORE_ENTRY_H
#define GATEWAY_CORE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/meter_delta.h"
#include "gateway/core/rating.h"

enum {
    ENTRY_ACCOUNT_MAX = 48, /* of account and meter: WIRE, encoding */
    ENTRY_ACTOR_MAX = 32,
    ENTRY_REASON_MAX = 120,
    ENTRY_ORDER_BYTES = 16, /* UUIDv7 */
    ENTRY_LINES_MAX = 16,
    ENTRY_TAXES_MAX = 4
};

/* The numbers are kept for ever: they stand in ledgers. */
#define ENTRY_KIND_MAP(X)                                                                      \
    X(OPEN, 1)             /* a tenancy begins */                                              \
    X(CREDIT, 2)           /* money came in, by order */                                       \
    X(VOUCHER, 3)          /* money came in, by code or card */                                \
    X(DEBIT_ENERGY, 4)     /* a register range was charged */                                  \
    X(DEBIT_FIXED, 5)      /* a standing charge of one local date */                           \
    X(ADJUST, 7)           /* a correction, by order or for a late tariff */                   \
    X(REVERSAL, 8)         /* a credit is taken back */                                        \
    X(DEBT_TRANSFER, 9)    /* between balance and debts */                                     \
    X(EMERGENCY_GRANT, 10) /* emergency credit begins to count */                              \
    X(REFUND_OUT, 11)      /* money was paid out */                                            \
    X(CLOSE, 12)           /* the tenancy ends and takes its balance out: due back or owed */  \
    X(METER_FINAL, 13)     /* the last reading of a meter that leaves */                       \
    X(METER_INITIAL, 14)   /* the first reading of a meter that comes */                       \
    X(CHECKPOINT, 15)      /* heads of accounts, signed */                                     \
    X(RESTORE, 16)         /* taken over from the cloud after a lost disk */                   \
    X(POLICY, 17)          /* the mode of an account changes */

enum entry_kind {
#define X(name, number) ENTRY_##name = (number),
    ENTRY_KIND_MAP(X)
#undef X
};

/* "DEBIT_ENERGY"; "?" for what is none. */
const char *entry_kind_text(enum entry_kind kind);
bool entry_kind_is_known(int64_t number);

#define ACCOUNT_MODES "prepaid|postpaid|notice"
enum account_mode { ACCOUNT_PREPAID, ACCOUNT_POSTPAID, ACCOUNT_NOTICE };

/* One price times one quantity. */
struct entry_line {
    char tariff[TARIFF_ID_MAX + 1];
    int64_t revision;
    char source[TARIFF_NAME_MAX + 1]; /* empty: the only one */
    char band[TARIFF_NAME_MAX + 1];
    uint32_t tier; /* 0 = the first */
    bool is_repricing;
    uint32_t from_tier;
    uint32_t methods; /* enum rating_method */
    bool is_expired;
    int64_t from_ms;
    int64_t to_ms;
    int64_t quantity_micro;
    int64_t price_micro; /* 0 for a repricing of several prices */
    int128 exact;        /* 1e-12 of the currency; quantity * price but for a repricing */
};

/* DEBIT_ENERGY, METER_FINAL, METER_INITIAL. */
struct entry_range {
    char meter[ENTRY_ACCOUNT_MAX + 1];
    enum tariff_utility utility;
    struct meter_reading from; /* METER_INITIAL: equal to `to` */
    struct meter_reading to;
    int64_t quantity_micro; /* charged to this account */
    int64_t meter_micro;    /* what the meter counted in all, shares of others included */
    int64_t rest;           /* of the multiplier, after it (struct meter_base) */
    uint64_t through_seq;   /* the reading that `to` is, in the stream of readings; 0 = none */
    /* the account's part of a shared meter: from share_from to share_to of a million */
    int64_t share_from_ppm;
    int64_t share_to_ppm;
};

/* DEBIT_FIXED, rising by (day, name) for each utility. METER_INITIAL: day alone, the last date
 * that is not charged. */
struct entry_standing {
    char name[STANDING_NAME_MAX + 1];
    enum tariff_utility utility;
    char tariff[TARIFF_ID_MAX + 1];
    int64_t revision;
    int32_t day;        /* the local date it is for */
    int64_t paid_after; /* of instalments, in all */
};

/* CREDIT, VOUCHER, and with the other sign REVERSAL: where the money went. CLOSE: the debts
 * that were left. */
struct entry_split {
    int32_t week; /* the local Monday of the week whose cap it counts for */
    int64_t to_payment_debt;
    int64_t to_accumulated_debt;
    int64_t to_emergency_repay;
    int64_t to_balance;
};

/* Tax is reckoned on all that was ever charged at a rate: floor(net_total * ppm / 1e6). */
struct entry_tax {
    int64_t ppm;
    int64_t net_micro; /* of this entry, at this rate */
    int64_t tax_micro;
    int64_t residual_after;
};

struct entry {
    char account[ENTRY_ACCOUNT_MAX + 1];
    uint32_t tenancy; /* epoch, from 1 */
    uint64_t aseq;    /* of the account, contiguous from 1 over all its tenancies */
    enum entry_kind kind;
    int64_t amount_micro;
    int64_t balance_after;

    int64_t at_ms;         /* wall time of the entry */
    uint8_t clock_quality; /* enum reading_quality bits of that time */
    char actor[ENTRY_ACTOR_MAX + 1];
    char reason[ENTRY_REASON_MAX + 1]; /* ADJUST, REVERSAL, REFUND_OUT, DEBT_TRANSFER */

    bool has_order;
    uint8_t order_id[ENTRY_ORDER_BYTES];
    bool has_target; /* REVERSAL: the order it takes back; ADJUST: may name one */
    uint8_t target_id[ENTRY_ORDER_BYTES];
    /* a credit's other key: (account, tenancy, seller, voucher number) */
    bool has_voucher;
    uint32_t seller;
    uint64_t voucher_no;
    uint32_t origin; /* of a credit, as the order said it */

    enum account_mode mode;   /* OPEN, POLICY */
    struct entry_range range; /* by kind, as the three below */
    struct entry_standing standing;
    struct entry_split split;
    int64_t debt_micro; /* DEBT_TRANSFER: what payment debt grows by */

    int64_t net_micro; /* debits; the sum over taxes */
    int64_t tax_micro;
    size_t tax_count; /* one for each rate, 0 % included; DEBIT_FIXED: one */
    struct entry_tax taxes[ENTRY_TAXES_MAX];
    int64_t residual_after; /* DEBIT_ENERGY: of money_post, for this utility */
    struct ladder_use use;  /* DEBIT_ENERGY: of the utility's ladder, after it */
    size_t line_count;
    struct entry_line lines[ENTRY_LINES_MAX];
};

#endif
