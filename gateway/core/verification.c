/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/verification.h"

enum verification_notice verification_set(struct verification *verification, int32_t due_day) {
    if (verification->has_date && verification->due_day == due_day) {
        return VERIFICATION_NONE;
    }
    const bool was_told = verification->is_soon_told || verification->is_overdue_told;
    *verification = (struct verification){.has_date = true, .due_day = due_day};
    return was_told ? VERIFICATION_CLEARED : VERIFICATION_NONE;
}

enum verification_notice verification_step(struct verification *verification, int32_t today,
                                           int32_t before_days) {
    if (!verification->has_date || verification->is_overdue_told) {
        return VERIFICATION_NONE;
    }
    const int64_t left_days = (int64_t)verification->due_day - today;
    if (left_days < 0) {
        verification->is_overdue_told = true;
        return VERIFICATION_OVERDUE;
    }
    if (verification->is_soon_told || before_days <= 0 || left_days > before_days) {
        return VERIFICATION_NONE;
    }
    verification->is_soon_told = true;
    return VERIFICATION_SOON;
}
