/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of meters: the file, and the count that keeps meters from being locked.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridges/credential.h"

static char path[] = "/tmp/metergate-credential-XXXXXX";

static void write_file(const char *text, mode_t mode) {
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    (void)close(fd);
}

static enum bridge_status load(const char *text, mode_t mode, struct fault_list *faults,
                               struct credentials **out) {
    write_file(text, mode);
    faults_init(faults);
    const enum bridge_status status = credentials_load(path, faults, out);
    (void)unlink(path);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    return status;
}

Test(credential, a_file_gives_each_meter_its_own_and_the_others_theirs) {
    struct fault_list faults;
    struct credentials *credentials = NULL;
    cr_assert_eq(load("credentials:\n"
                      "  - {address: \"000512345678\", level: 4, password: \"123456\","
                      " operator: \"87654321\"}\n"
                      "  - {address: any, password: \"000000\"}\n",
                      0600, &faults, &credentials),
                 BRIDGE_OK);
    const struct credential *own = credentials_for(credentials, "512345678");
    cr_assert_not_null(own);
    cr_expect_eq(own->level, 4);
    cr_expect_arr_eq(own->password, "\x56\x34\x12", 3, "low byte first");
    cr_expect_arr_eq(own->who, "\x21\x43\x65\x87", 4);
    const struct credential *rest = credentials_for(credentials, "1");
    cr_assert_not_null(rest);
    cr_expect_eq(rest->level, 2);
    cr_expect_arr_eq(rest->password, "\0\0\0", 3);
    credentials_free(credentials);
    cr_expect_null(credentials_for(NULL, "1"));
    faults_done(&faults);
}

Test(credential, a_file_that_others_can_read_is_refused) {
    static const mode_t modes[] = {0640, 0604, 0660, 0601, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct fault_list faults;
        struct credentials *credentials = NULL;
        cr_expect_eq(load("credentials: [{address: any, password: \"000000\"}]\n", modes[i],
                          &faults, &credentials),
                     BRIDGE_ECONFIG, "%o", (unsigned)modes[i]);
        cr_expect(faults_mention(&faults, "chmod 600"));
        faults_done(&faults);
    }
}

Test(credential, faults_quote_no_password) {
    static const char *const texts[] = {
        "credentials: [{address: any, password: \"7777771\"}]\n",
        "credentials: [{address: any, password: 777777x}]\n",
        "credentials: [{address: any, password: [777777]}]\n",
        "credentials: [{address: any, password: \"777777\", operator: \"7777770\"}]\n",
        "credentials: [{address: 1, password: \"777777\"}, "
        "{address: \"01\", password: \"777777\"}]\n",
        "credentials: [{password: \"777777\"}]\n",
        "credentials: [{address: any}]\n",
        "credentials: []\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fault_list faults;
        struct credentials *credentials = NULL;
        cr_expect_eq(load(texts[i], 0600, &faults, &credentials), BRIDGE_ECONFIG, "%s",
                     texts[i]);
        cr_expect_gt(faults.count, 0, "%s", texts[i]);
        cr_expect_not(faults_mention(&faults, "77777"), "%s", texts[i]);
        faults_done(&faults);
    }
}

static const struct credential first = {.level = 2, .password = {1, 2, 3}};
static const struct credential second = {.level = 2, .password = {4, 5, 6}};

Test(credential, a_refused_password_is_not_sent_again) {
    struct lockout lockout = {0};
    cr_expect_null(lockout_forbids(&lockout, &first));
    lockout_send(&lockout, &first);
    lockout_refuse(&lockout);
    cr_expect_not_null(lockout_forbids(&lockout, &first));
    struct credential renamed = first;
    renamed.who[0] = 9;
    cr_expect_not_null(lockout_forbids(&lockout, &renamed), "another operator, no other word");
    cr_expect_null(lockout_forbids(&lockout, &second));
    lockout_send(&lockout, &second);
    lockout_refuse(&lockout);
    cr_expect_not_null(lockout_forbids(&lockout, &first), "two in a row are the end");
    cr_expect_not_null(lockout_forbids(&lockout, &second));
}

Test(credential, what_was_accepted_clears_the_record) {
    struct lockout lockout = {0};
    for (int i = 0; i < 100; i++) {
        cr_expect_null(lockout_forbids(&lockout, &first));
        lockout_send(&lockout, &first);
        lockout_accept(&lockout);
    }
    lockout_send(&lockout, &first);
    lockout_send(&lockout, &first);
    cr_expect_not_null(lockout_forbids(&lockout, &first), "nobody answered twice");
}

Test(credential, records_of_one_meter_are_merged_to_the_worse) {
    struct lockout kept = {0};
    struct lockout seen = {0};
    lockout_send(&seen, &first);
    lockout_refuse(&seen);
    lockout_merge(&kept, &seen);
    cr_expect_not_null(lockout_forbids(&kept, &first));
    const struct lockout none = {0};
    lockout_merge(&kept, &none);
    cr_expect_not_null(lockout_forbids(&kept, &first));
}
