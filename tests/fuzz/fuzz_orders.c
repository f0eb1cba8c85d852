/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders under everything an issuer, a broker, a clock and a disk may do: { event | bytes }...
 * Whatever comes, an order has at most one effect, and once it has been answered for good the
 * answer never changes; a sequence never goes back; nothing of a transaction that failed stays.
 */
#include <string.h>

#include "gateway/orders/orders.h"
#include "tests/fuzz/fuzz_key.h"

enum { IDS = 24, RESULT_BYTES = 512, VALUES = 24, CALLS = 8 };
enum event { CREDIT, TENANCY, RAW, SPOIL, PASS, FAIL, REOPEN, NO_CLOCK, EVENTS };

struct row {
    char key[ORDERS_KEY_MAX];
    uint64_t seq;
    size_t len;
    uint8_t bytes[RESULT_BYTES];
};

struct world {
    uint64_t results;
    uint64_t effects[IDS];
    struct row done[IDS];
    size_t value_count;
    struct row values[VALUES];
};

static struct world now, before;
static bool is_open;
static unsigned calls_left; /* until one fails; 0: none does */
static enum gw_status fail_with;
static struct seal_secret secret, gateway_secret;
static struct seal_key keys[2];
static struct fuzz_clock driven;
static struct orders *orders;

static enum gw_status call(void) {
    return calls_left > 0 && --calls_left == 0 ? fail_with : GW_OK;
}

static enum gw_status begin(void *context) {
    (void)context;
    FUZZ_CHECK(!is_open);
    const enum gw_status status = call();
    is_open = status == GW_OK;
    before = now;
    return status;
}

static void rollback(void *context) {
    (void)context;
    FUZZ_CHECK(is_open);
    now = before;
    is_open = false;
}

static enum gw_status commit(void *context) {
    const enum gw_status status = call();
    if (status != GW_OK) {
        rollback(context);
    }
    is_open = false;
    return status;
}

static enum gw_status apply(void *context, const struct wire_order *order,
                            struct orders_outcome *out) {
    (void)context;
    const enum gw_status status = call();
    const size_t id = order->order_id[15];
    FUZZ_CHECK(is_open && id < IDS && now.effects[id] == 0);
    now.effects[id] += status == GW_OK;
    out->code = WIRE_OK;
    return status;
}

static void fill(struct row *row, const char *key, uint64_t seq, const uint8_t *bytes,
                 size_t len) {
    FUZZ_CHECK(strlen(key) < sizeof row->key && len <= sizeof row->bytes);
    strcpy(row->key, key);
    row->seq = seq;
    row->len = len;
    memcpy(row->bytes, bytes, len);
}

static enum gw_status put_result(void *context, const uint8_t *bytes, size_t len,
                                 uint64_t *seq) {
    (void)context;
    (void)bytes;
    FUZZ_CHECK(is_open && len > 0);
    *seq = ++now.results;
    return call();
}

/* The last digits of an order id's text are its last byte. */
static size_t id_of(const char *key) {
    const unsigned long id = strtoul(key + strlen(key) - 2, NULL, 16);
    FUZZ_CHECK(id < IDS);
    return id;
}

static enum gw_status put_done(void *context, const char *key, uint64_t seq,
                               const uint8_t *bytes, size_t len) {
    (void)context;
    FUZZ_CHECK(is_open && now.done[id_of(key)].len == 0);
    fill(&now.done[id_of(key)], key, seq, bytes, len);
    return call();
}

static enum gw_status get(const struct row *row, uint64_t *seq, uint8_t *buf, size_t cap,
                          size_t *len) {
    if (!row || row->len == 0) {
        return GW_NONE;
    }
    FUZZ_CHECK(row->len <= cap);
    memcpy(buf, row->bytes, row->len);
    *len = row->len;
    *seq = row->seq;
    return GW_OK;
}

static enum gw_status get_done(void *context, const char *key, uint64_t *seq, uint8_t *buf,
                               size_t cap, size_t *len) {
    (void)context;
    return get(&now.done[id_of(key)], seq, buf, cap, len);
}

static struct row *find(const char *key) {
    for (size_t i = 0; i < now.value_count; i++) {
        if (strcmp(now.values[i].key, key) == 0) {
            return &now.values[i];
        }
    }
    return NULL;
}

static enum gw_status put_value(void *context, const char *key, const uint8_t *bytes,
                                size_t len) {
    (void)context;
    struct row *row = find(key);
    FUZZ_CHECK(is_open && (row || now.value_count < VALUES));
    fill(row ? row : &now.values[now.value_count++], key, 0, bytes, len);
    return call();
}

static enum gw_status get_value(void *context, const char *key, uint8_t *buf, size_t cap,
                                size_t *len) {
    (void)context;
    uint64_t seq;
    return get(find(key), &seq, buf, cap, len);
}

/* What is repeated is what was stored. */
static void repeat(void *context, uint64_t seq, const uint8_t *bytes, size_t len) {
    (void)context;
    bool is_known = false;
    for (size_t i = 0; i < IDS; i++) {
        const struct row *row = &now.done[i];
        is_known |=
            row->len == len + 32 && row->seq == seq && memcmp(row->bytes + 32, bytes, len) == 0;
    }
    FUZZ_CHECK(is_known);
}

