/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/order.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/base/clock.h"
#include "gateway/ctl/counter.h"
#include "gateway/ctl/link.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/show_result.h"
#include "gateway/sync/seal.h"

enum { WAIT_MS = 30000, REFUSED_MS = 2000, TRIES_MAX = 3, ERROR_MAX = 200 };

/* What is known so far, and what was sent. */
struct sending {
    const struct ctl_options *options;
    struct wire_order *order;
    struct seal_secret secret;
    struct counter counter;
    struct link *link;
    struct seal_key gateway_key;
    bool has_site;
    bool has_key;
    bool is_sent;
    bool is_offline; /* as the gateway's state says */
    bool is_refused; /* the gateway did not believe somebody with our key; result says it */
    int tries;
    struct wire_result result;
    uint8_t payload[WIRE_MESSAGE_MAX];
    uint8_t message[WIRE_MESSAGE_MAX];
    struct wire_scratch scratch;
    struct wire_scratch inner;
    union {
        struct wire_state state;
        struct wire_birth birth;
        struct wire_records records;
        struct wire_order order;
    } in;
};

static bool complain(const char *subject, const char *fault) {
    (void)fprintf(stderr, "metergatectl: %s: %s\n", subject, fault);
    return false;
}

/* --- making ------------------------------------------------------------------------------ */

/* RFC 9562, 5.7: ms, then randomness. */
static void make_id(uint8_t *order_id) {
    struct clock clock;
    clock_init(&clock);
    const uint64_t now_ms = (uint64_t)clock_wall(&clock).at_ms;
    randombytes_buf(order_id, WIRE_ORDER_ID_BYTES);
    for (size_t i = 0; i < 6; i++) {
        order_id[i] = (uint8_t)(now_ms >> (40 - 8 * i) & 0xff);
    }
    order_id[6] = (uint8_t)(0x70 | (order_id[6] & 0x0f));
    order_id[8] = (uint8_t)(0x80 | (order_id[8] & 0x3f));
}

bool order_begin(const struct ctl_options *options, enum wire_order_kind kind,
                 struct wire_order *order) {
    const char *actor = options->actor ? options->actor : "metergatectl";
    *order = (struct wire_order){.not_after_ms = INT64_MAX, .kind = kind};
    if (seal_init() != GW_OK) {
        return complain("order", "no source of randomness");
    }
    if (strlen(actor) > WIRE_ACTOR_MAX) {
        return complain("--actor", "is longer than 32 letters");
    }
    memcpy(order->actor, actor, strlen(actor) + 1);
    if (options->order_id && !wire_order_id_parse(options->order_id, order->order_id)) {
        return complain("--order-id", "is no order id, such as "
                                      "01890a5d-ac96-774b-bcce-b302099a8057");
    }
    if (options->order_id && options->seq == 0) {
        return complain("--seq", "is needed with --order-id; it was printed with it");
    }
    if (!options->order_id) {
        make_id(order->order_id);
    }
    return true;
}

/* --- sending ----------------------------------------------------------------------------- */

