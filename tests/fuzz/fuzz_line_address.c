/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and settings of lines: text of any kind. What is accepted is within its limits and
 * comes back from its own text.
 */
#include <string.h>

#include "bridges/line.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 300 };

static void check_settings(const struct line_settings *settings) {
    char text[LINE_SETTINGS_TEXT_MAX];
    struct line_settings again;
    FUZZ_CHECK(settings->data_bits == 7 || settings->data_bits == 8);
    FUZZ_CHECK(settings->stop_bits == 1 || settings->stop_bits == 2);
    FUZZ_CHECK(strchr("NEO", settings->parity) && settings->parity);
    FUZZ_CHECK(line_chars_us(settings, 1) > 0 && line_silence_us(settings) > 0);
    line_settings_format(settings, text);
    FUZZ_CHECK(line_settings_parse(text, &again) == BRIDGE_OK);
    FUZZ_CHECK(line_settings_equal(settings, &again));
}

static void check_address(const struct line_address *address) {
    char text[LINE_PATH_MAX + LINE_SETTINGS_TEXT_MAX + 1];
    char settings[LINE_SETTINGS_TEXT_MAX];
    struct line_address again;
    FUZZ_CHECK(address->path[0] && strnlen(address->path, LINE_PATH_MAX) < LINE_PATH_MAX);
    if (!address->has_settings) {
        return;
    }
    check_settings(&address->settings);
    line_settings_format(&address->settings, settings);
    (void)snprintf(text, sizeof text, "%s:%s", address->path, settings);
    FUZZ_CHECK(line_address_parse(text, &again) == BRIDGE_OK);
    FUZZ_CHECK(strcmp(again.path, address->path) == 0 && again.has_settings);
    FUZZ_CHECK(line_settings_equal(&again.settings, &address->settings));
}

void fuzz_one(const uint8_t *data, size_t size) {
    char text[TEXT_MAX + 1];
    struct line_settings settings;
    struct line_address address;
    const size_t len = size < TEXT_MAX ? size : TEXT_MAX;
    if (len > 0) {
        memcpy(text, data, len);
    }
    text[len] = '\0';
    if (line_settings_parse(text, &settings) == BRIDGE_OK) {
        check_settings(&settings);
    }
    if (line_address_parse(text, &address) == BRIDGE_OK) {
        check_address(&address);
    }
}
