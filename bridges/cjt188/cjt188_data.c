/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cjt188/cjt188_data.h"

#include <string.h>

#include "bridges/base/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { DI_BYTES = 2, HEAD_BYTES = 3 /* and SER */, PARTS_MAX = 10, CLASS = 0xf0 };

enum format {
    END_OF_PARTS,
    QUANTITY,
    BARE,
    CELSIUS,
    HOURS,
    MOMENT,
    STATUS,
    SMALL,
    METER,
    KEY,
    VALVE,
    REST_FLAG = 0x80 /* and the number of bytes */
};
#define REST(bytes) (REST_FLAG | (bytes))

enum classes { ALL, HEAT, NOT_HEAT };

struct part {
    uint8_t format; /* enum format */
    const char *name;
};

struct layout {
    uint16_t di;
    uint16_t last;
    uint8_t classes; /* enum classes */
    struct part parts[PARTS_MAX];
};

#define FIELD(format, name)                                                                    \
    { format, name }
#define LAYOUT(di, last, classes, ...) {di, last, classes, {__VA_ARGS__}},
static const struct layout layouts[] = {
#include "bridges/cjt188/cjt188_layouts.def"
};

static size_t bytes_of(const struct part *part) {
    static const uint8_t bytes[] = {
        [END_OF_PARTS] = 0, [QUANTITY] = 5, [BARE] = 4,   [CELSIUS] = 3,
        [HOURS] = 3,        [MOMENT] = 7,   [STATUS] = 2, [SMALL] = 1,
        [METER] = 7,        [KEY] = 8,      [VALVE] = 1};
    return part->format & REST_FLAG ? part->format & ~(size_t)REST_FLAG : bytes[part->format];
}

/* --- words ------------------------------------------------------------------------------- */

const char *cjt188_unit(uint8_t code, unsigned *factor) {
    static const struct {
        uint8_t code;
        uint8_t factor;
        const char *name;
    } units[] = {{0x01, 1, "J"},     {0x02, 1, "Wh"}, {0x05, 1, "kWh"}, {0x08, 1, "MWh"},
                 {0x0a, 100, "MWh"}, {0x0b, 1, "kJ"}, {0x0e, 1, "MJ"},  {0x11, 1, "GJ"},
                 {0x13, 100, "GJ"},  {0x14, 1, "W"},  {0x17, 1, "kW"},  {0x1a, 1, "MW"},
                 {0x29, 1, "L"},     {0x2c, 1, "m3"}, {0x32, 1, "L/h"}, {0x35, 1, "m3/h"}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (units[i].code == code) {
            *factor = units[i].factor;
            return units[i].name;
        }
    }
    return NULL;
}

static bool is_unit(uint8_t code) {
    unsigned factor;
    return cjt188_unit(code, &factor) != NULL;
}

const char *cjt188_type_name(uint8_t type) {
    static const struct {
        uint8_t type;
        const char *name;
    } types[] = {{0x10, "cold water"},
                 {0x11, "domestic hot water"},
                 {0x12, "drinking water"},
                 {0x13, "reclaimed water"},
                 {0x20, "heat"},
                 {0x21, "cooling"},
                 {0x22, "heat and cooling"},
                 {0x30, "gas"},
                 {0x40, "electricity"},
                 {CJT188_ANY, "any meter"}};
    static const char *const classes[] = {"not of the standard", "water", "heat", "gas",
                                          "custom"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].type == type) {
            return types[i].name;
        }
    }
    const unsigned tens = type >> 4;
    return classes[tens < COUNT_OF(classes) && (type & 0xf) <= 9 ? tens : 0];
}

const char *cjt188_valve_name(enum cjt188_valve valve) {
    static const char *const names[] = {[CJT188_IS_OPEN] = "open",
                                        [CJT188_IS_CLOSED] = "closed",
                                        [CJT188_IS_UNDEFINED] = "undefined",
                                        [CJT188_IS_ABNORMAL] = "abnormal",
                                        [CJT188_IS_UNKNOWN] = "unknown"};
    return names[valve];
}

