/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_mbus_telegram.h"

#include <stdio.h>
#include <string.h>

#include "bridges/mbus/mbus_build.h"
#include "tests/sim/sim_mbus_record.h"

enum {
    CI_RSP = 0x72,
    ACD = 0x20,
    STATUS_BATTERY = 0x04,
    MORE_FOLLOWS = 0x1f,
    NIBBLE = 4,
    ANY_BYTE = 0xff,
    ANY_MAKER = 0xffff,
    DIGIT_ANY = 0xf,
    OUR_VERSION = 1,
    HEADER_BYTES = 12,
    BODY_MAX = MBUS_DATA_MAX - HEADER_BYTES - 1, /* the mark that more follow */
    RECORDS_MAX = MODEL_POINTS_MAX + 64
};

/* --- who it is --------------------------------------------------------------------------- */

uint32_t sim_mbus_digits(const char *text) {
    static const char digits[] = "0123456789ABCDEF";
    uint32_t number = 0;
    for (; *text; text++) {
        const char c = (char)(*text >= 'a' && *text <= 'f' ? *text - 'a' + 'A' : *text);
        const char *at = strchr(digits, c);
        number = number << NIBBLE | (at ? (uint32_t)(at - digits) : 0);
    }
    return number;
}

static uint16_t maker_of(const char *letters) {
    return (uint16_t)((letters[0] & 0x1f) << 10 | (letters[1] & 0x1f) << 5 |
                      (letters[2] & 0x1f));
}

/* Electricity, water or heat, whatever comes first in the model. */
static uint8_t medium_of(const struct model *model) {
    static const uint8_t media[] = {
        [SIM_ENERGY] = 0x02, [SIM_POWER] = 0x02, [SIM_VOLUME] = 0x07, [SIM_FLOW] = 0x07};
    for (size_t i = 0; i < model->point_count; i++) {
        const enum sim_measure measure = sim_measure_of(model->points[i].quantity);
        if (measure < sizeof media && media[measure]) {
            return media[measure];
        }
    }
    return 0;
}

/* The header of the telegram that is replayed; false: there is none, or it tells no identity.
 */
static bool replayed(const struct sim_traits *traits, struct mbus_header *out) {
    struct mbus_frame frame;
    return traits->telegram_len > 0 &&
           mbus_frame_read(traits->telegram, traits->telegram_len, &frame) == BRIDGE_OK &&
           mbus_header_read(frame.ci, frame.data, frame.len, out) == BRIDGE_OK;
}

/* What the keys of simulation, the telegram and the model say, in this order. */
static struct mbus_selection by_nature(const struct sim_meter *meter) {
    const struct sim_traits *traits = &meter->traits;
    struct mbus_selection own = sim_mbus_model_identity(meter->site->model);
    struct mbus_header header;
    if (replayed(traits, &header) && header.layout == MBUS_LONG_HEADER) {
        own = mbus_selection_of(&header);
    }
    own.manufacturer = own.manufacturer == ANY_MAKER ? maker_of("MGS") : own.manufacturer;
    own.version = own.version == ANY_BYTE ? OUR_VERSION : own.version;
    own.medium = own.medium == ANY_BYTE ? medium_of(meter->site->model) : own.medium;
    if (*traits->manufacturer) {
        own.manufacturer = maker_of(traits->manufacturer);
    }
    if (traits->version != SIM_UNSET) {
        own.version = (uint8_t)traits->version;
    }
    if (traits->medium != SIM_UNSET) {
        own.medium = (uint8_t)traits->medium;
    }
    return own;
}

static bool has_any_digit(uint32_t id) {
    for (; id; id >>= NIBBLE) {
        if ((id & DIGIT_ANY) == DIGIT_ANY) {
            return true;
        }
    }
    return false;
}

/* What an address leaves open does not count. */
static void address_over(const struct meter_address *address, struct mbus_selection *own) {
    struct mbus_selection said;
    if (!sim_mbus_secondary(address, &said)) {
        return;
    }
    own->id = has_any_digit(said.id) ? own->id : said.id;
    own->manufacturer = said.manufacturer == ANY_MAKER ? own->manufacturer : said.manufacturer;
    own->version = said.version == ANY_BYTE ? own->version : said.version;
    own->medium = said.medium == ANY_BYTE ? own->medium : said.medium;
}

struct mbus_selection sim_mbus_identity(const struct sim_view *view) {
    const struct sim_meter *meter = view->meter;
    struct mbus_selection own = by_nature(meter);
    own.id = sim_mbus_digits(meter->devices[view->device].serial);
    if (view->device == SIM_ITSELF) {
        address_over(&meter->site->address, &own);
    }
    return own;
}

uint32_t sim_mbus_fabrication(const struct sim_view *view) {
    const char *text = view->meter->traits.fabrication;
    const bool is_own = *text && view->device == SIM_ITSELF;
    return is_own ? sim_mbus_digits(text) : sim_mbus_identity(view).id;
}

/* --- the records ------------------------------------------------------------------------- */

/* Records one behind the other, and where each ends. */
struct body {
    uint8_t bytes[2 * MBUS_DATA_MAX * SIM_TELEGRAMS_MAX / 8];
    size_t len;
    size_t count;
    size_t ends[RECORDS_MAX];
};

static void append(struct body *body, const struct mbus_record *record) {
    if (body->count < RECORDS_MAX &&
        mbus_build_record(record, body->bytes, sizeof body->bytes, &body->len) == BRIDGE_OK) {
        body->ends[body->count++] = body->len;
    }
}

