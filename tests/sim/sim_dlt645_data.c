/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_dlt645_data.h"

#include <string.h>

#include "bridges/dlt645/dlt645.h"
#include "tests/sim/sim_bcd.h"

enum {
    ALL_2007 = 0xff,
    ALL_1997 = 0x0f,
    TARIFF_FULL = 3, /* all energy goes there */
    TARIFFS_1997 = 14,
    PHASES = 3,
    DEMAND_TIME = 5,
    FILL = 0xff,
    WILDCARD = 0xaa,
    VALUE_BYTES_MAX = 8
};

enum by { ALONE, BY_TARIFF, BY_PHASE, BY_PHASE_AND_TOTAL };

/* Values of one kind: the part of the identifier that counts is 0 here. */
struct row {
    uint32_t di;
    enum by by;
    enum sim_measure measure; /* SIM_NOTHING: it stays 0 */
    bool is_phase;            /* of a row that stands alone: phase A, or B and C below */
    uint8_t len;
    uint8_t decimals;
    uint8_t demand_time; /* bytes that follow */
};

static const struct row rows_2007[] = {
    {0x00000000, BY_TARIFF, SIM_ENERGY, false, 4, 2, 0},
    {0x00010000, BY_TARIFF, SIM_ENERGY, false, 4, 2, 0},
    {0x00020000, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0x00030000, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0x00040000, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0x00150000, ALONE, SIM_ENERGY, true, 4, 2, 0},
    {0x00290000, ALONE, SIM_ENERGY, true, 4, 2, 0},
    {0x003d0000, ALONE, SIM_ENERGY, true, 4, 2, 0},
    {0x00900100, ALONE, SIM_NOTHING, false, 4, 2, 0},
    {0x00900101, ALONE, SIM_NOTHING, false, 4, 2, 0},
    {0x00900200, ALONE, SIM_NOTHING, false, 4, 2, 0},
    {0x00900201, ALONE, SIM_NOTHING, false, 4, 2, 0},
    {0x01010000, BY_TARIFF, SIM_POWER, false, 3, 4, DEMAND_TIME},
    {0x02010000, BY_PHASE, SIM_VOLTAGE, true, 2, 1, 0},
    {0x02020000, BY_PHASE, SIM_CURRENT, true, 3, 3, 0},
    {0x02030000, BY_PHASE_AND_TOTAL, SIM_POWER, true, 3, 4, 0},
    {0x02040000, BY_PHASE_AND_TOTAL, SIM_NOTHING, true, 3, 4, 0},
    {0x02050000, BY_PHASE_AND_TOTAL, SIM_POWER, true, 3, 4, 0},
    {0x02060000, BY_PHASE_AND_TOTAL, SIM_FACTOR, true, 2, 3, 0},
    {0x02800002, ALONE, SIM_FREQUENCY, false, 2, 2, 0},
    {0x02800003, ALONE, SIM_POWER, false, 3, 4, 0},
    {0x02800004, ALONE, SIM_POWER, false, 3, 4, 0},
    {0x02800007, ALONE, SIM_NOTHING, false, 2, 1, 0},
    {0x04000306, ALONE, SIM_CT, false, 3, 0, 0},
    {0x04000307, ALONE, SIM_VT, false, 3, 0, 0},
    {0x04001401, ALONE, SIM_NOTHING, false, 2, 0, 0},
};

static const struct row rows_1997[] = {
    {0x9010, BY_TARIFF, SIM_ENERGY, false, 4, 2, 0},
    {0x9020, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0x9110, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0x9120, BY_TARIFF, SIM_NOTHING, false, 4, 2, 0},
    {0xb610, BY_PHASE, SIM_VOLTAGE, true, 2, 0, 0},
    {0xb620, BY_PHASE, SIM_CURRENT, true, 2, 2, 0},
    {0xb630, BY_PHASE_AND_TOTAL, SIM_POWER, true, 3, 4, 0},
    {0xb640, BY_PHASE_AND_TOTAL, SIM_NOTHING, true, 2, 2, 0},
    {0xb650, BY_PHASE_AND_TOTAL, SIM_FACTOR, true, 2, 3, 0},
};

/* --- the model --------------------------------------------------------------------------- */

bool sim_dlt645_is_1997(const struct model *model) {
    return dlt645_model_edition(model) == DLT645_1997;
}

bool sim_dlt645_has_relay(const struct model *model, bool *can_close) {
    const struct dlt645_relay *relay = &dlt645_meter_of(model)->relay;
    *can_close = relay->is_there && relay->can_close;
    return relay->is_there;
}

/* --- values by number -------------------------------------------------------------------- */

/* One identifier of a meter. */
struct look {
    const struct sim_view *view;
    const struct row *row;
    unsigned part; /* tariff or phase, 0 = the total */
};

static bool is_absent(const struct look *look) {
    const bool is_phase = look->row->by == BY_PHASE || look->row->by == BY_PHASE_AND_TOTAL;
    return is_phase && look->part > 1 && !look->view->meter->is_three_phase;
}

