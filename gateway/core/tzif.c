/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/tzif.h"

#include <stdbool.h>
#include <string.h>

enum {
    HEADER = 44,
    AT_VERSION = 4,
    AT_COUNTS = 20,
    TYPE_BYTES = 6,
    LEAP_BYTES_V1 = 8,
    LEAP_BYTES = 12,
    RULE_MAX = 128,
    HOUR_S = 3600
};

/* Before standard time there is nothing to charge: such shifts are one start. */
static const int64_t earliest_s = -5000000000;
static const int64_t latest_s = 8000000000; /* behind DATE_YEAR_MAX */

struct table {
    struct zone_shift *shifts;
    size_t count;
    int32_t first_offset_s;
};

static enum gw_status add_shift(struct table *table, int64_t at_s, int32_t offset_s) {
    if (at_s <= earliest_s) {
        table->first_offset_s = offset_s;
        return GW_OK;
    }
    const int32_t before =
        table->count ? table->shifts[table->count - 1].offset_s : table->first_offset_s;
    if (offset_s == before || at_s >= latest_s) {
        return GW_OK; /* another name, a flag, or too late to matter */
    }
    if (table->count == TZIF_SHIFTS_MAX) {
        return GW_EFULL;
    }
    table->shifts[table->count++] = (struct zone_shift){at_s, offset_s};
    return GW_OK;
}

/* --- the file (RFC 8536 3)
 * -------------------------------------------------------------------- */

struct counts {
    size_t isut;
    size_t isstd;
    size_t leap;
    size_t time;
    size_t type;
    size_t chars;
};

static uint32_t be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t be64(const uint8_t *at) {
    return (int64_t)((uint64_t)be32(at) << 32 | be32(at + 4));
}

static bool read_header(const uint8_t *bytes, size_t len, struct counts *counts) {
    if (len < HEADER || memcmp(bytes, "TZif", 4) != 0 || bytes[AT_VERSION] < '2') {
        return false;
    }
    size_t *const fields[] = {&counts->isut, &counts->isstd, &counts->leap,
                              &counts->time, &counts->type,  &counts->chars};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        *fields[i] = be32(bytes + AT_COUNTS + 4 * i);
        if (*fields[i] > TZIF_BYTES_MAX) {
            return false;
        }
    }
    return true;
}

static size_t block_len(const struct counts *counts, size_t time_bytes, size_t leap_bytes) {
    return counts->time * (time_bytes + 1) + counts->type * TYPE_BYTES + counts->chars +
           counts->leap * leap_bytes + counts->isstd + counts->isut;
}

static enum gw_status read_block(const uint8_t *block, const struct counts *counts,
                                 struct table *table) {
    const uint8_t *index = block + counts->time * 8;
    const uint8_t *types = index + counts->time;
    table->first_offset_s = (int32_t)be32(types);
    for (size_t i = 0; i < counts->time; i++) {
        if (index[i] >= counts->type) {
            return GW_EINVALID;
        }
        const int32_t offset_s = (int32_t)be32(types + (size_t)index[i] * TYPE_BYTES);
        const enum gw_status status = add_shift(table, be64(block + i * 8), offset_s);
        if (status != GW_OK) {
            return status;
        }
    }
    return GW_OK;
}

/* --- the rule (POSIX.1-2017 8.3, RFC 8536 3.3.1)
 * ----------------------------------------------- */

struct rule_date {
    char kind; /* 'M' month.week.day, 'J' day without the leap day, 'n' day counted from 0 */
    int month;
    int week;
    int day;
    int32_t time_s;
};

struct rule {
    int32_t standard_s; /* east of UTC */
    int32_t summer_s;
    bool has_summer;
    struct rule_date start;
    struct rule_date end;
};

static bool take_int(const char **at, int max, int *value) {
    const char *start = *at;
    *value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *value = *value * 10 + (**at - '0');
        if (*value > max) {
            return false;
        }
    }
    return *at > start;
}

