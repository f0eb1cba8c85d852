/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lab/lab_books.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/date.h"

/* What tariffs/lab.yaml says, in Shanghai, eight hours ahead of UTC all year. */
static const int64_t prices[2][3] = {{558300, 608300, 858300}, {358300, 408300, 658300}};
static const int64_t thresholds[3] = {5000000, 20000000, INT64_MAX};
enum {
    RENT = 200000,
    TAX_PPM = 130000,
    OPENING = 50000000,
    NOT_TRUSTED = 6 /* quality: its time is a guess, or its meter broken */
};
static const int64_t zone_ms = 8 * 3600000LL;
static const int64_t hour_ms = 3600000;
static const int64_t day_ms = 86400000;

static void wrong(const struct books *books, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void wrong(const struct books *books, const char *format, ...) {
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    books->wrong(books->context, text);
}

static struct known_account *account_of(struct books *books, const char *id) {
    size_t i = 0;
    while (i < books->count && strcmp(books->accounts[i].id, id) != 0) {
        i++;
    }
    if (i == books->count && i < BOOKS_ACCOUNTS_MAX) {
        books->count++;
        (void)snprintf(books->accounts[i].id, sizeof books->accounts[i].id, "%s", id);
    }
    return i < BOOKS_ACCOUNTS_MAX ? &books->accounts[i] : NULL;
}

static struct known_meter *meter_of(struct known_account *account, const char *id) {
    for (size_t i = 0; i < account->meter_count; i++) {
        if (strcmp(account->meters[i].id, id) == 0) {
            return &account->meters[i];
        }
    }
    return NULL;
}

/* --- the ledger -------------------------------------------------------------------------- */

static void meter_came(struct books *books, struct known_account *account,
                       const struct entry *entry) {
    if (meter_of(account, entry->range.meter) || account->meter_count == BOOKS_METERS_MAX) {
        wrong(books, "%s comes to %s twice", entry->range.meter, account->id);
        return;
    }
    struct known_meter *meter = &account->meters[account->meter_count++];
    *meter = (struct known_meter){.from_seq = entry->range.through_seq,
                                  .through_seq = entry->range.through_seq,
                                  .from_ppm = entry->range.share_from_ppm,
                                  .to_ppm = entry->range.share_to_ppm,
                                  .to = entry->range.to,
                                  .at_ms = entry->range.to.at_ms,
                                  .value = entry->range.to.register_micro};
    (void)snprintf(meter->id, sizeof meter->id, "%s", entry->range.meter);
}

static void range_charged(struct books *books, struct known_account *account,
                          const struct entry *entry) {
    struct known_meter *meter = meter_of(account, entry->range.meter);
    if (!meter || meter->to.register_micro != entry->range.from.register_micro ||
        meter->to.at_ms != entry->range.from.at_ms) {
        wrong(books, "entry %" PRIu64 " of %s does not go on where %s was", entry->aseq,
              account->id, entry->range.meter);
        return;
    }
    meter->to = entry->range.to;
    meter->through_seq = entry->range.through_seq;
}

static void rent_charged(struct books *books, struct known_account *account,
                         const struct entry *entry) {
    const int32_t day = entry->standing.day;
    account->first_day = account->rents == 0 ? day : account->first_day;
    if (account->rents > 0 && day != account->last_day + 1) {
        wrong(books, "%s pays rent for day %d after day %d", account->id, day,
              account->last_day);
    }
    account->last_day = day;
    account->rents++;
}

void books_entry(struct books *books, const struct entry *entry) {
    books->entries++;
    struct known_account *account = account_of(books, entry->account);
    if (!account || entry->aseq != account->aseq + 1 ||
        entry->balance_after != account->balance + entry->amount_micro) {
        wrong(books, "entry %" PRIu64 " of %s does not follow", entry->aseq, entry->account);
        return;
    }
    account->aseq = entry->aseq;
    account->balance = entry->balance_after;
    switch ((int)entry->kind) {
    case ENTRY_METER_INITIAL:
        meter_came(books, account, entry);
        break;
    case ENTRY_DEBIT_ENERGY:
        range_charged(books, account, entry);
        break;
    case ENTRY_DEBIT_FIXED:
        rent_charged(books, account, entry);
        break;
    case ENTRY_OPEN:
        break;
    default:
        wrong(books, "%s has an entry that nobody asked for", account->id);
    }
}

/* --- reckoning --------------------------------------------------------------------------- */

static int32_t day_of(int64_t at_ms) {
    return (int32_t)((at_ms + zone_ms) / day_ms);
}

static int month_of(int64_t at_ms) {
    const struct date date = date_from_day(day_of(at_ms));
    return date.year * 12 + date.month;
}

static bool is_valley(int64_t at_ms) {
    const int64_t hour = (at_ms + zone_ms) % day_ms / hour_ms;
    return hour < 8 || hour >= 22;
}

/* The next 00:00, 08:00 or 22:00. */
static int64_t next_cut(int64_t at_ms) {
    const int64_t of_day = (at_ms + zone_ms) % day_ms;
    const int64_t start_ms = at_ms - of_day;
    return start_ms + (of_day < 8 * hour_ms    ? 8 * hour_ms
                       : of_day < 22 * hour_ms ? 22 * hour_ms
                                               : day_ms);
}

/* A part that lies in one band and one month, at the prices of its tiers. */
static void price_part(struct known_account *account, int64_t at_ms, int64_t part) {
    if (month_of(at_ms) != month_of(account->used_ms)) {
        account->used = 0;
    }
    account->used_ms = at_ms;
    for (size_t tier = 0; tier < 3 && part > 0; tier++) {
        const int64_t room = thresholds[tier] - account->used;
        const int64_t here = part < room ? part : room;
        if (here > 0) {
            account->exact += (int128)here * prices[is_valley(at_ms)][tier];
            account->used += here;
            part -= here;
        }
    }
}

static void price(struct known_account *account, int64_t from_ms, int64_t to_ms, int64_t q) {
    int64_t done = 0;
    if (to_ms <= from_ms) {
        price_part(account, to_ms, q); /* the clock was set back */
        return;
    }
    for (int64_t at_ms = from_ms; at_ms < to_ms; at_ms = next_cut(at_ms)) {
        const int64_t end_ms = next_cut(at_ms) < to_ms ? next_cut(at_ms) : to_ms;
        const int64_t through = (int64_t)((int128)q * (end_ms - from_ms) / (to_ms - from_ms));
        price_part(account, at_ms, through - done);
        done = through;
    }
}

static int64_t share_of(const struct known_meter *meter, int64_t total) {
    return (int64_t)((int128)total * meter->to_ppm / 1000000) -
           (int64_t)((int128)total * meter->from_ppm / 1000000);
}

static void take_reading(struct known_account *account, const char *id, uint64_t seq,
                         int64_t at_ms, int64_t value) {
    struct known_meter *meter = meter_of(account, id);
    if (!meter || seq <= meter->from_seq || seq > meter->through_seq || value < meter->value) {
        return;
    }
    const int64_t before = share_of(meter, meter->total);
    meter->total += value - meter->value;
    price(account, meter->at_ms, at_ms, share_of(meter, meter->total) - before);
    meter->value = value;
    meter->at_ms = at_ms;
}

static void compare(const struct books *books, const struct known_account *account) {
    const int64_t net = (int64_t)(account->exact / 1000000) + account->rents * RENT;
    const int64_t tax = (int64_t)((int128)net * TAX_PPM / 1000000);
    if (account->balance != OPENING - net - tax) {
        wrong(books, "%s has %" PRId64 " and should have %" PRId64, account->id,
              account->balance, OPENING - net - tax);
    }
    for (size_t i = 0; i < account->meter_count; i++) {
        const struct known_meter *meter = &account->meters[i];
        if (meter->value != meter->to.register_micro) {
            wrong(books, "%s is charged up to %" PRId64 ", its reading says %" PRId64,
                  meter->id, meter->to.register_micro, meter->value);
        }
    }
}

void books_reading(struct books *books, const char *meter, uint64_t seq,
                   const struct store_reading *reading) {
    if (reading->quality & NOT_TRUSTED) {
        return;
    }
    for (size_t i = 0; i < books->count; i++) {
        take_reading(&books->accounts[i], meter, seq, reading->at_ms, reading->value_micro);
    }
}

void books_compare(const struct books *books) {
    for (size_t i = 0; i < books->count; i++) {
        compare(books, &books->accounts[i]);
    }
}

const struct known_account *books_account(const struct books *books, const char *id) {
    for (size_t i = 0; i < books->count; i++) {
        if (strcmp(books->accounts[i].id, id) == 0) {
            return &books->accounts[i];
        }
    }
    return NULL;
}