static int64_t micro_of(const struct look *look) {
    const struct row *row = look->row;
    if (row->by == BY_TARIFF && look->part != 0 && look->part != TARIFF_FULL) {
        return 0;
    }
    const bool is_phase = row->is_phase && (look->part > 0 || row->by == ALONE);
    return sim_meter_measure(look->view, row->measure, is_phase);
}

/* Of a demand: now, which is as good a time as any. */
static void put_demand_time(const struct look *look, uint8_t *out) {
    const struct sim_calendar now = sim_calendar(sim_meter_clock_us(look->view));
    uint8_t moment[SIM_MOMENT_BYTES];
    sim_bcd_put_moment(&now, moment);
    memcpy(out, moment + 1, DEMAND_TIME);
}

static size_t put_value(const struct look *look, uint8_t *out) {
    const struct row *row = look->row;
    const size_t len = (size_t)row->len + row->demand_time;
    if (is_absent(look)) {
        memset(out, FILL, len);
        return len;
    }
    sim_bcd_put(micro_of(look), row->decimals, out, row->len);
    if (row->demand_time) {
        put_demand_time(look, out + row->len);
    }
    return len;
}

static unsigned first_of(const struct row *row) {
    return row->by == BY_PHASE ? 1 : 0;
}

static unsigned last_of(const struct look *look, bool is_1997) {
    const unsigned tariffs = (unsigned)look->view->meter->traits.tariffs;
    if (look->row->by != BY_TARIFF) {
        return look->row->by == ALONE ? 0 : PHASES;
    }
    return is_1997 && tariffs > TARIFFS_1997 ? TARIFFS_1997 : tariffs;
}

static size_t put_block(struct look *look, bool is_1997, uint8_t *out) {
    size_t len = 0;
    for (look->part = first_of(look->row); look->part <= last_of(look, is_1997); look->part++) {
        if (len + VALUE_BYTES_MAX <= SIM_DLT645_DATA_MAX) {
            len += put_value(look, out + len);
        }
    }
    return len;
}

static size_t put_row(struct look *look, unsigned part, bool is_1997, uint8_t *out) {
    if (part == (is_1997 ? ALL_1997 : ALL_2007) && look->row->by != ALONE) {
        return put_block(look, is_1997, out);
    }
    look->part = part;
    const bool is_there = part >= first_of(look->row) && part <= last_of(look, is_1997);
    return is_there && !is_absent(look) ? put_value(look, out) : 0;
}

static size_t measured(const struct sim_view *view, uint32_t di, uint8_t *out) {
    const bool is_1997 = sim_dlt645_is_1997(view->meter->site->model);
    const struct row *rows = is_1997 ? rows_1997 : rows_2007;
    const size_t count =
        is_1997 ? sizeof rows_1997 / sizeof *rows_1997 : sizeof rows_2007 / sizeof *rows_2007;
    const uint32_t mask = is_1997 ? 0xf : 0xff00;
    for (size_t i = 0; i < count; i++) {
        struct look look = {.view = view, .row = &rows[i]};
        const uint32_t key = rows[i].by == ALONE ? di : di & ~mask;
        if (key == rows[i].di) {
            return put_row(&look, rows[i].by == ALONE ? 0 : (di & mask) >> (is_1997 ? 0 : 8),
                           is_1997, out);
        }
    }
    return 0;
}

/* --- what the meter knows of itself ------------------------------------------------------ */

enum { SW1_BATTERY = 1 << 2 };
enum { SW3_OPEN = 1 << 4, SW3_ORDERED = 1 << 6, SW3_ALARM = 1 << 7, SW3_KEEPS = 1 << 12 };
enum { SW3_ACCOUNT_SHIFT = 8 };

static unsigned status_word(const struct sim_view *view, unsigned number) {
    const struct sim_meter *meter = view->meter;
    if (number == 1) {
        return meter->faults[SIM_BATTERY].is_on ? SW1_BATTERY : 0;
    }
    if (number != 3) {
        return 0;
    }
    return (meter->says_open ? SW3_OPEN : 0U) | (meter->wants_open ? SW3_ORDERED : 0U) |
           (meter->is_alarmed ? SW3_ALARM : 0U) | (meter->keeps_power ? SW3_KEEPS : 0U) |
           (unsigned)meter->traits.prepaid << SW3_ACCOUNT_SHIFT;
}

static size_t put_status(const struct sim_view *view, uint32_t di, uint8_t *out) {
    enum { WORDS = 7 };
    const unsigned number = di & 0xff;
    const unsigned from = number == ALL_2007 ? 1 : number;
    const unsigned to = number == ALL_2007 ? WORDS : number;
    size_t len = 0;
    for (unsigned word = from; word >= 1 && word <= to && to <= WORDS; word++) {
        const unsigned bits = status_word(view, word);
        out[len++] = (uint8_t)bits;
        out[len++] = (uint8_t)(bits >> 8);
    }
    return len;
}

