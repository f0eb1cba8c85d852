/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Modbus driver's door: what its model files may say, and the table that ties it together.
 */
#include <stdlib.h>
#include <string.h>

#include "bridges/modbus/mbrtu_frame.h"
#include "bridges/modbus/mbrtu_plan.h"
#include "bridges/quantity.h"

enum { SERIAL_WORDS_MAX = 16 };

_Static_assert(sizeof(struct mbrtu_point) <= BRIDGE_NOTES_MAX, "mbrtu_point");
_Static_assert(sizeof(struct mbrtu_meter) <= MODEL_NOTES_MAX, "mbrtu_meter");
_Static_assert(2 * SERIAL_WORDS_MAX <= BRIDGE_SERIAL_MAX, "a text serial number fits");

const struct mbrtu_point *mbrtu_point_of(const struct model_point *point) {
    return (const struct mbrtu_point *)(const void *)point->notes.bytes;
}

const struct mbrtu_meter *mbrtu_meter_of(const struct model *model) {
    return (const struct mbrtu_meter *)(const void *)model->notes.bytes;
}

static enum bridge_status open_session(struct bridge_session **out) {
    struct mbrtu_session *session = calloc(1, sizeof *session);
    if (!session) {
        return BRIDGE_ENOMEM;
    }
    const enum bridge_status status = mbrtu_codec_open(&session->codec);
    if (status != BRIDGE_OK) {
        free(session);
        return status;
    }
    *out = (struct bridge_session *)(void *)session;
    return BRIDGE_OK;
}

static void close_session(struct bridge_session *session) {
    mbrtu_codec_close(mbrtu_session_of(session)->codec);
    free(session);
}

static enum bridge_status address(const char *text, struct meter_address *out,
                                  const char **why) {
    char *end = NULL;
    const long unit = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || unit < 1 || unit > MBRTU_UNIT_MAX) {
        *why = "a Modbus address is a number from 1 to 247";
        return BRIDGE_EINVALID;
    }
    *out = (struct meter_address){.len = 1, .bytes = {(uint8_t)unit}};
    return BRIDGE_OK;
}

static const char *check_bits(const struct mbrtu_value *value) {
    const int64_t size = (int64_t)mbrtu_words(value->type) * 16;
    const bool is_unsigned = value->type == MBRTU_UINT16 || value->type == MBRTU_UINT32 ||
                             value->type == MBRTU_UINT64;
    if (value->width == 0) {
        return value->shift ? "a bit field needs its width" : NULL;
    }
    return !is_unsigned ? "a bit field is cut out of an unsigned integer"
           : value->shift + value->width > size || value->width > 63
               ? "the bit field does not lie in its registers"
               : NULL;
}

static const char *check(const struct model_point *model_point) {
    const struct mbrtu_point *point = mbrtu_point_of(model_point);
    const struct mbrtu_value *value = &point->value;
    const bool is_float = value->type == MBRTU_FLOAT32 || value->type == MBRTU_FLOAT64;
    if ((value->type == MBRTU_BIT) != (point->function <= MBRTU_READ_DISCRETE)) {
        return "functions 1 and 2 read bits, 3 and 4 read registers";
    }
    if ((size_t)point->address + mbrtu_words(value->type) > 0x10000) {
        return "ends behind register 0xffff";
    }
    if (is_float && value->resolution_micro == 0) {
        return "a float needs the resolution the meter shows, such as 0.01";
    }
    if (!is_float && value->resolution_micro != 0) {
        return "an integer has no resolution beside its scale";
    }
    return check_bits(value);
}

static bool is_ratio(const struct model_point *point) {
    return point->quantity == QUANTITY_current_transformer_ratio ||
           point->quantity == QUANTITY_voltage_transformer_ratio;
}

/* Ratios first, since the others are multiplied by them; then by register. */
static int by_register(const void *a, const void *b) {
    const struct mbrtu_point *left = mbrtu_point_of(a);
    const struct mbrtu_point *right = mbrtu_point_of(b);
    if (is_ratio(a) != is_ratio(b)) {
        return is_ratio(a) ? -1 : 1;
    }
    const int64_t difference = left->function != right->function
                                   ? left->function - right->function
                                   : left->address - right->address;
    return difference < 0 ? -1 : difference > 0;
}

static void prepare(struct model *model) {
    const struct mbrtu_meter *meter = mbrtu_meter_of(model);
    qsort(model->points, model->point_count, sizeof *model->points, by_register);
    model->has_serial = meter->serial.function != 0;
    model->has_relay = meter->relay_write.function != 0;
}

