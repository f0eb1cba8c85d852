/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan of a bus has found, and who tells it. */
#ifndef BRIDGES_CLI_SCAN_H
#define BRIDGES_CLI_SCAN_H

#include "bridges/cli/session.h"
#include "bridges/mbus/mbus.h"

enum { SCAN_METERS_MAX = MBUS_FOUND_MAX, SCAN_PRIMARIES = MBUS_ADDRESS_MAX + 1 };

struct scan_meter {
    bool has_id;
    bool is_selectable;       /* found by its secondary address */
    struct mbus_selection id; /* with its fabrication number where others have the same */
    int primary;              /* that it answers to or puts into its answers; -1 = not known */
};

enum scan_primary { SCAN_SILENT, SCAN_ONE, SCAN_SEVERAL, SCAN_NO_DATA };

struct scan {
    struct session *session;
    int stop_fd; /* readable once somebody wants an end */
    bool is_stopped;
    int64_t begun_us;
    uint32_t probes;
    size_t count;
    struct scan_meter meters[SCAN_METERS_MAX];
    uint8_t primaries[SCAN_PRIMARIES]; /* enum scan_primary */
    struct mbus_search search;
};

/* The progress, in thousandths of a part of the whole, on a terminal. */
void scan_tell_progress(const struct scan *scan, const char *part, unsigned thousandths);
void scan_tell_progress_end(void);

/* All that was found. */
void scan_tell(const struct scan *scan);

/*
 * Writes the bus and its meters as YAML, into a new file. Models are those of the folder that
 * name the meter, else the generic one of its medium. What goes wrong is told.
 */
enum cli_exit scan_write_config(const struct scan *scan, const char *line);

#endif