static size_t put_date(const struct sim_view *view, uint32_t di, uint8_t *out) {
    const struct sim_calendar now = sim_calendar(sim_meter_clock_us(view));
    (void)di;
    out[0] = sim_bcd(now.weekday);
    out[1] = sim_bcd(now.day);
    out[2] = sim_bcd(now.month);
    out[3] = sim_bcd(now.year);
    return 4;
}

static size_t put_time(const struct sim_view *view, uint32_t di, uint8_t *out) {
    const struct sim_calendar now = sim_calendar(sim_meter_clock_us(view));
    (void)di;
    out[0] = sim_bcd(now.second);
    out[1] = sim_bcd(now.minute);
    out[2] = sim_bcd(now.hour);
    return 3;
}

static size_t put_address(const struct sim_view *view, uint32_t di, uint8_t *out) {
    (void)di;
    sim_dlt645_address(view, out);
    return DLT645_ADDRESS_BYTES;
}

static size_t put_number(const struct sim_view *view, uint32_t di, uint8_t *out) {
    (void)di;
    sim_dlt645_number(view, out);
    return DLT645_ADDRESS_BYTES;
}

static const struct special {
    uint32_t first;
    uint32_t last;
    bool is_1997;
    size_t (*put)(const struct sim_view *view, uint32_t di, uint8_t *out);
} specials[] = {
    {0x04000101, 0x04000101, false, put_date},
    {0x04000102, 0x04000102, false, put_time},
    {0x04000401, 0x04000401, false, put_address},
    {0x04000402, 0x04000402, false, put_number},
    {0x04000501, 0x040005ff, false, put_status},
    {0xc010, 0xc010, true, put_date},
    {0xc011, 0xc011, true, put_time},
    {0xc032, 0xc032, true, put_number},
};

size_t sim_dlt645_data(const struct sim_view *view, uint32_t di, uint8_t *out) {
    const bool is_1997 = sim_dlt645_is_1997(view->meter->site->model);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        const struct special *special = &specials[i];
        if (special->is_1997 == is_1997 && di >= special->first && di <= special->last) {
            return special->put(view, di, out);
        }
    }
    return measured(view, di, out);
}

void sim_dlt645_address(const struct sim_view *view, uint8_t out[DLT645_ADDRESS_BYTES]) {
    const uint8_t *said = view->meter->site->address.bytes;
    sim_bcd_digits(view->meter->devices[SIM_ITSELF].serial, out, DLT645_ADDRESS_BYTES);
    for (size_t i = 0; i < DLT645_ADDRESS_BYTES; i++) {
        out[i] = said[i] == WILDCARD ? out[i] : said[i];
    }
}

void sim_dlt645_number(const struct sim_view *view, uint8_t out[DLT645_ADDRESS_BYTES]) {
    sim_bcd_digits(view->meter->devices[view->device].serial, out, DLT645_ADDRESS_BYTES);
}

/* --- for people -------------------------------------------------------------------------- */

static int64_t number_in(const uint8_t *bytes, size_t len, unsigned decimals) {
    int64_t number = 0;
    for (size_t i = len; i-- > 0;) {
        number = 100 * number + sim_bcd_number(bytes[i]);
    }
    for (unsigned i = decimals; i < 6; i++) {
        number *= 10;
    }
    return number;
}

static int64_t bit_in(const uint8_t *bytes, const struct dlt645_point *point) {
    const unsigned word = bytes[0] | (unsigned)bytes[1] << 8;
    if (point->bit == DLT645_NO_BIT) {
        return word * (int64_t)MICRO;
    }
    const bool is_set = word >> point->bit & 1;
    return is_set != point->is_inverted ? MICRO : 0;
}

static unsigned decimals_of(bool is_1997, uint32_t di) {
    const struct row *rows = is_1997 ? rows_1997 : rows_2007;
    const size_t count =
        is_1997 ? sizeof rows_1997 / sizeof *rows_1997 : sizeof rows_2007 / sizeof *rows_2007;
    const uint32_t mask = is_1997 ? 0xf : 0xff00;
    for (size_t i = 0; i < count; i++) {
        if ((rows[i].by == ALONE ? di : di & ~mask) == rows[i].di) {
            return rows[i].decimals;
        }
    }
    return 0;
}

bool sim_dlt645_show(const struct sim_view *view, const struct model_point *point,
                     int64_t *micro) {
    const struct dlt645_point *own = dlt645_point_of(point);
    const bool is_1997 = sim_dlt645_is_1997(view->meter->site->model);
    uint8_t data[SIM_DLT645_DATA_MAX];
    const uint32_t di = (uint32_t)own->di;
    size_t len = sim_dlt645_data(view, di, data);
    if (len == 0) {
        return false;
    }
    if (!is_1997 && di >= 0x04000501 && di <= 0x04000507) {
        *micro = bit_in(data, own);
        return true;
    }
    len -= di >> 24 == 1 ? DEMAND_TIME : 0;
    const int64_t plain = number_in(data, len, decimals_of(is_1997, di));
    *micro = (int64_t)((int128)plain * own->scale.num / own->scale.den);
    return true;
}
