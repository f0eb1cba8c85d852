/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of wire_order share. A copy function answers what is wrong with its part, in
 * static storage, or NULL when nothing is.
 */
#ifndef GATEWAY_SYNC_WIRE_ORDER_INSIDE_H
#define GATEWAY_SYNC_WIRE_ORDER_INSIDE_H

#include "gateway/sync/wire_inside.h"
#include "gateway/sync/wire_order.h"

#define WIRE_UNKNOWN_FIELD "holds a field that is not known here"

/* min to max bytes of printable ASCII. */
bool wire_copy_text(ProtobufCBinaryData from, size_t min, size_t max, char *to);
/* Within `least` and the most that an order may speak of. */
bool wire_is_amount(int64_t micro, int64_t least);
bool wire_is_plain(const ProtobufCMessage *message); /* without unknown fields */

/* wire_tariff.c. why holds WIRE_DETAIL_MAX + 1 bytes and is written when something is wrong. */
bool wire_copy_tariff(const Metergate__V1__Tariff *from, struct wire_tariff *out, char *why);

/* A tariff as messages; they point into each other and into the tariff. */
struct wire_tariff_pack {
    Metergate__V1__Tariff tariff;
    ProtobufCBinaryData sources[TARIFF_SOURCES_MAX];
    Metergate__V1__TariffBand bands[TARIFF_BANDS_MAX];
    Metergate__V1__TariffBand *band_rows[TARIFF_BANDS_MAX];
    Metergate__V1__TariffPrices prices[TARIFF_BANDS_MAX][TARIFF_SOURCES_MAX];
    Metergate__V1__TariffPrices *price_rows[TARIFF_BANDS_MAX][TARIFF_SOURCES_MAX];
    Metergate__V1__TariffEntry entries[TARIFF_ENTRIES_MAX];
    Metergate__V1__TariffEntry *entry_rows[TARIFF_ENTRIES_MAX];
    uint32_t from_minute[TARIFF_ENTRIES_MAX][TARIFF_SLOTS_MAX];
    uint32_t slot_band[TARIFF_ENTRIES_MAX][TARIFF_SLOTS_MAX];
    Metergate__V1__Ladder ladder;
    Metergate__V1__Standing standings[TARIFF_STANDINGS_MAX];
    Metergate__V1__Standing *standing_rows[TARIFF_STANDINGS_MAX];
    Metergate__V1__Tax tax;
    int32_t days[WIRE_TARIFF_DAYS_MAX];
    uint32_t day_kinds[WIRE_TARIFF_DAYS_MAX];
};
/* GW_ETOOLONG: a count is beyond its limit. */
MUST_CHECK enum gw_status wire_make_tariff(const struct wire_tariff *tariff,
                                           struct wire_tariff_pack *out);

#endif
