/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of records: where each begins and ends, and what its DIB says. */
#include <string.h>

#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_fixed.h"
#include "bridges/mbus/mbus_value.h"

enum {
    MORE = 0x80,
    FIELD = 0x0f,
    FIELD_VARIABLE = 0x0d,
    FIELD_SPECIAL = 0x0f,
    DIF_MAKER = 0x0f,
    DIF_MORE_FOLLOWS = 0x1f,
    DIF_FILLER = 0x2f,
    DIF_READOUT_ALL = 0x7f,
    VIF_TEXT = 0x7c,
    PRINTABLE = 0x20,
    DELETE = 0x7f
};

/* What is left to read; at goes on. */
struct cursor {
    const uint8_t *data;
    size_t len;
    size_t at;
};

static bool take(struct cursor *cursor, uint8_t *byte) {
    if (cursor->at >= cursor->len) {
        return false;
    }
    *byte = cursor->data[cursor->at++];
    return true;
}

static bool skip(struct cursor *cursor, size_t count, const uint8_t **from) {
    if (count > cursor->len - cursor->at) {
        return false;
    }
    *from = cursor->data + cursor->at;
    cursor->at += count;
    return true;
}

/* --- DIB ---------------------------------------------------------------------------------- */

static void take_dife(struct mbus_record *out, unsigned k, uint8_t dife) {
    out->storage |= (uint64_t)(dife & 0xf) << (1 + 4 * k);
    out->tariff |= (uint32_t)(dife >> 4 & 3) << 2 * k;
    out->subunit |= (uint32_t)(dife >> 6 & 1) << k;
}

static enum mbus_fault take_dib(struct cursor *cursor, struct mbus_record *out) {
    uint8_t byte;
    if (!take(cursor, &byte)) {
        return MBUS_FAULT_END_IN_DIB;
    }
    out->head[out->dib_len++] = byte;
    out->field = byte & FIELD;
    out->function = (enum mbus_function)(byte >> 4 & 3);
    out->storage = byte >> 6 & 1;
    for (unsigned k = 0; byte & MORE; k++) {
        if (k == MBUS_DIFE_MAX) {
            return MBUS_FAULT_MANY_DIFE;
        }
        if (!take(cursor, &byte)) {
            return MBUS_FAULT_END_IN_DIB;
        }
        out->head[out->dib_len++] = byte;
        take_dife(out, k, byte);
    }
    return MBUS_FAULT_NONE;
}

/* --- VIB ---------------------------------------------------------------------------------- */

static enum mbus_fault take_text(struct cursor *cursor, struct mbus_vib *text) {
    if (!take(cursor, &text->text_len) || !skip(cursor, text->text_len, &text->text)) {
        return MBUS_FAULT_END_IN_VIB;
    }
    return MBUS_FAULT_NONE;
}

static enum mbus_fault take_vifes(struct cursor *cursor, struct mbus_record *out) {
    uint8_t byte = out->head[out->dib_len];
    while (byte & MORE) {
        if (out->vib_len > MBUS_VIFE_MAX) {
            return MBUS_FAULT_MANY_VIFE;
        }
        if (!take(cursor, &byte)) {
            return MBUS_FAULT_END_IN_VIB;
        }
        out->head[out->dib_len + out->vib_len++] = byte;
    }
    return MBUS_FAULT_NONE;
}

static enum mbus_fault take_vib(struct cursor *cursor, bool text_first, bool from_master,
                                struct mbus_record *out) {
    uint8_t vif;
    if (!take(cursor, &vif)) {
        return MBUS_FAULT_END_BEFORE_VIF;
    }
    out->head[out->dib_len + out->vib_len++] = vif;
    const bool has_text = (vif & ~(unsigned)MORE) == VIF_TEXT;
    struct mbus_vib text = {.text_first = has_text && text_first};
    enum mbus_fault fault = MBUS_FAULT_NONE;
    if (text.text_first) {
        fault = take_text(cursor, &text);
    }
    if (fault == MBUS_FAULT_NONE) {
        fault = take_vifes(cursor, out);
    }
    if (fault == MBUS_FAULT_NONE && has_text && !text_first) {
        fault = take_text(cursor, &text);
    }
    mbus_vib_decode(out->head + out->dib_len, out->vib_len, from_master, &out->vib);
    out->vib.text = text.text;
    out->vib.text_len = text.text_len;
    out->vib.text_first = text.text_first;
    return fault;
}

/* --- data --------------------------------------------------------------------------------- */

