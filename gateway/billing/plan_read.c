/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the configuration that is about money, by a table of keys.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/quantity.h"
#include "gateway/billing/plan_inside.h"
#include "gateway/core/money.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { AMOUNT_MAX_UNITS = 1000000000, PERCENT = 100 };

#define AMOUNT_MAX ((int64_t)AMOUNT_MAX_UNITS * MICRO)

static const struct field meter_fields[] = {
    {"meter", FIELD_ID, offsetof(struct plan_meter, id), NULL, 1, PLAN_ID_MAX,
     "id of a meter of the buses", NULL, NULL, NULL},
    {"register", FIELD_ID, offsetof(struct plan_meter, register_name), NULL, 1, PLAN_NAME_MAX,
     "the quantity that is charged, such as forward_active_energy", NULL, NULL, NULL},
    {"utility", FIELD_CHOICE, offsetof(struct plan_meter, utility_word), "auto", 0, 0,
     "what it counts; auto: as its register says, m3 being water", "auto|" TARIFF_UTILITIES,
     NULL, NULL},
    {"multiplier", FIELD_DECIMAL, offsetof(struct plan_meter, multiplier_micro), "1", 1,
     (int64_t)1000000 * MICRO, "of transformers that the meter does not reckon in", NULL, NULL,
     NULL},
    {"max_power", FIELD_DECIMAL, offsetof(struct plan_meter, max_power_micro), "0", 0,
     AMOUNT_MAX, "units an hour of its register; more is not believed at once; 0 = no limit",
     NULL, NULL, NULL},
    {"modulus", FIELD_DECIMAL, offsetof(struct plan_meter, limits.modulus_micro), "0", 0,
     INT64_MAX, "where its register begins again at 0; 0 = not known", NULL, NULL, NULL},
    {"jitter", FIELD_DECIMAL, offsetof(struct plan_meter, limits.jitter_micro), "0", 0,
     (int64_t)1000 * MICRO, "how far its register may step back for nothing", NULL, NULL, NULL},
    {"share", FIELD_DECIMAL, offsetof(struct plan_meter, share_micro), "100", 1,
     (int64_t)PERCENT *MICRO, "per cent of a shared meter; those of all accounts make 100",
     NULL, NULL, NULL},
    {"source", FIELD_TEXT, offsetof(struct plan_meter, source_name), "", 0, TARIFF_NAME_MAX,
     "one of its tariff's sources; without it the first", NULL, NULL, NULL},
};
static const struct schema meter_schema = {meter_fields, COUNT(meter_fields), NULL, 0};

static void read_meter(struct doc *doc, const doc_node *node, void *out) {
    struct plan_account *account = out;
    struct plan_meter *meter = &account->meters[account->meter_count++];
    *meter = (struct plan_meter){.source_line = doc_line(node)};
    doc_read(doc, node, &meter_schema, meter);
}

#define TARIFF_KEY(name, utility)                                                              \
    {                                                                                          \
        name, FIELD_ID, (size_t)(utility) * (TARIFF_ID_MAX + 1), "", 0, TARIFF_ID_MAX,         \
            "id of its tariff files", NULL, NULL, NULL                                         \
    }
static const struct field tariffs_fields[] = {
    TARIFF_KEY("electricity", TARIFF_ELECTRICITY), TARIFF_KEY("water", TARIFF_WATER),
    TARIFF_KEY("gas", TARIFF_GAS), TARIFF_KEY("heat", TARIFF_HEAT)};
static const struct schema tariffs_schema = {tariffs_fields, COUNT(tariffs_fields), NULL, 0};

static const struct field debt_fields[] = {
    {"share", FIELD_DECIMAL, offsetof(struct topup_policy, payment_debt_ppm), "0", 0, MICRO,
     "of each top-up that pays a payment debt, 0.2 = a fifth", NULL, NULL, NULL},
    {"weekly_cap", FIELD_DECIMAL, offsetof(struct topup_policy, payment_debt_weekly_cap),
     "1000000000", 0, AMOUNT_MAX, "the most in a week", NULL, NULL, NULL},
};
static const struct schema debt_schema = {debt_fields, COUNT(debt_fields), NULL, 0};

static const struct field account_fields[] = {
    {"id", FIELD_ID, offsetof(struct plan_account, id), NULL, 1, PLAN_ID_MAX,
     "the account's name, for ever", NULL, NULL, NULL},
    {"mode", FIELD_CHOICE, offsetof(struct plan_account, mode), "prepaid", 0, 0,
     "how it pays when it is opened; later by order", ACCOUNT_MODES, NULL, NULL},
    {"opening", FIELD_DECIMAL, offsetof(struct plan_account, opening_micro), "0", 0, AMOUNT_MAX,
     "credit that it is opened with; later by order", NULL, NULL, NULL},
    {"tariffs", FIELD_MAP, offsetof(struct plan_account, tariffs), NULL, 0, 0,
     "what it pays for each utility", NULL, &tariffs_schema, NULL},
    {"debt", FIELD_MAP, offsetof(struct plan_account, topup), "", 0, 0, "how top-ups pay debts",
     NULL, &debt_schema, NULL},
    {"meters", FIELD_LIST, 0, NULL, 1, ACCOUNT_METERS_MAX, "what it pays for", NULL,
     &meter_schema, read_meter},
};
const struct schema plan_account_schema = {account_fields, COUNT(account_fields), NULL, 0};

void plan_read_account(struct doc *doc, const doc_node *node, void *out) {
    struct billing_plan *plan = out;
    struct plan_account *accounts =
        realloc(plan->accounts, (plan->account_count + 1) * sizeof *accounts);
    if (!accounts) {
        doc_fault(doc, node, "out of memory");
        return;
    }
    plan->accounts = accounts;
    struct plan_account *account = &accounts[plan->account_count++];
    *account = (struct plan_account){.source_line = doc_line(node)};
    doc_read(doc, node, &plan_account_schema, account);
}
