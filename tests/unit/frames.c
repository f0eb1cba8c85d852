/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/frames.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 600, LINE_BYTES = 2000, HEADS = 6 };

void frames_add(struct frames_values *values, const char *name, const char *text) {
    cr_assert_lt(values->count, FRAMES_VALUES_MAX);
    struct frames_value *value = &values->items[values->count++];
    (void)snprintf(value->name, sizeof value->name, "%s", name);
    (void)snprintf(value->text, sizeof value->text, "%s", text);
}

uint8_t *frames_bytes(const char *hex, size_t *len) {
    uint8_t bytes[LINE_BYTES / 2];
    *len = 0;
    for (const char *at = hex; *at; at++) {
        if (*at == ' ') {
            continue;
        }
        const char digits[] = {at[0], at[1], '\0'};
        char *end;
        bytes[(*len)++] = (uint8_t)strtoul(digits, &end, 16);
        cr_assert_eq(*end, '\0', "no hex at '%s'", at);
        at++;
    }
    uint8_t *exact = malloc(*len ? *len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes, *len);
    return exact;
}

/* --- captures ---------------------------------------------------------------------------- */

struct reader {
    const char *name; /* of the file */
    frames_decode *decode;
    size_t heads;
    size_t frames;
    size_t checked; /* of the values of the frame before */
    struct frames_values values;
};

/* Every value of the frame before has been named. */
static void finish(const struct reader *reader) {
    cr_expect_eq(reader->checked, reader->values.count, "%s, frame %zu: %zu values, %zu named",
                 reader->name, reader->frames, reader->values.count, reader->checked);
}

static void begin_frame(struct reader *reader, const char *hex) {
    size_t len;
    finish(reader);
    uint8_t *bytes = frames_bytes(hex, &len);
    reader->frames++;
    reader->checked = 0;
    reader->values.count = 0;
    cr_expect(reader->decode(bytes, len, &reader->values), "%s: %s is refused", reader->name,
              hex);
    free(bytes);
}

static void check_value(struct reader *reader, const char *name, const char *text) {
    for (size_t i = 0; i < reader->values.count; i++) {
        if (strcmp(reader->values.items[i].name, name) == 0) {
            cr_expect_str_eq(reader->values.items[i].text, text, "%s: %s", reader->name, name);
            reader->checked++;
            return;
        }
    }
    cr_expect_fail("%s, frame %zu: no value %s", reader->name, reader->frames, name);
}

static void take_line(struct reader *reader, char *line) {
    char *equals = strchr(line, '=');
    char *colon = strchr(line, ':');
    if (line[0] == '#' || line[0] == '\0') {
        return;
    }
    if (equals && (!colon || equals < colon)) {
        *equals = '\0';
        check_value(reader, line, equals + 1);
        return;
    }
    cr_assert_not_null(colon, "%s: '%s'", reader->name, line);
    if (strncmp(line, "Request:", 8) == 0 || strncmp(line, "Reply:", 6) == 0) {
        begin_frame(reader, colon + 1);
    } else {
        reader->heads++;
    }
}

static void check_capture(const char *path, const char *name, frames_decode *decode) {
    struct reader reader = {.name = name, .decode = decode};
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        take_line(&reader, line);
    }
    (void)fclose(file);
    finish(&reader);
    cr_expect_eq(reader.heads, HEADS, "%s: %zu lines of the head", name, reader.heads);
    cr_expect_gt(reader.frames, 0, "%s: no frame", name);
}

void frames_check_captures(const char *protocol, frames_decode *decode) {
    char folder[PATH_BYTES];
    char path[2 * PATH_BYTES];
    const char *source = getenv("METERGATE_SOURCE");
    cr_assert_not_null(source, "METERGATE_SOURCE is not set");
    (void)snprintf(folder, sizeof folder, "%s/tests/captures/%s", source, protocol);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    size_t captures = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            check_capture(path, entry->d_name, decode);
            captures++;
        }
    }
    (void)closedir(dir);
    cr_expect_gt(captures, 0, "%s holds no capture", folder);
}

/* --- corpus ------------------------------------------------------------------------------ */

/* The nth column of a line of tabs; "" when there is none. */
static void column(const char *line, int n, char *text, size_t size) {
    for (; n > 0 && line; n--) {
        line = strchr(line, '\t');
        line = line ? line + 1 : NULL;
    }
    const size_t len = line ? strcspn(line, "\t\n") : 0;
    (void)snprintf(text, size, "%.*s", (int)len, line ? line : "");
}

static int column_named(const char *head, const char *name) {
    char text[LINE_BYTES];
    for (int i = 0; i < 20; i++) {
        column(head, i, text, sizeof text);
        if (strcmp(text, name) == 0) {
            return i;
        }
    }
    cr_assert_fail("no column %s", name);
    return -1;
}

size_t frames_check_corpus(const char *protocol, frames_decode *decode) {
    const char *corpus = getenv("METERGATE_CORPUS");
    if (!corpus) {
        cr_skip_test("METERGATE_CORPUS is not set: the corpus is not checked");
    }
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    char hex[LINE_BYTES];
    char sum[LINE_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s/frames.tsv", corpus, protocol);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s cannot be opened", path);
    cr_assert_not_null(fgets(line, sizeof line, file));
    const int hex_at = column_named(line, "hex");
    const int sum_at = column_named(line, "checksum_ok");
    size_t count = 0;
    for (; fgets(line, sizeof line, file); count++) {
        struct frames_values values = {0};
        size_t len;
        column(line, hex_at, hex, sizeof hex);
        column(line, sum_at, sum, sizeof sum);
        uint8_t *bytes = frames_bytes(hex, &len);
        cr_expect_eq(decode(bytes, len, &values), strcmp(sum, "True") == 0, "%s", hex);
        free(bytes);
    }
    (void)fclose(file);
    return count;
}