static void open_orders(void) {
    const struct orders_sink sink = {.begin = begin,
                                     .commit = commit,
                                     .rollback = rollback,
                                     .apply = apply,
                                     .put_result = put_result,
                                     .put_done = put_done,
                                     .get_done = get_done,
                                     .put_value = put_value,
                                     .get_value = get_value,
                                     .repeat = repeat};
    const struct orders_config config = {.operator_id = "op",
                                         .site = "s",
                                         .gateway = "gw-1",
                                         .keys = keys,
                                         .key_count = 2,
                                         .secret = &gateway_secret,
                                         .clock = &driven.clock,
                                         .amount_max_micro = 200};
    orders_close(orders);
    FUZZ_CHECK(orders_open(&config, &sink, &orders) == GW_OK);
}

/* A fixed clock as of the fuzz helper, or one that knows nothing. */
static size_t make_order(struct fuzz_input *input, enum event kind, uint8_t *sealed) {
    static uint8_t payload[WIRE_ORDER_MAX];
    size_t len = 0;
    size_t sealed_len = 0;
    const uint8_t flags = fuzz_byte(input);
    struct wire_order order = {.operator_id = "op",
                               .gateway = "gw-1",
                               .order_id = {[6] = 0x70, [8] = 0x80},
                               .has_seq = (flags & 1) == 0,
                               .issued_ms = FUZZ_WALL_MS,
                               .not_after_ms = flags & 2 ? FUZZ_WALL_MS + 5000 : INT64_MAX,
                               .actor = "a"};
    strcpy(order.site, flags & 4 ? "barn" : "s");
    order.order_id[15] = fuzz_byte(input) % IDS;
    const uint64_t seq = fuzz_byte(input) + 1U;
    order.seq = order.has_seq ? flags & 8 ? seq * 100 : seq : 0;
    if (kind == CREDIT) {
        order.kind = WIRE_ORDER_CREDIT;
        order.of.credit = (struct wire_credit){
            .subject = {"one", 1}, .amount_micro = fuzz_byte(input) + 1, .origin = 1};
    } else {
        order.kind = WIRE_ORDER_TENANCY;
        order.of.tenancy =
            (struct wire_tenancy){.subject = {"one", 0}, .step = WIRE_TENANCY_OPEN};
    }
    secret.key_id = (uint32_t)keys[flags >> 4 & 1].key_id;
    FUZZ_CHECK(wire_order_encode(&order, payload, sizeof payload, &len) == GW_OK);
    FUZZ_CHECK(seal_close(&secret, SEAL_DOMAIN_ORDER, "gw-1", payload, len, sealed,
                          WIRE_MESSAGE_MAX, &sealed_len) == GW_OK);
    return sealed_len;
}

/* Marks never go back, and nothing is left open. */
static void take(const uint8_t *bytes, size_t len) {
    struct wire_order_mark was[4];
    struct wire_order_mark is[4];
    const char *why;
    enum wire_code code = 0;
    const size_t was_count = orders_marks(orders, was, 4);
    const enum gw_status status = orders_take(orders, false, bytes, len, &code, &why);
    const size_t count = orders_marks(orders, is, 4);
    FUZZ_CHECK(!is_open && (status == GW_OK || status == fail_with));
    FUZZ_CHECK(status != GW_OK || *wire_code_text(code) != '?');
    FUZZ_CHECK(count >= was_count);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(is[i].through <= is[i].highest);
        for (size_t j = 0; j < was_count; j++) {
            FUZZ_CHECK(is[i].key_id != was[j].key_id ||
                       (is[i].through >= was[j].through && is[i].highest >= was[j].highest));
        }
    }
}

static void happen(struct fuzz_input *input) {
    static uint8_t sealed[WIRE_MESSAGE_MAX];
    const enum event event = fuzz_byte(input) % EVENTS;
    size_t len;
    switch (event) {
    case CREDIT:
    case TENANCY:
        len = make_order(input, event, sealed);
        take(sealed, len);
        break;
    case SPOIL:
        len = make_order(input, CREDIT, sealed);
        sealed[fuzz_byte(input) % len] ^= (uint8_t)(1U << fuzz_byte(input) % 8);
        take(sealed, len);
        break;
    case RAW: {
        const uint8_t *bytes = fuzz_bytes(input, 64, &len);
        take(bytes, len);
        break;
    }
    case PASS:
        driven.mono_us += fuzz_byte(input) * INT64_C(100000);
        break;
    case FAIL:
        calls_left = fuzz_byte(input) % CALLS;
        fail_with = calls_left % 2 ? GW_ENOSPACE : GW_ESTORAGE;
        break;
    case REOPEN:
        open_orders();
        break;
    case NO_CLOCK:
        clock_raise_floor(&driven.clock, FUZZ_WALL_MS + fuzz_byte(input) * INT64_C(1000));
        break;
    case EVENTS:
        break;
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {.data = data, .size = size};
    if (!keys[0].key_id) {
        fuzz_key(&secret, &keys[0]);
        gateway_secret = secret;
        keys[0].role = SEAL_CREDIT;
        keys[1] = keys[0];
        keys[1].key_id++;
        keys[1].role = SEAL_CONFIG;
    }
    memset(&now, 0, sizeof now);
    calls_left = 0;
    fuzz_clock_init(&driven);
    open_orders();
    while (input.size > 0) {
        happen(&input);
    }
    for (size_t i = 0; i < IDS; i++) {
        FUZZ_CHECK(now.effects[i] <= 1 && (now.effects[i] == 0 || now.done[i].len > 0));
    }
    orders_close(orders);
    orders = NULL;
}
