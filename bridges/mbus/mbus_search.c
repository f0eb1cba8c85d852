/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/mbus/mbus_search.h"

#include <string.h>

enum stage { AT_RESET, AT_SELECT, AT_READ, AT_END };

enum {
    CI_SELECT = 0x52,
    ANY_ID = 0xf,
    DECIMAL = 10,
    SELECTABLE = 15, /* digits 0 to E: F stands for any */
    BYTES = 255,     /* versions and media 0 to FE */
    LETTERS = 26,
    EVERY_MAKER = LETTERS * LETTERS * LETTERS,
    AT_LEAST = 2, /* meters that made a collision */
    DIF_BCD8 = 0x0c,
    VIF_FABRICATION = 0x78,
    THOUSANDTHS = 1000
};

/* Digits that no fabrication number has. */
static const uint32_t nobodys_number = 0xaaaaaaaa;

static const struct mbus_selection everybody = {0xffffffff, 0xffff, 0xff, 0xff, 0};

/* --- selections -------------------------------------------------------------------------- */

static unsigned digit_of(uint32_t id, size_t i) {
    return id >> (4 * (MBUS_ID_DIGITS - 1 - i)) & 0xf;
}

bool mbus_selection_fits(const struct mbus_selection *selection,
                         const struct mbus_selection *address) {
    for (size_t i = 0; i < MBUS_ID_DIGITS; i++) {
        const unsigned wanted = digit_of(selection->id, i);
        if (wanted != ANY_ID && wanted != digit_of(address->id, i)) {
            return false;
        }
    }
    return (selection->manufacturer == 0xffff ||
            selection->manufacturer == address->manufacturer) &&
           (selection->version == 0xff || selection->version == address->version) &&
           (selection->medium == 0xff || selection->medium == address->medium);
}

static bool is_same(const struct mbus_selection *a, const struct mbus_selection *b) {
    return a->id == b->id && a->manufacturer == b->manufacturer && a->version == b->version &&
           a->medium == b->medium && a->not_fabrication == b->not_fabrication;
}

uint32_t mbus_selection_fabrication(const struct mbus_selection *selection) {
    return ~selection->not_fabrication;
}

void mbus_selection_bytes(const struct mbus_selection *selection,
                          uint8_t out[MBUS_SELECT_BYTES]) {
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(selection->id >> 8 * i);
    }
    out[4] = (uint8_t)(selection->manufacturer & 0xff);
    out[5] = (uint8_t)(selection->manufacturer >> 8);
    out[6] = selection->version;
    out[7] = selection->medium;
}

size_t mbus_build_select(const struct mbus_selection *selection, uint8_t *out) {
    const uint32_t number = mbus_selection_fabrication(selection);
    uint8_t data[MBUS_SELECT_MAX] = {[MBUS_SELECT_BYTES] = DIF_BCD8, VIF_FABRICATION};
    mbus_selection_bytes(selection, data);
    for (size_t i = 0; i < 4; i++) {
        data[MBUS_SELECT_BYTES + 2 + i] = (uint8_t)(number >> 8 * i);
    }
    const size_t len = selection->not_fabrication ? MBUS_SELECT_MAX : MBUS_SELECT_BYTES;
    return mbus_build_long(MBUS_SND_UD, MBUS_ADDRESS_SELECTED, CI_SELECT, data, len, out);
}

struct mbus_selection mbus_selection_of(const struct mbus_header *header) {
    if (header->content == MBUS_FIXED) {
        return (struct mbus_selection){header->id, 0xffff, 0xff, 0xff, 0};
    }
    return (struct mbus_selection){.id = header->id,
                                   .manufacturer = header->manufacturer,
                                   .version = header->version,
                                   .medium = header->medium};
}

/* --- lists ------------------------------------------------------------------------------- */

static void add_to(struct mbus_selection *list, size_t *count, size_t cap,
                   const struct mbus_selection *one, bool *is_full) {
    for (size_t i = 0; i < *count; i++) {
        if (is_same(&list[i], one)) {
            return;
        }
    }
    if (*count == cap) {
        *is_full = true;
        return;
    }
    list[(*count)++] = *one;
}

