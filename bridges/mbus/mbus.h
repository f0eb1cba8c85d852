/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of the M-Bus room: what a model file says of a point and of a meter, and the
 * telegrams that change a meter. The driver itself is reached through bridges/bridge.h.
 *
 *   protocol: mbus
 *   line: 2400:8E1
 *   timeout: 150ms                          beyond the 330 bit times of EN 13757-2
 *   manufacturer: ACW                       what the header must say; what is not given is
 *   version: 14                             not checked
 *   medium: 22
 *   points:
 *     - {quantity: volume, record: {quantity: volume, unit: m3}}
 *     - {quantity: reverse_volume, record: {dib_vib: 04933c}}
 *
 * Names of record quantities and units, and dib_vib, are as `metergate-bus decode mbus` prints
 * them. A record is found by what it says and never by its place in the telegram.
 *
 * An address is a primary one, "5" (0 to 250), or a secondary one, "12345678.ABB.2.4": the
 * eight digits as printed (0-9, A-E; F would stand for any), the manufacturer as three letters
 * or as four hex digits, version and medium as decimals up to 254. What is left out at the end
 * may be any. Its length tells the two apart: one to three digits, or eight and more.
 */
#ifndef BRIDGES_MBUS_MBUS_H
#define BRIDGES_MBUS_MBUS_H

#include "bridges/bridge.h"
#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_search.h"

enum {
    MBUS_KEY_UNIT_BYTES = 8,
    MBUS_KEY_MODIFIERS_MAX = 4,
    MBUS_RELAY_BYTES_MAX = 24,
    MBUS_TELEGRAMS_MAX = 32, /* of one readout; some meters always say that more follow */
    MBUS_ID_TEXT_MAX = 8 + 1 + 4 + 1 + 3 + 1 + 3,
    /* plan->refusal of an application error without a code */
    MBUS_REFUSED_UNSPECIFIED = 256
};

/* Which record: by its head alone, or by what it says. */
struct mbus_record_key {
    int64_t storage;
    int64_t tariff;
    int64_t subunit;
    int function;                   /* enum mbus_function */
    int quantity;                   /* enum mbus_quantity */
    char unit[MBUS_KEY_UNIT_BYTES]; /* base unit of the record; empty = any that converts */
    uint8_t modifiers[MBUS_KEY_MODIFIERS_MAX]; /* orthogonal VIFEs, bit 7 clear, exactly these;
                                                  none = none that changes the value */
    uint8_t modifier_count;
    uint8_t head_len; /* not 0: dib_vib is given, and nothing above is looked at */
    uint8_t head[MBUS_HEAD_MAX];
};

/*
 * A point of an M-Bus model, kept in model_point.notes. The record's number, in its base unit,
 * becomes that of the quantity: Wh to kWh, J to GJ and so on by itself, then times scale. Units
 * that do not convert exactly (a pulse counter without one, J to kWh) need the record's unit
 * named, and scale is then all.
 */
struct mbus_point {
    struct mbus_record_key record;
    struct ratio scale;
    int64_t resolution_micro; /* reals: the step the meter shows; 0 = a millionth */
};

/* How the valve or relay is switched, and the record that tells its state. */
struct mbus_relay {
    uint8_t ci; /* 51 as a rule */
    uint8_t open_len;
    uint8_t closed_len; /* 0 = there is no relay */
    uint8_t open[MBUS_RELAY_BYTES_MAX];
    uint8_t closed[MBUS_RELAY_BYTES_MAX]; /* what stands behind CI */
    struct mbus_record_key state;
    int64_t mask;      /* of the state's number */
    int64_t is_closed; /* what the masked number is when closed ... */
    int64_t is_open;   /* ... and when open; anything else is unknown */
};

enum { MBUS_ANY = -1 };

/* What an M-Bus model says of the meter, kept in model.notes. */
struct mbus_meter {
    int64_t manufacturer; /* as in the header; 0 = any */
    int64_t version;      /* MBUS_ANY, or as in the header */
    int64_t medium;
    bool has_id; /* every telegram has a header with an id; without one none can be known */
    int64_t telegrams; /* of one readout as a rule, for the airtime; the meter says itself when
                          it ends */
    struct mbus_relay relay;
};

const struct mbus_point *mbus_point_of(const struct model_point *point);
const struct mbus_meter *mbus_meter_of(const struct model *model);

/* Is it a secondary address? Then its eight bytes are those of a selection. */
bool mbus_is_secondary(const struct meter_address *address);
struct mbus_selection mbus_selection_at(const struct meter_address *address);

/* A meter's identity as an address is written: "12345678.ABB.2.4", of a fixed structure
 * "12345678". text holds MBUS_ID_TEXT_MAX + 1 bytes. */
void mbus_id_text(const struct mbus_selection *meter, char *text);

/* Does the record fit the key? */
bool mbus_record_fits(const struct mbus_record_key *key, const struct mbus_record *record);

/* --- telegrams that change a meter (EN 13757-3) --------------------------------------------
 */

enum { MBUS_COMMAND_MAX = 40 };

/* What stands behind A in a SND_UD. */
struct mbus_command {
    uint8_t ci;
    uint8_t len;
    uint8_t data[MBUS_COMMAND_MAX];
};

/* Each: BRIDGE_EINVALID when there is no such address, rate, date or selection. */
MUST_CHECK enum bridge_status mbus_command_address(int64_t address, struct mbus_command *out);
/* 300 to 38400. The acknowledgement comes at the old rate. */
MUST_CHECK enum bridge_status mbus_command_baud(int64_t baud, struct mbus_command *out);
/* Type F, or I where seconds are wanted; the meter's local time. */
MUST_CHECK enum bridge_status mbus_command_time(const struct mbus_date *date,
                                                struct mbus_command *out);
/* subcode: -1 = none, or 0 to 255 (00 all, 10 user data, 50 instantaneous values, ...). */
MUST_CHECK enum bridge_status mbus_command_reset(int64_t subcode, struct mbus_command *out);
/* What the next readouts shall hold: heads[0, len) are the VIBs wanted, each behind its DIF 08
 * (or x8 and DIFEs); len 0 = everything (7F). */
MUST_CHECK enum bridge_status mbus_command_readout(const uint8_t *heads, size_t len,
                                                   struct mbus_command *out);

/* Turns a plan that was set up into one that identifies the meter, sends it the command and
 * wants its acknowledgement. */
void mbus_write(struct plan *plan, const struct mbus_command *command);

/* Turns a plan that was set up into one that asks for class 1 data: its frame is an alarm's, or
 * an E5, which says that there is none. */
void mbus_read_alarms(struct plan *plan);

#endif
