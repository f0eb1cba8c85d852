/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_mbus_record.h"

#include <string.h>

#include "bridges/mbus/mbus.h"
#include "bridges/mbus/mbus_date.h"
#include "bridges/quantity.h"
#include "tests/sim/sim_calendar.h"

enum {
    CI_RSP = 0x72,
    MORE = 0x80,
    LVAR_BINARY4 = 0xe4,
    FIELD_VARIABLE = 0x0d,
    ANY_MAKER = 0xffff
};

/* --- making one -------------------------------------------------------------------------- */

bool sim_mbus_record_make(const uint8_t *head, size_t len, struct sim_mbus_record *out) {
    struct mbus_records records;
    if (len > MBUS_HEAD_MAX) {
        return false;
    }
    *out = (struct sim_mbus_record){
        .header = {.ci = CI_RSP, .content = MBUS_VARIABLE, .layout = MBUS_LONG_HEADER}};
    memcpy(out->bytes, head, len);
    if ((head[0] & 0x0f) == FIELD_VARIABLE) {
        out->bytes[len] = LVAR_BINARY4;
    }
    out->header.body = out->bytes;
    out->header.body_len = sizeof out->bytes;
    mbus_records_init(&records, &out->header);
    return mbus_record_next(&records, &out->record) == BRIDGE_OK &&
           (size_t)out->record.dib_len + out->record.vib_len == len;
}

/* --- numbers ----------------------------------------------------------------------------- */

static int128 power_of_ten(int exponent) {
    int128 power = 1;
    for (; exponent > 0; exponent--) {
        power *= 10;
    }
    return power;
}

/* num / den rounded down, as an IEEE-754 pattern of 32 bits. */
static uint32_t float_bits(int128 num, int128 den) {
    const uint32_t sign = num < 0 ? 1U << 31 : 0;
    int exponent = 23;
    num = num < 0 ? -num : num;
    if (num == 0) {
        return 0;
    }
    while (num / den >= 1 << 24) {
        den *= 2;
        exponent++;
    }
    while (num / den < 1 << 23) {
        num *= 2;
        exponent--;
    }
    return sign | (uint32_t)(exponent + 127) << 23 | ((uint32_t)(num / den) & 0x7fffff);
}

static int128 room_of(const struct mbus_record *record) {
    const int digits = 2 * (int)record->data_len;
    return record->value.type == 'A' ? power_of_ten(digits)
                                     : (int128)1 << (8 * record->data_len - 1);
}

/* What one count of the record is of the quantity's unit: by units, by scale, by exponent. */
struct worth {
    int128 num;
    int128 den;
};

/* Units of quantities and of records that convert exactly. */
static const struct conversion {
    const char *quantity;
    const char *record;
    int64_t num;
    int64_t den;
} conversions[] = {
    {"kWh", "Wh", 1, 1000},     {"GJ", "J", 1, 1000000000}, {"kW", "W", 1, 1000},
    {"kvarh", "varh", 1, 1000}, {"kvar", "var", 1, 1000},   {"kVA", "VA", 1, 1000},
    {"h", "s", 1, 3600},        {"h", "min", 1, 60},        {"h", "d", 24, 1},
    {"m3/h", "m3/min", 60, 1},  {"m3/h", "m3/s", 3600, 1},
};

static struct worth worth_of(const struct mbus_record *record,
                             const struct model_point *point) {
    const struct ratio scale = mbus_point_of(point)->scale;
    struct worth worth = {.num = scale.num, .den = scale.den};
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        const struct conversion *conversion = &conversions[i];
        if (strcmp(conversion->quantity, quantity_unit(point->quantity)) == 0 &&
            strcmp(conversion->record, record->vib.unit) == 0) {
            worth.num *= conversion->num;
            worth.den *= conversion->den;
        }
    }
    const int exponent = record->vib.exponent + record->vib.correction;
    worth.num *= power_of_ten(exponent);
    worth.den *= power_of_ten(-exponent);
    return worth;
}

/* Registers show what has been reached, rounded down, and begin again behind all nines. */
static bool set_number(struct mbus_record *record, const struct worth *worth, int64_t micro,
                       bool is_register) {
    const int128 num = (int128)micro * worth->den;
    const int128 den = MICRO * worth->num;
    struct mbus_value *value = &record->value;
    if (value->kind == MBUS_REAL && value->bit_count == 32) {
        value->bits = float_bits(num, den);
        value->invalid = MBUS_VALID;
        return true;
    }
    const int128 room = room_of(record);
    const int128 count = is_register ? num / den % room : num / den;
    if (value->kind != MBUS_NUMBER || count >= room || count <= -room) {
        return false;
    }
    value->mantissa = count;
    value->negative = count < 0;
    value->invalid = MBUS_VALID;
    return true;
}

