/* SPDX-License-Identifier: Apache-2.0 */
/*
 * M-Bus frames of the wired bus, bytes only. Pure: no I/O, no clock, no heap.
 *
 *   E5                                          ack
 *   10 | C | A | CS | 16                        short          (EN 13757-2; EN 60870-5-1,
 *   68 03 03 68 | C | A | CI | CS | 16          control         frame class FT 1.2)
 *   68 L L 68 | C | A | CI | data | CS | 16     long, L = 3 + bytes of data
 *
 * CS is the sum modulo 256 from C to the byte before it. Everything may stand in the data, 68
 * and 16 too: a frame is as long as it declares and ends by nothing else.
 */
#ifndef BRIDGES_MBUS_MBUS_FRAME_H
#define BRIDGES_MBUS_MBUS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/bridge.h"

enum {
    MBUS_DATA_MAX = 252, /* bytes behind CI */
    MBUS_FRAME_MAX = MBUS_DATA_MAX + 9,
    MBUS_SHORT_BYTES = 5,
    MBUS_CONTROL_BYTES = 9,

    /* C of the master; FCB is to be added */
    MBUS_SND_NKE = 0x40,
    MBUS_SND_UD2 = 0x43, /* EN 13757-2:2018: answered at once */
    MBUS_SND_UD = 0x53,
    MBUS_REQ_UD1 = 0x5a,
    MBUS_REQ_UD2 = 0x5b,
    /* C of the meter; ACD and DFC are to be added */
    MBUS_RSP_UD = 0x08,

    MBUS_ADDRESS_MAX = 250, /* of one meter */
    MBUS_ADDRESS_NEW = 0,   /* as it leaves the factory */
    MBUS_ADDRESS_SELECTED = 253,
    MBUS_ADDRESS_ANY = 254, /* every meter answers */
    MBUS_ADDRESS_ALL = 255  /* every meter obeys, none answers */
};

enum mbus_frame_kind { MBUS_ACK, MBUS_SHORT, MBUS_CONTROL, MBUS_LONG };

/* A frame taken apart. Keeps a pointer into the bytes it was read from. */
struct mbus_frame {
    enum mbus_frame_kind kind;
    uint8_t c;  /* not of an ack */
    uint8_t a;  /* not of an ack */
    uint8_t ci; /* of control and long frames */
    const uint8_t *data;
    size_t len; /* of data: 0 to MBUS_DATA_MAX */
};

/*
 * The frame that starts at buf[0]; the contract is struct bridge's frame. A reply is an ack or
 * a frame whose C has the direction of a meter, a request has the master's; short frames are
 * the master's alone.
 */
enum bridge_status mbus_frame(const uint8_t *buf, size_t len, enum frame_role role, size_t *n);

/* The same, whoever sent it. */
enum bridge_status mbus_frame_any(const uint8_t *buf, size_t len, size_t *n);

/* Takes apart what mbus_frame has found at buf[0]. *out is written only on BRIDGE_OK. */
MUST_CHECK enum bridge_status mbus_frame_read(const uint8_t *buf, size_t len,
                                              struct mbus_frame *out);

/* Builds a frame; out has room for MBUS_SHORT_BYTES. Returns its length. */
size_t mbus_build_short(uint8_t c, uint8_t a, uint8_t *out);

/* A long frame, or the control frame when there is no data. data_len is at most MBUS_DATA_MAX;
 * out has room for MBUS_FRAME_MAX and may not overlap data. Returns its length. */
size_t mbus_build_long(uint8_t c, uint8_t a, uint8_t ci, const uint8_t *data, size_t data_len,
                       uint8_t *out);

/* --- the bits of C (EN 13757-2) ----------------------------------------------------------- */

bool mbus_is_from_master(uint8_t c);
/* Master: C with the frame count bit, which is said to count (FCV). */
uint8_t mbus_c_with_fcb(uint8_t c, bool fcb);
bool mbus_fcb(uint8_t c);
bool mbus_fcv(uint8_t c);
/* Meter: class 1 data (alarms) wait to be asked for; it can take no more data now. */
bool mbus_acd(uint8_t c);
bool mbus_dfc(uint8_t c);
/* "REQ_UD2", static; NULL when C is none of the wired bus. */
const char *mbus_c_name(uint8_t c);

#endif
