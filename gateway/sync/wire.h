/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of ours <-> the bytes of proto/metergate/v1. Pure: unpacking takes its memory
 * from a scratch area of the caller's with a fixed budget, so that no message can make the
 * process grow; packing needs none.
 *
 * Decoding is strict: lengths, printable identifiers, ranges and enum values are checked, and
 * *out is written only on GW_OK. GW_EINVALID: not a valid message. GW_ETOOLONG: larger than
 * WIRE_MESSAGE_MAX, than its scratch or than a limit below.
 */
#ifndef GATEWAY_SYNC_WIRE_H
#define GATEWAY_SYNC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/chain.h"
#include "gateway/base/status.h"

enum {
    WIRE_MESSAGE_MAX = 64 * 1024,
    WIRE_ID_MAX = 32,       /* operator, site, gateway */
    WIRE_METER_ID_MAX = 48, /* meter, model, protocol, address, version */
    WIRE_BOOT_ID_BYTES = 16,
    WIRE_BATCH_MAX = 500, /* readings in one message */
    WIRE_NOW_MAX = 500,
    WIRE_RECORDS_MAX = 100, /* ledger entries, events or results in one message */
    WIRE_RECORD_MAX = 8 * 1024,
    WIRE_EVENT_VALUES_MAX = 4,
    WIRE_EVENT_DETAIL_MAX = 200,
    WIRE_EVENT_BYTES_MAX = 512,
    WIRE_BIRTH_METERS_MAX = 32, /* in one part */
    WIRE_METER_POINTS_MAX = 64,
    WIRE_STREAMS = 4,
    WIRE_ORDER_MARKS_MAX = 32,
    WIRE_KEY_BYTES = 32,
    WIRE_SIGNATURE_BYTES = 64,
    WIRE_TOPIC_MAX = 160,
    WIRE_SCRATCH_BYTES = 256 * 1024
};

/* Memory for one decoding. Reset by each decode call; what it hands out is zeroed. */
struct wire_scratch {
    size_t used;
    bool is_exhausted;
    _Alignas(16) uint8_t bytes[WIRE_SCRATCH_BYTES];
};

enum wire_stream { WIRE_READINGS = 1, WIRE_LEDGER = 2, WIRE_EVENTS = 3, WIRE_RESULTS = 4 };

/* "readings". The stream is one of these. */
const char *wire_stream_text(enum wire_stream stream);

struct wire_sender {
    char operator_id[WIRE_ID_MAX + 1];
    char site[WIRE_ID_MAX + 1]; /* empty where the message does not carry it */
    char gateway[WIRE_ID_MAX + 1];
    uint64_t epoch;
    bool has_boot_id;
    uint8_t boot_id[WIRE_BOOT_ID_BYTES];
};

/* One reading as it travels. */
struct wire_value {
    uint32_t point; /* the gateway's number for (meter, quantity), told by its birth; >= 1 */
    uint8_t quality;
    int64_t at_ms;
    int64_t value_micro;
};

/* u/r: readings first_seq, first_seq + 1, ... */
struct wire_batch {
    uint64_t first_seq;
    size_t count;
    struct wire_value values[WIRE_BATCH_MAX];
};

/* u/r: records that are no more; stands for all of first_seq..last_seq. */
enum wire_gap_reason { WIRE_GAP_DISK_SHORT = 1, WIRE_GAP_EXPIRED = 2 };
struct wire_gap {
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t count;
    uint32_t reason; /* enum wire_gap_reason */
};

struct wire_record {
    struct wire_sender sender;
    bool is_gap;
    struct wire_batch batch; /* when !is_gap */
    struct wire_gap gap;     /* when is_gap */
};

/* u/l, u/e, u/c: records first_seq, first_seq + 1, ... of a stream, or a gap in it. */
struct wire_records {
    struct wire_sender sender;
    enum wire_stream stream; /* not WIRE_READINGS */
    bool is_gap;
    struct wire_gap gap; /* when is_gap; the rest is not then */
    uint64_t first_seq;
    uint8_t prev_hash[CHAIN_HASH_BYTES]; /* ledger: of first_seq - 1; else zero */
    size_t count;                        /* 1.. */
    struct {
        const uint8_t *bytes; /* into the bytes that were decoded, or the caller's own */
        size_t len;
    } records[WIRE_RECORDS_MAX];
};

