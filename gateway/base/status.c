/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/base/status.h"

#include <stddef.h>

const char *gw_status_text(enum gw_status status) {
    static const char *const texts[] = {
#define X(name, text) [GW_##name] = (text),
        GW_STATUS_MAP(X)
#undef X
    };
    return (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "unknown status";
}

enum gw_exit gw_status_exit(enum gw_status status) {
    static const struct {
        enum gw_status status;
        enum gw_exit exit;
    } exits[] = {
        {GW_OK, GW_EXIT_OK},
        {GW_EBUSY, GW_EXIT_BUSY},
        {GW_EPERMISSION, GW_EXIT_PERMISSION},
        {GW_ECONFIG, GW_EXIT_CONFIG},
        {GW_ENEWER, GW_EXIT_CONFIG},
        {GW_EDAMAGED, GW_EXIT_DATA},
        {GW_ESTORAGE, GW_EXIT_STORAGE_UNKNOWN},
        {GW_EUNKNOWN, GW_EXIT_STORAGE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        if (exits[i].status == status) {
            return exits[i].exit;
        }
    }
    return GW_EXIT_FAILED;
}
