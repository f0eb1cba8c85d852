/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every item of the corpus of real telegrams: refused or read as it says, built again byte by
 * byte, streams taken apart. Skipped, saying so, where METERGATE_CORPUS is not set.
 */
#include <dirent.h>
#include <jansson.h>

#include "tests/unit/mbus/reencode.h"
#include "tests/unit/mbus/telegram.h"

enum { PATH_BYTES = 600 };

/* What is done with one item. */
typedef void check(const char *name, const char *kind, const json_t *item);

static const char *corpus(void) {
    const char *folder = getenv("METERGATE_CORPUS");
    if (!folder) {
        cr_skip_test("METERGATE_CORPUS is not set: the corpus is not checked");
    }
    return folder;
}

static unsigned each_item(const char *folder, check *one) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/mbus/json", folder);
    DIR *dir = opendir(path);
    cr_assert_not_null(dir, "%s", path);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".json")) {
            continue;
        }
        json_error_t error;
        (void)snprintf(path, sizeof path, "%s/mbus/json/%s", folder, entry->d_name);
        json_t *item = json_load_file(path, 0, &error);
        cr_assert_not_null(item, "%s: %s", path, error.text);
        one(entry->d_name, json_string_value(json_object_get(item, "kind")), item);
        json_decref(item);
        count++;
    }
    (void)closedir(dir);
    return count;
}

static struct bytes bytes_of_item(const json_t *item) {
    return bytes_of(json_string_value(json_object_get(item, "hex")));
}

static bool is_one_of(const char *kind, const char *kinds) {
    return strstr(kinds, kind) != NULL;
}

/* --- frames ------------------------------------------------------------------------------- */

static void check_link(const char *name, const char *kind, const json_t *item) {
    struct bytes bytes = bytes_of_item(item);
    size_t n = 0;
    const bool is_good =
        mbus_frame_any(bytes.data, bytes.len, &n) == BRIDGE_OK && n == bytes.len;
    if (strcmp(kind, "stream") != 0 && strcmp(kind, "record") != 0) {
        cr_expect_eq(is_good, strcmp(kind, "reject_link") != 0, "%s", name);
    }
    bytes_free(&bytes);
}

Test(mbus_corpus, link_layer_takes_the_good_ones) {
    cr_expect_gt(each_item(corpus(), check_link), 80);
}

static void check_stream(const char *name, const char *kind, const json_t *item) {
    if (strcmp(kind, "stream") != 0) {
        return;
    }
    const json_t *frames = json_object_get(item, "frames");
    struct bytes bytes = bytes_of_item(item);
    size_t found = 0;
    for (size_t at = 0; at < bytes.len;) {
        size_t n = 0;
        char hex[2 * MBUS_FRAME_MAX + 1];
        if (mbus_frame_any(bytes.data + at, bytes.len - at, &n) != BRIDGE_OK) {
            at++;
            continue;
        }
        const char *want = json_string_value(json_array_get(frames, found++));
        cr_expect_str_eq(hex_of(bytes.data + at, n, hex), want ? want : "nothing", "%s", name);
        at += n;
    }
    cr_expect_eq(found, json_array_size(frames), "%s: %zu frames", name, found);
    bytes_free(&bytes);
}

Test(mbus_corpus, streams_are_taken_apart) {
    cr_expect_gt(each_item(corpus(), check_stream), 80);
}

/* --- application layer -------------------------------------------------------------------- */

/* Reads a frame to its end. */
static enum mbus_fault read_all(const struct bytes *bytes, struct mbus_header *header) {
    struct mbus_frame frame;
    struct mbus_records records;
    struct mbus_record record;
    cr_assert_eq(mbus_frame_read(bytes->data, bytes->len, &frame), BRIDGE_OK);
    if (mbus_header_read(frame.ci, frame.data, frame.len, header) != BRIDGE_OK) {
        return MBUS_FAULT_SHORT_HEADER;
    }
    mbus_records_init(&records, header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK) {
    }
    return records.fault;
}

static void check_content(const char *name, const char *kind, const json_t *item) {
    static const struct {
        const char *kind;
        enum mbus_content content;
    } contents[] = {
        {"variable", MBUS_VARIABLE}, {"fixed", MBUS_FIXED}, {"app_error", MBUS_APP_ERROR}};
    if (!is_one_of(kind, "variable fixed app_error reject_app")) {
        return;
    }
    struct mbus_header header;
    struct bytes bytes = bytes_of_item(item);
    const enum mbus_fault fault = read_all(&bytes, &header);
    cr_expect_eq(fault == MBUS_FAULT_NONE, strcmp(kind, "reject_app") != 0, "%s: %s", name,
                 mbus_fault_text(fault));
    for (size_t i = 0; i < ROWS(contents); i++) {
        if (strcmp(kind, contents[i].kind) == 0) {
            cr_expect_eq(header.content, contents[i].content, "%s", name);
        }
    }
    bytes_free(&bytes);
}

Test(mbus_corpus, application_layer_takes_the_good_ones) {
    cr_expect_gt(each_item(corpus(), check_content), 80);
}

/* --- records without a frame -------------------------------------------------------------- */

static void check_single(const char *name, const char *kind, const json_t *item) {
    if (strcmp(kind, "record") != 0) {
        return;
    }
    const json_t *want =
        json_array_get(json_object_get(json_object_get(item, "derived"), "records"), 0);
    struct telegram telegram;
    struct mbus_record record;
    char text[MBUS_VALUE_TEXT_MAX];
    telegram_open(&telegram, 0x78, json_string_value(json_object_get(item, "hex")));
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s", name);
    cr_assert(mbus_value_text(&record, text));
    cr_expect_str_eq(text, json_string_value(json_object_get(want, "value")), "%s", name);
    cr_expect_str_eq(record.vib.unit, json_string_value(json_object_get(want, "unit")), "%s",
                     name);
    telegram_close(&telegram);
}

Test(mbus_corpus, single_records) {
    cr_expect_gt(each_item(corpus(), check_single), 80);
}

/* --- the way back ------------------------------------------------------------------------- */

static struct copied copied; /* of the test below: the items come one by one */

static void check_way_back(const char *name, const char *kind, const json_t *item) {
    if (is_one_of(kind, "reject_link reject_app stream record")) {
        return;
    }
    struct bytes bytes = bytes_of_item(item);
    cr_expect(reencodes(bytes.data, bytes.len, &copied), "%s: other bytes come out", name);
    bytes_free(&bytes);
}

/*
 * Every good telegram comes out of what it says. Values that were copied instead are listed
 * here: texts, which stay bytes until they are printed, and the two error displays of a
 * Hydrometer, whose BCD is no number.
 */
Test(mbus_corpus, every_good_telegram_is_built_again) {
    copied = (struct copied){0};
    cr_expect_gt(each_item(corpus(), check_way_back), 80);
    cr_expect_gt(copied.records, 1000, "%u", copied.records);
    cr_expect_leq(copied.texts, 40, "%u", copied.texts);
    cr_expect_eq(copied.bad_bcd, 2, "%u", copied.bad_bcd);
    cr_expect_eq(copied.arrays, 0, "%u", copied.arrays);
}
