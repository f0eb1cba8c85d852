/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_TRANSPORT(name) extern const struct line_transport name##_transport;
#include "bridges/lines.def"
#undef LINE_TRANSPORT

static const uint32_t bauds[] = {300,   600,   1200,  2400,   4800,   9600,
                                 19200, 38400, 57600, 115200, 230400, 460800};

static bool is_baud(uint64_t baud) {
    for (size_t i = 0; i < sizeof bauds / sizeof *bauds; i++) {
        if (bauds[i] == baud) {
            return true;
        }
    }
    return false;
}

static bool parse_framing(const char *text, struct line_settings *out) {
    if (strlen(text) != 3 || !strchr("78", text[0]) || !strchr("NEO", text[1]) ||
        !strchr("12", text[2])) {
        return false;
    }
    out->data_bits = (uint8_t)(text[0] - '0');
    out->parity = text[1];
    out->stop_bits = (uint8_t)(text[2] - '0');
    return true;
}

enum bridge_status line_settings_parse(const char *text, struct line_settings *out) {
    struct line_settings parsed = {.data_bits = 8, .parity = 'N', .stop_bits = 1};
    char *end = NULL;
    const unsigned long long baud = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || !is_baud(baud)) {
        return BRIDGE_EINVALID;
    }
    parsed.baud = (uint32_t)baud;
    if (*end == ':' || *end == ' ') {
        end++;
        if (!parse_framing(end, &parsed)) {
            return BRIDGE_EINVALID;
        }
    } else if (*end != '\0') {
        return BRIDGE_EINVALID;
    }
    *out = parsed;
    return BRIDGE_OK;
}

bool line_settings_equal(const struct line_settings *a, const struct line_settings *b) {
    return a->baud == b->baud && a->data_bits == b->data_bits && a->parity == b->parity &&
           a->stop_bits == b->stop_bits;
}

void line_settings_format(const struct line_settings *settings, char *text) {
    (void)snprintf(text, LINE_SETTINGS_TEXT_MAX, "%u:%u%c%u", settings->baud,
                   settings->data_bits, settings->parity, settings->stop_bits);
}

/* What stands before any setting: the colons of a USB identity or of a host and port are no
 * sign of one, and what is between them may look like a baud rate. */
static const char *skip_identity(const char *text) {
    static const struct {
        const char *prefix;
        int colons;
    } forms[] = {{"usb:", 3}, {"tcp:", 2}, {"modbus-tcp:", 2}};
    const char *at = text;
    int colons = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        colons = strncmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0 ? forms[i].colons
                                                                              : colons;
    }
    for (; colons > 0; colons--) {
        const char *colon = strchr(at, ':');
        if (!colon) {
            return at + strlen(at);
        }
        at = colon + 1;
    }
    return at;
}

static bool is_number(const char *text, size_t len) {
    return len > 0 && strspn(text, "0123456789") == len;
}

/*
 * Where the settings start, read from the end since a path may hold colons of its own; NULL
 * when there are none. *odd: the end looks like a setting that is none, and must not pass for
 * a part of the path.
 */
static const char *settings_start(const char *text, bool *odd) {
    const char *from = skip_identity(text);
    const char *last = strrchr(from, ':');
    if (!last) {
        return NULL;
    }
    if (!last[1] || is_number(last + 1, strlen(last + 1))) {
        return last;
    }
    const char *before = last;
    while (before > from && before[-1] != ':') {
        before--;
    }
    struct line_settings framing;
    const bool has_framing = parse_framing(last + 1, &framing);
    const bool has_baud =
        is_number(before, (size_t)(last - before)) && is_baud(strtoull(before, NULL, 10));
    *odd = has_framing != has_baud;
    return has_framing && has_baud && before > text ? before - 1 : NULL;
}

enum bridge_status line_address_parse(const char *text, struct line_address *out) {
    struct line_address parsed = {0};
    bool odd = false;
    const char *settings = settings_start(text, &odd);
    const size_t len = settings ? (size_t)(settings - text) : strlen(text);
    if (odd || len == 0 || len >= sizeof parsed.path) {
        return BRIDGE_EINVALID;
    }
    memcpy(parsed.path, text, len);
    parsed.has_settings = settings != NULL;
    if (settings && line_settings_parse(settings + 1, &parsed.settings) != BRIDGE_OK) {
        return BRIDGE_EINVALID;
    }
    *out = parsed;
    return BRIDGE_OK;
}

int64_t line_chars_us(const struct line_settings *settings, size_t n) {
    const int64_t bits =
        1 + settings->data_bits + (settings->parity != 'N') + settings->stop_bits;
    return ((int64_t)n * bits * 1000000 + settings->baud - 1) / settings->baud;
}

int64_t line_silence_us(const struct line_settings *settings) {
    return settings->baud > 19200 ? 1750 : line_chars_us(settings, 7) / 2 + 1;
}

void line_close(struct line *line) {
    if (line) {
        line->ops->close(line);
    }
}

enum bridge_status line_open(const char *path, const struct line_options *options,
                             const struct clock *clock, struct line **out, char *error) {
    static const struct line_transport *const transports[] = {
#define LINE_TRANSPORT(name) &name##_transport,
#include "bridges/lines.def"
#undef LINE_TRANSPORT
    };
    static const struct line_options defaults = {.rs485 = LINE_RS485_ADAPTER};
    size_t i = 0;
    while (strncmp(path, transports[i]->prefix, strlen(transports[i]->prefix)) != 0) {
        i++; /* the last prefix is empty */
    }
    return transports[i]->open(path, options ? options : &defaults, clock, out, error);
}
