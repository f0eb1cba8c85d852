/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger entries and accounts on the wire: bytes by hand, there and back, and what is refused.
 * protobuf-c, which the code under test does not use, must read and write the same.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "gateway/sync/wire_ledger.h"
#include "proto/metergate/v1/ledger.pb-c.h"

static const int64_t HOUR_MS = 3600000;
static const int64_t NOW_MS = 1767225600000; /* 2026-01-01 00:00 UTC */

static uint8_t bytes[WIRE_ENTRY_MAX];
static size_t len;

/* --- entries to try ---------------------------------------------------------------------- */

static struct entry opening(void) {
    return (struct entry){.account = "A",
                          .tenancy = 1,
                          .aseq = 1,
                          .kind = ENTRY_OPEN,
                          .amount_micro = 5000000,
                          .balance_after = 5000000,
                          .at_ms = NOW_MS,
                          .actor = "gateway"};
}

static struct entry_line line(uint32_t tier, int64_t quantity_micro, int64_t price_micro) {
    return (struct entry_line){.tariff = "residential-ladder",
                               .revision = 1,
                               .band = "all",
                               .tier = tier,
                               .from_tier = tier,
                               .methods = RATING_READ,
                               .from_ms = NOW_MS - HOUR_MS,
                               .to_ms = NOW_MS,
                               .quantity_micro = quantity_micro,
                               .price_micro = price_micro,
                               .exact = money_product(quantity_micro, price_micro)};
}

/* An hour that passes a threshold: two lines, one tax. */
static struct entry debit(void) {
    struct entry entry = {.account = "room-101",
                          .tenancy = 1,
                          .aseq = 812,
                          .kind = ENTRY_DEBIT_ENERGY,
                          .amount_micro = -1039600,
                          .balance_after = 48960400,
                          .at_ms = NOW_MS,
                          .actor = "gateway",
                          .net_micro = 920000,
                          .tax_micro = 119600,
                          .tax_count = 1,
                          .taxes = {{.ppm = 130000, .net_micro = 920000, .tax_micro = 119600}},
                          .residual_after = 250000,
                          .use = {.used_micro = 180700000, .at_ms = NOW_MS},
                          .line_count = 2};
    entry.range = (struct entry_range){
        .meter = "m-101",
        .from = {.register_micro = 3184200000,
                 .multiplier_micro = 1000000,
                 .at_ms = NOW_MS - HOUR_MS},
        .to = {.register_micro = 3185900000, .multiplier_micro = 1000000, .at_ms = NOW_MS},
        .quantity_micro = 1700000,
        .meter_micro = 1700000,
        .through_seq = 90210,
        .share_to_ppm = 1000000};
    entry.lines[0] = line(0, 1000000, 500000);
    entry.lines[1] = line(1, 700000, 600000);
    return entry;
}

/* Every member that a charge can have, and each as far from zero as it may be. */
static struct entry extreme(void) {
    struct entry entry = debit();
    entry.balance_after = INT64_MIN;
    entry.aseq = INT64_MAX;
    entry.tenancy = UINT32_MAX;
    entry.clock_quality = 15;
    memset(entry.account, '~', ENTRY_ACCOUNT_MAX);
    memset(entry.actor, ' ', ENTRY_ACTOR_MAX);
    memset(entry.reason, 'r', ENTRY_REASON_MAX);
    entry.has_order = entry.has_target = true;
    memset(entry.order_id, 0xff, sizeof entry.order_id);
    entry.range.utility = TARIFF_HEAT;
    entry.range.from.register_micro = INT64_MIN;
    entry.range.to.register_micro = INT64_MAX;
    entry.range.to.multiplier_micro = INT64_MAX;
    entry.range.rest = 999999;
    entry.range.share_from_ppm = 999999;
    entry.range.quantity_micro = 0;
    entry.range.meter_micro = INT64_MAX;
    entry.line_count = ENTRY_LINES_MAX;
    for (size_t i = 0; i < ENTRY_LINES_MAX; i++) {
        entry.lines[i] = line((uint32_t)(i % LADDER_TIERS_MAX), INT64_MAX, INT64_MIN);
        entry.lines[i].revision = (int64_t)i;
        memset(entry.lines[i].tariff, 't', TARIFF_ID_MAX);
        memset(entry.lines[i].source, 's', TARIFF_NAME_MAX);
        memset(entry.lines[i].band, 'b', TARIFF_NAME_MAX);
        entry.lines[i].is_repricing = entry.lines[i].is_expired = true;
        entry.lines[i].from_tier = 11;
        entry.lines[i].exact += i % 2 ? 1 : -1;
    }
    entry.tax_count = ENTRY_TAXES_MAX;
    entry.use.tier = 11;
    entry.use.priced_micro = INT64_MAX;
    for (size_t i = 0; i < LADDER_TIERS_MAX; i++) {
        entry.use.priced[i] = (int128)(i % 2 ? INT64_MAX : INT64_MIN) * 1000000 + (int)i;
    }
    return entry;
}

