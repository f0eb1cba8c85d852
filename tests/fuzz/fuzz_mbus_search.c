/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search on a bus that says whatever it likes: it ends within its probes, names nobody
 * twice, and calls nobody found whom it had not selected.
 */
#include <string.h>

#include "bridges/mbus/mbus_search.h"
#include "tests/fuzz/fuzz.h"

enum { PROBES = 3000 };

static bool is_selected_once(const struct mbus_search *search, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (memcmp(&search->found[k], &search->found[i], sizeof search->found[i]) == 0) {
            return false;
        }
    }
    return true;
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct mbus_search search;
    static const uint16_t makers[] = {0x0442, 0x2c2d};
    const struct mbus_search_config config = {.probes_max = PROBES,
                                              .only_decimal = size > 0 && data[0] & 1,
                                              .makers = makers,
                                              .maker_count = 2};
    struct mbus_probe probe;
    size_t at = 0;
    mbus_search_init(&search, &config);
    while (mbus_search_next(&search, &probe)) {
        const uint8_t word = at < size ? data[at++] : 0;
        struct mbus_header header = {.id = probe.selection.id,
                                     .manufacturer = (uint16_t)(word * 257),
                                     .version = word,
                                     .medium = 4};
        header.id = word & 8 ? header.id & 0x11111111 : header.id;
        const size_t before = search.found_count;
        mbus_search_heard(&search, (enum mbus_heard)(word & 3), word & 4 ? &header : NULL);
        FUZZ_CHECK(search.found_count <= before + 1);
        FUZZ_CHECK(search.found_count == before ||
                   mbus_selection_fits(&probe.selection, &search.found[before]));
    }
    FUZZ_CHECK(search.probes <= PROBES);
    for (size_t i = 0; i < search.found_count; i++) {
        FUZZ_CHECK(is_selected_once(&search, i));
    }
    FUZZ_CHECK(mbus_search_progress(&search) == 1000);
}