void cjt188_status_decode(const uint8_t *bytes, struct cjt188_status *out) {
    enum { VALVE_BITS = 3, BATTERY_BIT = 4, NOT_GIVEN = 0xff };
    static const enum cjt188_valve valves[] = {CJT188_IS_OPEN, CJT188_IS_CLOSED,
                                               CJT188_IS_UNDEFINED, CJT188_IS_ABNORMAL};
    *out = (struct cjt188_status){.bytes = {bytes[0], bytes[1]}};
    out->is_known = bytes[0] != NOT_GIVEN || bytes[1] != NOT_GIVEN;
    out->valve = out->is_known ? valves[bytes[0] & VALVE_BITS] : CJT188_IS_UNKNOWN;
    out->is_battery_low = out->is_known && bytes[0] & BATTERY_BIT;
}

/* 55 and 99 are the standard's, the others a maker's. */
static const char *order_name(uint8_t order) {
    switch (order) {
    case CJT188_VALVE_OPEN:
        return "open";
    case CJT188_VALVE_CLOSE:
        return "close";
    case 0x66:
        return "open freely";
    case 0x77:
        return "close freely";
    case 0x00:
        return "tell the state";
    default:
        return NULL;
    }
}

/* --- one value --------------------------------------------------------------------------- */

static const char no_digits[] = "not decimal digits: the meter has no value";

static void take_number(const uint8_t *bytes, size_t len, unsigned decimals,
                        struct cjt188_value *value) {
    value->kind = CJT188_DECIMAL;
    if (bcd_number(bytes, len, decimals, false, &value->micro, value->text) != BRIDGE_OK) {
        value->invalid = no_digits;
    }
}

static void take_quantity(const uint8_t *bytes, bool is_unit_first,
                          struct cjt188_value *value) {
    enum { DIGIT_BYTES = 4 };
    unsigned factor = 1;
    value->unit_code = bytes[is_unit_first ? 0 : DIGIT_BYTES];
    const char *unit = cjt188_unit(value->unit_code, &factor);
    value->unit = unit ? unit : "unknown";
    take_number(bytes + is_unit_first, DIGIT_BYTES, factor == 100 ? 0 : 2, value);
}

/* ss mm hh DD MM YY CC; some send the century first. Years 1990 to 2099 tell them apart. */
static bool append_moment(const uint8_t *bytes, char *text) {
    enum { SECOND, MINUTE, DAY = 3, YEAR = 5, CENTURY = 6 };
    const bool is_year =
        bytes[CENTURY] == 0x20 || (bytes[CENTURY] == 0x19 && bytes[YEAR] >= 0x90);
    text[0] = '\0';
    return is_year && bcd_append_date(bytes[CENTURY], bytes + DAY, text) &&
           bcd_append_hour(bytes + MINUTE, "T", text) && bcd_append_second(bytes[SECOND], text);
}

static void take_moment(const uint8_t *bytes, struct cjt188_value *value) {
    uint8_t turned[7];
    for (size_t i = 0; i < sizeof turned; i++) {
        turned[i] = bytes[sizeof turned - 1 - i];
    }
    if (!append_moment(bytes, value->text) && !append_moment(turned, value->text)) {
        value->invalid = "no date or time: not set";
    }
}

static void take_status(const uint8_t *bytes, struct cjt188_explanation *out,
                        struct cjt188_value *value) {
    out->has_status = true;
    cjt188_status_decode(bytes, &out->status);
    text_append_hex(value->text, sizeof value->text, bytes[0], 2);
    text_append_hex(value->text, sizeof value->text, bytes[1], 2);
}