static struct entry payment(void) {
    struct entry entry = opening();
    entry.aseq = 2;
    entry.kind = ENTRY_VOUCHER;
    entry.amount_micro = 20000000;
    entry.balance_after = 25000000;
    entry.has_order = entry.has_voucher = true;
    memcpy(entry.order_id, "0123456789abcdef", 16);
    entry.seller = 7;
    entry.voucher_no = 0;
    entry.split =
        (struct entry_split){.week = 20450, .to_payment_debt = 5, .to_balance = 20000000};
    return entry;
}

/* --- there and back ---------------------------------------------------------------------- */

static void there_and_back(const struct entry *entry) {
    static struct entry got;
    memset(&got, 0xa5, sizeof got);
    cr_assert_eq(wire_entry_encode(entry, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(wire_entry_decode(bytes, len, &got), GW_OK);
    cr_assert_eq(memcmp(&got, entry, sizeof got), 0);
}

/* protobuf-c takes the bytes, and makes the same of what it read. */
static void same_for_protobuf(void) {
    uint8_t again[WIRE_ENTRY_MAX];
    Metergate__V1__LedgerEntry *message = metergate__v1__ledger_entry__unpack(NULL, len, bytes);
    cr_assert_not_null(message);
    cr_assert_eq(protobuf_c_message_get_packed_size(&message->base), len);
    cr_assert_eq(metergate__v1__ledger_entry__pack(message, again), len);
    cr_assert_eq(memcmp(again, bytes, len), 0);
    metergate__v1__ledger_entry__free_unpacked(message, NULL);
}

Test(wire_ledger, an_opening_has_these_bytes) {
    static const uint8_t want[] = {
        0x0a, 1,    'A',  0x10, 1,    0x18, 1,    0x20, 1, /* account, tenancy, aseq, kind */
        0x28, 0x80, 0xa0, 0xd5, 0xed, 0xee, 0x66,          /* 2 * 1767225600000 */
        0x30, 0x80, 0xad, 0xe2, 0x04,                      /* 2 * 5000000 */
        0x38, 0x80, 0xad, 0xe2, 0x04};
    const struct entry entry = opening();
    there_and_back(&entry);
    cr_assert_eq(len, sizeof want);
    cr_assert_eq(memcmp(bytes, want, len), 0);
}

Test(wire_ledger, every_shape_comes_back_and_is_protobuf) {
    const struct entry entries[] = {opening(), debit(), payment(), extreme()};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        there_and_back(&entries[i]);
        same_for_protobuf();
    }
}

Test(wire_ledger, a_charge_of_two_lines_is_small) {
    const struct entry entry = debit();
    there_and_back(&entry);
    cr_assert_leq(len, 150);
}

Test(wire_ledger, the_longest_entry_fits_into_a_record) {
    const struct entry entry = extreme();
    there_and_back(&entry);
    cr_assert_lt(len, WIRE_ENTRY_MAX);
}

Test(wire_ledger, a_reader_finds_the_members_by_name) {
    const struct entry entry = debit();
    there_and_back(&entry);
    Metergate__V1__LedgerEntry *message = metergate__v1__ledger_entry__unpack(NULL, len, bytes);
    cr_assert_eq(message->kind, METERGATE__V1__LEDGER_KIND__LEDGER_DEBIT_ENERGY);
    cr_assert_eq(message->balance_after, 48960400);
    cr_assert_eq(message->range->from_register_micro, 3184200000);
    cr_assert_eq(message->range->to_register_micro, 1700000);
    cr_assert_eq(message->range->from_at_ms, -HOUR_MS);
    cr_assert_not(message->range->has_to_at_ms);
    cr_assert_eq(message->n_line, 2);
    cr_assert_eq(message->line[0]->tariff.len, strlen("residential-ladder"));
    cr_assert_not(message->line[1]->has_tariff);
    cr_assert_eq(message->line[1]->tier, 1);
    cr_assert_eq(message->line[1]->price_micro, 600000);
    cr_assert_eq(message->tax[0]->tax_micro, 119600);
    cr_assert_not(message->has_net_micro);
    metergate__v1__ledger_entry__free_unpacked(message, NULL);
}

/* --- what is refused --------------------------------------------------------------------- */

Test(wire_ledger, whatever_is_decoded_would_be_written_so) {
    const struct entry entries[] = {opening(), debit(), payment()};
    static struct entry got;
    size_t taken = 0;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        there_and_back(&entries[i]);
        for (size_t bit = 0; bit < len * 8; bit++) {
            uint8_t other[WIRE_ENTRY_MAX];
            size_t other_len = 0;
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (wire_entry_decode(bytes, len, &got) == GW_OK) {
                taken++;
                cr_assert_eq(wire_entry_encode(&got, other, sizeof other, &other_len), GW_OK);
                cr_assert_eq(other_len, len);
                cr_assert_eq(memcmp(other, bytes, len), 0);
                cr_assert_neq(memcmp(&got, &entries[i], sizeof got), 0);
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    cr_assert_gt(taken, 100); /* amounts with another bit are amounts */
}

Test(wire_ledger, a_shorter_or_longer_message_is_refused) {
    const struct entry entry = debit();
    static struct entry got;
    there_and_back(&entry);
    for (size_t i = 0; i < len; i++) {
        if (wire_entry_decode(bytes, i, &got) == GW_OK) {
            cr_assert_neq(memcmp(&got, &entry, sizeof got), 0);
        }
    }
    bytes[len] = 0;
    cr_assert_eq(wire_entry_decode(bytes, len + 1, &got), GW_EINVALID);
    memcpy(bytes + len, "\xa0\x06\x01", 3); /* field 100 */
    cr_assert_eq(wire_entry_decode(bytes, len + 3, &got), GW_EINVALID);
}

/* An opening with these bytes behind it. */
static enum gw_status decode_with(const char *more, size_t more_len) {
    static struct entry got;
    const struct entry entry = opening();
    there_and_back(&entry);
    memcpy(bytes + len, more, more_len);
    return wire_entry_decode(bytes, len + more_len, &got);
}

Test(wire_ledger, a_value_has_one_encoding) {
    cr_assert_eq(decode_with("\xb0\x01\x02", 3), GW_OK);           /* mode 2 */
    cr_assert_eq(decode_with("\xb0\x01\x82\x00", 4), GW_EINVALID); /* longer than need be */
    cr_assert_eq(decode_with("\xb0\x01\x00", 3), GW_EINVALID);     /* zero written out */
    cr_assert_eq(decode_with("\xb0\x01\x02\xb0\x01\x02", 6), GW_EINVALID); /* twice */
    cr_assert_eq(decode_with("\xb0\x01\x02\x70\x01", 5), GW_EINVALID);     /* out of order */
    cr_assert_eq(decode_with("\x7a\x07gateway", 9), GW_EINVALID);          /* the usual actor */
    cr_assert_eq(decode_with("\x7a\x05order", 7), GW_OK);
    cr_assert_eq(decode_with("\xb5\x01\x02\x00\x00\x00", 6), GW_EINVALID); /* another shape */
}

Test(wire_ledger, values_out_of_range_are_refused) {
    cr_assert_eq(decode_with("\xb0\x01\x03", 3), GW_EINVALID);     /* mode 3 */
    cr_assert_eq(decode_with("\x70\x10", 2), GW_EINVALID);         /* quality 16 */
    cr_assert_eq(decode_with("\x7a\x02\xc3\xa9", 4), GW_EINVALID); /* no ASCII */
    cr_assert_eq(decode_with("\x7a\x02o\0", 4), GW_EINVALID);
    cr_assert_eq(decode_with("\x8a\x01\x02xx", 5), GW_EINVALID);       /* order of two bytes */
    cr_assert_eq(decode_with("\xc2\x01\x02\x08\x02", 5), GW_EINVALID); /* a split: no payment */
}

#define REFUSED(change)                                                                        \
    do {                                                                                       \
        struct entry entry = debit();                                                          \
        change;                                                                                \
        cr_expect_eq(wire_entry_encode(&entry, bytes, sizeof bytes, &len), GW_EINVALID,        \
                     "accepted: " #change);                                                    \
    } while (0)

Test(wire_ledger, what_cannot_be_is_not_written) {
    REFUSED(entry.kind = (enum entry_kind)6);
    REFUSED(entry.kind = (enum entry_kind)0);
    REFUSED(entry.kind = ENTRY_CREDIT); /* with a range and lines */
    REFUSED(entry.account[0] = '\0');
    REFUSED(entry.actor[0] = '\0');
    REFUSED(entry.tenancy = 0);
    REFUSED(entry.aseq = 0);
    REFUSED(entry.aseq = UINT64_MAX);
    REFUSED(entry.at_ms = -1);
    REFUSED(entry.mode = ACCOUNT_NOTICE);
    REFUSED(entry.debt_micro = 1);
    REFUSED(entry.order_id[3] = 1); /* and has_order false */
    REFUSED(entry.range.meter[0] = '\0');
    REFUSED(entry.range.from.multiplier_micro = 0);
    REFUSED(entry.range.quantity_micro = -1);
    REFUSED(entry.range.rest = 1000000);
    REFUSED(entry.range.share_to_ppm = 0);
    REFUSED(entry.residual_after = -1);
    REFUSED(entry.taxes[0].residual_after = 1000000);
    REFUSED(entry.taxes[0].ppm = 1000001);
    REFUSED(entry.lines[0].tariff[0] = '\0');
    REFUSED(entry.lines[0].band[0] = '\0');
    REFUSED(entry.lines[1].tier = 12);
    REFUSED(entry.lines[1].methods = 16);
    REFUSED(entry.line_count = ENTRY_LINES_MAX + 1);
    REFUSED(entry.tax_count = ENTRY_TAXES_MAX + 1);
    REFUSED(entry.use.tier = 12);
}

/* --- accounts ---------------------------------------------------------------------------- */

static struct account_meter meters[3];

static struct account sample_account(void) {
    struct account account;
    memset(meters, 0, sizeof meters);
    account_init(&account, "room-101", meters, 3);
    account.tenancy = 2;
    account.is_open = true;
    account.mode = ACCOUNT_POSTPAID;
    account.aseq = 77;
    account.balance_micro = -1;
    account.debts.payment_debt = 3000000;
    account.debt_week = 20450;
    account.services[TARIFF_WATER].is_used = true;
    account.services[TARIFF_WATER].residual = 999999;
    account.services[TARIFF_WATER].standing_through = 20453;
    memcpy(account.services[TARIFF_WATER].standing_name, "daily", 6);
    account.services[TARIFF_WATER].use =
        (struct ladder_use){.used_micro = 5, .at_ms = NOW_MS, .priced_micro = 5, .tier = 2};
    for (size_t i = 0; i < LADDER_TIERS_MAX; i++) {
        account.services[TARIFF_WATER].use.priced[i] = (int128)(i < 3 ? i : 3) * 7 - 9;
    }
    account.services[TARIFF_WATER].accrued = account.services[TARIFF_WATER].use;
    account.tax_count = 1;
    account.taxes[0] = (struct account_tax){.ppm = 50000, .residual = 123};
    account.instalment_count = 1;
    account.instalments[0] = (struct account_instalment){.name = "cooker", .paid_micro = 9};
    account.meter_count = 2;
    for (size_t i = 0; i < 2; i++) {
        meters[i] = (struct account_meter){
            .id = {'m', (char)('1' + i)},
            .utility = TARIFF_WATER,
            .share_to_ppm = 333333,
            .is_bound = i == 1,
            .base = {.is_set = true,
                     .reading = {.register_micro = 44, .multiplier_micro = 1, .at_ms = NOW_MS},
                     .rest = 17},
            .meter_total_micro = 12,
            .billed_seq = 99};
    }
    account_forget_accruals(&account);
    return account;
}

Test(wire_ledger, an_account_comes_back_and_is_protobuf) {
    static struct account_meter got_meters[3];
    struct account got;
    const struct account want = sample_account();
    cr_assert_eq(wire_account_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    account_init(&got, "other", got_meters, 3);
    cr_assert_eq(wire_account_decode(bytes, len, &got), GW_OK);
    cr_assert_eq(memcmp(got_meters, meters, 2 * sizeof *meters), 0);
    cr_assert_eq(got.meters, got_meters);
    got.meters = meters;
    cr_assert_eq(memcmp(&got, &want, sizeof got), 0);

    uint8_t again[WIRE_ENTRY_MAX];
    Metergate__V1__AccountState *message =
        metergate__v1__account_state__unpack(NULL, len, bytes);
    cr_assert_not_null(message);
    cr_assert_eq(message->meter[1]->billed_seq, 99);
    cr_assert_eq(message->water->n_ladder_priced_whole, 4);
    cr_assert_eq(metergate__v1__account_state__pack(message, again), len);
    cr_assert_eq(memcmp(again, bytes, len), 0);
    metergate__v1__account_state__free_unpacked(message, NULL);
}

Test(wire_ledger, more_meters_than_room_are_refused) {
    static struct account_meter few[1];
    struct account got;
    const struct account want = sample_account();
    cr_assert_eq(wire_account_encode(&want, bytes, sizeof bytes, &len), GW_OK);
    account_init(&got, "other", few, 1);
    cr_assert_eq(wire_account_decode(bytes, len, &got), GW_EFULL);
    cr_assert_str_eq(got.id, "other");
    account_init(&got, "other", few, 0);
    cr_assert_eq(wire_account_decode(bytes, len, &got), GW_EFULL);
}

Test(wire_ledger, settings_and_accruals_are_not_in_it) {
    uint8_t plain[WIRE_ENTRY_MAX];
    size_t plain_len = 0;
    struct account account = sample_account();
    cr_assert_eq(wire_account_encode(&account, plain, sizeof plain, &plain_len), GW_OK);
    meters[0].limits.jitter_micro = 5;
    meters[0].max_power_micro = 5;
    meters[0].source = 1;
    meters[0].accrual.quantity_micro = 5;
    account.services[TARIFF_WATER].accrued.used_micro = 100;
    account.services[TARIFF_WATER].due_ms = NOW_MS;
    cr_assert_eq(wire_account_encode(&account, bytes, sizeof bytes, &len), GW_OK);
    cr_assert_eq(len, plain_len);
    cr_assert_eq(memcmp(bytes, plain, len), 0);
}
