/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/sync/wire_fields.h"

#include <string.h>

#include "bridges/base/decimal.h"

enum {
    PART_MAX = 640, /* bytes of a part */
    VARINT_MAX = 10,
    EXACT_MAX = 16, /* amounts in a list */
    SHAPE_VARINT = 0,
    SHAPE_BYTES = 2,
    FIELD_MAX = 64
};

/* --- members ----------------------------------------------------------------------------- */

static const void *at(const void *base, size_t offset) {
    return (const uint8_t *)base + offset;
}

static uint64_t zigzag(int64_t value) {
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t raw) {
    return (int64_t)(raw >> 1 ^ (raw & 1 ? UINT64_MAX : 0));
}

static size_t count_of(const struct wire_field *field, const void *base) {
    size_t count;
    memcpy(&count, at(base, field->count_at), sizeof count);
    return count;
}

/* Where the parts are, and how many find room there. */
static void *parts_of(const struct wire_field *field, const void *base, size_t *max) {
    void *parts;
    *max = field->max;
    if (field->max_at == 0) {
        const union {
            const void *from;
            void *to;
        } here = {.from = at(base, field->offset)};
        return here.to;
    }
    size_t room;
    memcpy(&parts, at(base, field->offset), sizeof parts);
    memcpy(&room, at(base, field->max_at), sizeof room);
    *max = room < *max ? room : *max;
    return parts;
}

static uint64_t load_number(const struct wire_field *field, const void *base) {
    const void *member = at(base, field->offset);
    uint8_t byte = 0;
    uint32_t word = 0;
    uint64_t number = 0;
    if (field->size == sizeof byte) {
        memcpy(&byte, member, sizeof byte);
        number = byte;
    } else if (field->size == sizeof word) {
        memcpy(&word, member, sizeof word);
        number = field->type == WIRE_SIGNED ? (uint64_t)(int64_t)(int32_t)word : word;
    } else {
        memcpy(&number, member, sizeof number);
    }
    return field->type == WIRE_SIGNED ? zigzag((int64_t)number) : number;
}

/* false: the member cannot hold it. */
static bool fits(const struct wire_field *field, uint64_t raw) {
    if (field->type == WIRE_FLAG) {
        return raw <= 1;
    }
    if (field->type == WIRE_SIGNED && field->size == sizeof(int32_t)) {
        return unzigzag(raw) >= INT32_MIN && unzigzag(raw) <= INT32_MAX;
    }
    return field->size == sizeof raw || raw >> (8 * field->size) == 0;
}

static bool store_number(const struct wire_field *field, uint64_t raw, void *base) {
    if (!fits(field, raw)) {
        return false;
    }
    const uint64_t number = field->type == WIRE_SIGNED ? (uint64_t)unzigzag(raw) : raw;
    const uint32_t word = (uint32_t)number;
    const uint8_t byte = (uint8_t)number;
    const void *from = field->size == sizeof byte   ? (const void *)&byte
                       : field->size == sizeof word ? (const void *)&word
                                                    : (const void *)&number;
    memcpy((uint8_t *)base + field->offset, from, field->size);
    return true;
}

/* --- exact amounts ----------------------------------------------------------------------- */

struct exact {
    int64_t millionths; /* rounded down */
    uint64_t rest;      /* 0..999999 of 1e-12 */
};

static enum gw_status split_exact(int128 value, struct exact *out) {
    int128 whole = value / MICRO;
    whole -= value % MICRO < 0;
    if (whole < INT64_MIN || whole > INT64_MAX) {
        return GW_ERANGE;
    }
    out->millionths = (int64_t)whole;
    out->rest = (uint64_t)(value - whole * MICRO);
    return GW_OK;
}

static int128 join_exact(const struct exact *parts) {
    return (int128)parts->millionths * MICRO + (int128)parts->rest;
}

/* --- writing ----------------------------------------------------------------------------- */

struct writer {
    uint64_t allowed;
    uint8_t *buf;
    size_t cap;
    size_t len;
    enum gw_status status; /* the first thing that was wrong */
};

