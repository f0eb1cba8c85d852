/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of bridges/: what every meter protocol does.
 *
 * A driver is passive: no line, no clock, no thread, no log. For one poll of a meter the
 * caller keeps a plan in its own memory and asks
 *
 *   next(plan) -> exchange      the request, and what completes its reply
 *      ... transact puts it on the wire and brings one complete, matching frame ...
 *   take(plan, frame) -> samples
 *
 * until next answers BRIDGE_DONE. One transaction at a time, so that something more urgent can
 * go between. The daemon, the tools, the simulator and the fuzzers run the same code.
 *
 * A new protocol is a folder here and a line in bridges.def.
 */
#ifndef BRIDGES_BRIDGE_H
#define BRIDGES_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/base/doc.h"
#include "bridges/base/status.h"
#include "bridges/credential.h"
#include "bridges/line.h"
#include "bridges/meter_clock.h"
#include "bridges/meter_state.h"
#include "bridges/reading.h"

enum {
    BRIDGE_ADDRESS_MAX = 11, /* bytes */
    BRIDGE_REQUEST_MAX = 260,
    BRIDGE_FRAME_MAX = 300, /* the longest frame of any protocol */
    BRIDGE_NOTES_MAX = 96,  /* a driver's own bytes in a plan, exchange or point */
    MODEL_NOTES_MAX = 256,  /* and in a model */
    BRIDGE_SERIAL_MAX = 32, /* characters of a serial number */
    MODEL_POINTS_MAX = 64,
    MODEL_ID_MAX = 48,
    MODEL_TEXT_MAX = 100,
    MODEL_SOURCE_MAX = 400
};

/* Memory a driver uses as a structure of its own. */
union bridge_notes {
    unsigned char bytes[BRIDGE_NOTES_MAX];
    int64_t align;
};

union model_notes {
    unsigned char bytes[MODEL_NOTES_MAX];
    int64_t align;
};

/* A meter's address in wire form; two meters are the same when all bytes are. */
struct meter_address {
    uint8_t len;
    uint8_t bytes[BRIDGE_ADDRESS_MAX];
};

/* One value a meter model offers. */
struct model_point {
    uint16_t quantity;        /* enum quantity */
    union bridge_notes notes; /* where and how: the driver's */
};

/* A meter model: a file in config/models, read once, then constant. */
struct model {
    char id[MODEL_ID_MAX + 1]; /* the file's name without .yaml */
    char name[MODEL_TEXT_MAX + 1];
    char source[MODEL_SOURCE_MAX + 1]; /* where the register map comes from */
    const struct bridge *bridge;
    struct line_settings line; /* as the meter leaves the factory */
    int64_t timeout_ms;        /* the slowest answer */
    int64_t pause_ms; /* what the meter wants after an answer before the next request */
    union model_notes notes;
    bool has_serial; /* every poll reads the meter's serial number */
    bool has_relay;
    bool has_valve; /* its relay is a valve: open lets through, closed is off */
    size_t point_count;
    struct model_point points[MODEL_POINTS_MAX];
};

/* One request on its way, and what completes its reply. */
struct exchange {
    uint8_t request[BRIDGE_REQUEST_MAX];
    size_t request_len;
    size_t reply_max; /* bytes of the longest reply that may come; 0 = nobody answers */
    int64_t timeout_us;
    int64_t timeout_bits; /* and so many bit times of the line */
    int64_t pause_us;
    struct meter_address address;
    union bridge_notes notes; /* the driver's */
    /* Is this complete frame the answer to this request, and to no other? Pure. */
    bool (*match)(const struct exchange *exchange, const uint8_t *frame, size_t len);
};

/* Named by the contact: OPEN cuts the supply off, CLOSE gives it back. Of a valve the same
 * words mean the same supply, though the valve itself then stands the other way. */
enum relay_action {
    RELAY_OPEN,
    RELAY_CLOSE,
    RELAY_LOOK,
    RELAY_PERMIT, /* somebody at the meter closes it: by its button or card */
    RELAY_ALARM,
    RELAY_ALARM_END,
    RELAY_KEEP, /* the meter ignores RELAY_OPEN until it ends */
    RELAY_KEEP_END
};

/* What a meter or board says of its relay. Not verified is not known. */
enum relay_state { RELAY_UNKNOWN, RELAY_IS_OPEN, RELAY_IS_CLOSED };

/* What the device said to the order itself. */
enum relay_answer { RELAY_NOT_SENT, RELAY_NO_ANSWER, RELAY_ACKNOWLEDGED, RELAY_REFUSED };

/* What looking at it afterwards has shown. */
enum relay_verdict {
    RELAY_UNDECIDED,   /* nothing was read back that tells */
    RELAY_VERIFIED,    /* it is as ordered, and nothing speaks against it */
    RELAY_NOT_DONE,    /* it was otherwise to the end of the wait */
    RELAY_CONTRADICTED /* it says it is off, and current or water flows */
};

/*
 * What became of a relay action; the two together tell lies apart: ACKNOWLEDGED and NOT_DONE,
 * NO_ANSWER and VERIFIED, any answer and CONTRADICTED. Of RELAY_PERMIT what is verified is the
 * command; state tells whether somebody has closed it yet.
 */
