/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateway/sync/wire_ledger.h"
#include "gateway/sync/wire_ledger_parts.h"

static const struct wire_field service_rows[] = {
    WIRE_ROW(account_service, 1, FLAG, is_used),
    WIRE_ROW(account_service, 2, SIGNED, residual),
    WIRE_ROW(account_service, 3, SIGNED, standing_through),
    WIRE_ROW(account_service, 4, TEXT, standing_name),
    WIRE_LADDER_ROWS(account_service, 5),
};
static const struct wire_table service_table = WIRE_TABLE(service_rows);

static const struct wire_field tax_rows[] = {
    WIRE_ROW(account_tax, 1, SIGNED, ppm),
    WIRE_ROW(account_tax, 2, SIGNED, residual),
};
static const struct wire_table tax_table = WIRE_TABLE(tax_rows);

static const struct wire_field instalment_rows[] = {
    WIRE_ROW(account_instalment, 1, TEXT, name),
    WIRE_ROW(account_instalment, 2, SIGNED, paid_micro),
};
static const struct wire_table instalment_table = WIRE_TABLE(instalment_rows);

static const struct wire_field meter_rows[] = {
    WIRE_ROW(account_meter, 1, TEXT, id),
    WIRE_ROW(account_meter, 2, UNSIGNED, utility),
    WIRE_ROW(account_meter, 3, SIGNED, share_from_ppm),
    WIRE_ROW(account_meter, 4, SIGNED, share_to_ppm),
    WIRE_ROW(account_meter, 5, FLAG, is_bound),
    WIRE_ROW(account_meter, 6, FLAG, base.is_set),
    WIRE_ROW(account_meter, 7, SIGNED, base.reading.register_micro),
    WIRE_ROW(account_meter, 8, SIGNED, base.reading.multiplier_micro),
    WIRE_ROW(account_meter, 9, SIGNED, base.reading.at_ms),
    WIRE_ROW(account_meter, 10, SIGNED, base.rest),
    WIRE_ROW(account_meter, 11, SIGNED, meter_total_micro),
    WIRE_ROW(account_meter, 12, UNSIGNED, billed_seq),
};
static const struct wire_table meter_table = WIRE_TABLE(meter_rows);

static const struct wire_field account_rows[] = {
    WIRE_ROW_ALWAYS(account, 1, TEXT, id),
    WIRE_ROW(account, 2, UNSIGNED, tenancy),
    WIRE_ROW(account, 3, FLAG, is_open),
    WIRE_ROW(account, 4, UNSIGNED, mode),
    WIRE_ROW(account, 5, UNSIGNED, aseq),
    WIRE_ROW_ALWAYS(account, 6, SIGNED, balance_micro),
    WIRE_ROW(account, 7, SIGNED, debts.payment_debt),
    WIRE_ROW(account, 8, SIGNED, debts.accumulated_debt),
    WIRE_ROW(account, 9, SIGNED, debts.emergency_used),
    WIRE_ROW(account, 10, SIGNED, debts.paid_this_week),
    WIRE_ROW(account, 11, SIGNED, debt_week),
    WIRE_ROW_PART(account, 12, services[TARIFF_ELECTRICITY], service_table),
    WIRE_ROW_PART(account, 13, services[TARIFF_WATER], service_table),
    WIRE_ROW_PART(account, 14, services[TARIFF_GAS], service_table),
    WIRE_ROW_PART(account, 15, services[TARIFF_HEAT], service_table),
    WIRE_ROW_PARTS(account, 16, taxes, tax_count, ACCOUNT_TAXES_MAX, tax_table),
    WIRE_ROW_PARTS(account, 17, instalments, instalment_count, ACCOUNT_STANDINGS_MAX,
                   instalment_table),
    {.number = 18,
     .type = WIRE_PARTS,
     .offset = offsetof(struct account, meters),
     .size = sizeof(struct account_meter),
     .count_at = offsetof(struct account, meter_count),
     .max = ACCOUNT_METERS_MAX,
     .max_at = offsetof(struct account, meter_cap),
     .table = &meter_table},
};
static const struct wire_table account_table = WIRE_TABLE(account_rows);

static bool is_meter(const struct account_meter *meter) {
    return meter->id[0] && meter->utility <= TARIFF_HEAT &&
           wire_is_share(meter->share_from_ppm, meter->share_to_ppm) &&
           (!meter->base.is_set || wire_is_reading(&meter->base.reading)) &&
           wire_is_residual(meter->base.rest) && meter->billed_seq <= INT64_MAX;
}

static bool is_account(const struct account *account) {
    if (!account->id[0] || account->mode > ACCOUNT_NOTICE || account->aseq > INT64_MAX) {
        return false;
    }
    for (size_t i = 0; i < ACCOUNT_UTILITIES; i++) {
        const struct account_service *service = &account->services[i];
        if (!wire_is_residual(service->residual) || !wire_is_ladder(&service->use)) {
            return false;
        }
    }
    for (size_t i = 0; i < account->tax_count; i++) {
        if (!wire_is_tax(account->taxes[i].ppm, account->taxes[i].residual)) {
            return false;
        }
    }
    for (size_t i = 0; i < account->meter_count; i++) {
        if (!is_meter(&account->meters[i])) {
            return false;
        }
    }
    return true;
}

enum gw_status wire_account_encode(const struct account *account, uint8_t *buf, size_t cap,
                                   size_t *len) {
    if (account->meter_count > account->meter_cap || account->tax_count > ACCOUNT_TAXES_MAX ||
        account->instalment_count > ACCOUNT_STANDINGS_MAX || !is_account(account)) {
        return GW_EINVALID;
    }
    return wire_fields_put(&account_table, UINT64_MAX, account, buf, cap, len);
}

enum gw_status wire_account_decode(const uint8_t *buf, size_t len, struct account *out) {
    struct account draft = {.meters = out->meters, .meter_cap = out->meter_cap};
    uint8_t again[WIRE_ACCOUNT_STATE_MAX];
    size_t again_len = 0;
    if (wire_fields_take(&account_table, buf, len, &draft) != GW_OK) {
        return draft.meter_count == draft.meter_cap && draft.meter_cap < ACCOUNT_METERS_MAX
                   ? GW_EFULL
                   : GW_EINVALID;
    }
    if (wire_account_encode(&draft, again, sizeof again, &again_len) != GW_OK ||
        again_len != len || memcmp(again, buf, len) != 0) {
        return GW_EINVALID;
    }
    account_forget_accruals(&draft);
    *out = draft;
    return GW_OK;
}