static bool take_mark(const char **at, char mark) {
    if (**at != mark) {
        return false;
    }
    (*at)++;
    return true;
}

/* "CET", "<+03>" */
static bool take_name(const char **at) {
    const char *start = *at;
    if (take_mark(at, '<')) {
        while (**at && **at != '>') {
            (*at)++;
        }
        return take_mark(at, '>');
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z')) {
        (*at)++;
    }
    return *at - start >= 3;
}

/* "[+-]h[h][:mm[:ss]]" in seconds; hours up to a week, which RFC 8536 allows of times */
static bool take_time(const char **at, int32_t *seconds) {
    int hours;
    int minutes = 0;
    int rest = 0;
    const bool is_negative = take_mark(at, '-');
    if (!is_negative) {
        (void)take_mark(at, '+');
    }
    if (!take_int(at, 167, &hours)) {
        return false;
    }
    if (take_mark(at, ':') && !take_int(at, 59, &minutes)) {
        return false;
    }
    if (take_mark(at, ':') && !take_int(at, 59, &rest)) {
        return false;
    }
    *seconds = hours * HOUR_S + minutes * 60 + rest;
    *seconds = is_negative ? -*seconds : *seconds;
    return true;
}

static bool take_month_rule(const char **at, struct rule_date *date) {
    date->kind = 'M';
    return take_int(at, 12, &date->month) && date->month >= 1 && take_mark(at, '.') &&
           take_int(at, 5, &date->week) && date->week >= 1 && take_mark(at, '.') &&
           take_int(at, 6, &date->day);
}

static bool take_rule_date(const char **at, struct rule_date *date) {
    date->time_s = 2 * HOUR_S;
    if (!take_mark(at, ',')) {
        return false;
    }
    bool good;
    if (take_mark(at, 'M')) {
        good = take_month_rule(at, date);
    } else {
        date->kind = take_mark(at, 'J') ? 'J' : 'n';
        good = take_int(at, 365, &date->day) && (date->kind == 'n' || date->day >= 1);
    }
    return good && (!take_mark(at, '/') || take_time(at, &date->time_s));
}

static bool parse_rule(const char *text, struct rule *rule) {
    int32_t west_s;
    *rule = (struct rule){0};
    if (!take_name(&text) || !take_time(&text, &west_s)) {
        return false;
    }
    rule->standard_s = -west_s;
    if (*text == '\0') {
        return true;
    }
    rule->has_summer = true;
    rule->summer_s = rule->standard_s + HOUR_S;
    if (!take_name(&text)) {
        return false;
    }
    if (*text != ',') {
        if (!take_time(&text, &west_s)) {
            return false;
        }
        rule->summer_s = -west_s;
    }
    return take_rule_date(&text, &rule->start) && take_rule_date(&text, &rule->end) &&
           *text == '\0';
}

