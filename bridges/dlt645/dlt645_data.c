/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/dlt645/dlt645_data.h"

#include "bridges/base/text.h"
#include "bridges/dlt645/dlt645_format.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { SETTLEMENTS = 13, REPEATS = 0x80, BLOCK_DI0 = 0xff };

enum varies { NONE, NIBBLE, DI0, DI1 };
enum suffix { PLAIN, TARIFF, PHASE, COUNT };

struct item {
    uint32_t di;
    uint8_t varies; /* enum varies */
    uint8_t last;
    uint32_t free;
    uint8_t format; /* enum dlt645_format */
    uint8_t bytes;  /* of one element; with REPEATS a list of them */
    uint8_t decimals;
    uint8_t suffix; /* enum suffix */
    const char *name;
    const char *unit;
    const char *what;
};

#define LIST(bytes) ((bytes) | REPEATS)
#define ITEM(di, varies, last, free, format, bytes, decimals, suffix, name, unit, what)        \
    {di, varies, last, free, DLT645_AS_##format, bytes, decimals, suffix, name, unit, what},

static const struct item items_2007[] = {
#define DLT645_ITEMS_2007
#include "bridges/dlt645/dlt645_items.def"
#undef DLT645_ITEMS_2007
};

static const struct item items_1997[] = {
#define DLT645_ITEMS_1997
#include "bridges/dlt645/dlt645_items.def"
#undef DLT645_ITEMS_1997
};

/* --- identifiers ------------------------------------------------------------------------- */

static unsigned shift_of(const struct item *item) {
    return item->varies == DI1 ? 8 : 0;
}

/* The highest value of what varies, which means the block; 0 = nothing varies. */
static uint32_t mask_of(const struct item *item) {
    return item->varies == NONE ? 0 : item->varies == NIBBLE ? 0xf : 0xff;
}

static uint32_t field_of(const struct item *item, uint32_t di) {
    return di >> shift_of(item) & mask_of(item);
}

static bool covers(const struct item *item, uint32_t di) {
    const uint32_t varying = mask_of(item) << shift_of(item);
    if ((di ^ item->di) & ~(varying | item->free)) {
        return false;
    }
    const uint32_t field = field_of(item, di);
    return field == mask_of(item) || (field >= field_of(item, item->di) && field <= item->last);
}

static const struct item *find_item(enum dlt645_edition edition, uint32_t di) {
    const bool is_old = edition == DLT645_1997;
    const struct item *items = is_old ? items_1997 : items_2007;
    const size_t count = is_old ? COUNT_OF(items_1997) : COUNT_OF(items_2007);
    for (size_t i = 0; i < count; i++) {
        if (covers(&items[i], di)) {
            return &items[i];
        }
    }
    return NULL;
}

static void add_suffix(const struct item *item, uint32_t index, char *name) {
    static const char *const phases[] = {"_total", "_a", "_b", "_c"};
    if (item->suffix == TARIFF && index > 0) {
        text_append(name, DLT645_NAME_MAX, "_t");
        text_append_count(name, DLT645_NAME_MAX, index);
    } else if (item->suffix == PHASE) {
        text_append(name, DLT645_NAME_MAX, phases[index & 3]);
    } else if (item->suffix == COUNT) {
        text_append_count(name, DLT645_NAME_MAX, index);
    }
}

static void name_by_di(enum dlt645_edition edition, uint32_t di, char *name) {
    text_append(name, DLT645_NAME_MAX, "di_");
    text_append_hex(name, DLT645_NAME_MAX, di, edition == DLT645_1997 ? 4 : 8);
}

/* What is decoded, and into what. */
struct work {
    enum dlt645_edition edition;
    const struct item *item; /* NULL = unknown */
    uint32_t di;             /* as asked */
    const uint8_t *data;
    struct dlt645_values *out;
};

/* Room for one more value of data[at, at + len); NULL when all is taken. */
static struct dlt645_value *add(struct work *work, uint32_t di, size_t at, size_t len) {
    struct dlt645_values *out = work->out;
    if (out->count == DLT645_VALUES_MAX) {
        return NULL;
    }
    struct dlt645_value *value = &out->items[out->count++];
    *value = (struct dlt645_value){.di = di, .unit = "", .kind = DLT645_TEXT};
    value->at = at;
    value->len = len;
    return value;
}

static void add_invalid(struct work *work, size_t at, size_t len, const char *suffix,
                        const char *why) {
    struct dlt645_value *value = add(work, work->di, at, len);
    if (value) {
        name_by_di(work->edition, work->di, value->name);
        text_append(value->name, DLT645_NAME_MAX, suffix);
        value->invalid = why;
        value->what = work->item ? work->item->what : NULL;
        value->is_secret = work->item && work->item->format == DLT645_AS_SECRET;
    }
}

static void set_name(const struct work *work, size_t index, struct dlt645_value *value) {
    const struct item *item = work->item;
    const bool is_list = item->bytes & REPEATS;
    value->is_listed = item->name && (value->di & item->free) == 0;
    if (value->is_listed) {
        text_append(value->name, DLT645_NAME_MAX, item->name);
        add_suffix(item, field_of(item, value->di), value->name);
        return;
    }
    name_by_di(work->edition, value->di, value->name);
    if (is_list && item->suffix == COUNT) {
        text_append(value->name, DLT645_NAME_MAX, "_");
        text_append_count(value->name, DLT645_NAME_MAX, (unsigned)index + 1);
    } else if (is_list) {
        add_suffix(item, (uint32_t)index, value->name);
    }
}

/* Status word 3 says what a relay does. */
static void add_relay(struct work *work, const struct dlt645_value *word) {
    const bool is_open = word->bits & DLT645_SW3_RELAY_OPEN;
    const bool is_ordered = word->bits & DLT645_SW3_OPEN_COMMANDED;
    const struct {
        const char *name;
        const char *text;
        bool is_set;
    } rows[] = {
        {"relay_state", is_open ? "disconnected" : "connected", is_open},
        {"relay_command", is_ordered ? "disconnect" : "connect", is_ordered},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dlt645_value *value = add(work, word->di, word->at, word->len);
        if (value) {
            value->is_listed = true;
            value->bits = rows[i].is_set;
            text_append(value->name, DLT645_NAME_MAX, rows[i].name);
            text_append(value->text, DLT645_TEXT_MAX, rows[i].text);
        }
    }
}

/* The time behind a demand. */
static void add_demand_time(struct work *work, uint32_t di, size_t at) {
    struct dlt645_value *value = add(work, di, at, DLT645_DEMAND_TIME_BYTES);
    if (value) {
        name_by_di(work->edition, di, value->name);
        text_append(value->name, DLT645_NAME_MAX, "_time");
        value->what = "its time";
        dlt645_take_demand_time(work->data + at, value);
    }
}

static void add_element(struct work *work, uint32_t di, size_t index, size_t at, size_t size) {
    const struct item *item = work->item;
    const bool is_demand = item->format == DLT645_AS_DEMAND;
    struct dlt645_value *value =
        add(work, di, at, is_demand ? size - DLT645_DEMAND_TIME_BYTES : size);
    if (!value) {
        return;
    }
    set_name(work, index, value);
    value->unit = item->unit;
    value->what = item->what;
    dlt645_take((enum dlt645_format)item->format, item->decimals, work->data + at, value);
    if (is_demand) {
        add_demand_time(work, di, at + value->len);
    }
    if (value->is_listed && value->kind == DLT645_BITS && item->suffix == COUNT &&
        field_of(item, di) == 3) {
        add_relay(work, value);
    }
}

/* --- one identifier's data --------------------------------------------------------------- */

/* How many elements an identifier has, the first one's own identifier and the step to the
 * next. */
struct layout {
    size_t count;
    uint32_t first;
    uint32_t step;
};

static struct layout layout_of(const struct item *item, uint32_t di) {
    const uint32_t mask = mask_of(item);
    const unsigned shift = shift_of(item);
    if (item->bytes & REPEATS) {
        return (struct layout){.count = DLT645_VALUES_MAX, .first = di};
    }
    if (mask != 0 && field_of(item, di) == mask) {
        const uint32_t from = field_of(item, item->di);
        return (struct layout){.count = item->last - from + 1,
                               .first = (di & ~(mask << shift)) | from << shift,
                               .step = 1U << shift};
    }
    if ((item->free & BLOCK_DI0) == BLOCK_DI0 && (di & BLOCK_DI0) == BLOCK_DI0) {
        return (struct layout){
            .count = SETTLEMENTS, .first = di & ~(uint32_t)BLOCK_DI0, .step = 1};
    }
    return (struct layout){.count = 1, .first = di};
}

static size_t size_of(const struct item *item, const struct layout *layout, size_t len) {
    const bool takes_all = item->format == DLT645_AS_ASCII || item->format == DLT645_AS_WIDE;
    if (takes_all && layout->count == 1 && len > 0) {
        return len;
    }
    const size_t bytes = item->bytes & ~(size_t)REPEATS;
    return item->format == DLT645_AS_DEMAND ? bytes + DLT645_DEMAND_TIME_BYTES : bytes;
}

void dlt645_values_decode(enum dlt645_edition edition, uint32_t di, const uint8_t *data,
                          size_t len, bool is_whole, struct dlt645_values *out) {
    struct work work = {
        .edition = edition, .item = find_item(edition, di), .di = di, .data = data, .out = out};
    out->count = 0;
    if (!work.item) {
        add_invalid(&work, 0, len, "", "an identifier that is not in the table");
        return;
    }
    const struct layout layout = layout_of(work.item, di);
    const size_t size = size_of(work.item, &layout, len);
    if (layout.count == 1 && len != size) {
        add_invalid(&work, 0, len, "", "not as many bytes as the identifier has");
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < layout.count && at + size <= len; i++, at += size) {
        add_element(&work, layout.first + (uint32_t)i * layout.step, i, at, size);
    }
    if (at < len && is_whole) {
        add_invalid(&work, at, len - at, "_rest", "bytes that the identifier does not have");
    }
}

/* --- what may be expected ---------------------------------------------------------------- */

enum { DATA_MOST = 200 /* 5.2.4 */ };

struct dlt645_extent dlt645_extent(enum dlt645_edition edition, uint32_t di) {
    const struct item *item = find_item(edition, di);
    if (!item || item->format == DLT645_AS_ASCII || item->format == DLT645_AS_WIDE) {
        return (struct dlt645_extent){.most = DATA_MOST};
    }
    const struct layout layout = layout_of(item, di);
    const size_t size = size_of(item, &layout, 0);
    const size_t whole = layout.count * size;
    return (struct dlt645_extent){.step = size, .most = whole < DATA_MOST ? whole : DATA_MOST};
}

bool dlt645_is_value(enum dlt645_edition edition, uint32_t di) {
    const struct item *item = find_item(edition, di);
    if (!item || layout_of(item, di).count != 1) {
        return false;
    }
    const enum dlt645_format format = (enum dlt645_format)item->format;
    return format == DLT645_AS_NUMBER || format == DLT645_AS_SIGNED ||
           format == DLT645_AS_WIDE || format == DLT645_AS_DEMAND || format == DLT645_AS_BITS;
}