static void take(const struct part *part, const uint8_t *bytes, struct cjt188_explanation *out,
                 struct cjt188_value *value) {
    switch ((int)part->format) {
    case QUANTITY:
        take_quantity(bytes, out->is_unit_first, value);
        break;
    case BARE:
        take_number(bytes, value->len, 2, value);
        break;
    case CELSIUS:
        value->unit = "degC";
        take_number(bytes, value->len, 2, value);
        break;
    case HOURS:
        value->unit = "h";
        take_number(bytes, value->len, 0, value);
        break;
    case SMALL:
        take_number(bytes, value->len, 0, value);
        break;
    case MOMENT:
        take_moment(bytes, value);
        break;
    case STATUS:
        take_status(bytes, out, value);
        break;
    case METER:
        cjt188_address_format(bytes, value->text);
        break;
    case VALVE:
        out->order = order_name(bytes[0]);
        text_append_hex(value->text, sizeof value->text, bytes[0], 2);
        break;
    case KEY:
        value->is_secret = true;
        value->invalid = "a key: not shown";
        break;
    default:
        value->invalid = "its meaning is not known";
        break;
    }
    if (value->invalid) {
        value->text[0] = '\0';
    }
}

/* --- one frame --------------------------------------------------------------------------- */

static struct cjt188_value *add(size_t at, size_t len, struct cjt188_values *out) {
    struct cjt188_value *value = &out->items[out->count++];
    *value = (struct cjt188_value){.unit = "", .kind = CJT188_TEXT};
    value->at = at;
    value->len = len;
    return value;
}

static void name_by_di(uint16_t di, char *name) {
    text_append(name, CJT188_NAME_MAX, "di_");
    text_append_hex(name, CJT188_NAME_MAX, di, 4);
}

static bool fits_class(const struct layout *layout, uint8_t type) {
    const bool is_heat = (type & CLASS) == CJT188_HEAT;
    return layout->classes == ALL || (layout->classes == HEAT) == is_heat;
}

static size_t length_of(const struct layout *layout) {
    size_t len = 0;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        len += bytes_of(&layout->parts[i]);
    }
    return len;
}

static const struct layout *find_layout(uint16_t di, uint8_t type, size_t len) {
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        const struct layout *layout = &layouts[i];
        if (di >= layout->di && di <= layout->last && fits_class(layout, type) &&
            length_of(layout) == len) {
            return layout;
        }
    }
    return NULL;
}

static bool is_listed_di(uint16_t di) {
    enum { DI_PRICES = 0x8102, DI_SET_PRICES = 0xa010, DI_FACTORY_END = 0xa019 };
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        if (di >= layouts[i].di && di <= layouts[i].last) {
            return true;
        }
    }
    return di == DI_PRICES || di == DI_SET_PRICES || di == DI_FACTORY_END;
}

/* Does an identifier begin with this byte, in a range of the standard or of 2018? */
static bool is_high_byte(uint8_t byte) {
    static const uint8_t high[] = {0x81, 0x90, 0x91, 0xa0, 0xa1, 0xd1, 0xd2, 0xd3, 0xd4};
    return memchr(high, byte, sizeof high) != NULL;
}

/* Both orders are met; the table decides, then the ranges, then the text of 2004. */
static void take_di(const uint8_t *data, struct cjt188_explanation *out) {
    const uint16_t big = (uint16_t)(data[0] << 8 | data[1]);
    const uint16_t little = (uint16_t)(data[1] << 8 | data[0]);
    out->has_di = true;
    out->is_little = !is_listed_di(big) && (is_listed_di(little) ||
                                            (!is_high_byte(data[0]) && is_high_byte(data[1])));
    out->di = out->is_little ? little : big;
}

static void set_name(const struct layout *layout, size_t index, uint16_t di,
                     struct cjt188_value *value) {
    const char *name = layout->parts[index].name;
    const bool is_alone = layout->parts[1].format == END_OF_PARTS;
    if (!name) {
        name_by_di(di, value->name);
        if (!is_alone) {
            text_append(value->name, CJT188_NAME_MAX, "_");
            text_append_count(value->name, CJT188_NAME_MAX, (uint32_t)index + 1);
        }
        return;
    }
    value->is_listed = true;
    text_append(value->name, CJT188_NAME_MAX, name);
    if (name[strlen(name) - 1] == '_') {
        text_append_count(value->name, CJT188_NAME_MAX, di - layout->di + 1U);
    }
}

