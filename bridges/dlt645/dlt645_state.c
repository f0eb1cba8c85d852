/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_state.h"

#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const struct row {
    uint8_t word;
    uint8_t bit;
    uint16_t mask;
    uint16_t value;
} rows[] = {
#define STATE(word, mask, value, NAME) {(word), METER_##NAME, (mask), (value)},
#include "bridges/dlt645/dlt645_states.def"
#undef STATE
};

struct meter_state dlt645_state(uint32_t di, uint16_t word) {
    struct meter_state state = {0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (di == DLT645_DI_STATUS_1 + rows[i].word - 1U) {
            const uint64_t mask = meter_mask((enum meter_bit)rows[i].bit);
            state.known |= mask;
            state.bits |= (word & rows[i].mask) == rows[i].value ? mask : 0;
        }
    }
    return state;
}
