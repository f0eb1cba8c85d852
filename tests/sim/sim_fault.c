/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_fault.h"

#include <stdio.h>
#include <string.h>

#include "bridges/base/decimal.h"

enum { UNSET = -1, DELAY_MAX_MS = 600000, ENERGY_MAX_KWH = 40000000, PERCENT = 100 };

/* --- the keys ---------------------------------------------------------------------------- */

#define SIM_FAULT_NAMES                                                                        \
    "none|late|slow|dead|crc|truncate|wrong-address|exception|glitch|swap-serial|merge|"       \
    "stuck-relay|lie|refuse|no-ack|closes-itself|wrong-current|battery|abnormal|echo|babble"

static const struct field order_fields[] = {
    {"meter", FIELD_ID, offsetof(struct sim_order, meter), "", 1, SITE_METER_ID_MAX,
     "whose fault", NULL, NULL, NULL},
    {"bus", FIELD_ID, offsetof(struct sim_order, bus), "", 1, SITE_BUS_ID_MAX,
     "or the line's, or that of all its meters", NULL, NULL, NULL},
    {"fault", FIELD_CHOICE, offsetof(struct sim_order, kind), "none", 0, 0,
     "what is wrong from now on", SIM_FAULT_NAMES, NULL, NULL},
    {"delay", FIELD_DURATION, offsetof(struct sim_order, terms.delay_ms), "", 0, DELAY_MAX_MS,
     "late, slow, merge, closes-itself", NULL, NULL, NULL},
    {"every", FIELD_INT, offsetof(struct sim_order, terms.every), "", 1, 1000000,
     "crc: n-th answer", NULL, NULL, NULL},
    {"share", FIELD_INT, offsetof(struct sim_order, terms.share), "", 0, PERCENT,
     "crc, merge: percent of answers", NULL, NULL, NULL},
    {"bits", FIELD_INT, offsetof(struct sim_order, terms.bits), "", 1, 32,
     "crc: flipped anywhere in the answer", NULL, NULL, NULL},
    {"bytes", FIELD_INT, offsetof(struct sim_order, terms.bytes), "", 0, 256,
     "truncate: what is left; babble: of a burst", NULL, NULL, NULL},
    {"pause", FIELD_DURATION, offsetof(struct sim_order, terms.pause_ms), "", 1, DELAY_MAX_MS,
     "babble: between bursts", NULL, NULL, NULL},
    {"unit", FIELD_INT, offsetof(struct sim_order, terms.unit), "", 0, 255, "wrong-address",
     NULL, NULL, NULL},
    {"code", FIELD_INT, offsetof(struct sim_order, terms.code), "", 0, 255, "exception, refuse",
     NULL, NULL, NULL},
    {"byte", FIELD_INT, offsetof(struct sim_order, terms.byte), "", 0, 255, "glitch", NULL,
     NULL, NULL},
    {"energy", FIELD_DECIMAL, offsetof(struct sim_order, terms.energy_micro_kwh), "", 0,
     (int64_t)MICRO *ENERGY_MAX_KWH, "swap-serial, merge: kWh of the other meter", NULL, NULL,
     NULL},
    {"serial", FIELD_ID, offsetof(struct sim_order, terms.serial), "", 1, SIM_SERIAL_MAX,
     "swap-serial, merge: of the other meter", NULL, NULL, NULL},
};
const struct schema sim_order_schema = {order_fields,
                                        sizeof order_fields / sizeof *order_fields, NULL, 0};

void sim_order_init(struct sim_order *order) {
    *order = (struct sim_order){.terms = {.delay_ms = UNSET,
                                          .every = UNSET,
                                          .share = UNSET,
                                          .bits = UNSET,
                                          .bytes = UNSET,
                                          .pause_ms = UNSET,
                                          .unit = UNSET,
                                          .code = UNSET,
                                          .byte = UNSET,
                                          .energy_micro_kwh = UNSET}};
}

/* --- which terms a kind takes ------------------------------------------------------------ */

enum term { DELAY, EVERY, SHARE, BITS, BYTES, PAUSE, UNIT, CODE, BYTE, ENERGY, TERMS };

static const struct {
    const char *name;
    size_t offset;
} terms[TERMS] = {
    [DELAY] = {"delay", offsetof(struct sim_terms, delay_ms)},
    [EVERY] = {"every", offsetof(struct sim_terms, every)},
    [SHARE] = {"share", offsetof(struct sim_terms, share)},
    [BITS] = {"bits", offsetof(struct sim_terms, bits)},
    [BYTES] = {"bytes", offsetof(struct sim_terms, bytes)},
    [PAUSE] = {"pause", offsetof(struct sim_terms, pause_ms)},
    [UNIT] = {"unit", offsetof(struct sim_terms, unit)},
    [CODE] = {"code", offsetof(struct sim_terms, code)},
    [BYTE] = {"byte", offsetof(struct sim_terms, byte)},
    [ENERGY] = {"energy", offsetof(struct sim_terms, energy_micro_kwh)},
};

enum { NO = 0, MUST = 1, MAY = 2 /* and above: the default + MAY */ };
enum { WIRE = 1, SERIAL_ONLY = 2, HAS_SERIAL = 4 };

