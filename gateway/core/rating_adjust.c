/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "gateway/core/rating.h"

/* All spans under these rules, tax included. */
static enum gw_status total(const struct rating_rules *rules,
                            const struct rating_history *history, int64_t *total_micro) {
    struct rating_state state = history->before;
    struct rating_bill bill = {0};
    int64_t tax_residual = 0;
    int64_t tax_micro = 0;
    struct rating_queue queues[RATING_METERS_MAX];
    assert(history->count <= RATING_METERS_MAX);
    if (history->count > 0) {
        memcpy(queues, history->queues, history->count * sizeof *queues);
    }
    const enum gw_status status =
        rating_rate_queues(rules, queues, history->count, &state, &bill);
    int64_t net_micro;
    if (status != GW_OK) {
        return status;
    }
    if (money_add(bill.energy_micro, history->other_micro, &net_micro) != GW_OK ||
        money_tax(net_micro, history->tax_ppm, &tax_residual, &tax_micro) != GW_OK) {
        return GW_ERANGE;
    }
    return money_add(net_micro, tax_micro, total_micro);
}

enum gw_status rating_adjust(const struct rating_rules *known, const struct rating_rules *late,
                             const struct rating_history *history,
                             struct rating_adjustment *out) {
    struct rating_adjustment adjustment = {0};
    enum gw_status status = total(known, history, &adjustment.charged_micro);
    if (status == GW_OK) {
        status = total(late, history, &adjustment.should_be_micro);
    }
    if (status != GW_OK) {
        return status;
    }
    if (__builtin_sub_overflow(adjustment.should_be_micro, adjustment.charged_micro,
                               &adjustment.debit_micro)) {
        return GW_ERANGE;
    }
    *out = adjustment;
    return GW_OK;
}
