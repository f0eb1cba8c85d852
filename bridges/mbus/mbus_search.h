/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds every meter of a bus by its secondary address (EN 13757-3, 11.3, wildcard search).
 * Pure: it says what to send and is told what came.
 *
 *   mbus_search_init(&search, ...);
 *   while (mbus_search_next(&search, &probe)) {
 *       ... send probe.frame, listen the whole window ...
 *       mbus_search_heard(&search, heard, header);
 *   }
 *   search.found[0, found_count), search.alike[0, alike_count)
 *
 * The acknowledgements of several meters come out as one clean E5, so an E5 decides nothing:
 * behind anything that is heard stands a request for data, and only one whole answer that fits
 * what was selected is a meter. It is then selected by all eight bytes and asked again. What
 * is no clean answer is a collision and is searched digit by digit; where all digits are said
 * and it still collides, by manufacturer, version and medium. No nibble of a manufacturer may
 * be left open, so only those are tried that were seen on the bus or given: of three meters
 * that differ in nothing else, one of an unknown manufacturer may stay hidden.
 *
 * Meters that have all eight bytes in common are told apart by their fabrication numbers, by
 * enhanced selection, as far as they know it. Who answers to a number that there is none of
 * ignores it, and is not asked further.
 */
#ifndef BRIDGES_MBUS_MBUS_SEARCH_H
#define BRIDGES_MBUS_MBUS_SEARCH_H

#include "bridges/mbus/mbus_data.h"
#include "bridges/mbus/mbus_frame.h"

enum {
    MBUS_FOUND_MAX = 250,
    MBUS_ALIKE_MAX = 64,
    /* manufacturer, version and medium, then digits of the fabrication number; before that
     * there are digits of the id alone */
    MBUS_SEARCH_LEVELS = 3 + MBUS_ID_DIGITS + 1,
    MBUS_SELECT_BYTES = 8,
    MBUS_SELECT_MAX = MBUS_SELECT_BYTES + 6, /* and the record of the fabrication number */
    MBUS_MAKERS_MAX = 200
};

/* What is selected: nibble F of the id, FFFF and FF stand for any. */
struct mbus_selection {
    uint32_t id; /* eight digits as printed */
    uint16_t manufacturer;
    uint8_t version;
    uint8_t medium;
    uint32_t not_fabrication; /* complement of the eight digits of the fabrication number, F for
                                 any: 0 = whatever it is, and it is not sent */
};

/* What came within the whole window behind a probe. */
enum mbus_heard {
    MBUS_HEARD_NOTHING,
    MBUS_HEARD_ACK,   /* one E5 and nothing else */
    MBUS_HEARD_FRAME, /* one whole answer of a meter and nothing else */
    MBUS_HEARD_NOISE  /* anything else */
};

enum mbus_probe_kind {
    MBUS_PROBE_RESET,  /* SND_NKE to the selected one */
    MBUS_PROBE_SELECT, /* of selection */
    MBUS_PROBE_READ    /* REQ_UD2 to the selected one */
};

struct mbus_probe {
    enum mbus_probe_kind kind;
    struct mbus_selection selection; /* what the search is at */
    uint8_t frame[MBUS_FRAME_MAX];
    size_t len;
};

struct mbus_search_config {
    bool only_decimal; /* ids with the digits A to E are not looked for */
    bool every_maker;  /* where meters are alike but for their manufacturer, all three-letter
                          codes are tried, and not only those seen on this bus and in makers */
    uint32_t probes_max;
    size_t maker_count;
    const uint16_t *makers;
};

/* What is told apart at one level of the search. */
enum mbus_search_by {
    MBUS_BY_DIGIT,
    MBUS_BY_MAKER,
    MBUS_BY_VERSION,
    MBUS_BY_MEDIUM,
    MBUS_BY_FABRICATION
};

struct mbus_search_level {
    struct mbus_selection base; /* several answer this */
    enum mbus_search_by by;
    uint32_t step;       /* the part that is tried now */
    size_t found_before; /* meters */
    size_t alike_before;
    size_t later_before;
};

struct mbus_search {
    struct mbus_search_config config;
    uint32_t probes;
    bool is_cut_short; /* probes_max is reached, or more meters than there is room for */
    size_t found_count;
    struct mbus_selection found[MBUS_FOUND_MAX];
    size_t alike_count; /* what several answer that cannot be told apart */
    struct mbus_selection alike[MBUS_ALIKE_MAX];
    uint32_t strangers; /* answers of meters that had not been selected */
    /* private */
    int stage;
    bool is_again;         /* nothing, or only noise, was heard once: it is asked once more */
    enum mbus_heard heard; /* behind the last selection */
    struct mbus_selection asked; /* what the search wants to know of */
    struct mbus_selection sent;  /* the same, or the one meter that answered it */
    size_t level_count;
    struct mbus_search_level levels[MBUS_SEARCH_LEVELS];
    size_t later_count; /* collisions of a whole id: when all manufacturers have been seen */
    size_t later_next;
    struct mbus_selection later[MBUS_ALIKE_MAX];
    size_t maker_count;
    uint16_t makers[MBUS_MAKERS_MAX];
};

/* What config points to must outlive the search. */
void mbus_search_init(struct mbus_search *search, const struct mbus_search_config *config);

/* The next thing to send; false: the search is over. */
bool mbus_search_next(struct mbus_search *search, struct mbus_probe *out);

/* What came; header is that of MBUS_HEARD_FRAME, NULL when it has none of a meter's id. */
void mbus_search_heard(struct mbus_search *search, enum mbus_heard heard,
                       const struct mbus_header *header);

/* How much of all there is to try is behind, in thousandths; it never falls. */
unsigned mbus_search_progress(const struct mbus_search *search);

/* Does a meter's address fit what was selected? An answer does not tell its fabrication number,
 * which counts for nothing here. */
bool mbus_selection_fits(const struct mbus_selection *selection,
                         const struct mbus_selection *address);

/* The fabrication number of a selection, eight digits as printed; F for any. */
uint32_t mbus_selection_fabrication(const struct mbus_selection *selection);

/* The bytes of a selection (EN 13757-3, 11.3) without its fabrication number, and the frame
 * that selects, with it (OMS: record 0C 78 behind the eight bytes). */
void mbus_selection_bytes(const struct mbus_selection *selection,
                          uint8_t out[MBUS_SELECT_BYTES]);
size_t mbus_build_select(const struct mbus_selection *selection, uint8_t *out);

/* The selection that only this meter fits; a fixed structure tells the id alone. */
struct mbus_selection mbus_selection_of(const struct mbus_header *header);

#endif
