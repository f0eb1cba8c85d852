/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time zone as it is shipped (TZif, RFC 8536) as a table of shifts. The file's own table ends
 * somewhere; behind it the rule of its last line (POSIX TZ, "CET-1CEST,M3.5.0,M10.5.0/3") is
 * written out to the end of our years, so that who asks needs no rules. Pure.
 */
#ifndef GATEWAY_CORE_TZIF_H
#define GATEWAY_CORE_TZIF_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/calendar.h"

enum { TZIF_SHIFTS_MAX = 1024, TZIF_BYTES_MAX = 65536 };

/*
 * Fills shifts (room for TZIF_SHIFTS_MAX) and makes *out point to them. GW_EINVALID: not a
 * TZif of version 2 or later, or one that counts leap seconds. GW_EFULL: more shifts than fit.
 */
MUST_CHECK enum gw_status tzif_parse(const uint8_t *bytes, size_t len,
                                     struct zone_shift *shifts, struct zone *out);

/* The same from a rule alone: "EST5EDT,M3.2.0,M11.1.0", "<+0530>-5:30". */
MUST_CHECK enum gw_status tzif_parse_rule(const char *rule, struct zone_shift *shifts,
                                          struct zone *out);

#endif
