/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of an order, tariffs among them; the first byte says order or result. What is
 * accepted can be packed and comes back the same; a tariff that is accepted may be used; what
 * is not understood has its order's id and a reason.
 */
#include <string.h>

#include "gateway/sync/wire_order.h"
#include "tests/fuzz/fuzz.h"

static struct wire_scratch scratch;
static struct wire_order order;
static struct wire_result result;
static uint8_t first[WIRE_MESSAGE_MAX];
static uint8_t second[WIRE_MESSAGE_MAX];

static void check_order(const uint8_t *data, size_t size) {
    size_t first_len = 0;
    size_t second_len = 0;
    if (wire_order_decode(data, size, &scratch, &order) != GW_OK) {
        return;
    }
    FUZZ_CHECK(wire_order_id_is_valid(order.order_id));
    FUZZ_CHECK((order.kind == WIRE_ORDER_NONE) == (*order.why != '\0'));
    if (order.kind == WIRE_ORDER_NONE) {
        return;
    }
    FUZZ_CHECK(order.kind != WIRE_ORDER_TARIFF ||
               tariff_check(&order.of.tariff.tariff, TARIFF_DOCUMENT, NULL, 0) == 0);
    FUZZ_CHECK(wire_order_encode(&order, first, sizeof first, &first_len) == GW_OK);
    FUZZ_CHECK(wire_order_decode(first, first_len, &scratch, &order) == GW_OK);
    FUZZ_CHECK(order.kind != WIRE_ORDER_NONE);
    FUZZ_CHECK(wire_order_encode(&order, second, sizeof second, &second_len) == GW_OK);
    FUZZ_CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
}

static void check_result(const uint8_t *data, size_t size) {
    size_t first_len = 0;
    size_t second_len = 0;
    if (wire_result_decode(data, size, &scratch, &result) != GW_OK) {
        return;
    }
    FUZZ_CHECK(*wire_code_text(result.code) != '?');
    FUZZ_CHECK(wire_result_encode(&result, first, sizeof first, &first_len) == GW_OK);
    FUZZ_CHECK(wire_result_decode(first, first_len, &scratch, &result) == GW_OK);
    FUZZ_CHECK(wire_result_encode(&result, second, sizeof second, &second_len) == GW_OK);
    FUZZ_CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
}

void fuzz_one(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] % 4 == 3) {
        check_result(data + 1, size - 1);
    } else if (size > 0) {
        check_order(data + 1, size - 1);
    }
}