static void add_maker(struct mbus_search *search, uint16_t maker) {
    for (size_t i = 0; i < search->maker_count; i++) {
        if (search->makers[i] == maker) {
            return;
        }
    }
    if (search->maker_count < MBUS_MAKERS_MAX) {
        search->makers[search->maker_count++] = maker;
    }
}

static void add_found(struct mbus_search *search, const struct mbus_selection *meter) {
    add_to(search->found, &search->found_count, MBUS_FOUND_MAX, meter, &search->is_cut_short);
    if (meter->manufacturer != 0xffff) {
        add_maker(search, meter->manufacturer);
    }
}

static void add_alike(struct mbus_search *search, const struct mbus_selection *selection) {
    add_to(search->alike, &search->alike_count, MBUS_ALIKE_MAX, selection,
           &search->is_cut_short);
}

/* --- the parts that are tried ------------------------------------------------------------ */

static size_t first_any(uint32_t id) {
    size_t i = 0;
    while (i < MBUS_ID_DIGITS && digit_of(id, i) != ANY_ID) {
        i++;
    }
    return i;
}

static uint32_t step_count(const struct mbus_search *search,
                           const struct mbus_search_level *level) {
    switch (level->by) {
    case MBUS_BY_DIGIT:
        return search->config.only_decimal ? DECIMAL : SELECTABLE;
    case MBUS_BY_MAKER:
        return search->config.every_maker ? EVERY_MAKER : (uint32_t)search->maker_count;
    case MBUS_BY_FABRICATION: /* before the first digit the number that there is none of */
        return DECIMAL + (level->base.not_fabrication == 0);
    case MBUS_BY_VERSION:
    case MBUS_BY_MEDIUM:
        break;
    }
    return BYTES;
}

/* Three letters of five bits each, A = 1 (EN 13757-7, 7.5.2). */
static uint16_t maker_at(const struct mbus_search *search, uint32_t step) {
    if (!search->config.every_maker) {
        return search->makers[step];
    }
    return (uint16_t)((step / (LETTERS * LETTERS) + 1) << 10 |
                      (step / LETTERS % LETTERS + 1) << 5 | (step % LETTERS + 1));
}

static uint32_t with_digit(uint32_t digits, uint32_t digit) {
    const unsigned shift = 4 * (unsigned)(MBUS_ID_DIGITS - 1 - first_any(digits));
    return (digits & ~((uint32_t)0xf << shift)) | digit << shift;
}

static uint32_t fabrication_at(const struct mbus_search_level *level) {
    const bool is_first = level->base.not_fabrication == 0;
    const uint32_t digits = mbus_selection_fabrication(&level->base);
    return is_first && level->step == 0 ? nobodys_number
                                        : with_digit(digits, level->step - is_first);
}

static struct mbus_selection part_of(const struct mbus_search *search,
                                     const struct mbus_search_level *level) {
    struct mbus_selection part = level->base;
    switch (level->by) {
    case MBUS_BY_DIGIT:
        part.id = with_digit(part.id, level->step);
        break;
    case MBUS_BY_MAKER:
        part.manufacturer = maker_at(search, level->step);
        break;
    case MBUS_BY_VERSION:
        part.version = (uint8_t)level->step;
        break;
    case MBUS_BY_MEDIUM:
        part.medium = (uint8_t)level->step;
        break;
    case MBUS_BY_FABRICATION:
        part.not_fabrication = ~fabrication_at(level);
        break;
    }
    return part;
}

static bool is_open(const struct mbus_selection *base, enum mbus_search_by by) {
    return (by == MBUS_BY_MAKER && base->manufacturer == 0xffff) ||
           (by == MBUS_BY_VERSION && base->version == 0xff) ||
           (by == MBUS_BY_MEDIUM && base->medium == 0xff);
}

/* The next way to tell apart meters of one id, from by on; false: there is none. */
static bool next_way(const struct mbus_selection *base, enum mbus_search_by by,
                     enum mbus_search_by *out) {
    for (*out = by; *out <= MBUS_BY_MEDIUM; (*out)++) {
        if (is_open(base, *out)) {
            return true;
        }
    }
    return false;
}

/* --- going down and up ------------------------------------------------------------------- */