static const struct kind {
    const char *name;
    unsigned traits;
    int takes[TERMS];
} kinds[SIM_FAULT_KINDS] = {
    [SIM_NONE] = {.name = "none"},
    [SIM_LATE] = {.name = "late", .takes = {[DELAY] = MUST}},
    [SIM_SLOW] = {.name = "slow", .takes = {[DELAY] = MUST}},
    [SIM_DEAD] = {.name = "dead"},
    [SIM_CRC] = {.name = "crc",
                 .traits = SERIAL_ONLY,
                 .takes = {[EVERY] = MAY + 1, [SHARE] = MAY + PERCENT, [BITS] = MAY}},
    [SIM_TRUNCATE] = {.name = "truncate", .takes = {[BYTES] = MUST}},
    [SIM_WRONG_ADDRESS] = {.name = "wrong-address", .takes = {[UNIT] = MUST}},
    [SIM_EXCEPTION] = {.name = "exception", .takes = {[CODE] = MUST}},
    [SIM_GLITCH] = {.name = "glitch", .traits = SERIAL_ONLY, .takes = {[BYTE] = MAY}},
    [SIM_SWAP_SERIAL] = {.name = "swap-serial",
                         .traits = HAS_SERIAL,
                         .takes = {[ENERGY] = MAY}},
    [SIM_MERGE] = {.name = "merge",
                   .traits = SERIAL_ONLY | HAS_SERIAL,
                   .takes = {[DELAY] = MAY, [SHARE] = MAY + 25, [ENERGY] = MAY}},
    [SIM_STUCK_RELAY] = {.name = "stuck-relay"},
    [SIM_LIE] = {.name = "lie"},
    [SIM_REFUSE] = {.name = "refuse", .takes = {[CODE] = MAY + 1}},
    [SIM_NO_ACK] = {.name = "no-ack"},
    [SIM_CLOSES_ITSELF] = {.name = "closes-itself", .takes = {[DELAY] = MAY}},
    [SIM_WRONG_CURRENT] = {.name = "wrong-current"},
    [SIM_BATTERY] = {.name = "battery"},
    [SIM_ABNORMAL] = {.name = "abnormal"},
    [SIM_ECHO] = {.name = "echo", .traits = WIRE | SERIAL_ONLY},
    [SIM_BABBLE] = {.name = "babble",
                    .traits = WIRE | SERIAL_ONLY,
                    .takes = {[BYTES] = MAY, [PAUSE] = MAY + 100}},
};

static bool check_term(struct sim_order *order, enum term term, char *why) {
    const struct kind *kind = &kinds[order->kind];
    int64_t *value = (int64_t *)(void *)((char *)&order->terms + terms[term].offset);
    if (*value != UNSET && kind->takes[term] == NO) {
        (void)snprintf(why, SIM_WHY_MAX, "%s: %s has none", terms[term].name, kind->name);
        return false;
    }
    if (*value == UNSET && kind->takes[term] == MUST) {
        (void)snprintf(why, SIM_WHY_MAX, "%s: %s needs it", terms[term].name, kind->name);
        return false;
    }
    if (*value == UNSET && kind->takes[term] >= MAY) {
        *value = kind->takes[term] - MAY;
    }
    return true;
}

bool sim_order_check(struct sim_order *order, char *why) {
    const struct kind *kind = &kinds[order->kind];
    if (!*order->meter == !*order->bus) {
        (void)snprintf(why, SIM_WHY_MAX, "either meter or bus is needed");
        return false;
    }
    if (*order->meter && (kind->traits & WIRE)) {
        (void)snprintf(why, SIM_WHY_MAX, "fault: %s is a fault of a bus", kind->name);
        return false;
    }
    if (*order->terms.serial && !(kind->traits & HAS_SERIAL)) {
        (void)snprintf(why, SIM_WHY_MAX, "serial: %s has none", kind->name);
        return false;
    }
    for (enum term term = 0; term < TERMS; term++) {
        if (!check_term(order, term, why)) {
            return false;
        }
    }
    return true;
}

const char *sim_fault_name(enum sim_fault_kind kind) {
    return kinds[kind].name;
}

bool sim_fault_is_of_line(enum sim_fault_kind kind) {
    return kinds[kind].traits & WIRE;
}

bool sim_fault_is_serial(enum sim_fault_kind kind) {
    return kinds[kind].traits & SERIAL_ONLY;
}

/* --- chance ------------------------------------------------------------------------------ */

/* splitmix64: good from any seed, 0 included */
uint64_t sim_random(uint64_t *state, uint64_t below) {
    *state += 0x9e3779b97f4a7c15;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

void sim_fault_set(struct sim_fault *fault, const struct sim_terms *terms_of_it,
                   uint64_t seed) {
    *fault = (struct sim_fault){
        .is_on = true, .terms = *terms_of_it, .random = seed, .struck = fault->struck};
}

bool sim_fault_strikes(struct sim_fault *fault) {
    fault->asked++;
    const bool is_turn = fault->asked % (uint64_t)fault->terms.every == 0 &&
                         (int64_t)sim_random(&fault->random, PERCENT) < fault->terms.share;
    fault->struck += is_turn;
    return is_turn;
}