bool sim_mbus_record_read(const struct mbus_record *record, const struct model_point *point,
                          int64_t *micro) {
    const struct worth worth = worth_of(record, point);
    const int64_t step = mbus_point_of(point)->resolution_micro;
    if (record->value.kind == MBUS_REAL) {
        const struct ratio scale = {.num = (int64_t)worth.num, .den = (int64_t)worth.den};
        return decimal_from_float32((uint32_t)record->value.bits, scale, step ? step : 1,
                                    micro) == BRIDGE_OK;
    }
    if (record->value.kind != MBUS_NUMBER) {
        return false;
    }
    *micro = (int64_t)(record->value.mantissa * worth.num * MICRO / worth.den);
    return true;
}

bool sim_mbus_record_is_of(const struct mbus_record *record, const struct model_point *point) {
    return record->special == MBUS_RECORD &&
           mbus_record_fits(&mbus_point_of(point)->record, record);
}

/* --- which record ------------------------------------------------------------------------ */

/* What our meters make of a key that names no bytes: the usual form of such a record. */
static const struct usual {
    uint8_t len;
    uint8_t head[4];
} usuals[] = {
    {2, {0x0c, 0x04}}, /* energy, 10 Wh */
    {2, {0x0c, 0x0e}}, /* energy, MJ */
    {2, {0x0c, 0x13}}, /* volume, l */
    {2, {0x0b, 0x2b}}, /* power, W */
    {2, {0x0b, 0x3b}}, /* flow, l/h */
    {2, {0x0a, 0x5a}}, /* temperatures, 0.1 degrees */
    {2, {0x0a, 0x5e}},
    {2, {0x0a, 0x62}},
    {2, {0x0a, 0x66}},
    {2, {0x02, 0x6a}}, /* 0.1 bar */
    {2, {0x0b, 0x22}}, /* hours */
    {2, {0x0b, 0x26}},
    {3, {0x02, 0xfd, 0x48}},       /* 0.1 V */
    {3, {0x03, 0xfd, 0x59}},       /* mA */
    {3, {0x02, 0xfb, 0x2d}},       /* 0.01 Hz */
    {4, {0x04, 0xfb, 0x82, 0x75}}, /* reactive energy, varh */
    {3, {0x03, 0xfb, 0x14}},       /* var */
    {3, {0x03, 0xfb, 0x34}},       /* VA */
    {3, {0x01, 0xfd, 0x1a}},       /* digital output */
    {3, {0x01, 0xfd, 0x1b}},
    {3, {0x01, 0xfd, 0x1f}}, /* remote control */
    {3, {0x02, 0xfd, 0x3a}}, /* no dimension */
};

/* The DIB with function, storage, tariff and subunit of the key; then VIB and modifiers. */
static size_t head_of(const struct usual *usual, const struct mbus_record_key *key,
                      uint8_t *head) {
    size_t len = 0;
    const uint64_t storage = (uint64_t)key->storage;
    uint64_t rest = storage >> 1 | (uint64_t)key->tariff | (uint64_t)key->subunit;
    head[len++] = (uint8_t)(usual->head[0] | (unsigned)key->function << 4 | (storage & 1) << 6 |
                            (rest ? MORE : 0));
    for (unsigned k = 0; rest; k++) {
        const uint64_t left = storage >> (5 + 4 * k) | (uint64_t)key->tariff >> (2 * k + 2) |
                              (uint64_t)key->subunit >> (k + 1);
        head[len++] = (uint8_t)((storage >> (1 + 4 * k) & 0xf) |
                                ((uint64_t)key->tariff >> 2 * k & 3) << 4 |
                                ((uint64_t)key->subunit >> k & 1) << 6 | (left ? MORE : 0));
        rest = left;
    }
    memcpy(head + len, usual->head + 1, usual->len - 1U);
    len += usual->len - 1U;
    for (size_t i = 0; i < key->modifier_count; i++) {
        head[len - 1] |= MORE;
        head[len++] = key->modifiers[i];
    }
    return len;
}

static bool record_of_key(const struct mbus_record_key *key, struct sim_mbus_record *out) {
    if (key->head_len > 0) {
        return sim_mbus_record_make(key->head, key->head_len, out);
    }
    for (size_t i = 0; i < sizeof usuals / sizeof *usuals; i++) {
        uint8_t head[MBUS_HEAD_MAX + MBUS_KEY_MODIFIERS_MAX];
        const size_t len = head_of(&usuals[i], key, head);
        if (sim_mbus_record_make(head, len, out) && mbus_record_fits(key, &out->record)) {
            return true;
        }
    }
    return false;
}

