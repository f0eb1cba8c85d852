/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the JSON of `metergatectl rate`. A reader knows where it stands in the document and
 * keeps the first thing that is wrong as one sentence, "tariffs[0].price.all[1]: ..."; after
 * that all it gives are the fallbacks. Numbers that carry a quantity are decimal text, exact:
 * a JSON number with a fraction is refused, since it has been rounded already.
 */
#ifndef GATEWAY_CTL_RATE_READER_H
#define GATEWAY_CTL_RATE_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATE_PATH_MAX = 160, RATE_ERROR_MAX = 320 };

struct rate_reader {
    char path[RATE_PATH_MAX];
    bool has_failed;
    char error[RATE_ERROR_MAX];
};

/* Goes to a member or an element; the return value leads back with reader_leave. */
size_t reader_enter(struct rate_reader *reader, const char *key);
size_t reader_enter_at(struct rate_reader *reader, size_t index);
void reader_leave(struct rate_reader *reader, size_t mark);

/* Says what is wrong here. Only the first counts. */
void reader_fail(struct rate_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A value itself. */
int64_t reader_micro(struct rate_reader *reader, const json_t *value);
int64_t reader_instant(struct rate_reader *reader, const json_t *value);
const char *reader_text(struct rate_reader *reader, const json_t *value);

/*
 * A member of an object. fallback NULL: it must be there; else it is what counts when it is
 * not. Texts live as long as the document.
 */
int64_t reader_get_micro(struct rate_reader *reader, const json_t *object, const char *key,
                         const char *fallback);
/* A decimal that must not be below 0. */
int64_t reader_get_amount(struct rate_reader *reader, const json_t *object, const char *key,
                          const char *fallback);
int64_t reader_get_instant(struct rate_reader *reader, const json_t *object, const char *key);
const char *reader_get_text(struct rate_reader *reader, const json_t *object, const char *key,
                            const char *fallback);
bool reader_get_bool(struct rate_reader *reader, const json_t *object, const char *key,
                     bool fallback);
/* The index of a word in "a|b|c". */
int reader_get_choice(struct rate_reader *reader, const json_t *object, const char *key,
                      const char *choices, const char *fallback);

/* A JSON integer within a range. is_needed: it must be there. */
struct reader_range {
    int64_t min;
    int64_t max;
    int64_t fallback;
    bool is_needed;
};
int64_t reader_get_int(struct rate_reader *reader, const json_t *object, const char *key,
                       const struct reader_range *range);

/* A list of at most max elements; NULL when there is none (a failure when it is needed). */
const json_t *reader_get_list(struct rate_reader *reader, const json_t *object, const char *key,
                              size_t max, bool is_needed);

#endif
