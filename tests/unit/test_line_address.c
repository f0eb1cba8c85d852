/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "bridges/line.h"

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

static const struct line_settings no_settings = {0};

struct good_row {
    const char *text;
    const char *path;
    bool has_settings;
    struct line_settings settings;
};

Test(line_address, is_a_path_with_an_optional_baud_rate_and_framing) {
    static const struct good_row rows[] = {
        {"/dev/ttyUSB0", "/dev/ttyUSB0", false, {0}},
        {"/dev/ttyUSB0:9600", "/dev/ttyUSB0", true, {9600, 8, 'N', 1}},
        {"/dev/ttyUSB0:9600:8N1", "/dev/ttyUSB0", true, {9600, 8, 'N', 1}},
        {"/dev/ttyUSB0:2400:8E1", "/dev/ttyUSB0", true, {2400, 8, 'E', 1}},
        {"/dev/ttyS1:19200:8O1", "/dev/ttyS1", true, {19200, 8, 'O', 1}},
        {"/dev/ttyS1:300:7E2", "/dev/ttyS1", true, {300, 7, 'E', 2}},
        {"/dev/ttyS1:115200:8N2", "/dev/ttyS1", true, {115200, 8, 'N', 2}},
        {"/dev/pts/7", "/dev/pts/7", false, {0}},
        {"bus", "bus", false, {0}},
        /* a path may hold colons of its own */
        {"/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
         "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
         false,
         {0}},
        {"/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0:9600",
         "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
         true,
         {9600, 8, 'N', 1}},
        {"/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0:9600:8E1",
         "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
         true,
         {9600, 8, 'E', 1}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct line_address address;
        memset(&address, 0x55, sizeof address);
        cr_expect_eq(line_address_parse(rows[i].text, &address), BRIDGE_OK, "\"%s\"",
                     rows[i].text);
        cr_expect_str_eq(address.path, rows[i].path);
        cr_expect_eq(address.has_settings, rows[i].has_settings, "\"%s\"", rows[i].text);
        cr_expect(line_settings_equal(&address.settings, &rows[i].settings), "\"%s\"",
                  rows[i].text);
    }
}

Test(line_address, refuses_a_path_that_is_missing_or_too_long) {
    struct line_address address;
    static const char *const texts[] = {"", ":9600", ":9600:8N1"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        cr_expect_eq(line_address_parse(texts[i], &address), BRIDGE_EINVALID, "\"%s\"",
                     texts[i]);
    }
    char path[LINE_PATH_MAX + 1];
    memset(path, 'a', sizeof path);
    path[LINE_PATH_MAX] = '\0'; /* with its NUL one byte too many */
    cr_expect_eq(line_address_parse(path, &address), BRIDGE_EINVALID);
    path[LINE_PATH_MAX - 1] = '\0';
    cr_expect_eq(line_address_parse(path, &address), BRIDGE_OK);
    cr_expect_str_eq(address.path, path);
}

Test(line_address, refuses_a_baud_rate_or_framing_that_does_not_exist) {
    static const char *const texts[] = {
        "/dev/ttyUSB0:",          "/dev/ttyUSB0:0",        "/dev/ttyUSB0:9601",
        "/dev/ttyUSB0:960",       "/dev/ttyUSB0:9601:8N1", "/dev/ttyUSB0::8N1",
        "/dev/ttyUSB0:9600:",     "/dev/ttyUSB0:9600:1",   "/dev/ttyUSB0:99999999999999999999",
        "/dev/ttyUSB0:4294976896" /* 2^32 + 9600 */};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct line_address address;
        cr_expect_eq(line_address_parse(texts[i], &address), BRIDGE_EINVALID,
                     "\"%s\" is path "
                     "\"%s\"",
                     texts[i], address.path);
    }
}

/* What follows a baud rate can only be meant as a framing. Taken for a part of the path, the
 * slip of the pen shows as "no such file", or opens another port. */
Test(line_address, does_not_take_a_misspelt_framing_for_a_part_of_the_path) {
    static const char *const texts[] = {"/dev/ttyUSB0:9600:8n1",  "/dev/ttyUSB0:9600:8X1",
                                        "/dev/ttyUSB0:9600:9N1",  "/dev/ttyUSB0:9600:8N3",
                                        "/dev/ttyUSB0:9600:8N15", "/dev/ttyUSB0:9600:8N",
                                        "/dev/ttyUSB0:9600:N81",  "/dev/ttyUSB0:8N1"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct line_address address;
        cr_expect_eq(line_address_parse(texts[i], &address), BRIDGE_EINVALID,
                     "\"%s\" is path "
                     "\"%s\"",
                     texts[i], address.path);
    }
}

Test(line_settings, parse_takes_what_a_model_file_says) {
    static const struct good_row rows[] = {{"9600", "", true, {9600, 8, 'N', 1}},
                                           {"9600:8E1", "", true, {9600, 8, 'E', 1}},
                                           {"9600 8E1", "", true, {9600, 8, 'E', 1}},
                                           {"2400:7O2", "", true, {2400, 7, 'O', 2}},
                                           {"460800:8N1", "", true, {460800, 8, 'N', 1}}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct line_settings settings = no_settings;
        cr_expect_eq(line_settings_parse(rows[i].text, &settings), BRIDGE_OK);
        cr_expect(line_settings_equal(&settings, &rows[i].settings), "\"%s\"", rows[i].text);
    }
}