/* Bytes of variable data; -1: reserved (EN 13757-3, table 5; F8-FA of its first edition). */
static int variable_bytes(uint8_t lvar) {
    static const struct {
        uint8_t first;
        uint8_t last;
        uint8_t base;
        uint8_t times;
    } rows[] = {
        {0x00, 0xbf, 0x00, 1},      {0xc0, 0xc9, 0xc0, 1}, {0xd0, 0xd9, 0xd0, 1},
        {0xe0, 0xef, 0xe0, 1},      {0xf0, 0xf4, 0xec, 4}, {0xf5, 0xf5, 0xf5 - 3, 16},
        {0xf6, 0xf6, 0xf6 - 4, 16}, {0xf8, 0xfa, 0xf0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (lvar >= rows[i].first && lvar <= rows[i].last) {
            return (lvar - rows[i].base) * rows[i].times;
        }
    }
    return -1;
}

static enum mbus_fault take_data(struct cursor *cursor, struct mbus_record *out) {
    static const uint8_t bytes[FIELD + 1] = {0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, 0, 6, 0};
    int len = bytes[out->field];
    if (out->field == FIELD_VARIABLE) {
        if (!take(cursor, &out->lvar)) {
            return MBUS_FAULT_END_IN_DATA;
        }
        len = variable_bytes(out->lvar);
    }
    if (len < 0) {
        return MBUS_FAULT_RESERVED_LVAR;
    }
    out->data_len = (size_t)len;
    return skip(cursor, out->data_len, &out->data) ? MBUS_FAULT_NONE : MBUS_FAULT_END_IN_DATA;
}

/* --- what is no record with a value ------------------------------------------------------- */

static enum mbus_fault take_filler(struct cursor *cursor, struct mbus_record *out) {
    const size_t from = cursor->at;
    while (cursor->at < cursor->len && cursor->data[cursor->at] == DIF_FILLER) {
        cursor->at++;
    }
    out->special = MBUS_FILLER;
    out->data = cursor->data + from;
    out->data_len = cursor->at - from;
    return MBUS_FAULT_NONE;
}

static enum mbus_fault take_special(struct cursor *cursor, struct mbus_record *out) {
    const uint8_t dif = cursor->data[cursor->at];
    if (dif == DIF_FILLER) {
        return take_filler(cursor, out);
    }
    if (dif != DIF_MAKER && dif != DIF_MORE_FOLLOWS && dif != DIF_READOUT_ALL) {
        return MBUS_FAULT_RESERVED_DIF;
    }
    out->special = dif == DIF_MAKER          ? MBUS_MAKER_DATA
                   : dif == DIF_MORE_FOLLOWS ? MBUS_MORE_FOLLOWS
                                             : MBUS_READOUT_ALL;
    cursor->at++;
    out->data_len = cursor->len - cursor->at;
    out->data = cursor->data + cursor->at;
    cursor->at = cursor->len;
    return MBUS_FAULT_NONE;
}

static enum mbus_fault take_record(struct cursor *cursor, bool text_first, bool from_master,
                                   struct mbus_record *out) {
    if ((cursor->data[cursor->at] & FIELD) == FIELD_SPECIAL) {
        return take_special(cursor, out);
    }
    enum mbus_fault fault = take_dib(cursor, out);
    if (fault == MBUS_FAULT_NONE) {
        fault = take_vib(cursor, text_first, from_master, out);
    }
    return fault == MBUS_FAULT_NONE ? take_data(cursor, out) : fault;
}

/* --- the walk ----------------------------------------------------------------------------- */

static bool is_printable(const struct mbus_vib *vib) {
    for (size_t i = 0; i < vib->text_len; i++) {
        if (vib->text[i] < PRINTABLE || vib->text[i] == DELETE) {
            return false;
        }
    }
    return true;
}

/* Do the records end where the data end, with every text such a one? */
static bool ends_well(const struct mbus_header *header, bool text_first) {
    struct cursor cursor = {header->body, header->body_len, 0};
    while (cursor.at < cursor.len) {
        struct mbus_record record;
        memset(&record, 0, sizeof record);
        if (take_record(&cursor, text_first, false, &record) != MBUS_FAULT_NONE ||
            !is_printable(&record.vib)) {
            return false;
        }
    }
    return true;
}

void mbus_records_init(struct mbus_records *records, const struct mbus_header *header) {
    *records = (struct mbus_records){.header = header};
    records->text_first = (header->content == MBUS_VARIABLE || header->content == MBUS_WRITE) &&
                          !ends_well(header, false) && ends_well(header, true);
}

static bool has_records(const struct mbus_header *header) {
    return header->security == 0 &&
           (header->content == MBUS_VARIABLE || header->content == MBUS_WRITE);
}

enum bridge_status mbus_record_next(struct mbus_records *records, struct mbus_record *out) {
    const struct mbus_header *header = records->header;
    if (records->fault != MBUS_FAULT_NONE) {
        return BRIDGE_EFRAME;
    }
    if (header->content == MBUS_FIXED) {
        return mbus_fixed_next(records, out);
    }
    struct cursor cursor = {header->body, header->body_len, records->at};
    if (!has_records(header) || cursor.at >= cursor.len) {
        return BRIDGE_DONE;
    }
    struct mbus_record record;
    memset(&record, 0, sizeof record);
    record.msb_first = header->msb_first;
    records->fault =
        take_record(&cursor, records->text_first, header->content == MBUS_WRITE, &record);
    if (records->fault != MBUS_FAULT_NONE) {
        return BRIDGE_EFRAME;
    }
    records->at = cursor.at;
    if (record.special == MBUS_RECORD) {
        mbus_value_decode(&record);
    }
    *out = record;
    return BRIDGE_OK;
}

/* --- texts -------------------------------------------------------------------------------- */

const char *mbus_fault_text(enum mbus_fault fault) {
    static const char *const texts[] = {
#define X(name, text) text,
        MBUS_FAULT_MAP(X)
#undef X
    };
    return texts[(size_t)fault < sizeof texts / sizeof *texts ? fault : MBUS_FAULT_NONE];
}

const char *mbus_invalid_text(enum mbus_invalid invalid) {
    static const char *const texts[] = {
#define X(name, text) text,
        MBUS_INVALID_MAP(X)
#undef X
    };
    return texts[(size_t)invalid < sizeof texts / sizeof *texts ? invalid : MBUS_VALID];
}