static void go_to(struct mbus_search *search, const struct mbus_selection *selection) {
    search->asked = search->sent = *selection;
    search->is_again = false;
    search->stage = AT_SELECT;
}

static void push(struct mbus_search *search, const struct mbus_selection *base,
                 enum mbus_search_by by) {
    search->levels[search->level_count++] =
        (struct mbus_search_level){.base = *base,
                                   .by = by,
                                   .found_before = search->found_count,
                                   .alike_before = search->alike_count,
                                   .later_before = search->later_count};
}

/* Nothing else tells them apart. */
static void enhance(struct mbus_search *search, const struct mbus_selection *base) {
    const bool is_whole = first_any(base->id) == MBUS_ID_DIGITS;
    const bool is_told = first_any(mbus_selection_fabrication(base)) == MBUS_ID_DIGITS;
    if (is_whole && !is_told && search->level_count < MBUS_SEARCH_LEVELS) {
        push(search, base, MBUS_BY_FABRICATION);
    } else {
        add_alike(search, base);
    }
}

/* Several answer what was asked. */
static void collide(struct mbus_search *search) {
    const struct mbus_selection *base = &search->asked;
    const bool is_whole = first_any(base->id) == MBUS_ID_DIGITS;
    enum mbus_search_by by;
    if (!is_whole) {
        push(search, base, MBUS_BY_DIGIT);
    } else if (search->later_next == 0) { /* still among the digits of ids */
        add_to(search->later, &search->later_count, MBUS_ALIKE_MAX, base,
               &search->is_cut_short);
    } else if (!base->not_fabrication && search->level_count < MBUS_SEARCH_LEVELS &&
               next_way(base, MBUS_BY_MAKER, &by)) {
        push(search, base, by);
    } else {
        enhance(search, base);
    }
}

/* All parts of the level are tried: did they explain the collision? */
static void finish_level(struct mbus_search *search) {
    struct mbus_search_level *level = &search->levels[search->level_count - 1];
    const size_t explained = search->found_count - level->found_before +
                             AT_LEAST * (search->alike_count - level->alike_before);
    if (level->by == MBUS_BY_DIGIT) {
        if (explained == 0 && search->later_count == level->later_before) {
            add_alike(search, &level->base);
        }
        search->level_count--;
        return;
    }
    if (level->by == MBUS_BY_FABRICATION) {
        if (explained < (level->base.not_fabrication ? 1 : AT_LEAST)) {
            add_alike(search, &level->base);
        }
        search->level_count--;
        return;
    }
    enum mbus_search_by by;
    if (explained < AT_LEAST &&
        next_way(&level->base, (enum mbus_search_by)(level->by + 1), &by)) {
        level->by = by;
        level->step = 0;
        return;
    }
    const struct mbus_selection base = level->base;
    search->level_count--;
    if (explained < AT_LEAST) {
        enhance(search, &base);
    }
}

static void start_later(struct mbus_search *search) {
    search->asked = search->later[search->later_next++];
    collide(search);
}

/* On to the next part that was not tried. */
static void advance(struct mbus_search *search) {
    for (;;) {
        while (search->level_count > 0) {
            struct mbus_search_level *level = &search->levels[search->level_count - 1];
            if (level->step < step_count(search, level)) {
                const struct mbus_selection part = part_of(search, level);
                level->step++;
                go_to(search, &part);
                return;
            }
            finish_level(search);
        }
        if (search->later_next >= search->later_count) {
            search->stage = AT_END;
            return;
        }
        start_later(search);
    }
}

/* --- the door ---------------------------------------------------------------------------- */

void mbus_search_init(struct mbus_search *search, const struct mbus_search_config *config) {
    *search = (struct mbus_search){.config = *config, .stage = AT_RESET};
    for (size_t i = 0; i < config->maker_count; i++) {
        add_maker(search, config->makers[i]);
    }
}