/* A record of the event stream. */
enum wire_event_code {
#define WIRE_EVENT(name, number, severity) WIRE_##name = (number),
#include "gateway/sync/events.def"
#undef WIRE_EVENT
};
enum wire_severity { WIRE_INFO = 1, WIRE_WARN = 2, WIRE_ALARM = 3 };
struct wire_event {
    uint32_t code; /* enum wire_event_code; a newer gateway may know more of them */
    enum wire_severity severity;
    int64_t at_ms;
    bool cleared;                        /* what an earlier one of this code said is over */
    char meter[WIRE_METER_ID_MAX + 1];   /* empty = of none */
    char account[WIRE_METER_ID_MAX + 1]; /* likewise */
    size_t value_count;
    int64_t values[WIRE_EVENT_VALUES_MAX];
    char detail[WIRE_EVENT_DETAIL_MAX + 1]; /* printable ASCII */
};

struct wire_now {
    struct wire_sender sender;
    size_t count;
    struct wire_value values[WIRE_NOW_MAX];
};

struct wire_head {
    enum wire_stream stream;
    uint64_t head;
    uint64_t acked;
    bool has_hash; /* ledger */
    uint8_t hash[CHAIN_HASH_BYTES];
};

struct wire_meter {
    char id[WIRE_METER_ID_MAX + 1];
    char model[WIRE_METER_ID_MAX + 1];
    char protocol[WIRE_METER_ID_MAX + 1];
    char address[WIRE_METER_ID_MAX + 1];
    size_t point_count;
    uint32_t points[WIRE_METER_POINTS_MAX];
    uint32_t quantities[WIRE_METER_POINTS_MAX]; /* codes of quantities.def */
};

/* The public key a gateway signs its results with. */
struct wire_public_key {
    bool is_set;
    uint32_t key_id;
    uint8_t bytes[WIRE_KEY_BYTES];
};

struct wire_birth {
    struct wire_sender sender;
    char version[WIRE_METER_ID_MAX + 1];
    int64_t at_ms;
    uint32_t part; /* 1..parts */
    uint32_t parts;
    size_t head_count;
    struct wire_head heads[WIRE_STREAMS];
    size_t meter_count;
    struct wire_meter meters[WIRE_BIRTH_METERS_MAX];
    struct wire_public_key signing_key;
};

/* Counters a heartbeat carries; the names are those of the message. */
struct wire_health {
    uint32_t clock_trust; /* enum clock_trust */
    uint32_t meters;
    uint32_t meters_lost;
    uint32_t buses;
    uint32_t buses_down;
    uint64_t polls;
    uint64_t polls_failed;
    uint64_t periods_missed;
    uint64_t invalid_values;
    uint64_t downlink_refused;
    uint64_t downlink_dropped;
    uint64_t readings_thinned;
};

/* How far the orders of a key have arrived. */
struct wire_order_mark {
    uint32_t key_id;
    bool to_all; /* of those that it sends to _all */
    uint64_t through;
    uint64_t highest;
};

struct wire_heartbeat {
    struct wire_sender sender;
    int64_t at_ms;
    uint64_t uptime_ms;
    uint64_t ping;
    size_t head_count;
    struct wire_head heads[WIRE_STREAMS];
    struct wire_health health;
    size_t mark_count;
    struct wire_order_mark marks[WIRE_ORDER_MARKS_MAX];
};

struct wire_state {
    struct wire_sender sender;
    bool online;
    int64_t at_ms;
    struct wire_public_key signing_key;
};

/* d/ack, inside its seal. */
struct wire_position {
    enum wire_stream stream;
    uint64_t epoch;
    uint64_t seq; /* acknowledged through, or to be sent again from */
};
struct wire_ack {
    char operator_id[WIRE_ID_MAX + 1];
    char gateway[WIRE_ID_MAX + 1];
    size_t through_count;
    struct wire_position through[WIRE_STREAMS];
    size_t resend_count;
    struct wire_position resend[WIRE_STREAMS];
    bool has_ping;
    uint64_t ping;
    bool wants_birth; /* u/birth was missed */
};

