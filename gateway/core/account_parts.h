/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the account share. Not for others: the door is account.h. Pure.
 */
#ifndef GATEWAY_CORE_ACCOUNT_PARTS_H
#define GATEWAY_CORE_ACCOUNT_PARTS_H

#include "gateway/core/account.h"

/* Says why and gives the status back. why holds ACCOUNT_WHY_MAX bytes. */
MUST_CHECK enum gw_status account_refuse(char *why, enum gw_status status, const char *text);

/* A text that fits, always ended. */
void account_text(char *to, size_t size, const char *from);

/*
 * What falls to an account of what its meter has counted between two totals. Rounding may make
 * that -1 for a moment: such a reading is left for the next one, and a final one counts as 0.
 */
int64_t account_share(const struct account_meter *meter, int64_t from_micro, int64_t to_micro);

/* Tax on a net amount at a rate; *taxes in and out. GW_EFULL: too many rates. */
MUST_CHECK enum gw_status account_tax(struct account *account, int64_t ppm, int64_t net_micro,
                                      struct entry_tax *out);

/* An entry of this account at the event's time. */
void account_draft(const struct account *account, const struct account_event *event,
                   enum entry_kind kind, struct entry *out);

/* Gives a drafted entry its number and balance, applies it, keeps it in the effects. */
MUST_CHECK enum gw_status account_post(struct account *account, struct entry *entry,
                                       struct account_effects *effects);

/* account_accrual.c: takes a reading; one that is not plausible becomes an alert. limits:
 * false for what a person vouches for. */
MUST_CHECK enum gw_status account_take_reading(struct account *account,
                                               const struct account_event *event,
                                               const struct account_rules *rules,
                                               bool has_limits,
                                               struct account_effects *effects);
/* Accruals of a utility, or of all (ACCOUNT_UTILITIES), become entries. */
MUST_CHECK enum gw_status account_flush(struct account *account,
                                        const struct account_event *event,
                                        const struct account_rules *rules, size_t utility,
                                        struct account_effects *effects);

/* account_standing.c: charges the next date that has begun and has charges. */
MUST_CHECK enum gw_status account_charge_date(struct account *account,
                                              const struct account_event *event,
                                              const struct account_rules *rules,
                                              struct account_effects *effects);

#endif