/* Units stand in front when more quantities have one there than behind. */
static bool has_unit_first(const struct layout *layout, const uint8_t *data) {
    int in_front = 0;
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (layout->parts[i].format == QUANTITY) {
            in_front += is_unit(data[0]) - is_unit(data[4]);
        }
        data += bytes_of(&layout->parts[i]);
    }
    return in_front > 0;
}

static void take_layout(const struct cjt188_frame *frame, const struct layout *layout,
                        struct cjt188_explanation *out) {
    size_t at = HEAD_BYTES;
    out->is_unit_first = has_unit_first(layout, frame->data + at);
    for (size_t i = 0; i < PARTS_MAX && layout->parts[i].format != END_OF_PARTS; i++) {
        struct cjt188_value *value = add(at, bytes_of(&layout->parts[i]), &out->values);
        set_name(layout, i, out->di, value);
        take(&layout->parts[i], frame->data + at, out, value);
        at += value->len;
    }
}

static void take_payload(const struct cjt188_frame *frame, struct cjt188_explanation *out) {
    const size_t len = frame->data_len - (size_t)HEAD_BYTES;
    const struct layout *layout = find_layout(out->di, frame->type, len);
    if (layout) {
        take_layout(frame, layout, out);
    } else if (len > 0) {
        struct cjt188_value *value = add(HEAD_BYTES, len, &out->values);
        name_by_di(out->di, value->name);
        value->invalid = is_listed_di(out->di) ? "not as many bytes as the identifier has"
                                               : "an identifier that is not in the table";
        value->is_secret = out->di == 0xa014;
    }
}

/* The answer to a read address says it in the frame's own address. */
static void take_own_address(const struct cjt188_frame *frame, struct cjt188_explanation *out) {
    struct cjt188_value *value = add(0, 0, &out->values);
    text_append(value->name, sizeof value->name, "address");
    value->is_listed = true;
    cjt188_address_format(frame->address, value->text);
}

/* SER ST ST; some send DI SER and a code instead. */
static bool is_bare_refusal(const struct cjt188_frame *frame) {
    return frame->control & CJT188_ABNORMAL && frame->data_len == HEAD_BYTES &&
           !is_listed_di((uint16_t)(frame->data[0] << 8 | frame->data[1])) &&
           !is_listed_di((uint16_t)(frame->data[1] << 8 | frame->data[0]));
}

static const char *function_name(uint8_t control) {
    switch (control & CJT188_FUNCTION) {
    case CJT188_READ:
        return "read";
    case CJT188_READ_ADDRESS:
        return "read_address";
    case CJT188_WRITE:
        return "write";
    case CJT188_READ_KEY_VERSION:
        return "read_key_version";
    case CJT188_WRITE_ADDRESS:
        return "write_address";
    case CJT188_WRITE_COUNTER:
        return "write_counter";
    default:
        return NULL;
    }
}

void cjt188_explain(const struct cjt188_frame *frame, struct cjt188_explanation *out) {
    enum { READ_ADDRESS_ANSWER = CJT188_FROM_SLAVE | CJT188_READ_ADDRESS };
    *out = (struct cjt188_explanation){.function = function_name(frame->control)};
    if (is_bare_refusal(frame)) {
        out->has_ser = true;
        out->ser = frame->data[0];
        out->has_status = true;
        cjt188_status_decode(frame->data + 1, &out->status);
        return;
    }
    if (frame->data_len < DI_BYTES) {
        return;
    }
    take_di(frame->data, out);
    if (frame->data_len < HEAD_BYTES) {
        return;
    }
    out->has_ser = true;
    out->ser = frame->data[DI_BYTES];
    if (frame->control == READ_ADDRESS_ANSWER && frame->data_len == HEAD_BYTES) {
        take_own_address(frame, out);
    } else {
        take_payload(frame, out);
    }
}