/* A sealed message: payload points into the bytes that were decoded or the caller's own. */
struct wire_signed {
    const uint8_t *payload;
    size_t payload_len;
    uint8_t signature[WIRE_SIGNATURE_BYTES];
    uint32_t key_id;
};

/* Encoding: into buf (cap bytes); *len is the length. GW_ETOOLONG: does not fit. */
MUST_CHECK enum gw_status wire_batch_encode(const struct wire_sender *sender,
                                            const struct wire_batch *batch, uint8_t *buf,
                                            size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_gap_encode(const struct wire_sender *sender,
                                          const struct wire_gap *gap, uint8_t *buf, size_t cap,
                                          size_t *len);
MUST_CHECK enum gw_status wire_records_encode(const struct wire_records *records, uint8_t *buf,
                                              size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_event_encode(const struct wire_event *event, uint8_t *buf,
                                            size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_now_encode(const struct wire_now *now, uint8_t *buf, size_t cap,
                                          size_t *len);
MUST_CHECK enum gw_status wire_birth_encode(const struct wire_birth *birth, uint8_t *buf,
                                            size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_heartbeat_encode(const struct wire_heartbeat *heartbeat,
                                                uint8_t *buf, size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_state_encode(const struct wire_state *state, uint8_t *buf,
                                            size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_ack_encode(const struct wire_ack *ack, uint8_t *buf, size_t cap,
                                          size_t *len);
MUST_CHECK enum gw_status wire_signed_encode(const struct wire_signed *sealed, uint8_t *buf,
                                             size_t cap, size_t *len);

MUST_CHECK enum gw_status wire_record_decode(const uint8_t *buf, size_t len,
                                             struct wire_scratch *scratch,
                                             struct wire_record *out);
/* out->records point into the scratch. */
MUST_CHECK enum gw_status wire_records_decode(const uint8_t *buf, size_t len,
                                              struct wire_scratch *scratch,
                                              struct wire_records *out);
MUST_CHECK enum gw_status wire_event_decode(const uint8_t *buf, size_t len,
                                            struct wire_scratch *scratch,
                                            struct wire_event *out);
MUST_CHECK enum gw_status wire_now_decode(const uint8_t *buf, size_t len,
                                          struct wire_scratch *scratch, struct wire_now *out);
MUST_CHECK enum gw_status wire_birth_decode(const uint8_t *buf, size_t len,
                                            struct wire_scratch *scratch,
                                            struct wire_birth *out);
MUST_CHECK enum gw_status wire_heartbeat_decode(const uint8_t *buf, size_t len,
                                                struct wire_scratch *scratch,
                                                struct wire_heartbeat *out);
MUST_CHECK enum gw_status wire_state_decode(const uint8_t *buf, size_t len,
                                            struct wire_scratch *scratch,
                                            struct wire_state *out);
MUST_CHECK enum gw_status wire_ack_decode(const uint8_t *buf, size_t len,
                                          struct wire_scratch *scratch, struct wire_ack *out);
/* out->payload points into the scratch. */
MUST_CHECK enum gw_status wire_signed_decode(const uint8_t *buf, size_t len,
                                             struct wire_scratch *scratch,
                                             struct wire_signed *out);

/* "METER_LOST"; NULL: this program does not know the code. */
const char *wire_event_name(uint32_t code);
/* How severe events of a code are. */
enum wire_severity wire_event_severity(enum wire_event_code code);

/* "metergate/1/{operator}/{gateway}/{leaf}"; topic holds WIRE_TOPIC_MAX bytes. "+" is allowed
 * as gateway for a subscription. */
void wire_topic(const char *operator_id, const char *gateway, const char *leaf, char *topic);

/* Splits a topic of ours: the gateway into gateway[WIRE_ID_MAX + 1], the rest in *leaf (points
 * into topic). false: not one of ours, or another operator's. */
bool wire_topic_split(const char *topic, const char *operator_id, char *gateway,
                      const char **leaf);

/* May this text be an identifier: 1..max characters, letters, digits, '-', '_', '.'? */
bool wire_id_is_valid(const char *text, size_t max);

#endif
