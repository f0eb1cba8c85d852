/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders and their results as values <-> the bytes of proto/metergate/v1 (WIRE, "Down:
 * orders"). An order is the payload of a Signed message; it is believed only once that seal is
 * open. Plain values, no pointers: who has a copy has all of it.
 *
 *   envelope   who is meant, which order it is, its place in the issuer's sequence, when
 *   body       one of the kinds below; what is not known here is never done by halves
 *
 * Decoding is strict. Amounts and quantities are micro-units, times ms UTC. Pure; memory comes
 * from the caller's scratch, as in wire.h.
 */
#ifndef GATEWAY_SYNC_WIRE_ORDER_H
#define GATEWAY_SYNC_WIRE_ORDER_H

#include "gateway/core/entry.h"
#include "gateway/core/tariff.h"
#include "gateway/sync/wire.h"

enum {
    WIRE_ORDER_MAX = 4 * 1024,     /* bytes of a payload */
    WIRE_DOCUMENT_MAX = 48 * 1024, /* and of one that holds a tariff */
    WIRE_ORDER_ID_BYTES = ENTRY_ORDER_BYTES,
    WIRE_ACCOUNT_MAX = ENTRY_ACCOUNT_MAX, /* of account and meter */
    WIRE_ACTOR_MAX = ENTRY_ACTOR_MAX,
    WIRE_REASON_MAX = ENTRY_REASON_MAX,
    WIRE_DETAIL_MAX = 120,
    WIRE_ZONE_MAX = 60,
    WIRE_TARIFF_DAYS_MAX = 400,
    WIRE_HASH_BYTES = 32,
    WIRE_RESULT_MAX = 512, /* bytes of a result, packed */
    WIRE_ORDER_TEXT_MAX = 37
};
/* The most money, and the most units, that one order may speak of. */
#define WIRE_AMOUNT_MAX_MICRO 1000000000000000

#define WIRE_ORDER_KINDS(X)                                                                    \
    X(NONE, none) /* the body is unknown or wrong */                                           \
    X(CREDIT, credit)                                                                          \
    X(REVERSAL, reversal)                                                                      \
    X(ADJUST, adjust)                                                                          \
    X(REFUND, refund)                                                                          \
    X(TARIFF, tariff)                                                                          \
    X(TENANCY, tenancy)                                                                        \
    X(METER_BIND, meter_bind)                                                                  \
    X(ACCOUNT_MODE, account_mode)

enum wire_order_kind {
#define X(name, word) WIRE_ORDER_##name,
    WIRE_ORDER_KINDS(X)
#undef X
        WIRE_ORDER_KIND_COUNT
};

/* Where money came from. The numbers are kept for ever: they stand in ledgers. */
#define WIRE_ORIGINS "online|cash|card|voucher|transfer|allowance|periodic|on_demand|other"
enum wire_origin {
    WIRE_ORIGIN_ONLINE = 1,
    WIRE_ORIGIN_CASH,
    WIRE_ORIGIN_CARD,
    WIRE_ORIGIN_VOUCHER, /* a code that was told to the cloud instead of the gateway */
    WIRE_ORIGIN_TRANSFER,
    WIRE_ORIGIN_ALLOWANCE,
    WIRE_ORIGIN_PERIODIC,  /* a standing top-up */
    WIRE_ORIGIN_ON_DEMAND, /* the gateway asked for it */
    WIRE_ORIGIN_OTHER
};

/* --- bodies ------------------------------------------------------------------------------ */

/* Who it is about. tenancy 0: whoever lives there when the order is applied; for people who
 * know that, never for a payment that may be late. */
struct wire_subject {
    char account[WIRE_ACCOUNT_MAX + 1];
    uint32_t tenancy;
};

/* The other key of a payment, beside its order id. */
struct wire_voucher_key {
    uint32_t seller; /* 0: the operator */
    uint64_t number; /* from 1, for each account, tenancy and seller */
};

struct wire_credit {
    struct wire_subject subject;
    int64_t amount_micro; /* > 0 */
    uint32_t origin;      /* enum wire_origin */
    bool has_voucher;
    struct wire_voucher_key voucher;
};

/* Exactly one of target and voucher says which credit is taken back. */
struct wire_reversal {
    bool has_target;
    uint8_t target_id[WIRE_ORDER_ID_BYTES];
    bool has_voucher;
    struct wire_subject subject; /* with has_voucher; tenancy is then > 0 */
    struct wire_voucher_key voucher;
    int64_t amount_micro; /* > 0; 0: all of it */
    char reason[WIRE_REASON_MAX + 1];
};

struct wire_adjust {
    struct wire_subject subject;
    int64_t amount_micro; /* what the balance changes by, not 0 */
    char reason[WIRE_REASON_MAX + 1];
    bool has_target;
    uint8_t target_id[WIRE_ORDER_ID_BYTES]; /* the order it corrects */
};

struct wire_refund {
    struct wire_subject subject;
    int64_t amount_micro; /* > 0; 0: all that is due back */
    char reason[WIRE_REASON_MAX + 1];
};

/* A whole document; it has passed tariff_check at TARIFF_DOCUMENT. Its id is the subject, and
 * revision > 0 counts for it. */
struct wire_tariff {
    struct tariff tariff;
    char zone[WIRE_ZONE_MAX + 1]; /* IANA name */
    size_t day_count;
    struct marked_day days[WIRE_TARIFF_DAYS_MAX]; /* rising, each date once */
};

enum wire_tenancy_step { WIRE_TENANCY_OPEN = 1, WIRE_TENANCY_CLOSE };
struct wire_tenancy {
    struct wire_subject subject; /* OPEN: the epoch that begins, 0: the next one */
    enum wire_tenancy_step step;
    enum account_mode mode; /* OPEN */
};

/* What a person read off. at_ms 0: when the order is applied. */
struct wire_face {
    int64_t register_micro;
    int64_t at_ms;
};

enum wire_bind_step { WIRE_METER_BIND = 1, WIRE_METER_UNBIND, WIRE_METER_SWAP };

/* What a meter that comes is like, for billing. */
struct wire_bind_settings {
    enum tariff_utility utility;
    char source[TARIFF_NAME_MAX + 1]; /* of the tariff's; empty: the first */
    int64_t multiplier_micro;         /* CT * PT, > 0 */
    int64_t modulus_micro;            /* the register rolls over there; 0: not known */
    int64_t jitter_micro;
    int64_t agree_micro;
    int64_t max_power_micro; /* units an hour; 0: no limit */
    int64_t share_from_ppm;  /* the account's part of it */
    int64_t share_to_ppm;
};

struct wire_bind {
    struct wire_subject subject;
    enum wire_bind_step step;
    char meter[WIRE_ACCOUNT_MAX + 1];     /* that comes (BIND) or leaves */
    char new_meter[WIRE_ACCOUNT_MAX + 1]; /* SWAP: that comes; may have the name of the old */
    bool has_final;                       /* UNBIND: may be missing, the newest reading is it */
    struct wire_face final;
    bool has_initial; /* BIND: likewise. SWAP has both. */
    struct wire_face initial;
    struct wire_bind_settings settings; /* BIND, SWAP */
};

struct wire_account_mode {
    struct wire_subject subject;
    enum account_mode mode;
    int64_t opening_micro; /* credit that the new mode begins with, >= 0 */
};

/* --- the whole --------------------------------------------------------------------------- */

struct wire_order {
    char operator_id[WIRE_ID_MAX + 1];
    char site[WIRE_ID_MAX + 1];
    char gateway[WIRE_ID_MAX + 1];
    uint8_t order_id[WIRE_ORDER_ID_BYTES]; /* UUIDv7 */
    bool has_seq;
    uint64_t seq; /* from 1, of (gateway, key) */
    int64_t issued_ms;
    int64_t not_before_ms; /* 0: none */
    int64_t not_after_ms;  /* INT64_MAX: none */
    char actor[WIRE_ACTOR_MAX + 1];
    enum wire_order_kind kind;
    char why[WIRE_DETAIL_MAX + 1]; /* NONE: what is wrong with the body */
    union {
        struct wire_credit credit;
        struct wire_reversal reversal;
        struct wire_adjust adjust;
        struct wire_refund refund;
        struct wire_tariff tariff;
        struct wire_tenancy tenancy;
        struct wire_bind meter_bind;
        struct wire_account_mode account_mode;
    } of;
};

/* The numbers are those of the message. */
#define WIRE_CODES(X)                                                                          \
    X(OK, 1)                                                                                   \
    X(DUPLICATE, 2) /* this payment was credited by its other carrier */                       \
    X(CONFLICT, 3)                                                                             \
    X(SUPERSEDED, 4)                                                                           \
    X(EXPIRED, 5)                                                                              \
    X(BAD_SIGNATURE, 6)                                                                        \
    X(WRONG_GATEWAY, 7)                                                                        \
    X(UNKNOWN_ACCOUNT, 8)                                                                      \
    X(ACCOUNT_CLOSED, 9)                                                                       \
    X(LIMIT, 10)                                                                               \
    X(HELD, 11) /* not now: to be sent again */                                                \
    X(LOCKED, 12)                                                                              \
    X(UNSUPPORTED, 13)                                                                         \
    X(TOO_OLD, 14)                                                                             \
    X(INTERNAL, 15) /* nothing was stored: to be sent again */

enum wire_code {
#define X(name, number) WIRE_##name = (number),
    WIRE_CODES(X)
#undef X
};

struct wire_result {
    bool has_order_id; /* false: it could not be read */
    uint8_t order_id[WIRE_ORDER_ID_BYTES];
    enum wire_code code;
    int64_t at_ms;
    bool has_ledger; /* the order wrote entries, or changed nothing that stands there */
    uint64_t ledger_seq;
    uint8_t chain_head[WIRE_HASH_BYTES]; /* of the ledger at ledger_seq */
    bool has_balance;
    int64_t balance_micro;
    bool has_revision;
    int64_t in_force_revision;        /* of the order's subject, after it */
    char detail[WIRE_DETAIL_MAX + 1]; /* for people */
    uint32_t key_id;                  /* whose sequence follows; 0: none */
    uint64_t order_through;           /* everything up to here has arrived */
    uint64_t order_highest;           /* and the newest of all */
};

/* "credit"; "none" for what is none. */
const char *wire_order_kind_text(enum wire_order_kind kind);
/* "OK"; "?" for what is none. */
const char *wire_code_text(enum wire_code code);

/*
 * GW_OK: the envelope is sound. Then either kind and body hold, or kind is WIRE_ORDER_NONE and
 * why says what is not known or wrong: that is answered UNSUPPORTED. GW_EINVALID: this is no
 * order, there is nobody to answer to. GW_ETOOLONG: longer than its kind may be, or than the
 * scratch. *out is written only on GW_OK.
 */
MUST_CHECK enum gw_status wire_order_decode(const uint8_t *buf, size_t len,
                                            struct wire_scratch *scratch,
                                            struct wire_order *out);

/* The payload of an order. GW_EINVALID: kind is NONE. GW_ETOOLONG: does not fit buf or its
 * kind's limit. */
MUST_CHECK enum gw_status wire_order_encode(const struct wire_order *order, uint8_t *buf,
                                            size_t cap, size_t *len);

MUST_CHECK enum gw_status wire_result_encode(const struct wire_result *result, uint8_t *buf,
                                             size_t cap, size_t *len);
MUST_CHECK enum gw_status wire_result_decode(const uint8_t *buf, size_t len,
                                             struct wire_scratch *scratch,
                                             struct wire_result *out);

/* 16 bytes as "01890a5d-ac96-774b-bcce-b302099a8057" (WIRE_ORDER_TEXT_MAX bytes), and back;
 * false: not such a text, or not of version 7. */
void wire_order_id_format(const uint8_t *order_id, char *text);
bool wire_order_id_parse(const char *text, uint8_t *order_id);
bool wire_order_id_is_valid(const uint8_t *order_id);
/* The moment it was made, ms UTC. */
int64_t wire_order_id_ms(const uint8_t *order_id);

#endif
