/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test that leaks. Criterion calls it passed; the test of it must fail all the same.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(leak, a_block_is_forgotten) {
    char *volatile block = malloc(8);
    cr_assert_not_null(block);
    block = NULL;
}