bool mbus_search_next(struct mbus_search *search, struct mbus_probe *out) {
    if (search->stage != AT_END && search->probes >= search->config.probes_max) {
        search->is_cut_short = true;
        search->stage = AT_END;
    }
    if (search->stage == AT_END) {
        return false;
    }
    search->probes++;
    out->selection = search->sent;
    switch ((enum stage)search->stage) {
    case AT_SELECT:
        out->kind = MBUS_PROBE_SELECT;
        out->len = mbus_build_select(&search->sent, out->frame);
        break;
    case AT_READ:
        out->kind = MBUS_PROBE_READ;
        out->len = mbus_build_short(mbus_c_with_fcb(MBUS_REQ_UD2, true), MBUS_ADDRESS_SELECTED,
                                    out->frame);
        break;
    case AT_RESET:
    case AT_END:
        out->kind = MBUS_PROBE_RESET;
        out->len = mbus_build_short(MBUS_SND_NKE, MBUS_ADDRESS_SELECTED, out->frame);
        break;
    }
    return true;
}

/* Somebody answers to the number that there is none of: it tells nobody apart. */
static void skip_fabrication(struct mbus_search *search) {
    struct mbus_search_level *level = &search->levels[search->level_count - 1];
    level->step = step_count(search, level);
    advance(search);
}

static void heard_selected(struct mbus_search *search, enum mbus_heard heard) {
    if (heard != MBUS_HEARD_NOTHING &&
        mbus_selection_fabrication(&search->sent) == nobodys_number) {
        skip_fabrication(search);
    } else if (heard != MBUS_HEARD_NOTHING) {
        search->heard = heard;
        search->stage = AT_READ;
    } else if (!search->is_again) {
        search->is_again = true; /* stays AT_SELECT */
    } else if (is_same(&search->sent, &search->asked)) {
        advance(search);
    } else { /* by its own address the meter does not answer: it was no single one */
        collide(search);
        advance(search);
    }
}

/* One meter has answered alone; is it the one, and does it answer by its whole address? */
static void take_answer(struct mbus_search *search, const struct mbus_header *header) {
    struct mbus_selection meter = header ? mbus_selection_of(header) : search->sent;
    meter.not_fabrication = search->sent.not_fabrication;
    const uint32_t number = mbus_selection_fabrication(&meter);
    const bool is_numbered = meter.not_fabrication == 0 || first_any(number) == MBUS_ID_DIGITS;
    const bool is_exact = is_same(&meter, &search->sent);
    if (!mbus_selection_fits(&search->sent, &meter)) {
        search->strangers++;
        advance(search);
    } else if (is_exact && !is_numbered) { /* one is left: the rest of its number */
        enhance(search, &meter);
        advance(search);
    } else if (is_exact && (header || first_any(meter.id) == MBUS_ID_DIGITS)) {
        add_found(search, &meter);
        advance(search);
    } else if (header && is_same(&search->sent, &search->asked)) {
        search->sent = meter;
        search->is_again = false;
        search->stage = AT_SELECT;
    } else {
        collide(search);
        advance(search);
    }
}

static void heard_answer(struct mbus_search *search, enum mbus_heard heard,
                         const struct mbus_header *header) {
    if (heard == MBUS_HEARD_FRAME) {
        take_answer(search, header);
        return;
    }
    const bool was_noise = search->heard == MBUS_HEARD_NOISE && heard == MBUS_HEARD_NOTHING;
    if (was_noise && !search->is_again) {
        search->is_again = true;
        search->stage = AT_SELECT;
        return;
    }
    collide(search);
    advance(search);
}

void mbus_search_heard(struct mbus_search *search, enum mbus_heard heard,
                       const struct mbus_header *header) {
    switch ((enum stage)search->stage) {
    case AT_RESET: /* whoever was selected may acknowledge it */
        go_to(search, &everybody);
        break;
    case AT_SELECT:
        heard_selected(search, heard);
        break;
    case AT_READ:
        heard_answer(search, heard, header);
        break;
    case AT_END:
        break;
    }
}

unsigned mbus_search_progress(const struct mbus_search *search) {
    uint64_t done = 0;
    uint64_t whole = 1ULL << 60;
    if (search->stage == AT_END) {
        return THOUSANDTHS;
    }
    for (size_t i = 0; i < search->level_count; i++) {
        const struct mbus_search_level *level = &search->levels[i];
        const uint32_t steps = step_count(search, level);
        const uint32_t step = level->step > 0 ? level->step - 1 : 0;
        done += whole / steps * step;
        whole /= steps;
    }
    return (unsigned)(done >> 50) * (THOUSANDTHS - 1) >> 10;
}
