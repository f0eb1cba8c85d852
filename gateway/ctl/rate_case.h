/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case of `metergatectl rate` as values: a line of JSON, read whole and checked, so that
 * what follows can rely on it.
 */
#ifndef GATEWAY_CTL_RATE_CASE_H
#define GATEWAY_CTL_RATE_CASE_H

#include <jansson.h>

#include "gateway/core/left.h"
#include "gateway/core/meter_delta.h"
#include "gateway/core/rating.h"
#include "gateway/core/topup.h"
#include "gateway/ctl/rate_reader.h"
#include "gateway/tariffs/zone_file.h"

enum {
    RATE_READINGS_MAX = 100000,
    RATE_TOPUPS_MAX = 10000,
    RATE_STANDINGS_MAX = 1000,
    RATE_DAYS_MAX = 10000,
    RATE_ZONES_MAX = 32
};

#define RATE_KINDS "rate|registers|rerate|convert|topup"
enum rate_kind { RATE_RATE, RATE_REGISTERS, RATE_RERATE, RATE_CONVERT, RATE_TOPUP };

/* Zones that were loaded; they live as long as the cases that use them. */
struct rate_zones {
    size_t count;
    char names[RATE_ZONES_MAX][ZONE_NAME_MAX + 1];
    struct zone_file *files[RATE_ZONES_MAX];
};
void rate_zones_done(struct rate_zones *zones);

struct rate_reading {
    size_t meter; /* which one: index in meters */
    size_t source;
    struct meter_reading reading;
};

struct rate_standing_rate {
    int64_t effective_ms;
    struct standing standing;
};

struct rate_standing {
    bool is_given;
    int64_t from_ms;
    int64_t to_ms;
    bool first_day;
    size_t count;
    struct rate_standing_rate *rates;
};

struct rate_registers {
    size_t count;
    size_t bands[TARIFF_BANDS_MAX];
    int64_t start_micro[TARIFF_BANDS_MAX];
    int64_t end_micro[TARIFF_BANDS_MAX];
};

struct rate_convert {
    int64_t balance_micro;
};

struct rate_topups {
    struct topup_policy policy;
    struct topup_state state;
    size_t count;
    int64_t *amounts;
};

struct rate_case {
    enum rate_kind kind;
    json_t *json; /* texts below point into it */
    struct calendar calendar;
    struct marked_day *days;
    size_t tariff_count;
    struct tariff *tariffs;
    struct tariff_book book;  /* all of them */
    struct tariff_book known; /* rerate: those that were known */
    size_t source_count;
    const char *sources[TARIFF_SOURCES_MAX];
    int64_t tax_ppm;
    bool tax_inclusive;
    int minor;
    int64_t used_before_micro;
    int64_t multiplier_micro;
    struct meter_limits limits;
    size_t meter_count;
    const char *meters[RATING_METERS_MAX];
    size_t reading_count;
    struct rate_reading *readings;
    struct rate_standing standing;
    struct rate_registers registers;
    struct rate_convert convert;
    struct rate_topups topups;
};

/* Reads a case from an object, which it keeps. false: said in the reader; *out then holds
 * nothing. */
bool rate_case_read(json_t *object, struct rate_zones *zones, struct rate_reader *reader,
                    struct rate_case *out);
void rate_case_done(struct rate_case *rate_case);

/* One tariff from an object; sources and count as in the case. Faults go to the reader. */
void rate_tariff_read(struct rate_reader *reader, const json_t *object,
                      const struct rate_case *rate_case, struct tariff *out);

/* Prices of a band, one a tier; a single price counts as a list of one. */
void rate_prices_read(struct rate_reader *reader, const json_t *value, size_t source,
                      size_t band, struct tariff *out);
/* A ladder's thresholds, rising. */
void rate_thresholds_read(struct rate_reader *reader, const json_t *object, bool is_needed,
                          struct ladder *out);

#endif
