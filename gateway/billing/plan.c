/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/billing/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/billing/plan_inside.h"

void plan_fault(const struct plan_resolver *resolver, int line, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    faults_add(doc_faults(resolver->doc), doc_name(resolver->doc), line, "%s", text);
}

const char *plan_utility_text(enum tariff_utility utility) {
    static const char *const texts[ACCOUNT_UTILITIES] = {"electricity", "water", "gas", "heat"};
    return texts[utility];
}

/* An account that stands there twice: who would pay? */
static void check_twice(const struct plan_resolver *resolver, size_t index) {
    const struct plan_account *account = &resolver->plan->accounts[index];
    for (size_t i = 0; *account->id && i < index; i++) {
        const struct plan_account *other = &resolver->plan->accounts[i];
        if (strcmp(other->id, account->id) == 0) {
            plan_fault(resolver, account->source_line,
                       "account \"%s\" is there already (line %d): give one another id",
                       account->id, other->source_line);
            return;
        }
    }
}

void plan_resolve(struct billing_plan *plan, struct doc *doc, const struct site *site) {
    const struct plan_resolver resolver = {.plan = plan, .doc = doc, .site = site};
    for (size_t i = 0; i < plan->account_count; i++) {
        check_twice(&resolver, i);
    }
    plan_resolve_zone(&resolver);
    plan_check_alerts(&resolver);
    plan_resolve_checks(&resolver);
    if (plan->account_count > 0) {
        plan_resolve_books(&resolver);
        plan_resolve_meters(&resolver);
    }
}

struct calendar plan_calendar(const struct billing_plan *plan) {
    return (struct calendar){.zone = plan->zone ? plan->zone->zone : (struct zone){0},
                             .day_count = plan->day_count,
                             .days = plan->days};
}

/* When the first document of a book takes over. */
static int64_t first_ms(const struct plan_book *book) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < book->count; i++) {
        const int64_t at_ms = book->files[i]->tariff.effective_ms;
        first = at_ms < first ? at_ms : first;
    }
    return first;
}

size_t plan_unpriced(const struct billing_plan *plan, int64_t now_ms,
                     void (*say)(void *context, const char *text), void *context) {
    size_t count = 0;
    for (size_t i = 0; i < plan->account_count * ACCOUNT_UTILITIES; i++) {
        const struct plan_account *account = &plan->accounts[i / ACCOUNT_UTILITIES];
        const size_t index = account->books[i % ACCOUNT_UTILITIES];
        if (index == PLAN_NO_BOOK || first_ms(&plan->books[index]) <= now_ms) {
            continue;
        }
        char text[300];
        char instant[INSTANT_TEXT_MAX];
        instant_format(first_ms(&plan->books[index]), 0, instant);
        (void)snprintf(text, sizeof text,
                       "account \"%s\": tariff \"%s\" does not hold before %s: add a file of "
                       "the same id that holds now, or nothing is charged until then",
                       account->id, plan->books[index].id, instant);
        say(context, text);
        count++;
    }
    return count;
}

void plan_done(struct billing_plan *plan) {
    for (size_t i = 0; i < plan->book_count; i++) {
        for (size_t k = 0; k < plan->books[i].count; k++) {
            free(plan->books[i].files[k]);
        }
        free(plan->books[i].files);
    }
    zone_file_free(plan->zone);
    free(plan->accounts);
    free(plan->checks);
    free(plan->dues);
    *plan = (struct billing_plan){0};
}