static void fail(struct writer *out, enum gw_status status) {
    out->status = out->status == GW_OK ? status : out->status;
}

static void put_bytes(struct writer *out, const void *bytes, size_t len) {
    if (len > out->cap - out->len) {
        fail(out, GW_ETOOLONG);
        return;
    }
    memcpy(out->buf + out->len, bytes, len);
    out->len += len;
}

static void put_varint(struct writer *out, uint64_t raw) {
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;
    while (raw >= 0x80) {
        bytes[len++] = (uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    bytes[len++] = (uint8_t)raw;
    put_bytes(out, bytes, len);
}

static void put_tag(struct writer *out, uint32_t number, unsigned shape) {
    if (!(out->allowed >> number & 1)) {
        fail(out, GW_EINVALID);
    }
    put_varint(out, number << 3 | shape);
}

static void put_run(struct writer *out, uint32_t number, const void *bytes, size_t len) {
    put_tag(out, number, SHAPE_BYTES);
    put_varint(out, len);
    put_bytes(out, bytes, len);
}

static void put_number(struct writer *out, uint32_t number, uint64_t raw) {
    put_tag(out, number, SHAPE_VARINT);
    put_varint(out, raw);
}

static bool is_printable(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

static void put_text(struct writer *out, const struct wire_field *field, const char *text) {
    const char *end = memchr(text, '\0', field->size);
    const size_t len = end ? (size_t)(end - text) : 0;
    if (!end || !is_printable(text, len)) {
        fail(out, GW_EINVALID);
    } else if (len > 0 || field->is_always) {
        put_run(out, field->number, text, len);
    }
}

static void put_exact(struct writer *out, const struct wire_field *field, const void *member) {
    int128 value;
    struct exact parts = {0};
    memcpy(&value, member, sizeof value);
    fail(out, split_exact(value, &parts));
    if (parts.millionths != 0) {
        put_number(out, field->number, zigzag(parts.millionths));
    }
    if (parts.rest != 0) {
        put_number(out, field->number + 1, parts.rest);
    }
}

static void put_exacts(struct writer *out, const struct wire_field *field, const void *member) {
    int128 values[EXACT_MAX] = {0};
    uint8_t high[EXACT_MAX * VARINT_MAX];
    uint8_t low[EXACT_MAX * VARINT_MAX];
    struct writer highs = {.buf = high, .cap = sizeof high};
    struct writer lows = {.buf = low, .cap = sizeof low};
    size_t count = field->size / sizeof *values;
    memcpy(values, member, field->size);
    while (count > 1 && values[count - 1] == values[count - 2]) {
        count--;
    }
    if (count == 1 && values[0] == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct exact parts = {0};
        fail(out, split_exact(values[i], &parts));
        put_varint(&highs, zigzag(parts.millionths));
        put_varint(&lows, parts.rest);
    }
    put_run(out, field->number, high, highs.len);
    put_run(out, field->number + 1, low, lows.len);
}

static void put_key(struct writer *out, const struct wire_field *field, const void *base,
                    bool has) {
    const uint8_t none[sizeof(uint64_t) * 4] = {0};
    if (has) {
        put_run(out, field->number, at(base, field->offset), field->size);
    } else if (memcmp(at(base, field->offset), none, field->size) != 0) {
        fail(out, GW_EINVALID);
    }
}

static void put_plain(struct writer *out, const struct wire_field *field, const void *base,
                      bool has) {
    const uint64_t raw = load_number(field, base);
    if (has || field->is_always || (raw != 0 && field->has_at == 0)) {
        put_number(out, field->number, raw);
    } else if (raw != 0) {
        fail(out, GW_EINVALID);
    }
}

static void put_flat(struct writer *out, const struct wire_field *field, const void *base) {
    bool has = false;
    if (field->has_at != 0) {
        memcpy(&has, at(base, field->has_at), sizeof has);
    }
    switch (field->type) {
    case WIRE_TEXT:
        put_text(out, field, at(base, field->offset));
        return;
    case WIRE_KEY:
        put_key(out, field, base, has);
        return;
    case WIRE_EXACT:
        put_exact(out, field, at(base, field->offset));
        return;
    case WIRE_EXACTS:
        put_exacts(out, field, at(base, field->offset));
        return;
    case WIRE_UNSIGNED:
    case WIRE_SIGNED:
    case WIRE_FLAG:
    case WIRE_PART:
    case WIRE_PARTS:
        break;
    }
    put_plain(out, field, base, has);
}

/* One that holds nothing is left out; of several it stands there, empty. */
static void put_part(struct writer *out, const struct wire_field *field, const void *part) {
    uint8_t bytes[PART_MAX];
    struct writer inner = {.allowed = UINT64_MAX, .buf = bytes, .cap = sizeof bytes};
    for (size_t i = 0; i < field->table->count; i++) {
        put_flat(&inner, &field->table->fields[i], part);
    }
    fail(out, inner.status);
    if (inner.len > 0 || field->type == WIRE_PARTS) {
        put_run(out, field->number, bytes, inner.len);
    }
}

static void put_parts(struct writer *out, const struct wire_field *field, const void *base) {
    size_t max;
    const uint8_t *parts = parts_of(field, base, &max);
    const size_t count = count_of(field, base);
    if (count > max) {
        fail(out, GW_EINVALID);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        put_part(out, field, parts + i * field->size);
    }
}

enum gw_status wire_fields_put(const struct wire_table *table, uint64_t allowed,
                               const void *from,
                               /* NOLINTNEXTLINE(readability-non-const-parameter): written */
                               uint8_t *buf, size_t cap, size_t *len) {
    struct writer out = {.allowed = allowed, .buf = buf, .cap = cap};
    for (size_t i = 0; i < table->count; i++) {
        const struct wire_field *field = &table->fields[i];
        if (field->type == WIRE_PART) {
            put_part(&out, field, at(from, field->offset));
        } else if (field->type == WIRE_PARTS) {
            put_parts(&out, field, from);
        } else {
            put_flat(&out, field, from);
        }
    }
    if (out.status == GW_OK) {
        *len = out.len;
    }
    return out.status;
}

/* --- reading ----------------------------------------------------------------------------- */

struct reader {
    const uint8_t *buf;
    size_t len;
    size_t at;
};

/* One field as it comes: a number, or a run of bytes inside the message. */
struct token {
    uint32_t number;
    unsigned shape;
    uint64_t raw;
    struct reader run;
};

static bool take_varint(struct reader *in, uint64_t *raw) {
    *raw = 0;
    for (unsigned shift = 0; shift < 70 && in->at < in->len; shift += 7) {
        const uint8_t byte = in->buf[in->at++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        *raw |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool take_token(struct reader *in, struct token *out) {
    uint64_t tag;
    if (!take_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 >= FIELD_MAX ||
        !take_varint(in, &out->raw)) {
        return false;
    }
    out->number = (uint32_t)(tag >> 3);
    out->shape = tag & 7;
    if (out->shape == SHAPE_VARINT) {
        return true;
    }
    if (out->shape != SHAPE_BYTES || out->raw > in->len - in->at) {
        return false;
    }
    out->run = (struct reader){.buf = in->buf + in->at, .len = (size_t)out->raw};
    in->at += (size_t)out->raw;
    return true;
}

/* Exact amounts have two numbers. */
static const struct wire_field *find(const struct wire_table *table, uint32_t number) {
    for (size_t i = 0; i < table->count; i++) {
        const struct wire_field *field = &table->fields[i];
        const bool is_double = field->type == WIRE_EXACT || field->type == WIRE_EXACTS;
        if (field->number == number || (is_double && field->number + 1 == number)) {
            return field;
        }
    }
    return NULL;
}

static bool take_exact(const struct wire_field *field, const struct token *token, void *base) {
    const bool is_rest = token->number != field->number;
    const struct exact parts = {.millionths = is_rest ? 0 : unzigzag(token->raw),
                                .rest = is_rest ? token->raw : 0};
    int128 value;
    memcpy(&value, (uint8_t *)base + field->offset, sizeof value);
    value += join_exact(&parts);
    memcpy((uint8_t *)base + field->offset, &value, sizeof value);
    return token->shape == SHAPE_VARINT;
}

/* The first number gives the millionths of all, the second the rests. */
static bool take_exacts(const struct wire_field *field, struct token *token, void *base) {
    int128 values[EXACT_MAX];
    const size_t cap = field->size / sizeof *values;
    const bool is_rest = token->number != field->number;
    size_t count = 0;
    memcpy(values, (uint8_t *)base + field->offset, field->size);
    while (token->shape == SHAPE_BYTES && token->run.at < token->run.len) {
        uint64_t raw;
        if (count == cap || !take_varint(&token->run, &raw)) {
            return false;
        }
        const struct exact parts = {.millionths = is_rest ? 0 : unzigzag(raw),
                                    .rest = is_rest ? raw : 0};
        values[count] = (is_rest ? values[count] : 0) + join_exact(&parts);
        count++;
    }
    for (size_t i = count; count > 0 && i < cap; i++) {
        values[i] = values[count - 1];
    }
    memcpy((uint8_t *)base + field->offset, values, field->size);
    return count > 0;
}

static bool take_run(const struct wire_field *field, const struct token *token, void *base) {
    char *member = (char *)base + field->offset;
    const size_t len = token->run.len;
    const bool is_room = field->type == WIRE_KEY ? len == field->size : len < field->size;
    if (token->shape != SHAPE_BYTES || !is_room) {
        return false;
    }
    memcpy(member, token->run.buf, len);
    return true;
}

static bool take_flat(const struct wire_field *field, struct token *token, void *base) {
    const bool has = true;
    if (field->has_at != 0) {
        memcpy((uint8_t *)base + field->has_at, &has, sizeof has);
    }
    switch (field->type) {
    case WIRE_TEXT:
    case WIRE_KEY:
        return take_run(field, token, base);
    case WIRE_EXACT:
        return take_exact(field, token, base);
    case WIRE_EXACTS:
        return take_exacts(field, token, base);
    case WIRE_PART:
    case WIRE_PARTS:
        return false;
    case WIRE_UNSIGNED:
    case WIRE_SIGNED:
    case WIRE_FLAG:
        break;
    }
    return token->shape == SHAPE_VARINT && store_number(field, token->raw, base);
}

typedef bool take_one(const struct wire_field *field, struct token *token, void *base);

static bool take_all(const struct wire_table *table, struct reader *in, take_one *take,
                     void *base) {
    struct token token = {0};
    while (in->at < in->len) {
        const struct wire_field *field =
            take_token(in, &token) ? find(table, token.number) : NULL;
        if (!field || !take(field, &token, base)) {
            return false;
        }
    }
    return true;
}

static bool take_parts(const struct wire_field *field, struct token *token, void *base) {
    size_t max;
    uint8_t *parts = parts_of(field, base, &max);
    size_t count = count_of(field, base);
    if (token->shape != SHAPE_BYTES || count >= max) {
        return false;
    }
    memset(parts + count * field->size, 0, field->size);
    if (!take_all(field->table, &token->run, take_flat, parts + count * field->size)) {
        return false;
    }
    count++;
    memcpy((uint8_t *)base + field->count_at, &count, sizeof count);
    return true;
}

static bool take_field(const struct wire_field *field, struct token *token, void *base) {
    if (field->type == WIRE_PARTS) {
        return take_parts(field, token, base);
    }
    if (field->type == WIRE_PART) {
        return token->shape == SHAPE_BYTES &&
               take_all(field->table, &token->run, take_flat, (uint8_t *)base + field->offset);
    }
    return take_flat(field, token, base);
}

enum gw_status wire_fields_take(const struct wire_table *table, const uint8_t *buf, size_t len,
                                void *to) {
    struct reader in = {.buf = buf, .len = len};
    return take_all(table, &in, take_field, to) ? GW_OK : GW_EINVALID;
}
