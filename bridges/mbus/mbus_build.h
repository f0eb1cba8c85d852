/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telegrams from what they say: the inverse of mbus_data.h, for requests, for the simulator,
 * and as the proof that decoding loses nothing. Pure.
 *
 *   data = header | record | record | ...        mbus_build_long makes the frame of it
 *
 * Each appends its bytes to out[*len, cap) and moves *len. BRIDGE_ERANGE: no room, *len stays.
 */
#ifndef BRIDGES_MBUS_MBUS_BUILD_H
#define BRIDGES_MBUS_MBUS_BUILD_H

#include "bridges/mbus/mbus_data.h"

/* What stands before the records: content, layout, msb_first and the fields of that layout. */
MUST_CHECK enum bridge_status mbus_build_header(const struct mbus_header *header, uint8_t *out,
                                                size_t cap, size_t *len);

/*
 * One record: the DIB from function, storage, tariff, subunit and field, with as many DIFE as
 * they need but no less than dib_len says; the VIB from head; the data from the value. Text,
 * arrays and BCD that holds no number are copied from data. A record of a fixed structure
 * (vib_len 0) is its data alone.
 */
MUST_CHECK enum bridge_status mbus_build_record(const struct mbus_record *record, uint8_t *out,
                                                size_t cap, size_t *len);

#endif
