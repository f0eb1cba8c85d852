/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "gateway/core/rating_part.h"

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* One tier's quantity shared out over what each band still has. */
static void share_out(int64_t taken_micro, int64_t left_micro, size_t count,
                      const int64_t *has_micro, int64_t *gives_micro) {
    int64_t has_sum = 0;
    int64_t given_sum = 0;
    for (size_t i = 0; i < count; i++) {
        has_sum += has_micro[i];
        const int64_t by_micro = left_micro ? money_share(taken_micro, has_sum, left_micro) : 0;
        gives_micro[i] = by_micro - given_sum;
        given_sum = by_micro;
    }
}

static enum gw_status charge_shares(const struct rating_registers *registers,
                                    struct rating_part *part, size_t tier,
                                    const int64_t *shares_micro, struct rating_bill *bill) {
    for (size_t i = 0; i < registers->count; i++) {
        part->band = registers->bands[i];
        const enum gw_status status = rating_charge_tier(part, tier, shares_micro[i], bill);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}

static enum gw_status charge_tiers(const struct rating_registers *registers,
                                   struct rating_part *part, struct ladder_use *use,
                                   struct rating_bill *bill) {
    struct rating_registers left = *registers;
    int64_t left_micro = part->quantity_micro;
    while (left_micro > 0) {
        int64_t room_micro;
        int64_t shares_micro[TARIFF_BANDS_MAX] = {0};
        const size_t tier =
            ladder_tier_of_next(&part->tariff->ladder, use->used_micro, &room_micro);
        const int64_t taken_micro = earlier(left_micro, room_micro);
        share_out(taken_micro, left_micro, left.count, left.quantities, shares_micro);
        enum gw_status status = charge_shares(registers, part, tier, shares_micro, bill);
        if (status == GW_OK) {
            status = money_add(use->used_micro, taken_micro, &use->used_micro);
        }
        if (status != GW_OK) {
            return status;
        }
        for (size_t i = 0; i < left.count; i++) {
            left.quantities[i] -= shares_micro[i];
        }
        left_micro -= taken_micro;
    }
    return GW_OK;
}

/* Without marginal tiers each band stands for itself. */
static enum gw_status charge_bands(const struct rating_rules *rules,
                                   const struct rating_registers *registers,
                                   struct rating_part *part, struct ladder_use *use,
                                   struct rating_bill *bill) {
    for (size_t i = 0; i < registers->count; i++) {
        part->band = registers->bands[i];
        part->quantity_micro = registers->quantities[i];
        const enum gw_status status = rating_charge_part(rules, part, use, bill);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}

static enum gw_status sum_of(const struct rating_registers *registers, int64_t *sum_micro) {
    *sum_micro = 0;
    for (size_t i = 0; i < registers->count; i++) {
        if (registers->quantities[i] < 0) {
            return GW_EINVALID;
        }
        if (money_add(*sum_micro, registers->quantities[i], sum_micro) != GW_OK) {
            return GW_ERANGE;
        }
    }
    return GW_OK;
}

enum gw_status rating_rate_registers(const struct rating_rules *rules,
                                     const struct rating_registers *registers,
                                     const struct rating_span *span, struct rating_state *state,
                                     struct rating_bill *bill) {
    assert(registers->count <= TARIFF_BANDS_MAX && registers->tariff < rules->book->count);
    struct rating_state next = *state;
    const int128 exact = bill->exact;
    struct rating_part part = {.index = registers->tariff,
                               .tariff = rules->book->tariffs[registers->tariff],
                               .source = span->source,
                               .methods = RATING_REGISTERS,
                               .from_ms = span->from_ms,
                               .to_ms = span->to_ms};
    enum gw_status status = sum_of(registers, &part.quantity_micro);
    const int64_t sum_micro = part.quantity_micro;
    bill->stuck_ms = span->from_ms;
    if (status != GW_OK) {
        return status;
    }
    if (rating_has_ladder(&part) && part.tariff->ladder.mode == LADDER_MARGINAL) {
        rating_open_part(rules, &part, &next.use);
        status = charge_tiers(registers, &part, &next.use, bill);
    } else {
        status = charge_bands(rules, registers, &part, &next.use, bill);
    }
    if (status == GW_OK) {
        status = rating_post(exact, sum_micro, &next.residual, bill);
    }
    if (status == GW_OK) {
        *state = next;
    }
    return status;
}