static bool copy_name(const char *option, const char *text, char *out) {
    if (!text || !wire_id_is_valid(text, WIRE_ID_MAX)) {
        return complain(option, text ? "is no name" : "is needed");
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* The order as it is signed: what is wrong with it shows when it is read as the gateway will.
 */
static bool encode(struct sending *sending, size_t *len) {
    struct wire_order *order = sending->order;
    order->issued_ms = wire_order_id_ms(order->order_id); /* so that a repeat is the same */
    if (wire_order_encode(order, sending->payload, sizeof sending->payload, len) != GW_OK ||
        wire_order_decode(sending->payload, *len, &sending->scratch, &sending->in.order) !=
            GW_OK) {
        return complain("order", "does not fit into a message");
    }
    return sending->in.order.kind != WIRE_ORDER_NONE ||
           complain("order", sending->in.order.why);
}

static bool send_order(struct sending *sending) {
    struct wire_order *order = sending->order;
    size_t len = 0;
    size_t whole = 0;
    order->has_seq = true;
    order->seq =
        sending->options->seq ? (uint64_t)sending->options->seq : sending->counter.next;
    if (!encode(sending, &len)) {
        return false;
    }
    if (seal_close(&sending->secret, SEAL_DOMAIN_ORDER, order->gateway, sending->payload, len,
                   sending->message, sizeof sending->message, &whole) != GW_OK) {
        return complain("order", "does not fit into a message");
    }
    link_say(sending->link, "d/o", sending->message, whole);
    sending->is_sent = true;
    sending->tries++;
    return true;
}

/* The number was used by somebody else: once more as a new order, which it is, as the first
 * one was not applied. One that repeats an order stays as it is. */
static bool may_try_again(const struct sending *sending) {
    return sending->result.code == WIRE_TOO_OLD && sending->result.order_highest > 0 &&
           !sending->options->order_id && !sending->options->seq && sending->tries < TRIES_MAX;
}

/* --- hearing ----------------------------------------------------------------------------- */

static void learn(struct sending *sending, const struct wire_sender *sender,
                  const struct wire_public_key *key) {
    if (!sending->has_site) {
        memcpy(sending->order->site, sender->site, sizeof sender->site);
        sending->has_site = true;
    }
    if (!sending->has_key && key->is_set) {
        memcpy(sending->gateway_key.public_key, key->bytes, WIRE_KEY_BYTES);
        sending->gateway_key.key_id = key->key_id;
        sending->has_key = true;
    }
}

static bool is_its_own(const struct sending *sending, const struct wire_sender *sender) {
    return strcmp(sender->gateway, sending->order->gateway) == 0 &&
           strcmp(sender->operator_id, sending->order->operator_id) == 0;
}

static void hear_state(struct sending *sending, const struct link_message *message) {
    struct wire_state *state = &sending->in.state;
    if (wire_state_decode(message->payload, message->len, &sending->scratch, state) == GW_OK &&
        is_its_own(sending, &state->sender)) {
        sending->is_offline = !state->online;
        learn(sending, &state->sender, &state->signing_key);
    }
}

static void hear_birth(struct sending *sending, const struct link_message *message) {
    struct wire_birth *birth = &sending->in.birth;
    if (wire_birth_decode(message->payload, message->len, &sending->scratch, birth) == GW_OK &&
        is_its_own(sending, &birth->sender)) {
        sending->is_offline = false;
        learn(sending, &birth->sender, &birth->signing_key);
    }
}

static bool is_ours(const struct sending *sending, const struct wire_result *result) {
    return result->has_order_id &&
           memcmp(result->order_id, sending->order->order_id, WIRE_ORDER_ID_BYTES) == 0;
}

/* The gateway does not believe somebody who claims our key: us, most likely. But who plays
 * with the line may be meant as well, so that our own result is waited for a little longer. */
static void note_refusal(struct sending *sending, const struct wire_result *result) {
    if (sending->is_sent && !result->has_order_id && result->code == WIRE_BAD_SIGNATURE &&
        result->key_id == sending->secret.key_id && !sending->is_refused) {
        sending->is_refused = true;
        sending->result = *result;
        link_hurry(sending->link, REFUSED_MS);
    }
}

/* Is it the result, signed by the gateway? Then it is kept. */
static bool take_result(struct sending *sending, const uint8_t *bytes, size_t len) {
    uint8_t payload[WIRE_RESULT_MAX];
    struct seal_opened opened;
    struct wire_result result;
    uint32_t key_id;
    const enum gw_status status =
        seal_open_any(&sending->gateway_key, 1, SEAL_DOMAIN_RESULT, sending->order->gateway,
                      bytes, len, &sending->inner, &key_id, &opened);
    if (status != GW_OK || opened.payload_len > sizeof payload) {
        return false;
    }
    /* it lies in the scratch, which decoding it would overwrite */
    memcpy(payload, opened.payload, opened.payload_len);
    if (wire_result_decode(payload, opened.payload_len, &sending->inner, &result) != GW_OK) {
        return false;
    }
    if (!is_ours(sending, &result)) {
        note_refusal(sending, &result);
        return false;
    }
    sending->result = result;
    return true;
}

static bool hear_results(struct sending *sending, const struct link_message *message) {
    struct wire_records *records = &sending->in.records;
    if (!sending->has_key ||
        wire_records_decode(message->payload, message->len, &sending->scratch, records) !=
            GW_OK ||
        !is_its_own(sending, &records->sender) || records->is_gap) {
        return false;
    }
    for (size_t i = 0; i < records->count; i++) {
        if (take_result(sending, records->records[i].bytes, records->records[i].len)) {
            return true;
        }
    }
    return false;
}

/* Is the result there? */
static bool hear(struct sending *sending, const struct link_message *message) {
    if (strcmp(message->leaf, "u/c") == 0) {
        return hear_results(sending, message);
    }
    if (strcmp(message->leaf, "s") == 0) {
        hear_state(sending, message);
    } else if (strcmp(message->leaf, "u/birth") == 0) {
        hear_birth(sending, message);
    }
    return false;
}

/* --- telling ----------------------------------------------------------------------------- */

static enum gw_exit print_result(const struct sending *sending) {
    struct wire_result result = sending->result;
    result.has_order_id = true; /* also of a refusal that named none */
    memcpy(result.order_id, sending->order->order_id, sizeof result.order_id);
    if (sending->options->json) {
        json_t *object = show_result_json(&result);
        (void)json_object_set_new(object, "seq", json_integer((json_int_t)sending->order->seq));
        show_json(object);
    } else {
        show_result_text(&result);
    }
    return result.code == WIRE_OK || result.code == WIRE_DUPLICATE ? GW_EXIT_OK
                                                                   : GW_EXIT_FAILED;
}

/* Why there is no result. */
static enum gw_exit give_up(const struct sending *sending, enum link_answer answer) {
    char id[WIRE_ORDER_TEXT_MAX];
    if (sending->is_sent) {
        wire_order_id_format(sending->order->order_id, id);
        (void)fprintf(
            stderr,
            "metergatectl: no signed result came%s: it is not known whether the order "
            "was applied\nmetergatectl: to repeat it, and have it applied once: the "
            "same command with --order-id %s --seq %" PRIu64 "\n",
            answer == LINK_INTERRUPTED ? "" : " in time", id, sending->order->seq);
    } else if (!link_was_up(sending->link)) {
        (void)fprintf(stderr, "metergatectl: %s cannot be reached; nothing was sent\n",
                      sending->options->broker);
    } else if (sending->is_offline) {
        (void)fprintf(stderr, "metergatectl: %s is offline; nothing was sent\n",
                      sending->order->gateway);
    } else {
        (void)fprintf(
            stderr, "metergatectl: the broker knows no state of %s%s; nothing was sent\n",
            sending->order->gateway, sending->has_site ? " with its key (--gateway-key)" : "");
    }
    return GW_EXIT_FAILED;
}

/* --- the whole --------------------------------------------------------------------------- */

static bool read_gateway_key(struct sending *sending) {
    const char *text = sending->options->gateway_key;
    size_t len = 0;
    if (!text) {
        return true;
    }
    uint8_t *bytes = sending->gateway_key.public_key;
    sending->has_key =
        sodium_hex2bin(bytes, SEAL_PUBLIC_BYTES, text, strlen(text), NULL, &len, NULL) == 0 &&
        len == SEAL_PUBLIC_BYTES;
    sending->gateway_key.key_id = SEAL_GATEWAY_KEY_ID;
    return sending->has_key || complain("--gateway-key", "must have 64 hex digits");
}

/* Everything that can be wrong before anything is sent. */
static bool prepare(struct sending *sending) {
    const struct ctl_options *options = sending->options;
    struct wire_order *order = sending->order;
    char error[ERROR_MAX] = "";
    size_t len = 0;
    if (!copy_name("--operator", options->operator_id, order->operator_id) ||
        !copy_name("--gateway", options->gateway, order->gateway) ||
        !copy_name("--site", options->site ? options->site : "unknown", order->site) ||
        !read_gateway_key(sending)) {
        return false;
    }
    sending->has_site = options->site != NULL;
    order->has_seq = true;
    order->seq = 1;
    if (!encode(sending, &len)) {
        return false;
    }
    if (!options->signing_key) {
        return complain("--signing-key", "is needed");
    }
    return seal_secret_load(options->signing_key, &sending->secret, error) == GW_OK ||
           complain("--signing-key", error);
}

/* Sends as soon as it is known where to, and again with a new number if need be. true: the
 * result is there. *failed: it cannot be sent. */
static bool step(struct sending *sending, const struct link_message *message, bool *failed) {
    if (hear(sending, message)) {
        if (!may_try_again(sending)) {
            return true;
        }
        make_id(sending->order->order_id);
        sending->counter.next = sending->result.order_highest + 1;
        *failed = !send_order(sending);
    } else if (!sending->is_sent && sending->has_site && sending->has_key) {
        *failed = sending->is_offline || !send_order(sending);
    }
    return false;
}

static enum gw_exit exchange(struct sending *sending) {
    struct link_message message;
    enum link_answer answer = LINK_MESSAGE;
    bool failed = false;
    if (sending->has_site && sending->has_key && !send_order(sending)) {
        return GW_EXIT_FAILED;
    }
    while (answer == LINK_MESSAGE && !failed) {
        answer = link_next(sending->link, &message);
        if (answer == LINK_MESSAGE && step(sending, &message, &failed)) {
            counter_keep(&sending->counter, sending->result.order_highest + 1);
            return print_result(sending);
        }
    }
    if (sending->is_refused) {
        return print_result(sending);
    }
    if (sending->is_sent && !sending->options->seq) {
        counter_keep(&sending->counter, sending->order->seq + 1);
    }
    return give_up(sending, answer);
}

static enum gw_exit run(struct sending *sending) {
    static const char *const leaves[] = {"s", "u/birth", "u/c"};
    const struct ctl_options *options = sending->options;
    if (!prepare(sending)) {
        return GW_EXIT_USAGE;
    }
    const enum gw_exit failed =
        link_open(options, leaves, sizeof leaves / sizeof *leaves,
                  options->timeout_ms ? options->timeout_ms : WAIT_MS, &sending->link);
    if (failed) {
        return failed;
    }
    counter_open(options->signing_key, options->operator_id, options->gateway,
                 &sending->counter);
    const enum gw_exit code = exchange(sending);
    counter_close(&sending->counter);
    link_close(sending->link);
    return code;
}

enum gw_exit order_send(const struct ctl_options *options, struct wire_order *order) {
    struct sending *sending = calloc(1, sizeof *sending);
    if (!sending) {
        return GW_EXIT_FAILED;
    }
    sending->options = options;
    sending->order = order;
    const enum gw_exit code = run(sending);
    seal_wipe(&sending->secret);
    free(sending);
    return code;
}
