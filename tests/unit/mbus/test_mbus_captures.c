/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What real meters sent: tests/captures/mbus/NAME.txt.
 *
 * Lines "Name:" and "Source:", "Frame:" in hex, then all it says:
 *
 *   Header: id manufacturer version medium access_no status signature
 *   dib_vib function storage tariff subunit quantity [unit] value        '!' = no valid value
 *   Maker: hex          manufacturer data; "More:" when another telegram follows
 *
 * The values are those of the sources, not of this decoder. Each frame must also come out of
 * what it says byte by byte.
 */
#include <dirent.h>

#include "tests/unit/mbus/reencode.h"
#include "tests/unit/mbus/telegram.h"

enum { PATH_BYTES = 600, LINE_BYTES = 2000, FIELD_BYTES = 600 };

struct capture {
    char name[PATH_BYTES];
    struct bytes bytes;
    struct mbus_frame frame;
    struct mbus_header header;
    struct mbus_records records;
    unsigned lines; /* that were checked */
};

static void take_frame(struct capture *capture, const char *hex) {
    capture->bytes = bytes_of(hex);
    size_t n = 0;
    cr_assert_eq(mbus_frame(capture->bytes.data, capture->bytes.len, FRAME_REPLY, &n),
                 BRIDGE_OK, "%s", capture->name);
    cr_assert_eq(n, capture->bytes.len, "%s", capture->name);
    cr_assert_eq(mbus_frame_read(capture->bytes.data, n, &capture->frame), BRIDGE_OK);
    cr_assert_eq(mbus_header_read(capture->frame.ci, capture->frame.data, capture->frame.len,
                                  &capture->header),
                 BRIDGE_OK, "%s", capture->name);
    mbus_records_init(&capture->records, &capture->header);
}

static void expect(const struct capture *capture, const char *want, const char *got) {
    cr_expect_str_eq(got, want, "%s:\n  want %s\n  got  %s", capture->name, want, got);
}

static void check_header(const struct capture *capture, const char *want) {
    const struct mbus_header *header = &capture->header;
    char letters[MBUS_MANUFACTURER_LETTERS + 1];
    char got[LINE_BYTES];
    mbus_manufacturer_text(header->manufacturer, letters);
    (void)snprintf(got, sizeof got, "%08x %s %u %u %u %u %04x", header->id, letters,
                   header->version, header->medium, header->access_no, header->status,
                   header->configuration);
    expect(capture, want, got);
}

static void describe(const struct mbus_record *record, char *text, size_t cap) {
    static const char *const functions[] = {"inst", "max", "min", "error"};
    char head[2 * MBUS_HEAD_MAX + 1];
    char unit[MBUS_UNIT_TEXT_MAX];
    char value[MBUS_VALUE_TEXT_MAX];
    hex_of(record->head, (size_t)record->dib_len + record->vib_len, head);
    mbus_unit_text(record, unit);
    const bool has_value = mbus_value_text(record, value);
    (void)snprintf(text, cap, "%s %s %llu %u %u %s [%s] %s", head, functions[record->function],
                   (unsigned long long)record->storage, record->tariff, record->subunit,
                   mbus_quantity_name(record->vib.quantity), unit, has_value ? value : "!");
}

static void describe_special(const struct mbus_record *record, char *text, size_t cap) {
    char hex[FIELD_BYTES];
    hex_of(record->data, record->data_len, hex);
    (void)snprintf(text, cap, "%s:%s%s",
                   record->special == MBUS_MORE_FOLLOWS ? "More" : "Maker", hex[0] ? " " : "",
                   hex);
}

static void check_record(struct capture *capture, const char *want) {
    struct mbus_record record;
    char got[LINE_BYTES];
    cr_assert_eq(mbus_record_next(&capture->records, &record), BRIDGE_OK, "%s: want %s",
                 capture->name, want);
    if (record.special == MBUS_RECORD) {
        describe(&record, got, sizeof got);
    } else {
        describe_special(&record, got, sizeof got);
    }
    expect(capture, want, got);
}

static void take_line(struct capture *capture, char *line) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#' || strncmp(line, "Name: ", 6) == 0 ||
        strncmp(line, "Source: ", 8) == 0) {
        return;
    }
    if (strncmp(line, "Frame: ", 7) == 0) {
        take_frame(capture, line + 7);
        return;
    }
    cr_assert_not_null(capture->bytes.data, "%s: no frame before %s", capture->name, line);
    capture->lines++;
    if (strncmp(line, "Header: ", 8) == 0) {
        check_header(capture, line + 8);
    } else {
        check_record(capture, line);
    }
}

static void check_capture(const char *folder, const char *name) {
    struct capture capture = {.lines = 0};
    struct mbus_record record;
    struct copied copied = {0};
    char line[LINE_BYTES];
    (void)snprintf(capture.name, sizeof capture.name, "%s/%s", folder, name);
    FILE *file = fopen(capture.name, "re");
    cr_assert_not_null(file, "%s", capture.name);
    while (fgets(line, sizeof line, file)) {
        take_line(&capture, line);
    }
    (void)fclose(file);
    cr_expect_gt(capture.lines, 2, "%s says nothing", capture.name);
    cr_expect_eq(mbus_record_next(&capture.records, &record), BRIDGE_DONE,
                 "%s: the frame holds more", capture.name);
    cr_expect(reencodes(capture.bytes.data, capture.bytes.len, &copied),
              "%s: other bytes come out", capture.name);
    bytes_free(&capture.bytes);
}

Test(mbus_captures, say_what_their_sources_say) {
    const char *source = getenv("METERGATE_SOURCE");
    char folder[PATH_BYTES / 2];
    cr_assert_not_null(source, "METERGATE_SOURCE is not set");
    (void)snprintf(folder, sizeof folder, "%s/tests/captures/mbus", source);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (strstr(entry->d_name, ".txt")) {
            check_capture(folder, entry->d_name);
            count++;
        }
    }
    (void)closedir(dir);
    cr_expect_geq(count, 10, "only %u captures in %s", count, folder);
}
