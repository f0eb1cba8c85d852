/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tariff files an account's ids mean, and whether they fit the site and each other.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/billing/plan_inside.h"

enum { NAMES_BYTES = 200 };

void plan_resolve_zone(const struct plan_resolver *resolver) {
    struct billing_plan *plan = resolver->plan;
    const doc_node *section = doc_get(resolver->doc, doc_root(resolver->doc), "gateway");
    if (!*plan->zone_name) {
        if (plan->account_count > 0 || plan->check_count > 0 || plan->due_count > 0) {
            doc_fault(resolver->doc, section,
                      "zone: is missing, and days and bands are local: name one such as "
                      "Europe/London");
        }
        return;
    }
    if (zone_file_load(plan->zone_name, &plan->zone) != GW_OK) {
        doc_fault(resolver->doc, section,
                  "zone: \"%s\" is no time zone of this system (a name of "
                  "/usr/share/zoneinfo, such as Europe/London)",
                  plan->zone_name);
    }
}

/* --- books ------------------------------------------------------------------------------- */

static size_t book_named(const struct billing_plan *plan, const char *id) {
    size_t i = 0;
    while (i < plan->book_count && strcmp(plan->books[i].id, id) != 0) {
        i++;
    }
    return i;
}

static bool has_id(const struct tariff_folder *folder, const char *id) {
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i] && strcmp(folder->files[i]->tariff.id, id) == 0) {
            return true;
        }
    }
    return false;
}

static size_t add_name(char *text, size_t len, const char *id) {
    const int more = len < NAMES_BYTES ? snprintf(text + len, NAMES_BYTES - len, "%s%s",
                                                  len > 0 ? ", " : "", id)
                                       : 0;
    return len + (size_t)more;
}

/* The ids there are, for a person who has mistyped one. */
static void name_all(const struct billing_plan *plan, const struct tariff_folder *folder,
                     char *text) {
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < plan->book_count; i++) {
        len = add_name(text, len, plan->books[i].id);
    }
    for (size_t i = 0; i < folder->count; i++) {
        const struct tariff_file *file = folder->files[i];
        if (file && !strstr(text, file->tariff.id)) {
            len = add_name(text, len, file->tariff.id);
        }
    }
}

/* Moves the files of an id into a new book. */
static enum gw_status make_book(struct billing_plan *plan, struct tariff_folder *folder,
                                const char *id) {
    struct plan_book *book = &plan->books[plan->book_count];
    *book = (struct plan_book){.files = calloc(folder->count, sizeof(struct tariff_file *))};
    if (!book->files) {
        return GW_ENOMEM;
    }
    (void)snprintf(book->id, sizeof book->id, "%s", id);
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i] && strcmp(folder->files[i]->tariff.id, id) == 0) {
            book->files[book->count++] = folder->files[i];
            folder->files[i] = NULL;
        }
    }
    plan->book_count++;
    return GW_OK;
}

/* What documents of one book must have in common, so that one can take over from another. */
static void check_book(const struct plan_resolver *resolver, const struct plan_book *book,
                       int line) {
    const struct tariff *first = &book->files[0]->tariff;
    for (size_t i = 0; i < book->count; i++) {
        const struct tariff *tariff = &book->files[i]->tariff;
        if (resolver->plan->zone &&
            strcmp(book->files[i]->zone, resolver->plan->zone_name) != 0) {
            plan_fault(resolver, line,
                       "tariffs: \"%s\" is meant for %s, and this site is in %s: change "
                       "gateway.zone or the tariff's zone",
                       book->id, book->files[i]->zone, resolver->plan->zone_name);
            return;
        }
        if (tariff->utility != first->utility ||
            strcmp(tariff->currency, first->currency) != 0 ||
            tariff->source_count != first->source_count ||
            memcmp(tariff->sources, first->sources, sizeof first->sources) != 0) {
            plan_fault(resolver, line,
                       "tariffs: the files of \"%s\" differ in utility, currency or sources: "
                       "give them ids of their own",
                       book->id);
            return;
        }
    }
}

static void check_order(const struct plan_resolver *resolver, const struct plan_book *book,
                        int line) {
    for (size_t i = 0; i < book->count * book->count; i++) {
        const struct tariff *a = &book->files[i / book->count]->tariff;
        const struct tariff *b = &book->files[i % book->count]->tariff;
        if (a < b && a->effective_ms == b->effective_ms && a->revision == b->revision) {
            plan_fault(resolver, line,
                       "tariffs: two files of \"%s\" take over at one instant: give the later "
                       "one a higher revision, or drop one",
                       book->id);
            return;
        }
    }
}

