/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/status.h"

#include <stddef.h>

const char *bridge_status_text(enum bridge_status status) {
    static const char *const texts[] = {
#define X(name, text) [BRIDGE_##name] = (text),
        BRIDGE_STATUS_MAP(X)
#undef X
    };
    return (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "unknown status";
}
