/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/base/status.h"

static const enum gw_status all[] = {
#define X(name, text) GW_##name,
    GW_STATUS_MAP(X)
#undef X
};
enum { COUNT = sizeof all / sizeof *all };

Test(status, success_is_zero_and_says_ok) {
    cr_assert_eq((int)GW_OK, 0);
    cr_assert_str_eq(gw_status_text(GW_OK), "ok");
}

Test(status, every_status_has_a_text_of_its_own) {
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_gt(strlen(gw_status_text(all[i])), 0);
        cr_assert_str_neq(gw_status_text(all[i]), "unknown status");
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(gw_status_text(all[i]), gw_status_text(all[j]));
        }
    }
}

Test(status, numbers_that_are_no_status_still_have_a_text) {
    cr_assert_str_eq(gw_status_text((enum gw_status)COUNT), "unknown status");
    cr_assert_str_eq(gw_status_text((enum gw_status) - 1), "unknown status");
    cr_assert_str_eq(gw_status_text((enum gw_status)100000), "unknown status");
}

Test(status, exit_codes_are_those_of_sysexits) {
    cr_assert_eq((int)GW_EXIT_OK, 0);
    cr_assert_eq((int)GW_EXIT_USAGE, 64);
    cr_assert_eq((int)GW_EXIT_DATA, 65);
    cr_assert_eq((int)GW_EXIT_STORAGE_UNKNOWN, 74);
    cr_assert_eq((int)GW_EXIT_BUSY, 75);
    cr_assert_eq((int)GW_EXIT_PERMISSION, 77);
    cr_assert_eq((int)GW_EXIT_CONFIG, 78);
}

Test(status, statuses_that_end_a_program_end_it_with_the_promised_code) {
    static const struct {
        enum gw_status status;
        int code;
    } table[] = {
        {GW_OK, 0},       {GW_EUNKNOWN, 74}, {GW_ESTORAGE, 74}, {GW_EBUSY, 75},
        {GW_ECONFIG, 78}, {GW_ENEWER, 78},   {GW_EDAMAGED, 65}, {GW_EPERMISSION, 77},
        {GW_ENOMEM, 1},   {GW_ENETWORK, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cr_assert_eq((int)gw_status_exit(table[i].status), table[i].code, "%s",
                     gw_status_text(table[i].status));
    }
}

Test(status, no_failure_ends_a_program_with_success) {
    for (size_t i = 0; i < COUNT; i++) {
        if (all[i] != GW_OK) {
            cr_assert_neq((int)gw_status_exit(all[i]), 0, "%s", gw_status_text(all[i]));
        }
    }
    cr_assert_neq((int)gw_status_exit((enum gw_status)COUNT), 0);
}
