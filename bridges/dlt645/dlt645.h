/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the DL/T 645 room: what a model file says of a point and of a meter. The driver
 * itself is reached through bridges/bridge.h.
 *
 *   protocol: dlt645
 *   edition: 2007              # or 1997
 *   relay: {n2: 0, valid: 1h}  # no such key: no relay
 *   serial: meter_number       # it is known by 04000402 (1997: C032), not by its address
 *   prepayment: external       # or meter: it cuts off by an account of its own
 *   points:
 *     - {quantity: forward_active_energy, di: 0x00010000, block: 0x0001ff00}
 *     - {quantity: relay_state, di: 0x04000503, bit: 4, invert: true}
 *
 * Points of one block are asked for together; where a meter refuses the block, one by one.
 *
 * A relay has one master. Of a meter with prepayment: meter no order goes out that its relay
 * would follow; of any other one neither, while its status word 3 says that it has an account.
 */
#ifndef BRIDGES_DLT645_DLT645_H
#define BRIDGES_DLT645_DLT645_H

#include "bridges/base/decimal.h"
#include "bridges/bridge.h"
#include "bridges/dlt645/dlt645_data.h"

enum { DLT645_NO_BIT = -1 };

/* A point of a DL/T 645 model, kept in model_point.notes. */
struct dlt645_point {
    int64_t di;         /* of this one value; four bytes, of 1997 two */
    int64_t block;      /* that holds it with others; 0 = none */
    int64_t bit;        /* of a status word: 0 to 15; DLT645_NO_BIT = the whole value */
    bool is_inverted;   /* 1 when the bit is clear */
    struct ratio scale; /* of vendors that send other decimals than the identifier has */
};

struct dlt645_relay {
    bool is_there;
    bool can_close;        /* takes a direct close (1C); else only the permission (1B) */
    int64_t n2;            /* behind N1: 00 by the text, some meters want 01 */
    int64_t valid_ms;      /* an order is valid so long by the meter's clock */
    int64_t delay_ms;      /* between two looks at the state afterwards */
    int64_t limit_ms;      /* the looks end */
    int64_t current_micro; /* A: so much and more is no open contact */
};

/* What a DL/T 645 model says of the meter, kept in model.notes. */
struct dlt645_meter {
    int edition_choice; /* DLT645_EDITIONS */
    int64_t preamble;   /* FE bytes in front of a request */
    int64_t retries;    /* of reads within a poll, once the meter has answered in it */
    int serial;         /* enum dlt645_serial */
    int prepayment;     /* enum dlt645_prepayment: who decides on the supply */
    struct dlt645_relay relay;
};
#define DLT645_EDITIONS "2007|1997"

enum dlt645_serial { DLT645_SERIAL_ADDRESS, DLT645_SERIAL_METER_NUMBER };
#define DLT645_SERIALS "address|meter_number"

enum dlt645_prepayment { DLT645_PREPAID_OUTSIDE, DLT645_PREPAID_BY_METER };
#define DLT645_PREPAYMENTS "external|meter"

/* A parameter that can be written: an unsigned number in BCD. */
struct dlt645_parameter {
    const char *name;
    uint32_t di;
    uint8_t bytes;
    uint8_t decimals;
    const char *unit;
};

/* NULL: there is none of that name or number. Static. */
const struct dlt645_parameter *dlt645_parameter_at(size_t index);
const struct dlt645_parameter *dlt645_parameter_named(const char *name, size_t len);

/*
 * Turns a plan that was set up, with its credential and lockout, into one that writes a
 * parameter and reads it back. What became of it is plan->outcome's answer, verdict and why: a
 * value that was there already is RELAY_NOT_SENT and RELAY_VERIFIED. BRIDGE_ECONFIG: this meter
 * cannot be written so, and why says it; BRIDGE_ERANGE: the parameter has no such value.
 */
MUST_CHECK enum bridge_status
dlt645_write(struct plan *plan, const struct dlt645_parameter *parameter, int64_t value_micro);

const struct dlt645_point *dlt645_point_of(const struct model_point *point);
const struct dlt645_meter *dlt645_meter_of(const struct model *model);
enum dlt645_edition dlt645_model_edition(const struct model *model);

#endif
