/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/meter_state.h"

#include <stddef.h>

#include "bridges/base/decimal.h"
#include "bridges/quantity.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A value of a quantity and the bit it sets; the quantity's other values below count clear it,
 * and a value beyond them is none. */
static const struct row {
    uint16_t quantity;
    uint8_t bit;
    uint8_t value;
    uint8_t count;
} rows[] = {
    {QUANTITY_relay_state, METER_RELAY_OPEN, 0, 2},
    {QUANTITY_relay_command, METER_RELAY_ORDERED_OPEN, 0, 2},
    {QUANTITY_valve_state, METER_VALVE_CLOSED, 0, 4},
    {QUANTITY_valve_state, METER_VALVE_MOVING, 2, 4},
    {QUANTITY_valve_state, METER_VALVE_ABNORMAL, 3, 4},
    {QUANTITY_keep_power, METER_KEEPS_POWER, 1, 2},
    {QUANTITY_battery_low, METER_BATTERY_LOW, 1, 2},
    {QUANTITY_clock_battery_low, METER_CLOCK_BATTERY_LOW, 1, 2},
    {QUANTITY_cover_open, METER_COVER_OPEN, 1, 2},
    {QUANTITY_magnet, METER_MAGNET, 1, 2},
};

const char *meter_bit_name(unsigned bit) {
    static const char *const names[METER_BITS_MAX] = {
#define METER_BIT(bit, NAME, name) [bit] = (name),
#include "bridges/meter_bits.def"
#undef METER_BIT
    };
    return bit < METER_BITS_MAX ? names[bit] : NULL;
}

struct meter_state meter_state_over(const struct meter_state *older,
                                    const struct meter_state *newer) {
    return (struct meter_state){.known = older->known | newer->known,
                                .bits = (older->bits & ~newer->known) | newer->bits};
}

struct meter_state meter_state_of(uint16_t quantity, int64_t value_micro) {
    struct meter_state state = {0};
    const int64_t value = value_micro / MICRO;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].quantity == quantity && value_micro % MICRO == 0 && value >= 0 &&
            value < rows[i].count) {
            const uint64_t mask = meter_mask((enum meter_bit)rows[i].bit);
            state.known |= mask;
            state.bits |= value == rows[i].value ? mask : 0;
        }
    }
    return state;
}