static void append_number(const struct sim_view *view, struct body *body) {
    static const uint8_t head[] = {0x0c, 0x78};
    struct sim_mbus_record own;
    if (sim_mbus_record_make(head, sizeof head, &own)) {
        own.record.value.mantissa = 0;
        for (int digit = 2 * (int)sizeof(uint32_t) - 1; digit >= 0; digit--) {
            const uint32_t number = sim_mbus_fabrication(view) >> NIBBLE * digit;
            own.record.value.mantissa = own.record.value.mantissa * 10 + number % 16 % 10;
        }
        append(body, &own.record);
    }
}

static void append_time(const struct sim_view *view, struct body *body) {
    static const uint8_t head[] = {0x04, 0x6d};
    struct sim_mbus_record own;
    if (sim_mbus_record_make(head, sizeof head, &own)) {
        sim_mbus_record_set_time(view, &own.record);
        append(body, &own.record);
    }
}

static void append_points(const struct sim_view *view, struct body *body) {
    const struct model *model = view->meter->site->model;
    struct sim_mbus_record own;
    for (size_t i = 0; i < model->point_count; i++) {
        if (sim_mbus_record_of_point(view, &model->points[i], &own)) {
            append(body, &own.record);
        }
    }
    if (sim_mbus_record_of_relay(view, &own)) {
        append(body, &own.record);
    }
}

/* Where the records stop making sense the rest is copied as one. */
static void append_replay(const struct sim_view *view, const struct mbus_header *header,
                          struct body *body) {
    struct mbus_records records;
    struct mbus_record record;
    mbus_records_init(&records, header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK) {
        sim_mbus_record_refresh(view, &record);
        append(body, &record);
    }
}

static void gather(const struct sim_view *view, struct mbus_header *header, struct body *body) {
    body->len = 0;
    body->count = 0;
    if (replayed(&view->meter->traits, header)) {
        append_replay(view, header, body);
        return;
    }
    *header = (struct mbus_header){
        .ci = CI_RSP, .content = MBUS_VARIABLE, .layout = MBUS_LONG_HEADER};
    append_number(view, body);
    append_time(view, body);
    append_points(view, body);
}

/* --- the frame --------------------------------------------------------------------------- */

/* Records [from, to) of the one with this index, evenly dealt out. */
static void share_of(const struct body *body, size_t index, size_t total, size_t *from,
                     size_t *to) {
    const size_t each = (body->count + total - 1) / total;
    *from = index * each < body->count ? index * each : body->count;
    *to = *from + each < body->count ? *from + each : body->count;
}

static size_t put_share(const struct body *body, size_t from, size_t to, uint8_t *out) {
    const size_t start = from > 0 ? body->ends[from - 1] : 0;
    size_t len = to > from ? body->ends[to - 1] - start : 0;
    while (len > BODY_MAX) { /* what does not fit is left out, record by record */
        to--;
        len = body->ends[to - 1] - start;
    }
    memcpy(out, body->bytes + start, len);
    return len;
}

size_t sim_mbus_telegram(const struct sim_view *view, const struct sim_mbus_saying *saying,
                         uint8_t *out, bool *has_more) {
    const size_t total = (size_t)view->meter->traits.telegrams;
    struct mbus_header header;
    struct body body;
    uint8_t data[MBUS_DATA_MAX];
    size_t len = 0;
    size_t from;
    size_t to;
    gather(view, &header, &body);
    const struct mbus_selection own = sim_mbus_identity(view);
    header.id = own.id;
    header.manufacturer = own.manufacturer;
    header.version = own.version;
    header.medium = own.medium;
    header.access_no = saying->access_no;
    header.status = (uint8_t)(header.status |
                              (view->meter->faults[SIM_BATTERY].is_on ? STATUS_BATTERY : 0));
    if (mbus_build_header(&header, data, sizeof data, &len) != BRIDGE_OK) {
        return 0;
    }
    share_of(&body, saying->index, total, &from, &to);
    if (from == to && header.content == MBUS_VARIABLE) {
        struct body number = {.len = 0};
        append_number(view, &number);
        len += put_share(&number, 0, 1, data + len);
    } else {
        len += put_share(&body, from, to, data + len);
    }
    *has_more = saying->index + 1 < total;
    if (*has_more) {
        data[len++] = MORE_FOLLOWS;
    }
    const uint8_t c = MBUS_RSP_UD | (saying->has_alarm ? ACD : 0);
    return mbus_build_long(c, saying->a, header.ci, data, len, out);
}

/* Of a real telegram: what its own record can hold. */
static bool show_replayed(const struct sim_view *view, const struct mbus_header *header,
                          const struct model_point *point, int64_t *micro) {
    struct mbus_records records;
    struct mbus_record record;
    mbus_records_init(&records, header);
    while (mbus_record_next(&records, &record) == BRIDGE_OK) {
        if (sim_mbus_record_is_of(&record, point)) {
            sim_mbus_record_refresh(view, &record);
            return sim_mbus_record_read(&record, point, micro);
        }
    }
    return false;
}

bool sim_mbus_show(const struct sim_view *view, const struct model_point *point,
                   int64_t *micro) {
    struct sim_mbus_record own;
    struct mbus_header header;
    if (replayed(&view->meter->traits, &header)) {
        return show_replayed(view, &header, point, micro);
    }
    return sim_mbus_record_of_point(view, point, &own) &&
           sim_mbus_record_read(&own.record, point, micro);
}
