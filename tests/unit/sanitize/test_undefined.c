/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test that overflows a number. It must not be called passed.
 */
#include <criterion/criterion.h>
#include <limits.h>

Test(undefined, a_number_overflows) {
    volatile int number = INT_MAX;
    number += 1;
    cr_assert_lt(number, 0);
}
