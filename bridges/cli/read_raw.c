/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridges/cli/read.h"
#include "bridges/cli/tell.h"
#include "bridges/modbus/mbrtu_explain.h"
#include "bridges/modbus/mbrtu_frame.h"

enum { RAW_TIMEOUT_MS = 1000, RAW_PAUSE_US = 20000, REPLY_HEAD = 3, UNIT_MAX = 255 };
enum { VALUE_TEXT_MAX = 32 };

/* In exchange.notes: what its answer looks like. */
struct ask {
    uint8_t unit;
    uint8_t function;
    uint8_t bytes;
};
_Static_assert(sizeof(struct ask) <= BRIDGE_NOTES_MAX, "ask");

enum cli_exit read_raw_prepare(struct read_raw *raw, char **arguments) {
    long unit = 0;
    if (strcmp(arguments[0], "modbus") != 0) {
        return tell_usage(arguments[0], "raw reads know modbus, mbus, dlt645 and cjt188; a "
                                        "meter's model needs --model");
    }
    if (!what_number(arguments[1], UNIT_MAX, &unit) || unit == 0) {
        return tell_usage(arguments[1], "a Modbus address to read is a number from 1 to 255");
    }
    const char *fault = what_parse(arguments[2], &raw->what);
    if (fault) {
        return tell_usage(arguments[2], fault);
    }
    raw->unit = (uint8_t)unit;
    return CLI_OK;
}

/* Same unit, same function, as many bytes as asked for; or an exception to this function. */
static bool match(const struct exchange *exchange, const uint8_t *frame, size_t len) {
    struct ask ask;
    memcpy(&ask, exchange->notes.bytes, sizeof ask);
    if (len < MBRTU_EXCEPTION_BYTES || frame[0] != ask.unit) {
        return false;
    }
    if (frame[1] == (ask.function | MBRTU_EXCEPTION_BIT)) {
        return len == MBRTU_EXCEPTION_BYTES;
    }
    return frame[1] == ask.function && frame[2] == ask.bytes;
}

static struct exchange exchange_of(const struct read_raw *raw, int64_t timeout_ms) {
    const struct what *what = &raw->what;
    const struct ask ask = {raw->unit, what->function, (uint8_t)what_bytes(what)};
    struct exchange exchange = {
        .request = {raw->unit, what->function, (uint8_t)(what->start >> 8),
                    (uint8_t)(what->start & 0xff), (uint8_t)(what->count >> 8),
                    (uint8_t)(what->count & 0xff)},
        .reply_max = REPLY_HEAD + what_bytes(what) + MBRTU_CRC_BYTES,
        .timeout_us = (timeout_ms ? timeout_ms : RAW_TIMEOUT_MS) * 1000,
        .pause_us = RAW_PAUSE_US,
        .address = {.len = 1, .bytes = {raw->unit}},
        .match = match};
    exchange.request_len = mbrtu_seal(exchange.request, 6);
    memcpy(exchange.notes.bytes, &ask, sizeof ask);
    return exchange;
}

static uint16_t register_at(const uint8_t *values, size_t i) {
    return (uint16_t)(values[2 * i] << 8 | values[2 * i + 1]);
}

static bool value_at(const struct what *what, const uint8_t *values, size_t i, char *text) {
    uint16_t registers[MBRTU_VALUE_WORDS_MAX] = {0};
    for (size_t word = 0; word < what->words; word++) {
        registers[word] = register_at(values, i + word);
    }
    return what_format(what, registers, text, VALUE_TEXT_MAX);
}

static unsigned bit_at(const uint8_t *values, size_t i) {
    return (unsigned)values[i / 8] >> i % 8 & 1U;
}

static void print_text(const struct what *what, const uint8_t *values) {
    for (size_t i = 0; i < what->count; i += what->words) {
        char text[VALUE_TEXT_MAX];
        const unsigned at = what->start + (unsigned)i;
        if (what->is_bits) {
            (void)snprintf(text, sizeof text, "%u", bit_at(values, i));
        } else if (!what->is_typed) {
            (void)snprintf(text, sizeof text, "%u (0x%04x)", register_at(values, i),
                           register_at(values, i));
        } else if (!value_at(what, values, i, text)) {
            (void)snprintf(text, sizeof text, "no number of this type");
        }
        (void)printf("%s %u (0x%04x): %s\n", what->table, at, at, text);
    }
}

static json_t *values_of(const struct what *what, const uint8_t *values) {
    json_t *list = json_array();
    for (size_t i = 0; i < what->count; i += what->words) {
        char text[VALUE_TEXT_MAX];
        const bool good = value_at(what, values, i, text);
        (void)json_array_append_new(list, good ? json_string(text) : json_null());
    }
    return list;
}

static void print_json(const struct read_raw *raw, const struct session *session,
                       const uint8_t *values) {
    const struct what *what = &raw->what;
    json_t *object =
        json_pack("{sbsssisisisi}", "ok", 1, "protocol", "modbus", "unit", raw->unit,
                  "function", what->function, "address", what->start, "count", what->count);
    json_t *list = json_array();
    for (size_t i = 0; i < what->count; i++) {
        (void)json_array_append_new(
            list, json_integer(what->is_bits ? bit_at(values, i) : register_at(values, i)));
    }
    (void)json_object_set_new(object, what->is_bits ? "bits" : "registers", list);
    if (what->is_typed) {
        (void)json_object_set_new(object, "values", values_of(what, values));
    }
    tell_ms(object, "rtt_ms", session->trace.heard_us - session->trace.sent_us);
    tell_json(object);
}

enum cli_exit read_raw_once(const struct read_raw *raw, struct session *session) {
    const struct exchange exchange = exchange_of(raw, session->options->timeout_ms);
    uint8_t frame[BRIDGE_FRAME_MAX];
    size_t len = 0;
    const enum bridge_status status =
        session_run(session, bridge_named("modbus"), &exchange, frame, &len);
    if (status != BRIDGE_OK) {
        return tell_failure(session->options, session_exit(status), session->fault);
    }
    if (frame[1] & MBRTU_EXCEPTION_BIT) {
        char text[SESSION_FAULT_MAX];
        (void)snprintf(text, sizeof text, "the device refused: exception %u (%s)", frame[2],
                       mbrtu_exception_name(frame[2]));
        return tell_failure(session->options, CLI_REFUSED, text);
    }
    if (session->options->json) {
        print_json(raw, session, frame + REPLY_HEAD);
    } else {
        print_text(&raw->what, frame + REPLY_HEAD);
    }
    return CLI_OK;
}
