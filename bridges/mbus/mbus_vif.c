/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_vif.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    CODE = 0x7f,
    VIF_FB = 0xfb,
    VIF_FD = 0xfd,
    VIF_EF = 0xef,
    EXTENSION = 0x7c,
    LAST_ACTION = 0x0f
};

struct vif {
    uint8_t table;
    uint8_t code;
    uint8_t count;
    int8_t exponent;
    uint16_t quantity;
    char type;
    const char *unit;
};

static const struct vif vifs[] = {
#define MBUS_VIF(table, code, count, quantity, unit, exponent, type)                           \
    {MBUS_##table, code, count, exponent, MBUS_Q_##quantity, type, unit},
#include "bridges/mbus/mbus_vifs.def"
#undef MBUS_VIF
};

enum effect {
    KEEPS,
    CHANGES,
    DATE,
    DURATION,
    ARRAY,
    TIMES,
    THOUSAND,
    ADDS,
    ERROR,
    EMPTY,
    TABLE,
    MAKER,
    UNSIGNED,
    BITS
};

struct vife {
    uint8_t first;
    uint8_t last;
    uint8_t effect; /* enum effect */
    const char *name;
};

#define MBUS_VIFE(first, last, effect, name) {first, last, effect, name},
static const struct vife vifes[] = {
#include "bridges/mbus/mbus_vifes.def"
};
static const struct vife extended[] = {
#include "bridges/mbus/mbus_vifes_7c.def"
};
#undef MBUS_VIFE
static const struct vife reserved = {0, CODE, CHANGES, "reserved"};

static const struct vife *vife_of(const struct vife *rows, size_t count, uint8_t code) {
    for (size_t i = 0; i < count; i++) {
        if (code >= rows[i].first && code <= rows[i].last) {
            return &rows[i];
        }
    }
    return &reserved;
}

const char *mbus_quantity_name(enum mbus_quantity quantity) {
    static const char *const names[] = {
#define MBUS_QUANTITY(name) #name,
#include "bridges/mbus/mbus_quantities.def"
#undef MBUS_QUANTITY
    };
    return names[(size_t)quantity < COUNT(names) ? quantity : MBUS_Q_reserved];
}

/* --- the true VIF ------------------------------------------------------------------------- */

/* Finds table and code; returns how many bytes they take. */
static size_t locate(const uint8_t *bytes, size_t len, struct mbus_vib *out) {
    size_t at = 0;
    out->table = MBUS_PRIMARY;
    if (len > 1 && (bytes[0] == VIF_FB || bytes[0] == VIF_FD || bytes[0] == VIF_EF)) {
        out->table = bytes[0] == VIF_FB ? MBUS_FB : bytes[0] == VIF_FD ? MBUS_FD : MBUS_EF;
        at = 1;
    }
    if (out->table == MBUS_FD && len > 2 && bytes[1] == VIF_FD) {
        out->table = MBUS_FDFD;
        at = 2;
    }
    out->code = bytes[at] & CODE;
    return at + 1;
}

static void look_up(struct mbus_vib *out) {
    out->quantity = MBUS_Q_reserved;
    out->unit = "";
    out->type = 'B';
    for (size_t i = 0; i < COUNT(vifs); i++) {
        const struct vif *vif = &vifs[i];
        if (vif->table == out->table && out->code >= vif->code &&
            out->code < vif->code + vif->count) {
            out->quantity = (enum mbus_quantity)vif->quantity;
            out->unit = vif->unit;
            out->exponent = vif->exponent + (out->code - vif->code);
            out->type = vif->type;
        }
    }
    if (out->quantity == MBUS_Q_plain_text) {
        out->table = MBUS_PLAIN_TEXT;
    }
}

/* --- the others --------------------------------------------------------------------------- */

/* The value is no longer of the VIF's unit. */
static void replace_unit(struct mbus_vib *out, const char *unit, char type) {
    out->unit = unit;
    out->exponent = 0;
    out->type = type;
    out->is_plain = false;
}

static void apply(struct mbus_vib *out, const struct vife *vife, uint8_t code) {
    static const char *const durations[] = {"s", "min", "h", "d"};
    switch ((enum effect)vife->effect) {
    case DATE:
        replace_unit(out, "", 'G');
        break;
    case DURATION:
        replace_unit(out, durations[code & 3], 'B');
        break;
    case TIMES:
        out->correction += (code & 7) - 6;
        break;
    case THOUSAND:
        out->correction += 3;
        break;
    case UNSIGNED:
        out->type = 'C';
        break;
    case BITS:
        out->type = 'D';
        break;
    case EMPTY:
    case ERROR:
        out->is_empty = out->is_empty || vife->effect == EMPTY;
        out->error = code;
        out->is_plain = false;
        break;
    case ARRAY:
        out->is_array = true;
        out->is_plain = false;
        break;
    case ADDS:
    case CHANGES:
    case MAKER:
        out->is_plain = false;
        break;
    case KEEPS:
    case TABLE:
        break;
    }
}

/* What a master's VIFE 00-0F says concerns the action, not the value. */
static const struct vife *effect_of(const struct mbus_vib *vib, size_t i, bool from_master) {
    const uint8_t code = vib->modifiers[i];
    if (i > 0 && vib->modifiers[i - 1] == EXTENSION &&
        (i < 2 || vib->modifiers[i - 2] != EXTENSION)) {
        return vife_of(extended, COUNT(extended), code);
    }
    if (from_master && code <= LAST_ACTION) {
        return &reserved;
    }
    return vife_of(vifes, COUNT(vifes), code);
}

void mbus_vib_decode(const uint8_t *bytes, size_t len, bool from_master, struct mbus_vib *out) {
    *out = (struct mbus_vib){.is_plain = true};
    size_t at = locate(bytes, len, out);
    look_up(out);
    if (out->quantity == MBUS_Q_manufacturer_specific) {
        out->is_plain = false;
        return; /* the maker's, all of them */
    }
    for (; at < len && out->modifier_count < MBUS_MODIFIERS_MAX; at++) {
        const uint8_t code = bytes[at] & CODE;
        const size_t i = out->modifier_count++;
        out->modifiers[i] = code;
        const struct vife *vife = effect_of(out, i, from_master);
        apply(out, vife, code);
        if (vife->effect == MAKER) {
            return;
        }
    }
}

const char *mbus_modifier_name(const struct mbus_vib *vib, size_t i, bool from_master) {
    static const struct {
        uint8_t code;
        const char *name;
    } actions[] = {
#define MBUS_ACTION(code, name) {code, name},
#include "bridges/mbus/mbus_actions.def"
#undef MBUS_ACTION
    };
    const struct vife *vife = effect_of(vib, i, from_master);
    for (size_t k = 0; vife == &reserved && from_master && k < COUNT(actions); k++) {
        if (actions[k].code == vib->modifiers[i]) {
            return actions[k].name;
        }
    }
    return vife->name;
}