static bool fill(const struct sim_view *view, const struct model_point *point,
                 struct mbus_record *record) {
    const struct worth worth = worth_of(record, point);
    int64_t micro;
    if (!sim_meter_state(view->meter, point->quantity, &micro)) {
        micro =
            sim_meter_value(view->meter, view->device, view->era, view->at_us, point->quantity);
    }
    return set_number(record, &worth, micro, quantity_is_register(point->quantity));
}

bool sim_mbus_record_of_point(const struct sim_view *view, const struct model_point *point,
                              struct sim_mbus_record *out) {
    return record_of_key(&mbus_point_of(point)->record, out) && fill(view, point, &out->record);
}

static int64_t state_of(const struct sim_view *view) {
    const struct mbus_relay *relay = &mbus_meter_of(view->meter->site->model)->relay;
    return view->meter->says_open ? relay->is_open : relay->is_closed;
}

bool sim_mbus_record_of_relay(const struct sim_view *view, struct sim_mbus_record *out) {
    const struct mbus_relay *relay = &mbus_meter_of(view->meter->site->model)->relay;
    if (relay->closed_len == 0 || !record_of_key(&relay->state, out)) {
        return false;
    }
    out->record.value.mantissa = state_of(view);
    return out->record.value.kind == MBUS_NUMBER;
}

/* --- a real telegram --------------------------------------------------------------------- */

void sim_mbus_record_set_time(const struct sim_view *view, struct mbus_record *record) {
    const struct sim_calendar now = sim_calendar(sim_meter_clock_us(view));
    struct mbus_date *date = &record->value.date;
    const char type = mbus_date_type(record->data_len);
    *date = (struct mbus_date){.type = type,
                               .day = (uint8_t)now.day,
                               .month = (uint8_t)now.month,
                               .year = (uint16_t)now.year,
                               .wire_year = (uint8_t)(now.year % 100),
                               .hour = (uint8_t)now.hour,
                               .minute = (uint8_t)now.minute,
                               .second = (uint8_t)now.second};
    record->value.kind = MBUS_DATE;
    record->value.type = type;
    record->value.invalid = MBUS_VALID;
}

static bool tells_time(const struct mbus_record *record) {
    return record->vib.quantity == MBUS_Q_date_time && record->value.kind == MBUS_DATE &&
           record->storage == 0 && record->function == MBUS_INST && record->vib.is_plain;
}

void sim_mbus_record_refresh(const struct sim_view *view, struct mbus_record *record) {
    const struct model *model = view->meter->site->model;
    const struct mbus_relay *relay = &mbus_meter_of(model)->relay;
    if (record->special != MBUS_RECORD) {
        return;
    }
    for (size_t i = 0; i < model->point_count; i++) {
        if (sim_meter_measures(model->points[i].quantity) &&
            sim_mbus_record_is_of(record, &model->points[i])) {
            (void)fill(view, &model->points[i], record);
        }
    }
    if (relay->closed_len > 0 && mbus_record_fits(&relay->state, record)) {
        record->value.mantissa =
            (record->value.mantissa & ~(int128)relay->mask) | state_of(view);
    }
    if (tells_time(record)) {
        sim_mbus_record_set_time(view, record);
    }
}

/* --- the meter --------------------------------------------------------------------------- */

bool sim_mbus_secondary(const struct meter_address *address, struct mbus_selection *out) {
    if (!mbus_is_secondary(address)) {
        return false;
    }
    *out = mbus_selection_at(address);
    return true;
}

struct mbus_selection sim_mbus_model_identity(const struct model *model) {
    const struct mbus_meter *meter = mbus_meter_of(model);
    return (struct mbus_selection){
        .manufacturer = meter->manufacturer ? (uint16_t)meter->manufacturer : ANY_MAKER,
        .version = (uint8_t)meter->version,
        .medium = (uint8_t)meter->medium};
}

bool sim_mbus_is_order(const struct model *model, uint8_t ci, const uint8_t *data, size_t len,
                       bool *is_open) {
    const struct mbus_relay *relay = &mbus_meter_of(model)->relay;
    if (relay->closed_len == 0 || ci != relay->ci) {
        return false;
    }
    *is_open = len == relay->open_len && memcmp(data, relay->open, len) == 0;
    return *is_open || (len == relay->closed_len && memcmp(data, relay->closed, len) == 0);
}
