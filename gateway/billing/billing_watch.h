/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage that someone should know of: one watch for each meter of an account, kept in the store
 * beside the entries and written in their transaction (CAPABILITIES C18).
 *
 *   entry of energy ---.
 *   an hour without  --+--> usage_watch_step --> news, raised and cleared
 *   nobody's reading --'
 *
 * For the files of this room only.
 */
#ifndef GATEWAY_BILLING_BILLING_WATCH_H
#define GATEWAY_BILLING_BILLING_WATCH_H

#include "gateway/billing/billing_inside.h"

/* An entry was written: what it charged is a sample; a tenancy that closes ends all alerts. */
MUST_CHECK enum gw_status billing_watch_entry(struct billing *billing,
                                              const struct entry *entry);
/* A reading was taken: each hour that no entry closes is a sample, so that nobody who uses
 * anything is seen as well. */
MUST_CHECK enum gw_status billing_watch_reading(struct billing *billing,
                                                const struct billing_account *account,
                                                struct billing_meter *route);
/* The same of a place that is let to no one; what is used there nobody is charged for. */
MUST_CHECK enum gw_status billing_watch_vacant(struct billing *billing,
                                               const struct billing_account *account,
                                               struct billing_meter *route);

#endif
