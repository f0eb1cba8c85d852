/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of DL/T 645 data, one element at a time; behind dlt645_data, which knows the
 * identifiers. Pure.
 */
#ifndef BRIDGES_DLT645_DLT645_FORMAT_H
#define BRIDGES_DLT645_DLT645_FORMAT_H

#include "bridges/dlt645/dlt645_data.h"

enum { DLT645_DEMAND_TIME_BYTES = 5 };

/* As dlt645_items.def describes them. */
enum dlt645_format {
    DLT645_AS_NUMBER,
    DLT645_AS_SIGNED,
    DLT645_AS_WIDE,
    DLT645_AS_DEMAND,
    DLT645_AS_DIGITS,
    DLT645_AS_BITS,
    DLT645_AS_ASCII,
    DLT645_AS_BAUD,
    DLT645_AS_DATE,
    DLT645_AS_TIME,
    DLT645_AS_MINUTES,
    DLT645_AS_DAYTIME,
    DLT645_AS_SECRET
};

/* bytes[0, value->len) -> kind, micro, bits, text, invalid and is_secret of *value, whose text
 * is empty. Of a DEMAND the number alone. */
void dlt645_take(enum dlt645_format format, unsigned decimals, const uint8_t *bytes,
                 struct dlt645_value *value);

/* The same for the time behind a DEMAND: mm hh DD MM YY. */
void dlt645_take_demand_time(const uint8_t *bytes, struct dlt645_value *value);

#endif
