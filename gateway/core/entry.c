/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/entry.h"

static const struct {
    enum entry_kind kind;
    const char *text;
} kinds[] = {
#define X(name, number) {ENTRY_##name, #name},
    ENTRY_KIND_MAP(X)
#undef X
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *entry_kind_text(enum entry_kind kind) {
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].kind == kind) {
            return kinds[i].text;
        }
    }
    return "?";
}

bool entry_kind_is_known(int64_t number) {
    for (size_t i = 0; i < KINDS; i++) {
        if ((int64_t)kinds[i].kind == number) {
            return true;
        }
    }
    return false;
}
