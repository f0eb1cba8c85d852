/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section "alerts": what usage someone should know of, by utility. The fallbacks are those
 * of usage_watch_defaults.
 */
#include "gateway/billing/plan_inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define HOURS "0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24"

enum { TIMES_MAX = 1000, AMOUNT_MAX_UNITS = 1000000000, DAYS_MAX = 366 };

#define AMOUNT_MAX ((int64_t)AMOUNT_MAX_UNITS * MICRO)
#define AT(member) offsetof(struct usage_watch_policy, member)
#define AMOUNT(name, member, fallback, help)                                                   \
    { name, FIELD_DECIMAL, AT(member), fallback, 0, AMOUNT_MAX, help, NULL, NULL, NULL }
#define TIMES(name, member, fallback, help)                                                    \
    {                                                                                          \
        name, FIELD_DECIMAL, AT(member), fallback, 0, (int64_t)TIMES_MAX *MICRO, help, NULL,   \
            NULL, NULL                                                                         \
    }
#define NUMBER(name, member, fallback, max, help)                                              \
    { name, FIELD_INT, AT(member), fallback, 0, max, help, NULL, NULL, NULL }
#define HOUR(name, member, fallback, help)                                                     \
    { name, FIELD_CHOICE, AT(member), fallback, 0, 0, help, HOURS, NULL, NULL }

/* What says nothing of a building with lights says much of one with a water pipe. */
#define POLICY(nights, standby)                                                                \
    {                                                                                          \
        {"above_month",                                                                        \
         FIELD_BOOL,                                                                           \
         AT(above_month),                                                                      \
         "true",                                                                               \
         0,                                                                                    \
         0,                                                                                    \
         "this month is above all of last month",                                              \
         NULL,                                                                                 \
         NULL,                                                                                 \
         NULL},                                                                                \
            TIMES("to_date", to_date_ppm, "0.2",                                               \
                  "this month is so much above last month to date, 0.2 = a fifth"),            \
            NUMBER("to_date_from", to_date_from, "7", 31, "from this day of the month on"),    \
            TIMES("spike_hour", spike_hour_ppm, "8", "an hour of so many times the mean one"), \
            AMOUNT("spike_hour_floor", spike_hour_floor, "1", "and of this much at least"),    \
            TIMES("spike_day", spike_day_ppm, "3", "a day of so many times the mean one"),     \
            AMOUNT("spike_day_floor", spike_day_floor, "2", "and of this much at least"),      \
            NUMBER("night_count", night_count, nights, DAYS_MAX, "nights of flow in a row"),   \
            HOUR("night_from", night_from_hour, "2", "hour at which the night begins"),        \
            HOUR("night_to", night_to_hour, "5", "and ends"),                                  \
            AMOUNT("night_floor", night_floor, "0.005", "an hour of less is dry"),             \
            NUMBER("no_use_days", no_use_days, "7", DAYS_MAX, "days without use in a row"),    \
            AMOUNT("no_use_floor", no_use_floor, standby, "a day of no more is none"),         \
            AMOUNT("vacant", vacant_micro, "0.1", "used while it is let to no one"),           \
            TIMES("hysteresis", hysteresis_ppm, "0.2", "a spike is over so much below")        \
    }

static const struct field electricity_fields[] = POLICY("0", "0.05");
static const struct field other_fields[] = POLICY("3", "0");
static const struct schema electricity_schema = {electricity_fields, COUNT(electricity_fields),
                                                 NULL, 0};
static const struct schema other_schema = {other_fields, COUNT(other_fields), NULL, 0};

#define UTILITY(name, utility, schema)                                                         \
    {                                                                                          \
        name, FIELD_MAP, (utility) * sizeof(struct usage_watch_policy), "", 0, 0,              \
            "of its meters", NULL, schema, NULL                                                \
    }
static const struct field alerts_fields[] = {
    UTILITY("electricity", TARIFF_ELECTRICITY, &electricity_schema),
    UTILITY("water", TARIFF_WATER, &other_schema), UTILITY("gas", TARIFF_GAS, &other_schema),
    UTILITY("heat", TARIFF_HEAT, &other_schema)};
const struct schema plan_alerts_schema = {alerts_fields, COUNT(alerts_fields), NULL, 0};

void plan_check_alerts(const struct plan_resolver *resolver) {
    const doc_node *section = doc_get(resolver->doc, doc_root(resolver->doc), "alerts");
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        if (usage_watch_check(&resolver->plan->alerts[u]) != GW_OK) {
            doc_fault(resolver->doc, section,
                      "%s: night_from must be before night_to, and hysteresis at most 1",
                      plan_utility_text((enum tariff_utility)u));
        }
    }
}