/* --- what a model file may say ---------------------------------------------------------------
 */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct field serial_fields[] = {
    {"function", FIELD_INT, offsetof(struct mbrtu_serial, function), "3", MBRTU_READ_HOLDING,
     MBRTU_READ_INPUT, "3 holding or 4 input registers", NULL, NULL, NULL},
    {"register", FIELD_INT, offsetof(struct mbrtu_serial, address), NULL, 0, 0xffff,
     "first register, as sent", NULL, NULL, NULL},
    {"words", FIELD_INT, offsetof(struct mbrtu_serial, words), NULL, 1, SERIAL_WORDS_MAX,
     "how many registers", NULL, NULL, NULL},
    {"type", FIELD_CHOICE, offsetof(struct mbrtu_serial, type), NULL, 0, 0,
     "how they hold it; a number has at most 4 words", "bcd|number|text", NULL, NULL},
};
static const struct schema serial_schema = {serial_fields, COUNT(serial_fields), NULL, 0};

static void read_words(struct doc *doc, const doc_node *node, struct mbrtu_relay_write *write,
                       uint16_t *words) {
    const char *text = doc_scalar(node);
    size_t count = 0;
    while (text && *text && count < MBRTU_RELAY_WORDS_MAX) {
        char *end = NULL;
        const unsigned long word = strtoul(text, &end, 16);
        if (end == text || word > 0xffff || (*end != ' ' && *end != '\0')) {
            break;
        }
        words[count++] = (uint16_t)word;
        text = *end ? end + 1 : end;
    }
    if (!text || *text || count == 0 || (write->word_count && write->word_count != count)) {
        doc_fault(doc, node, "must be 1 to %d hex words, as many for open as for closed",
                  MBRTU_RELAY_WORDS_MAX);
        return;
    }
    write->word_count = count;
}

static void read_open(struct doc *doc, const doc_node *node, void *out) {
    read_words(doc, node, out, ((struct mbrtu_relay_write *)out)->open);
}

static void read_closed(struct doc *doc, const doc_node *node, void *out) {
    read_words(doc, node, out, ((struct mbrtu_relay_write *)out)->closed);
}

static const struct field write_fields[] = {
    {"function", FIELD_INT, offsetof(struct mbrtu_relay_write, function), NULL,
     MBRTU_WRITE_COIL, MBRTU_WRITE_REGISTERS, "5, 6, 15 or 16", NULL, NULL, NULL},
    {"register", FIELD_INT, offsetof(struct mbrtu_relay_write, address), NULL, 0, 0xffff,
     "first register or coil, as sent", NULL, NULL, NULL},
    {"open", FIELD_CUSTOM, 0, NULL, 0, 0, "hex words that open it", NULL, NULL, read_open},
    {"closed", FIELD_CUSTOM, 0, NULL, 0, 0, "hex words that close it", NULL, NULL, read_closed},
};
static const struct schema write_schema = {write_fields, COUNT(write_fields), NULL, 0};

static const struct field state_fields[] = {
    {"function", FIELD_INT, offsetof(struct mbrtu_relay_state, function), NULL,
     MBRTU_READ_COILS, MBRTU_READ_INPUT, "1 to 4", NULL, NULL, NULL},
    {"register", FIELD_INT, offsetof(struct mbrtu_relay_state, address), NULL, 0, 0xffff,
     "register or bit, as sent", NULL, NULL, NULL},
    {"mask", FIELD_INT, offsetof(struct mbrtu_relay_state, mask), "0xffff", 1, 0xffff,
     "the bits that tell it", NULL, NULL, NULL},
    {"closed", FIELD_INT, offsetof(struct mbrtu_relay_state, closed), NULL, 0, 0xffff,
     "what they are when closed", NULL, NULL, NULL},
    {"open", FIELD_INT, offsetof(struct mbrtu_relay_state, open), NULL, 0, 0xffff,
     "what they are when open", NULL, NULL, NULL},
};
static const struct schema state_schema = {state_fields, COUNT(state_fields), NULL, 0};

static void check_end(struct doc *doc, const doc_node *node, int64_t address, int64_t words) {
    if (address + words > 0x10000) {
        doc_fault(doc, node, "register: ends behind register 0xffff");
    }
}

/* These sections are optional, and their keys are not. */
static void read_serial(struct doc *doc, const doc_node *node, void *out) {
    struct mbrtu_serial *serial = &((struct mbrtu_meter *)out)->serial;
    doc_read(doc, node, &serial_schema, serial);
    const int64_t most = serial->type == MBRTU_SERIAL_BCD      ? BRIDGE_SERIAL_MAX / 4
                         : serial->type == MBRTU_SERIAL_NUMBER ? 4
                                                               : BRIDGE_SERIAL_MAX / 2;
    if (serial->words > most) {
        doc_fault(doc, node, "words: this type takes at most %d", (int)most);
    }
    check_end(doc, node, serial->address, serial->words);
}

