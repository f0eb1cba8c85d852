/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists "check_meters", meters that count what rooms count as well, and "verifications",
 * dates on which seals and certificates of meters run out.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/model.h"
#include "bridges/quantity.h"
#include "gateway/billing/plan_inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { AMOUNT_MAX_UNITS = 1000000000, WINDOWS_MAX = 31, BEFORE_MAX = 366 };

#define AMOUNT_MAX     ((int64_t)AMOUNT_MAX_UNITS * MICRO)
#define MULTIPLIER_MAX ((int64_t)1000000 * MICRO)

/* --- the keys ---------------------------------------------------------------------------- */

static const struct field room_fields[] = {
    {"meter", FIELD_ID, offsetof(struct plan_room, id), NULL, 1, PLAN_ID_MAX,
     "id of a meter of the buses", NULL, NULL, NULL},
    {"multiplier", FIELD_DECIMAL, offsetof(struct plan_room, multiplier_micro), "1", 1,
     MULTIPLIER_MAX, "of transformers that the meter does not reckon in", NULL, NULL, NULL},
};
static const struct schema room_schema = {room_fields, COUNT(room_fields), NULL, 0};

static void read_room(struct doc *doc, const doc_node *node, void *out) {
    struct plan_check *check = out;
    doc_read(doc, node, &room_schema, &check->rooms[check->room_count++]);
}

static const struct field check_fields[] = {
    {"meter", FIELD_ID, offsetof(struct plan_check, self.id), NULL, 1, PLAN_ID_MAX,
     "id of the meter that counts them all", NULL, NULL, NULL},
    {"multiplier", FIELD_DECIMAL, offsetof(struct plan_check, self.multiplier_micro), "1", 1,
     MULTIPLIER_MAX, "of transformers that the meter does not reckon in", NULL, NULL, NULL},
    {"register", FIELD_ID, offsetof(struct plan_check, register_name), NULL, 1, PLAN_NAME_MAX,
     "the quantity that is compared, of every meter", NULL, NULL, NULL},
    {"loss", FIELD_DECIMAL, offsetof(struct plan_check, policy.raise_ppm), "0.1", 0, MICRO,
     "a difference of more than this part of a day, 0.1 = a tenth; 0 = any", NULL, NULL, NULL},
    {"loss_abs", FIELD_DECIMAL, offsetof(struct plan_check, policy.raise_micro), "1", 0,
     AMOUNT_MAX, "and of more than this; both 0 = never told", NULL, NULL, NULL},
    {"days", FIELD_INT, offsetof(struct plan_check, days), "2", 1, WINDOWS_MAX,
     "for so many days in a row", NULL, NULL, NULL},
    {"missing", FIELD_INT, offsetof(struct plan_check, missing), "0", 0, PLAN_ROOMS_MAX,
     "rooms that may be without readings in a day that is judged", NULL, NULL, NULL},
    {"rooms", FIELD_LIST, 0, NULL, 1, PLAN_ROOMS_MAX, "what it counts", NULL, &room_schema,
     read_room},
};
const struct schema plan_check_schema = {check_fields, COUNT(check_fields), NULL, 0};

static const struct field due_fields[] = {
    {"meter", FIELD_ID, offsetof(struct plan_due, id), NULL, 1, PLAN_ID_MAX,
     "id of a meter of the buses", NULL, NULL, NULL},
    {"verify_until", FIELD_TEXT, offsetof(struct plan_due, dates[VERIFICATION_METER]), "", 0,
     PLAN_DATE_MAX, "the last date of its verification, such as 2031-12-31", NULL, NULL, NULL},
    {"seal_until", FIELD_TEXT, offsetof(struct plan_due, dates[VERIFICATION_SEAL]), "", 0,
     PLAN_DATE_MAX, "the last date of its seal", NULL, NULL, NULL},
    {"before_days", FIELD_INT, offsetof(struct plan_due, before_days), "30", 0, BEFORE_MAX,
     "how long before it is told; 0 = not before", NULL, NULL, NULL},
};
const struct schema plan_due_schema = {due_fields, COUNT(due_fields), NULL, 0};

/* --- reading ----------------------------------------------------------------------------- */

