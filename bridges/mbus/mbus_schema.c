/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_schema.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/mbus/mbus_key.h"
#include "bridges/quantity.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

_Static_assert(sizeof(struct mbus_point) <= BRIDGE_NOTES_MAX, "mbus_point");
_Static_assert(sizeof(struct mbus_meter) <= MODEL_NOTES_MAX, "mbus_meter");

enum {
    CI_SEND = 0x51,
    HEX_BASE = 16,
    RESOLUTION_MAX = 1000,
    DIF_MORE = 0x80,
    STORAGE_MAX = 0xffff,
    TARIFF_MAX = 0xfffff,
    SUBUNIT_MAX = 0x3ff
};

/* --- hex texts --------------------------------------------------------------------------- */

static int digit_of(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Bytes as hex, blanks between them allowed; -1: no such thing, or more than cap. */
static int parse_bytes(const char *text, uint8_t *out, size_t cap) {
    size_t len = 0;
    for (const char *at = text; *at; at++) {
        if (*at == ' ') {
            continue;
        }
        const int high = digit_of(at[0]);
        const int low = digit_of(at[1]);
        if (high < 0 || low < 0 || len == cap) {
            return -1;
        }
        out[len++] = (uint8_t)(high * HEX_BASE + low);
        at++;
    }
    return (int)len;
}

static uint8_t read_bytes(struct doc *doc, const doc_node *node, uint8_t *out, size_t cap) {
    const char *text = doc_scalar(node);
    const int len = text ? parse_bytes(text, out, cap) : -1;
    if (len <= 0) {
        doc_fault(doc, node, "must be 1 to %zu bytes as hex", cap);
        return 0;
    }
    return (uint8_t)len;
}

/* --- a record ---------------------------------------------------------------------------- */

static void read_quantity(struct doc *doc, const doc_node *node, void *out) {
    const char *text = doc_scalar(node);
    const int quantity = text ? mbus_quantity_named(text) : -1;
    if (quantity < 0) {
        doc_fault(doc, node, "quantity: \"%s\" is nothing that M-Bus measures",
                  text ? text : "");
        return;
    }
    ((struct mbus_record_key *)out)->quantity = quantity;
}

static void read_modifiers(struct doc *doc, const doc_node *node, void *out) {
    struct mbus_record_key *key = out;
    key->modifier_count = read_bytes(doc, node, key->modifiers, sizeof key->modifiers);
    for (size_t i = 0; i < key->modifier_count; i++) {
        key->modifiers[i] &= 0x7f;
    }
}

/* Where the DIB ends, or 0: the bytes are no DIB with a VIB behind it. */
static size_t dib_of(const uint8_t *head, size_t len) {
    size_t at = 0;
    while (at < len && head[at] & DIF_MORE) {
        at++;
    }
    at++;
    size_t end = at;
    while (end < len && head[end] & DIF_MORE) {
        end++;
    }
    return end + 1 == len ? at : 0;
}

static void read_head(struct doc *doc, const doc_node *node, void *out) {
    struct mbus_record_key *key = out;
    key->head_len = read_bytes(doc, node, key->head, sizeof key->head);
    if (key->head_len > 0 && dib_of(key->head, key->head_len) == 0) {
        doc_fault(doc, node, "dib_vib: these bytes are no DIB and VIB");
    }
}

static const struct field record_fields[] = {
    {"quantity", FIELD_CUSTOM, 0, "", 0, 0, "what the record is of, as decode names it", NULL,
     NULL, read_quantity},
    {"unit", FIELD_TEXT, offsetof(struct mbus_record_key, unit), "", 0, MBUS_KEY_UNIT_BYTES - 1,
     "its base unit, as decode names it", NULL, NULL, NULL},
    {"function", FIELD_CHOICE, offsetof(struct mbus_record_key, function), "inst", 0, 0,
     "which value", "inst|max|min|error", NULL, NULL},
    {"storage", FIELD_INT, offsetof(struct mbus_record_key, storage), "0", 0, STORAGE_MAX,
     "0 = now, others are of the past", NULL, NULL, NULL},
    {"tariff", FIELD_INT, offsetof(struct mbus_record_key, tariff), "0", 0, TARIFF_MAX,
     "0 = all", NULL, NULL, NULL},
    {"subunit", FIELD_INT, offsetof(struct mbus_record_key, subunit), "0", 0, SUBUNIT_MAX,
     "part of the meter, such as an input", NULL, NULL, NULL},
    {"modifiers", FIELD_CUSTOM, 0, "", 0, 0, "orthogonal VIFEs as hex, exactly these", NULL,
     NULL, read_modifiers},
    {"dib_vib", FIELD_CUSTOM, 0, "", 0, 0, "or the record's head as hex, alone", NULL, NULL,
     read_head},
};
static const struct schema record_schema = {record_fields, COUNT(record_fields), NULL, 0};

static const char *check_key(const struct mbus_record_key *key) {
    if (key->head_len == 0 && key->quantity == MBUS_Q_reserved) {
        return "record: needs a quantity or dib_vib";
    }
    return NULL;
}

/* --- a point ----------------------------------------------------------------------------- */

static const struct field point_fields[] = {
    {"record", FIELD_MAP, offsetof(struct mbus_point, record), NULL, 0, 0,
     "which record holds it", NULL, &record_schema, NULL},
    {"scale", FIELD_RATIO, offsetof(struct mbus_point, scale), "1", 0, 0,
     "times this; units convert by themselves", NULL, NULL, NULL},
    {"resolution", FIELD_DECIMAL, offsetof(struct mbus_point, resolution_micro), "0", 0,
     RESOLUTION_MAX *(int64_t)MICRO, "reals: the step the meter shows", NULL, NULL, NULL},
};
const struct schema mbus_point_schema = {point_fields, COUNT(point_fields), NULL, 0};

const char *mbus_check(const struct model_point *model_point) {
    const struct mbus_point *point = mbus_point_of(model_point);
    return check_key(&point->record);
}

/* --- the meter --------------------------------------------------------------------------- */

static void read_open(struct doc *doc, const doc_node *node, void *out) {
    struct mbus_relay *relay = out;
    relay->open_len = read_bytes(doc, node, relay->open, sizeof relay->open);
}

static void read_closed(struct doc *doc, const doc_node *node, void *out) {
    struct mbus_relay *relay = out;
    relay->closed_len = read_bytes(doc, node, relay->closed, sizeof relay->closed);
}

static void read_ci(struct doc *doc, const doc_node *node, void *out) {
    (void)read_bytes(doc, node, &((struct mbus_relay *)out)->ci, 1);
}

static const struct field state_fields[] = {
    {"record", FIELD_MAP, offsetof(struct mbus_relay, state), NULL, 0, 0,
     "the record that tells it", NULL, &record_schema, NULL},
    {"mask", FIELD_INT, offsetof(struct mbus_relay, mask), "0xffff", 1, 0xffffffff,
     "the bits that tell it", NULL, NULL, NULL},
    {"closed", FIELD_INT, offsetof(struct mbus_relay, is_closed), NULL, 0, 0xffffffff,
     "what they are when closed", NULL, NULL, NULL},
    {"open", FIELD_INT, offsetof(struct mbus_relay, is_open), NULL, 0, 0xffffffff,
     "what they are when open", NULL, NULL, NULL},
};
static const struct schema state_schema = {state_fields, COUNT(state_fields), NULL, 0};

static const struct field relay_fields[] = {
    {"ci", FIELD_CUSTOM, 0, "", 0, 0, "CI of the telegram as hex (51)", NULL, NULL, read_ci},
    {"open", FIELD_CUSTOM, 0, NULL, 0, 0, "hex behind CI that opens it", NULL, NULL, read_open},
    {"closed", FIELD_CUSTOM, 0, NULL, 0, 0, "hex behind CI that closes it", NULL, NULL,
     read_closed},
    {"state", FIELD_MAP, 0, NULL, 0, 0, "where its state is read back", NULL, &state_schema,
     NULL},
};
static const struct schema relay_schema = {relay_fields, COUNT(relay_fields), NULL, 0};

static void read_relay(struct doc *doc, const doc_node *node, void *out) {
    struct mbus_relay *relay = &((struct mbus_meter *)out)->relay;
    relay->ci = CI_SEND;
    doc_read(doc, node, &relay_schema, relay);
    const char *fault = check_key(&relay->state);
    if (fault) {
        doc_fault(doc, node, "state: %s", fault);
    }
}

static void read_manufacturer(struct doc *doc, const doc_node *node, void *out) {
    const char *text = doc_scalar(node);
    const int64_t code = text ? mbus_manufacturer_of(text) : -1;
    if (code < 0) {
        doc_fault(doc, node, "manufacturer: must be three letters or four hex digits");
        return;
    }
    ((struct mbus_meter *)out)->manufacturer = code;
}

static const struct field model_fields[] = {
    {"manufacturer", FIELD_CUSTOM, 0, "", 0, 0, "as in the header, three letters", NULL, NULL,
     read_manufacturer},
    {"version", FIELD_INT, offsetof(struct mbus_meter, version), "-1", MBUS_ANY, 255,
     "as in the header; -1 = any", NULL, NULL, NULL},
    {"medium", FIELD_INT, offsetof(struct mbus_meter, medium), "-1", MBUS_ANY, 255,
     "as in the header; -1 = any", NULL, NULL, NULL},
    {"has_id", FIELD_BOOL, offsetof(struct mbus_meter, has_id), "true", 0, 0,
     "false: it sends no header with an id, and a swap cannot be noticed", NULL, NULL, NULL},
    {"telegrams", FIELD_INT, offsetof(struct mbus_meter, telegrams), "1", 1, MBUS_TELEGRAMS_MAX,
     "of one readout as a rule, for the airtime", NULL, NULL, NULL},
    {"relay", FIELD_CUSTOM, 0, "", 0, 0, "how the valve or relay is switched", NULL,
     &relay_schema, read_relay},
};
const struct schema mbus_model_schema = {model_fields, COUNT(model_fields), NULL, 0};
