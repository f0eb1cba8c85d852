/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/show_result.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "bridges/base/decimal.h"
#include "gateway/ctl/show.h"

enum { HASH_TEXT_MAX = 2 * WIRE_HASH_BYTES + 1 };

json_t *show_result_json(const struct wire_result *result) {
    char id[WIRE_ORDER_TEXT_MAX];
    char balance[DECIMAL_TEXT_MAX];
    char hash[HASH_TEXT_MAX];
    wire_order_id_format(result->order_id, id);
    decimal_format(result->balance_micro, balance);
    (void)sodium_bin2hex(hash, sizeof hash, result->chain_head, sizeof result->chain_head);
    json_t *object = json_object();
    const struct {
        bool is_there;
        const char *name;
        json_t *value;
    } rows[] = {
        {result->has_order_id, "order_id", json_string(id)},
        {true, "code", json_string(wire_code_text(result->code))},
        {true, "at_ms", json_integer((json_int_t)result->at_ms)},
        {result->key_id != 0, "key_id", json_integer((json_int_t)result->key_id)},
        {result->has_balance, "balance", json_string(balance)},
        {result->has_ledger, "ledger_seq", json_integer((json_int_t)result->ledger_seq)},
        {result->has_ledger, "chain_head", json_string(hash)},
        {result->has_revision, "revision", json_integer((json_int_t)result->in_force_revision)},
        {*result->detail != '\0', "detail", json_string(result->detail)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].is_there) {
            (void)json_object_set(object, rows[i].name, rows[i].value);
        }
        json_decref(rows[i].value);
    }
    return object;
}

void show_result_text(const struct wire_result *result) {
    char id[WIRE_ORDER_TEXT_MAX];
    char balance[DECIMAL_TEXT_MAX];
    (void)printf("%s", wire_code_text(result->code));
    if (result->has_balance) {
        decimal_format(result->balance_micro, balance);
        (void)printf(" balance=%s", balance);
    }
    if (result->has_revision) {
        (void)printf(" revision=%" PRId64, result->in_force_revision);
    }
    if (result->has_ledger) {
        (void)printf(" ledger=%" PRIu64, result->ledger_seq);
    }
    if (result->has_order_id) {
        wire_order_id_format(result->order_id, id);
        (void)printf(" order=%s", id);
    }
    (void)printf("%s%s\n", *result->detail ? ": " : "", result->detail);
}

void show_result(const struct wire_sender *sender, uint64_t seq,
                 const struct wire_result *result, bool as_json) {
    if (as_json) {
        json_t *object = show_result_json(result);
        (void)json_object_set_new(object, "type", json_string("result"));
        (void)json_object_set_new(object, "gateway", json_string(sender->gateway));
        (void)json_object_set_new(object, "epoch", json_integer((json_int_t)sender->epoch));
        (void)json_object_set_new(object, "seq", json_integer((json_int_t)seq));
        show_json(object);
        return;
    }
    char time[SHOW_TIME_MAX];
    show_time(result->at_ms, time);
    (void)printf("%s %s result %" PRIu64 " ", time, sender->gateway, seq);
    show_result_text(result);
}
