/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration says of money: the site's local time, tariffs, accounts and their
 * meters. Values that settings fill in and billing reads; nothing in here changes by itself.
 *
 *   zone ---.
 *   days ---+-- calendar
 *   tariff files of one id, in the order they take over --> book
 *   account --> books by utility, meters with their register and share
 */
#ifndef GATEWAY_BILLING_PLAN_H
#define GATEWAY_BILLING_PLAN_H

#include "bridges/base/doc.h"
#include "bridges/site.h"
#include "gateway/core/account.h"
#include "gateway/core/balance_of_energy.h"
#include "gateway/core/usage_watch.h"
#include "gateway/core/verification.h"
#include "gateway/tariffs/tariffs.h"

enum {
    PLAN_ACCOUNTS_MAX = 1000,
    PLAN_BOOKS_MAX = 64,
    PLAN_NO_BOOK = PLAN_BOOKS_MAX,
    PLAN_ID_MAX = ENTRY_ACCOUNT_MAX,
    PLAN_NAME_MAX = 60,
    PLAN_FOLDER_MAX = 255,
    PLAN_CHECKS_MAX = 32,
    PLAN_ROOMS_MAX = 64, /* of one check meter */
    PLAN_DUES_MAX = 1000,
    PLAN_DATE_MAX = 10
};

/* A meter as one account pays for it. A shared one stands in several accounts. */
struct plan_meter {
    char id[PLAN_ID_MAX + 1];
    char register_name[PLAN_NAME_MAX + 1];
    char source_name[TARIFF_NAME_MAX + 1]; /* empty: the first */
    int64_t share_micro;                   /* per cent; those of all accounts are 100 */
    int utility_word;                      /* 0 = what its register says, else utility + 1 */
    int source_line;                       /* in the file, for messages */
    /* filled by plan_resolve: */
    uint16_t quantity; /* the register that is charged */
    enum tariff_utility utility;
    size_t source; /* index in the sources of the book's documents */
    int64_t multiplier_micro;
    struct meter_limits limits;
    int64_t max_power_micro; /* units an hour; 0 = no limit */
    int64_t share_from_ppm;  /* its part of the meter: from..to of a million */
    int64_t share_to_ppm;
};

struct plan_account {
    char id[PLAN_ID_MAX + 1];
    int mode;              /* enum account_mode */
    int64_t opening_micro; /* credit that the first tenancy begins with */
    struct topup_policy topup;
    char tariffs[ACCOUNT_UTILITIES][TARIFF_ID_MAX + 1]; /* empty: none */
    int source_line;
    /* filled by plan_resolve: */
    size_t books[ACCOUNT_UTILITIES]; /* index of the plan's books; PLAN_NO_BOOK */
    size_t meter_count;
    struct plan_meter meters[ACCOUNT_METERS_MAX];
};

/* A meter that is compared. */
struct plan_room {
    char id[PLAN_ID_MAX + 1];
    int64_t multiplier_micro;
};

/* A check meter with the rooms behind it. */
struct plan_check {
    struct plan_room self;
    char register_name[PLAN_NAME_MAX + 1];
    int64_t days;
    int64_t missing;
    struct balance_policy policy;
    size_t room_count;
    struct plan_room rooms[PLAN_ROOMS_MAX];
    int source_line;
    uint16_t quantity; /* filled by plan_resolve */
};

/* When a meter's verification and its seal run out. */
struct plan_due {
    char id[PLAN_ID_MAX + 1];
    char dates[VERIFICATION_KIND_COUNT][PLAN_DATE_MAX + 1]; /* empty: none is known */
    int64_t before_days;
    int source_line;
    int32_t days[VERIFICATION_KIND_COUNT]; /* filled by plan_resolve */
};

/* All documents of one id. */
struct plan_book {
    char id[TARIFF_ID_MAX + 1];
    size_t count;
    struct tariff_file **files; /* owned by the plan, those of the book alone */
};

struct billing_plan {
    char zone_name[ZONE_NAME_MAX + 1];
    char folder[PLAN_FOLDER_MAX + 1]; /* of tariff files */
    struct zone_file *zone;           /* NULL: none is named */
    size_t day_count;
    struct marked_day days[TARIFFS_DAYS_MAX]; /* of all documents, rising */
    struct usage_watch_policy alerts[ACCOUNT_UTILITIES];
    int64_t max_backdate_ms; /* how far back a document that came late may raise a price */
    size_t book_count;
    struct plan_book books[PLAN_BOOKS_MAX];
    size_t account_count;
    struct plan_account *accounts; /* owned by the plan, like the next two */
    size_t check_count;
    struct plan_check *checks;
    size_t due_count;
    struct plan_due *dues;
};

/* An element of the list "accounts". out is the plan, all zero at first but for the above. */
extern const struct schema plan_account_schema;
void plan_read_account(struct doc *doc, const doc_node *node, void *out);

/* Elements of the lists "check_meters" and "verifications"; out is the plan, as above. */
extern const struct schema plan_check_schema;
void plan_read_check(struct doc *doc, const doc_node *node, void *out);
extern const struct schema plan_due_schema;
void plan_read_due(struct doc *doc, const doc_node *node, void *out);

/* The section "alerts"; out is the plan's array of them. */
extern const struct schema plan_alerts_schema;

/*
 * Loads the zone and the tariff files and finds what each account and meter refers to. Adds
 * faults: what is unknown, what is charged twice or not wholly, what cannot be priced.
 */
void plan_resolve(struct billing_plan *plan, struct doc *doc, const struct site *site);

/* What is only wrong for now: accounts whose tariff has not taken over yet. Calls say for each
 * with a sentence; returns how many. */
size_t plan_unpriced(const struct billing_plan *plan, int64_t now_ms,
                     void (*say)(void *context, const char *text), void *context);

/* Its local calendar; the pointers in it are the plan's. */
struct calendar plan_calendar(const struct billing_plan *plan);

void plan_done(struct billing_plan *plan);

#endif
