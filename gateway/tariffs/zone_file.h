/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones from the system's files (tzdata), read once where they are needed.
 */
#ifndef GATEWAY_TARIFFS_ZONE_FILE_H
#define GATEWAY_TARIFFS_ZONE_FILE_H

#include "gateway/core/tzif.h"

enum { ZONE_NAME_MAX = 60 };

/* A zone with its table; the zone points into it, so that it may not be copied. */
struct zone_file {
    struct zone zone;
    struct zone_shift shifts[TZIF_SHIFTS_MAX];
};

/*
 * Reads a zone by its IANA name, "Europe/London". GW_EINVALID: no name of a zone, or a damaged
 * file. GW_NONE: this system has no such zone. GW_ENOMEM.
 */
MUST_CHECK enum gw_status zone_file_load(const char *name, struct zone_file **out);
void zone_file_free(struct zone_file *file); /* NULL is allowed */

#endif
