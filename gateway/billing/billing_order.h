/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of orders: facts under a key, for ever. Shared by the files of this room
 * only.
 */
#ifndef GATEWAY_BILLING_BILLING_ORDER_H
#define GATEWAY_BILLING_BILLING_ORDER_H

#include "gateway/billing/billing_inside.h"

enum { ORDER_KEY_MAX = ENTRY_ACCOUNT_MAX + 50 };

/* What an order asks for. */
struct order_ask {
    const char *account; /* NULL: none is named */
    uint32_t tenancy;
    const struct account_event *event;
    const struct meter_reading *initial; /* of another device; NULL else */
    const struct tariff_file *document;  /* NULL: none */
    const char *subject;                 /* what else tells it from others; NULL: nothing */
};
typedef enum gw_status (*order_action)(struct billing *billing, const struct order_ask *ask,
                                       struct billing_answer *answer);

/* A credit that was applied. */
struct order_credit {
    char account[ENTRY_ACCOUNT_MAX + 1];
    uint32_t tenancy;
    int64_t amount_micro;
    struct entry_split split;
};

/* A voucher number that was used. */
struct order_voucher {
    uint8_t order_id[ENTRY_ORDER_BYTES];
    int64_t amount_micro;
};

/* A reversal that waits for its credit. */
struct order_parked {
    uint8_t order_id[ENTRY_ORDER_BYTES];
    int64_t amount_micro; /* 0 = all */
    char actor[ENTRY_ACTOR_MAX + 1];
    char reason[ENTRY_REASON_MAX + 1];
};

/* A document that came late: from when it holds, and when it came. */
enum { ORDER_LATE_MAX = 24 };
struct order_late {
    size_t count;
    struct {
        int64_t from_ms;
        int64_t at_ms;
    } times[ORDER_LATE_MAX];
};

/* --- billing_apply.c --------------------------------------------------------------------- */

/* Lets an action happen unless its order was applied before. */
MUST_CHECK enum gw_status billing_once(struct billing *billing, const struct order_ask *ask,
                                       order_action action, struct billing_answer *answer);
/* Answers with a sentence; always GW_OK. */
enum gw_status billing_refuse(struct billing_answer *answer, enum billing_outcome outcome,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));
enum gw_status billing_refuse_step(const struct billing *billing,
                                   struct billing_answer *answer);

/* --- billing_order.c --------------------------------------------------------------------- */

void order_id_key(char kind, const uint8_t *order_id, char key[ORDER_KEY_MAX]);
void order_voucher_key(char kind, const struct order_ask *ask, uint32_t tenancy,
                       char key[ORDER_KEY_MAX]);

/* GW_OK: the order was not applied, or (*is_known) it was, and *answer is what was answered,
 * or CONFLICT. */
MUST_CHECK enum gw_status order_load_answer(struct billing *billing,
                                            const struct order_ask *ask,
                                            struct billing_answer *answer, bool *is_known);
MUST_CHECK enum gw_status order_keep_answer(struct billing *billing,
                                            const struct order_ask *ask,
                                            const struct billing_answer *answer);

/* GW_NONE: there is none. */
MUST_CHECK enum gw_status order_has(struct billing *billing, const char *key);
MUST_CHECK enum gw_status order_load_credit(struct billing *billing, const uint8_t *order_id,
                                            struct order_credit *out);
MUST_CHECK enum gw_status order_keep_credit(struct billing *billing, const uint8_t *order_id,
                                            const struct order_credit *credit);
MUST_CHECK enum gw_status order_load_voucher(struct billing *billing, const char *key,
                                             struct order_voucher *out);
MUST_CHECK enum gw_status order_keep_voucher(struct billing *billing, const char *key,
                                             const struct order_voucher *voucher);
MUST_CHECK enum gw_status order_load_parked(struct billing *billing, const char *key,
                                            struct order_parked *out);
MUST_CHECK enum gw_status order_keep_parked(struct billing *billing, const char *key,
                                            const struct order_parked *parked);
/* Late documents of a book; none is a list of none. */
MUST_CHECK enum gw_status order_load_late(struct billing *billing, const char *tariff,
                                          struct order_late *out);
MUST_CHECK enum gw_status order_keep_late(struct billing *billing, const char *tariff,
                                          const struct order_late *late);
/* Another order's id under the key of this one. */
MUST_CHECK enum gw_status order_keep_id(struct billing *billing, char kind,
                                        const uint8_t *order_id, const uint8_t *other_id);

#endif