void plan_read_check(struct doc *doc, const doc_node *node, void *out) {
    struct billing_plan *plan = out;
    struct plan_check *checks = realloc(plan->checks, (plan->check_count + 1) * sizeof *checks);
    if (!checks) {
        doc_fault(doc, node, "out of memory");
        return;
    }
    plan->checks = checks;
    struct plan_check *check = &checks[plan->check_count++];
    *check = (struct plan_check){.source_line = doc_line(node), .policy = balance_defaults()};
    doc_read(doc, node, &plan_check_schema, check);
    check->policy.clear_ppm = check->policy.raise_ppm / 2;
    check->policy.clear_micro = check->policy.raise_micro / 2;
    check->policy.windows = (uint32_t)check->days;
    check->policy.missing_max = (size_t)check->missing;
}

void plan_read_due(struct doc *doc, const doc_node *node, void *out) {
    struct billing_plan *plan = out;
    struct plan_due *dues = realloc(plan->dues, (plan->due_count + 1) * sizeof *dues);
    if (!dues) {
        doc_fault(doc, node, "out of memory");
        return;
    }
    plan->dues = dues;
    struct plan_due *due = &dues[plan->due_count++];
    *due = (struct plan_due){.source_line = doc_line(node)};
    doc_read(doc, node, &plan_due_schema, due);
}

/* --- resolving --------------------------------------------------------------------------- */

static void check_member(const struct plan_resolver *resolver, const struct plan_check *check,
                         const char *id) {
    const struct site_meter *meter = plan_find_meter(resolver->site, id);
    if (!*id) {
        return; /* told already */
    }
    if (!meter) {
        plan_fault(resolver, check->source_line, "meter: no bus has a meter \"%s\"", id);
    } else if (meter->model &&
               model_point_of(meter->model, check->quantity) == meter->model->point_count) {
        plan_fault(resolver, check->source_line,
                   "register: meter \"%s\" is a %s, which gives no %s", id, meter->model->id,
                   check->register_name);
    }
}

static void check_once(const struct plan_resolver *resolver, const struct plan_check *check,
                       size_t index) {
    bool is_twice = strcmp(check->self.id, check->rooms[index].id) == 0;
    for (size_t i = 0; i < index; i++) {
        is_twice |= strcmp(check->rooms[i].id, check->rooms[index].id) == 0;
    }
    if (is_twice && *check->rooms[index].id) {
        plan_fault(resolver, check->source_line, "rooms: meter \"%s\" is counted twice",
                   check->rooms[index].id);
    }
}

static void resolve_check(const struct plan_resolver *resolver, size_t index) {
    struct plan_check *check = &resolver->plan->checks[index];
    check->quantity = (uint16_t)quantity_named(check->register_name);
    if (!quantity_is_register(check->quantity)) {
        plan_fault(resolver, check->source_line,
                   "register: \"%s\" is no quantity that counts on, such as "
                   "forward_active_energy or volume",
                   check->register_name);
        return;
    }
    check_member(resolver, check, check->self.id);
    for (size_t i = 0; i < check->room_count; i++) {
        check_member(resolver, check, check->rooms[i].id);
        check_once(resolver, check, i);
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(resolver->plan->checks[i].self.id, check->self.id) == 0) {
            plan_fault(resolver, check->source_line,
                       "meter: \"%s\" is a check meter already (line %d)", check->self.id,
                       resolver->plan->checks[i].source_line);
        }
    }
}

static void resolve_due(const struct plan_resolver *resolver, size_t index) {
    static const char *const keys[VERIFICATION_KIND_COUNT] = {"verify_until", "seal_until"};
    struct plan_due *due = &resolver->plan->dues[index];
    if (*due->id && !plan_find_meter(resolver->site, due->id)) {
        plan_fault(resolver, due->source_line, "meter: no bus has a meter \"%s\"", due->id);
    }
    for (size_t i = 0; i < index; i++) {
        if (*due->id && strcmp(resolver->plan->dues[i].id, due->id) == 0) {
            plan_fault(resolver, due->source_line, "meter: \"%s\" has its dates in line %d",
                       due->id, resolver->plan->dues[i].source_line);
        }
    }
    for (size_t kind = 0; kind < VERIFICATION_KIND_COUNT; kind++) {
        if (*due->dates[kind] && date_parse(due->dates[kind], &due->days[kind]) != GW_OK) {
            plan_fault(resolver, due->source_line, "%s: \"%s\" is no date such as 2031-12-31",
                       keys[kind], due->dates[kind]);
        }
    }
}

void plan_resolve_checks(const struct plan_resolver *resolver) {
    for (size_t i = 0; i < resolver->plan->check_count; i++) {
        resolve_check(resolver, i);
    }
    for (size_t i = 0; i < resolver->plan->due_count; i++) {
        resolve_due(resolver, i);
    }
}