Test(line_settings, parse_refuses_all_else_and_leaves_the_result_alone) {
    static const char *const texts[] = {
        "",         ":8N1",      "8N1",        "-9600",     "9600:",     "9600 ",
        "9600:8N",  "9600:8N11", "9600:8M1",   "9600:6N1",  "9600:8N0",  "9600:8N3",
        "9600:8n1", "9600::8N1", "9600: 8N1",  "9600  8N1", "9600:8N1 ", "9600:8N1:x",
        "9600,8N1", "9600x",     "0x2580:8N1", "12345:8N1", "1:8N1",     "18446744073709561216",
        "+9600",    " 9600"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct line_settings settings = no_settings;
        cr_expect_eq(line_settings_parse(texts[i], &settings), BRIDGE_EINVALID, "\"%s\"",
                     texts[i]);
        cr_expect(line_settings_equal(&settings, &no_settings), "\"%s\" wrote a result",
                  texts[i]);
    }
}

Test(line_settings, are_equal_only_in_every_part) {
    static const struct line_settings base = {9600, 8, 'N', 1};
    static const struct line_settings others[] = {
        {2400, 8, 'N', 1}, {9600, 7, 'N', 1}, {9600, 8, 'E', 1}, {9600, 8, 'N', 2}};
    cr_expect(line_settings_equal(&base, &base));
    for (size_t i = 0; i < ROWS(others); i++) {
        cr_expect_not(line_settings_equal(&base, &others[i]), "row %zu", i);
    }
}

Test(line_settings, format_gives_what_parse_takes) {
    static const struct {
        struct line_settings settings;
        const char *text;
    } rows[] = {{{9600, 8, 'N', 1}, "9600:8N1"}, {{460800, 7, 'O', 2}, "460800:7O2"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[LINE_SETTINGS_TEXT_MAX];
        line_settings_format(&rows[i].settings, text);
        cr_expect_str_eq(text, rows[i].text);
    }
}

/* 8N1 has 10 bits a character, 8E1 and 8N2 11, 8E2 12, 7N1 9. */
Test(line_settings, characters_take_their_bits_rounded_up) {
    static const struct {
        struct line_settings settings;
        size_t n;
        int64_t us;
    } rows[] = {
        {{9600, 8, 'N', 1}, 0, 0},        {{9600, 8, 'N', 1}, 1, 1042}, /* 1041.67 */
        {{9600, 8, 'N', 1}, 8, 8334},                                   /* 8333.33 */
        {{9600, 8, 'N', 1}, 15, 15625},                                 /* exactly */
        {{9600, 8, 'N', 1}, 256, 266667},                               /* 266666.67 */
        {{9600, 8, 'E', 1}, 1, 1146},                                   /* 1145.83 */
        {{9600, 8, 'E', 1}, 8, 9167},                                   /* 9166.67 */
        {{2400, 8, 'N', 1}, 1, 4167},                                   /* 4166.67 */
        {{2400, 8, 'N', 1}, 8, 33334},                                  /* 33333.33 */
        {{2400, 8, 'E', 1}, 1, 4584},                                   /* 4583.33 */
        {{2400, 8, 'E', 1}, 8, 36667},                                  /* 36666.67 */
        {{2400, 8, 'E', 2}, 1, 5000},     {{2400, 7, 'N', 1}, 1, 3750},
        {{9600, 8, 'N', 2}, 1, 1146},     {{300, 8, 'E', 2}, 300, 12000000},
        {{115200, 8, 'N', 1}, 1, 87}, /* 86.8 */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const int64_t us = line_chars_us(&rows[i].settings, rows[i].n);
        cr_expect_eq(us, rows[i].us, "row %zu gives %lld", i, (long long)us);
    }
}

/* 3.5 characters, above 19200 baud 1750 us (V1.02, 2.5.1.1); never less, at most 3 us more */
Test(line_settings, silence_is_three_and_a_half_characters) {
    static const struct {
        struct line_settings settings;
        int64_t least_us;
    } rows[] = {
        {{9600, 8, 'N', 1}, 3646},  /* 3645.83 */
        {{9600, 8, 'E', 1}, 4011},  /* 4010.42 */
        {{2400, 8, 'N', 1}, 14584}, /* 14583.33 */
        {{2400, 8, 'E', 1}, 16042}, /* 16041.67 */
        {{19200, 8, 'E', 1}, 2006}, /* 2005.2 */
        {{38400, 8, 'N', 1}, 1750}, {{115200, 8, 'E', 1}, 1750},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const int64_t us = line_silence_us(&rows[i].settings);
        cr_expect(us >= rows[i].least_us && us <= rows[i].least_us + 3, "row %zu gives %lld", i,
                  (long long)us);
    }
}