static void read_relay_write(struct doc *doc, const doc_node *node, void *out) {
    struct mbrtu_relay_write *write = &((struct mbrtu_meter *)out)->relay_write;
    doc_read(doc, node, &write_schema, write);
    if (write->function > MBRTU_WRITE_REGISTER && write->function < MBRTU_WRITE_COILS) {
        doc_fault(doc, node, "function: must be 5, 6, 15 or 16");
    } else if (write->function <= MBRTU_WRITE_REGISTER && write->word_count > 1) {
        doc_fault(doc, node, "functions 5 and 6 write one word");
    }
    check_end(doc, node, write->address, (int64_t)write->word_count);
}

static void read_relay_state(struct doc *doc, const doc_node *node, void *out) {
    doc_read(doc, node, &state_schema, &((struct mbrtu_meter *)out)->relay_state);
}

static const struct field model_fields[] = {
    {"max_registers", FIELD_INT, offsetof(struct mbrtu_meter, max_registers), "125", 4,
     MBRTU_REGISTERS_MAX, "registers the meter gives in one read", NULL, NULL, NULL},
    {"max_hole", FIELD_INT, offsetof(struct mbrtu_meter, max_hole), "0", 0, 100,
     "unused registers that may be read along", NULL, NULL, NULL},
    {"serial", FIELD_CUSTOM, 0, "", 0, 0, "where the serial number stands", NULL,
     &serial_schema, read_serial},
    {"relay_write", FIELD_CUSTOM, 0, "", 0, 0, "how the relay is switched", NULL, &write_schema,
     read_relay_write},
    {"relay_state", FIELD_CUSTOM, 0, "", 0, 0, "where its state is read back", NULL,
     &state_schema, read_relay_state},
};

static const struct field point_fields[] = {
    {"function", FIELD_INT, offsetof(struct mbrtu_point, function), NULL, MBRTU_READ_COILS,
     MBRTU_READ_INPUT, "1 coils, 2 discrete inputs, 3 holding or 4 input registers", NULL, NULL,
     NULL},
    {"register", FIELD_INT, offsetof(struct mbrtu_point, address), NULL, 0, 0xffff,
     "first register or bit, as sent", NULL, NULL, NULL},
    {"type", FIELD_CHOICE, offsetof(struct mbrtu_point, value.type), NULL, 0, 0,
     "how the registers hold it", MBRTU_TYPES, NULL, NULL},
    {"order", FIELD_CHOICE, offsetof(struct mbrtu_point, value.order), "abcd", 0, 0,
     "byte order, a = most significant", MBRTU_ORDERS, NULL, NULL},
    {"scale", FIELD_RATIO, offsetof(struct mbrtu_point, value.scale), "1", 0, 0,
     "unit of the quantity for one count", NULL, NULL, NULL},
    {"resolution", FIELD_DECIMAL, offsetof(struct mbrtu_point, value.resolution_micro), "0", 0,
     1000 * (int64_t)MICRO, "floats: the step the meter shows", NULL, NULL, NULL},
    {"invalid", FIELD_CHOICE, offsetof(struct mbrtu_point, value.invalid), "none", 0, 0,
     "what the registers hold when there is no value", MBRTU_INVALIDS, NULL, NULL},
    {"shift", FIELD_INT, offsetof(struct mbrtu_point, value.shift), "0", 0, 63,
     "bit field: its lowest bit", NULL, NULL, NULL},
    {"width", FIELD_INT, offsetof(struct mbrtu_point, value.width), "0", 0, 63,
     "bit field: its bits; 0 = no field", NULL, NULL, NULL},
    {"multiply", FIELD_CHOICE, offsetof(struct mbrtu_point, multiply), "none", 0, 0,
     "transformers the meter has not reckoned in", MBRTU_MULTIPLY_WORDS, NULL, NULL},
};

static const struct schema model_schema = {model_fields, COUNT(model_fields), NULL, 0};
static const struct schema point_schema = {point_fields, COUNT(point_fields), NULL, 0};

extern const struct bridge modbus_bridge;
const struct bridge modbus_bridge = {.name = "modbus",
                                     .model_schema = &model_schema,
                                     .point_schema = &point_schema,
                                     .address = address,
                                     .check = check,
                                     .next = mbrtu_next,
                                     .take = mbrtu_take,
                                     .missed = mbrtu_missed,
                                     .frame = mbrtu_frame,
                                     .relay = mbrtu_relay,
                                     .prepare = prepare,
                                     .open = open_session,
                                     .close = close_session};
