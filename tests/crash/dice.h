/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance that can be repeated: the same seed, the same rolls (splitmix64). Pure.
 */
#ifndef TESTS_CRASH_DICE_H
#define TESTS_CRASH_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice) {
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0..sides - 1 */
static inline uint64_t dice_roll(struct dice *dice, uint64_t sides) {
    return dice_next(dice) % sides;
}

/* True once in so many times. */
static inline bool dice_once_in(struct dice *dice, uint64_t times) {
    return dice_roll(dice, times) == 0;
}

/* A throw that belongs to a seed and a number, whatever was thrown before. */
static inline struct dice dice_for(uint64_t seed, uint64_t number) {
    struct dice dice = {seed ^ (number * UINT64_C(0xd1342543de82ef95))};
    (void)dice_next(&dice);
    return dice;
}

#endif