struct relay_outcome {
    enum relay_state before;  /* read before the order went out */
    enum relay_state command; /* what the meter takes itself to be ordered */
    enum relay_answer answer;
    enum relay_verdict verdict;
    bool has_load;       /* load_micro was read */
    bool is_abnormal;    /* a valve that says so */
    bool is_battery_low; /* it will not move */
    bool keeps_power;    /* it says that it ignores RELAY_OPEN */
    uint16_t status;     /* DL/T 645: status word 3; CJ/T 188: ST, first byte high */
    int64_t load_micro;  /* A, the largest phase; m3/h or m3 since of a valve */
    const char *why;     /* for people, why nothing was sent; NULL; static */
};

/* One poll of one meter, or one relay action. Caller's memory, set up by plan_init, then the
 * driver's. */
struct plan {
    const struct model *model;
    struct meter_address address;
    int64_t now_ms; /* monotonic, the caller's: how old the driver's lessons are */
    char serial[BRIDGE_SERIAL_MAX + 1]; /* as the meter gave it last; empty = not read yet */
    unsigned serials_read;              /* how often the meter gave it */
    bool is_identified; /* all samples so far lie between two numbers, or beside their own */
    enum relay_state relay; /* after a relay action: as read back */
    struct relay_outcome outcome;
    struct meter_clock clock; /* after a clock action: as read */
    struct meter_state state; /* of a poll: what the meter has told of itself so far */
    /* after take, missed, relay or clock: next waits for so much longer. The caller sleeps or
     * asks others meanwhile, and then sets now_ms. */
    int64_t wait_ms;
    const struct credential *credential; /* of this meter; NULL = none, and no order goes out
                                            that needs one. The caller's, kept while in use */
    /* The caller's lasting record of this meter goes in here. It changes in next, before an
     * order with a password goes out, and in take: store it durably each time, before the
     * exchange is sent. */
    struct lockout lockout;
    int refusal;          /* the device's own code after BRIDGE_EREFUSED */
    unsigned unsupported; /* points that were not asked for: the device has refused them */
    unsigned invalid;     /* values that were read and are no measurement (NaN, out of range) */
    unsigned absent;      /* points that the meter has not sent, though it might */
    union bridge_notes notes;
};

/* What one reply gives: at most each point once. */
struct samples {
    size_t count;
    struct sample items[MODEL_POINTS_MAX];
};

/* What a driver keeps for one bus: library contexts, learnt habits of meters. */
struct bridge_session;

enum frame_role { FRAME_REPLY, FRAME_REQUEST };

struct bridge {
    const char *name;  /* required; as in model files */
    bool has_weak_sum; /* of 8 bits: a damaged frame may pass it, and doubt.h reads again */
    const struct schema *model_schema; /* required; keys of a model, into model.notes */
    const struct schema *point_schema; /* required; keys of a point, into model_point.notes */

    /* required; text as printed on the meter -> wire form. BRIDGE_EINVALID with a sentence in
     * *why (static storage) */
    enum bridge_status (*address)(const char *text, struct meter_address *out,
                                  const char **why);
    /* required; can this point be read? NULL or a sentence (static storage) */
    const char *(*check)(const struct model_point *point);
    /* required; BRIDGE_OK with the next request, BRIDGE_DONE, or why there is none */
    enum bridge_status (*next)(struct bridge_session *session, struct plan *plan,
                               struct exchange *out);
    /* required; frame matched the exchange. BRIDGE_OK with the samples, BRIDGE_EREFUSED with
     * plan->refusal set, or what is wrong with the frame; no samples then. The plan goes on
     * with the next request in every case. */
    enum bridge_status (*take)(struct bridge_session *session, struct plan *plan,
                               const struct exchange *exchange, const uint8_t *frame,
                               size_t len, struct samples *out);
    /* optional; the exchange got no accepted reply: true, and the plan tries again or goes on
     * with something else; false, and the poll is over. Without it every poll is over then. */
    bool (*missed)(struct bridge_session *session, struct plan *plan,
                   const struct exchange *exchange, enum bridge_status status);
    /* required, pure; the frame that starts at buf[0]: BRIDGE_OK with *n its length;
     * BRIDGE_MORE with *n how many bytes are missing at least; BRIDGE_EFRAME or
     * BRIDGE_ECHECKSUM when none starts there */
    enum bridge_status (*frame)(const uint8_t *buf, size_t len, enum frame_role role,
                                size_t *n);

    /* optional; turns a plan that was set up into a relay action: its write, then the state
     * read back into plan->relay. BRIDGE_ECONFIG: the model has no relay. */
    enum bridge_status (*relay)(struct plan *plan, enum relay_action action);
    /* optional; turns a plan that was set up into one that reads or sets the meter's clock.
     * BRIDGE_ECONFIG: this meter's cannot be set so. */
    enum bridge_status (*clock)(struct plan *plan, const struct meter_clock_order *order);
    /* with clock; when which correction is allowed */
    const struct meter_clock_rule *clock_rule;
    /* optional; sorts the points of a model that was read into the order they are asked for */
    void (*prepare)(struct model *model);
    /* optional, both or none; what next and take get as session, one for each bus */
    enum bridge_status (*open)(struct bridge_session **out);
    void (*close)(struct bridge_session *session);
};

/* The drivers of bridges.def. NULL when there is none of that name or number. */
const struct bridge *bridge_named(const char *name);
const struct bridge *bridge_at(size_t index);
size_t bridge_index(const struct bridge *bridge);
enum { BRIDGES_MAX = 8 };

void plan_init(struct plan *plan, const struct model *model,
               const struct meter_address *address);

#endif
