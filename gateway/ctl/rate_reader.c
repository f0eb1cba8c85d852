/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/rate_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/date.h"
#include "gateway/core/money.h"

/* --- where ------------------------------------------------------------------------------- */

size_t reader_enter(struct rate_reader *reader, const char *key) {
    const size_t mark = strlen(reader->path);
    (void)snprintf(reader->path + mark, sizeof reader->path - mark, "%s%.40s",
                   mark > 0 ? "." : "", key);
    return mark;
}

size_t reader_enter_at(struct rate_reader *reader, size_t index) {
    const size_t mark = strlen(reader->path);
    (void)snprintf(reader->path + mark, sizeof reader->path - mark, "[%zu]", index);
    return mark;
}

void reader_leave(struct rate_reader *reader, size_t mark) {
    reader->path[mark] = '\0';
}

void reader_fail(struct rate_reader *reader, const char *format, ...) {
    if (reader->has_failed) {
        return;
    }
    reader->has_failed = true;
    char what[RATE_ERROR_MAX - RATE_PATH_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)snprintf(reader->error, sizeof reader->error, "%s%s%s", reader->path,
                   *reader->path ? ": " : "", what);
}

/* --- values ------------------------------------------------------------------------------ */

static int64_t micro_of_text(struct rate_reader *reader, const char *text) {
    int64_t micro = 0;
    const enum gw_status status = money_parse(text, &micro);
    if (status == GW_ERANGE) {
        reader_fail(reader, "\"%.40s\" is out of range", text);
    } else if (status != GW_OK) {
        reader_fail(reader, "\"%.40s\" is no decimal of at most six places", text);
    }
    return status == GW_OK ? micro : 0;
}

int64_t reader_micro(struct rate_reader *reader, const json_t *value) {
    if (json_is_string(value)) {
        return micro_of_text(reader, json_string_value(value));
    }
    if (json_is_integer(value)) {
        char text[DECIMAL_TEXT_MAX];
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return micro_of_text(reader, text);
    }
    reader_fail(reader, json_is_real(value) ? "write the decimal as text, \"0.5\""
                                            : "must be a decimal as text");
    return 0;
}

const char *reader_text(struct rate_reader *reader, const json_t *value) {
    if (!json_is_string(value)) {
        reader_fail(reader, "must be text");
        return "";
    }
    return json_string_value(value);
}

int64_t reader_instant(struct rate_reader *reader, const json_t *value) {
    int64_t at_ms = 0;
    const char *text = reader_text(reader, value);
    if (instant_parse(text, &at_ms) != GW_OK) {
        reader_fail(reader, "\"%.40s\" is no instant such as 2025-03-01T09:30:00+08:00", text);
    }
    return at_ms;
}

/* --- members ----------------------------------------------------------------------------- */

/* NULL: it is not there; a failure when it is needed. */
static const json_t *member(struct rate_reader *reader, const json_t *object, const char *key,
                            bool is_needed) {
    const json_t *value = json_object_get(object, key);
    if (!value && is_needed) {
        reader_fail(reader, "is missing");
    }
    return value;
}

int64_t reader_get_micro(struct rate_reader *reader, const json_t *object, const char *key,
                         const char *fallback) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, !fallback);
    int64_t micro = 0;
    if (value) {
        micro = reader_micro(reader, value);
    } else if (fallback) {
        micro = micro_of_text(reader, fallback);
    }
    reader_leave(reader, mark);
    return micro;
}

int64_t reader_get_amount(struct rate_reader *reader, const json_t *object, const char *key,
                          const char *fallback) {
    const int64_t micro = reader_get_micro(reader, object, key, fallback);
    if (micro < 0) {
        const size_t mark = reader_enter(reader, key);
        reader_fail(reader, "must not be below 0");
        reader_leave(reader, mark);
        return 0;
    }
    return micro;
}

int64_t reader_get_instant(struct rate_reader *reader, const json_t *object, const char *key) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, true);
    const int64_t at_ms = value ? reader_instant(reader, value) : 0;
    reader_leave(reader, mark);
    return at_ms;
}

const char *reader_get_text(struct rate_reader *reader, const json_t *object, const char *key,
                            const char *fallback) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, !fallback);
    const char *text = fallback ? fallback : "";
    if (value) {
        text = reader_text(reader, value);
    }
    reader_leave(reader, mark);
    return text;
}

bool reader_get_bool(struct rate_reader *reader, const json_t *object, const char *key,
                     bool fallback) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, false);
    if (value && !json_is_boolean(value)) {
        reader_fail(reader, "must be true or false");
    }
    reader_leave(reader, mark);
    return value ? json_is_true(value) : fallback;
}

static int choice_index(const char *choices, const char *word) {
    const size_t len = strlen(word);
    int index = 0;
    for (const char *at = choices; *at; index++) {
        const size_t choice_len = strcspn(at, "|");
        if (choice_len == len && strncmp(at, word, len) == 0) {
            return index;
        }
        at += choice_len + (at[choice_len] == '|');
    }
    return -1;
}

int reader_get_choice(struct rate_reader *reader, const json_t *object, const char *key,
                      const char *choices, const char *fallback) {
    const char *word = reader_get_text(reader, object, key, fallback);
    const int index = choice_index(choices, word);
    if (index < 0) {
        const size_t mark = reader_enter(reader, key);
        reader_fail(reader, "\"%.40s\" is none of %s", word, choices);
        reader_leave(reader, mark);
        return 0;
    }
    return index;
}

int64_t reader_get_int(struct rate_reader *reader, const json_t *object, const char *key,
                       const struct reader_range *range) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, range->is_needed);
    int64_t number = range->fallback;
    if (value) {
        number = json_integer_value(value);
        if (!json_is_integer(value) || number < range->min || number > range->max) {
            reader_fail(reader, "must be a whole number, %" PRId64 " to %" PRId64, range->min,
                        range->max);
            number = range->fallback;
        }
    }
    reader_leave(reader, mark);
    return number;
}

const json_t *reader_get_list(struct rate_reader *reader, const json_t *object, const char *key,
                              size_t max, bool is_needed) {
    const size_t mark = reader_enter(reader, key);
    const json_t *value = member(reader, object, key, is_needed);
    if (value && !json_is_array(value)) {
        reader_fail(reader, "must be a list");
        value = NULL;
    } else if (value && json_array_size(value) > max) {
        reader_fail(reader, "may have %zu elements, has %zu", max, json_array_size(value));
        value = NULL;
    }
    reader_leave(reader, mark);
    return value;
}