/* The book of an id, made when it is first wanted; PLAN_NO_BOOK: there is none, and said. */
static size_t find_book(const struct plan_resolver *resolver, struct tariff_folder *folder,
                        const char *id, int line) {
    struct billing_plan *plan = resolver->plan;
    char names[NAMES_BYTES];
    const size_t known = book_named(plan, id);
    if (known < plan->book_count) {
        return known;
    }
    if (!has_id(folder, id)) {
        name_all(plan, folder, names);
        plan_fault(resolver, line, "tariffs: no file in %.100s has the id \"%s\"; there %s%s",
                   plan->folder, id, *names ? "are " : "is none", names);
        return PLAN_NO_BOOK;
    }
    if (plan->book_count == PLAN_BOOKS_MAX || make_book(plan, folder, id) != GW_OK) {
        plan_fault(resolver, line, "tariffs: more than %d are in use", PLAN_BOOKS_MAX);
        return PLAN_NO_BOOK;
    }
    check_book(resolver, &plan->books[known], line);
    check_order(resolver, &plan->books[known], line);
    return known;
}

static void resolve_account(const struct plan_resolver *resolver, struct tariff_folder *folder,
                            struct plan_account *account) {
    const char *currency = NULL;
    for (size_t u = 0; u < ACCOUNT_UTILITIES; u++) {
        account->books[u] = PLAN_NO_BOOK;
        if (!*account->tariffs[u]) {
            continue;
        }
        account->books[u] =
            find_book(resolver, folder, account->tariffs[u], account->source_line);
        if (account->books[u] == PLAN_NO_BOOK) {
            continue;
        }
        const struct tariff *tariff =
            &resolver->plan->books[account->books[u]].files[0]->tariff;
        if (tariff->utility != (enum tariff_utility)u) {
            plan_fault(resolver, account->source_line, "tariffs: \"%s\" charges %s, not %s",
                       account->tariffs[u], plan_utility_text(tariff->utility),
                       plan_utility_text((enum tariff_utility)u));
        }
        if (currency && strcmp(currency, tariff->currency) != 0) {
            plan_fault(resolver, account->source_line,
                       "tariffs: one account cannot pay in %s and in %s: split it", currency,
                       tariff->currency);
        }
        currency = tariff->currency;
    }
}

/* --- marked dates ------------------------------------------------------------------------ */

static void mark(const struct plan_resolver *resolver, const struct plan_book *book,
                 const struct marked_day *day) {
    struct billing_plan *plan = resolver->plan;
    char date[DATE_TEXT_MAX];
    size_t at = plan->day_count;
    for (; at > 0 && plan->days[at - 1].day > day->day; at--) {
    }
    date_format(day->day, date);
    if (at > 0 && plan->days[at - 1].day == day->day) {
        if (plan->days[at - 1].kind != day->kind) {
            plan_fault(resolver, 0,
                       "tariff \"%s\": %s is a day of another kind in another tariff of this "
                       "site: they share one calendar",
                       book->id, date);
        }
        return;
    }
    if (plan->day_count == TARIFFS_DAYS_MAX) {
        plan_fault(resolver, 0, "tariff \"%s\": more than %d dates are marked in all", book->id,
                   TARIFFS_DAYS_MAX);
        return;
    }
    memmove(plan->days + at + 1, plan->days + at, (plan->day_count - at) * sizeof *plan->days);
    plan->days[at] = *day;
    plan->day_count++;
}

static void mark_days(const struct plan_resolver *resolver) {
    for (size_t b = 0; b < resolver->plan->book_count; b++) {
        const struct plan_book *book = &resolver->plan->books[b];
        for (size_t i = 0; i < book->count; i++) {
            for (size_t d = 0; d < book->files[i]->day_count; d++) {
                mark(resolver, book, &book->files[i]->days[d]);
            }
        }
    }
}

void plan_resolve_books(const struct plan_resolver *resolver) {
    struct billing_plan *plan = resolver->plan;
    struct tariff_folder folder;
    tariffs_load_folder(plan->folder, doc_faults(resolver->doc), &folder);
    for (size_t i = 0; i < plan->account_count; i++) {
        resolve_account(resolver, &folder, &plan->accounts[i]);
    }
    tariff_folder_done(&folder);
    mark_days(resolver);
}