/* The n-th such weekday of the month; the fifth is the last. */
static int32_t month_rule_day(const struct rule_date *date, int year) {
    const int32_t first = date_to_day((struct date){year, date->month, 1});
    const int weekday = date_weekday(first) % 7; /* the rule's Sunday is 0 */
    int day = (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
    if (day >= date_month_days(year, date->month)) {
        day -= 7;
    }
    return first + day;
}

static int32_t rule_day(const struct rule_date *date, int year) {
    const int32_t new_year = date_to_day((struct date){year, 1, 1});
    if (date->kind == 'M') {
        return month_rule_day(date, year);
    }
    if (date->kind == 'n') {
        return new_year + date->day;
    }
    const bool is_past_leap_day = date->day >= 60 && date_month_days(year, 2) == 29;
    return new_year + date->day - 1 + is_past_leap_day;
}

static int64_t rule_instant(const struct rule_date *date, int year, int32_t offset_s) {
    return (int64_t)rule_day(date, year) * DATE_DAY_S + date->time_s - offset_s;
}

static enum gw_status add_rule_shift(struct table *table, int64_t at_s, int32_t offset_s) {
    const bool is_past = table->count > 0 && at_s <= table->shifts[table->count - 1].at_s;
    return is_past ? GW_OK : add_shift(table, at_s, offset_s);
}

static enum gw_status write_out(const struct rule *rule, int from_year, struct table *table) {
    enum gw_status status = GW_OK;
    for (int year = from_year; status == GW_OK && year <= DATE_YEAR_MAX; year++) {
        const int64_t start_s = rule_instant(&rule->start, year, rule->standard_s);
        const int64_t end_s = rule_instant(&rule->end, year, rule->summer_s);
        const bool starts_first = start_s < end_s;
        status = add_rule_shift(table, starts_first ? start_s : end_s,
                                starts_first ? rule->summer_s : rule->standard_s);
        if (status == GW_OK) {
            status = add_rule_shift(table, starts_first ? end_s : start_s,
                                    starts_first ? rule->standard_s : rule->summer_s);
        }
    }
    return status;
}

static int year_of(int64_t at_s) {
    return date_from_day((int32_t)(at_s / DATE_DAY_S - (at_s % DATE_DAY_S < 0))).year;
}

/* The rule counts from the last shift of the table on. */
static enum gw_status go_on(const char *text, struct table *table) {
    struct rule rule;
    if (*text == '\0') {
        return GW_OK;
    }
    if (!parse_rule(text, &rule)) {
        return GW_EINVALID;
    }
    if (!rule.has_summer) {
        return GW_OK;
    }
    const int64_t last_s = table->count ? table->shifts[table->count - 1].at_s : 0;
    const int year = last_s > 0 ? year_of(last_s) : 1970;
    return year <= DATE_YEAR_MAX ? write_out(&rule, year, table) : GW_OK;
}

static enum gw_status finish(const struct table *table, struct zone *out) {
    const struct zone zone = {
        .offset_s = table->first_offset_s, .count = table->count, .shifts = table->shifts};
    if (zone_check(&zone) != GW_OK) {
        return GW_EINVALID;
    }
    *out = zone;
    return GW_OK;
}

/* The last line, between two line ends. */
static bool read_footer(const uint8_t *at, size_t len, char *rule) {
    if (len < 2 || at[0] != '\n') {
        return false;
    }
    const uint8_t *end = memchr(at + 1, '\n', len - 1);
    const size_t rule_len = end ? (size_t)(end - at - 1) : RULE_MAX;
    if (rule_len >= RULE_MAX) {
        return false;
    }
    memcpy(rule, at + 1, rule_len);
    rule[rule_len] = '\0';
    return true;
}

enum gw_status tzif_parse(const uint8_t *bytes, size_t len, struct zone_shift *shifts,
                          struct zone *out) {
    struct counts counts;
    struct table table = {.shifts = shifts};
    char rule[RULE_MAX];
    if (len > TZIF_BYTES_MAX || !read_header(bytes, len, &counts)) {
        return GW_EINVALID;
    }
    const size_t second = HEADER + block_len(&counts, 4, LEAP_BYTES_V1);
    if (second > len || !read_header(bytes + second, len - second, &counts)) {
        return GW_EINVALID;
    }
    const size_t block = second + HEADER;
    const size_t footer = block + block_len(&counts, 8, LEAP_BYTES);
    if (counts.type == 0 || counts.leap > 0 || footer > len ||
        !read_footer(bytes + footer, len - footer, rule)) {
        return GW_EINVALID;
    }
    enum gw_status status = read_block(bytes + block, &counts, &table);
    if (status == GW_OK) {
        status = go_on(rule, &table);
    }
    return status == GW_OK ? finish(&table, out) : status;
}

enum gw_status tzif_parse_rule(const char *text, struct zone_shift *shifts, struct zone *out) {
    struct rule rule;
    struct table table = {.shifts = shifts};
    if (!parse_rule(text, &rule)) {
        return GW_EINVALID;
    }
    table.first_offset_s = rule.standard_s;
    const enum gw_status status = go_on(text, &table);
    return status == GW_OK ? finish(&table, out) : status;
}
