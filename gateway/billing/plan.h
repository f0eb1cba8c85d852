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

#include "gateway/core/account.h"
#include "gateway/tariffs/tariffs.h"

enum {
    PLAN_ACCOUNTS_MAX = 1000,
    PLAN_BOOKS_MAX = 64,
    PLAN_NO_BOOK = PLAN_BOOKS_MAX,
    PLAN_ID_MAX = ENTRY_ACCOUNT_MAX
};

/* A meter as one account pays for it. A shared one stands in several accounts. */
struct plan_meter {
    char id[PLAN_ID_MAX + 1];
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
    enum account_mode mode;
    int64_t opening_micro; /* credit that the first tenancy begins with */
    struct topup_policy topup;
    size_t books[ACCOUNT_UTILITIES]; /* index of the plan's books; PLAN_NO_BOOK */
    size_t meter_count;
    struct plan_meter meters[ACCOUNT_METERS_MAX];
};

/* All documents of one id. */
struct plan_book {
    char id[TARIFF_ID_MAX + 1];
    size_t count;
    struct tariff_file **files; /* owned by the plan, those of the book alone */
};

struct plan {
    char zone_name[ZONE_NAME_MAX + 1];
    struct zone_file *zone; /* NULL: no accounts, no zone */
    size_t day_count;
    struct marked_day days[TARIFFS_DAYS_MAX]; /* of all documents, rising */
    int64_t max_backdate_ms; /* how far back a document that came late may raise a price */
    size_t book_count;
    struct plan_book books[PLAN_BOOKS_MAX];
    size_t account_count;
    struct plan_account *accounts; /* owned by the plan */
};

void plan_done(struct plan *plan);

#endif
