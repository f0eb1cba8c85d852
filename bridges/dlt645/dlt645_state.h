/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running status words of DL/T 645-2007 as a meter's state. Pure. The words of 1997 (C020,
 * C021) are each maker's own and say nothing here.
 */
#ifndef BRIDGES_DLT645_DLT645_STATE_H
#define BRIDGES_DLT645_DLT645_STATE_H

#include "bridges/meter_state.h"

enum { DLT645_DI_STATUS_1 = 0x04000501, DLT645_DI_STATUS_7 = 0x04000507 };

/* word: what stands behind di; of an identifier that is no status word nothing is known. */
struct meter_state dlt645_state(uint32_t di, uint16_t word);

#endif
