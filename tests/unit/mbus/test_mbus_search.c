/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search on a bus of the test's own: whoever fits a selection acknowledges and is selected;
 * two that are selected drown each other.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/mbus/mbus_search.h"

enum { METERS_MAX = 128, PROBES_MAX = 60000 };

struct bus {
    size_t count;
    struct mbus_selection meters[METERS_MAX];
    bool selected[METERS_MAX];
    bool has_no_header[METERS_MAX];
    bool ignores_selection[METERS_MAX];
    /* enhanced selection: known; not understood at all; else the record is not looked at */
    bool knows_fabrication[METERS_MAX];
    bool drops_fabrication[METERS_MAX];
    unsigned deaf_every; /* each n-th probe is heard by nobody; 0 = never */
    unsigned probes;
    struct mbus_header answer;
};

static struct bus bus;
static struct mbus_search search;

static void put(uint32_t id, const char *maker, uint8_t version, uint8_t medium) {
    const uint16_t code =
        (uint16_t)((maker[0] - 64) * 1024 + (maker[1] - 64) * 32 + (maker[2] - 64));
    bus.meters[bus.count++] = (struct mbus_selection){id, code, version, medium, 0};
}

static void put_numbered(uint32_t id, uint32_t fabrication) {
    put(id, "KAM", 1, 4);
    bus.meters[bus.count - 1].not_fabrication = ~fabrication;
    bus.knows_fabrication[bus.count - 1] = true;
}

static bool fits_fabrication(const struct mbus_selection *selection, size_t i) {
    const struct mbus_selection wanted = {mbus_selection_fabrication(selection), 0xffff, 0xff,
                                          0xff, 0};
    const struct mbus_selection own = {.id = mbus_selection_fabrication(&bus.meters[i])};
    if (selection->not_fabrication == 0) {
        return true;
    }
    return bus.knows_fabrication[i] ? mbus_selection_fits(&wanted, &own)
                                    : !bus.drops_fabrication[i];
}

static enum mbus_heard select_by(const struct mbus_selection *selection) {
    size_t hits = 0;
    for (size_t i = 0; i < bus.count; i++) {
        bus.selected[i] =
            mbus_selection_fits(selection, &bus.meters[i]) && fits_fabrication(selection, i);
        hits += bus.selected[i];
    }
    return hits > 0 ? MBUS_HEARD_ACK : MBUS_HEARD_NOTHING;
}

static enum mbus_heard read_selected(const struct mbus_header **header) {
    size_t hits = 0;
    size_t who = 0;
    for (size_t i = 0; i < bus.count; i++) {
        if (bus.selected[i] || bus.ignores_selection[i]) {
            hits++;
            who = i;
        }
    }
    if (hits != 1) {
        return hits == 0 ? MBUS_HEARD_NOTHING : MBUS_HEARD_NOISE;
    }
    bus.answer = (struct mbus_header){.id = bus.meters[who].id,
                                      .manufacturer = bus.meters[who].manufacturer,
                                      .version = bus.meters[who].version,
                                      .medium = bus.meters[who].medium};
    *header = bus.has_no_header[who] ? NULL : &bus.answer;
    return MBUS_HEARD_FRAME;
}

static void run(struct mbus_search_config config) {
    struct mbus_probe probe;
    unsigned progress = 0;
    config.probes_max = config.probes_max ? config.probes_max : PROBES_MAX;
    mbus_search_init(&search, &config);
    while (mbus_search_next(&search, &probe)) {
        const struct mbus_header *header = NULL;
        enum mbus_heard heard = MBUS_HEARD_NOTHING;
        bus.probes++;
        const bool is_deaf = bus.deaf_every && bus.probes % bus.deaf_every == 0;
        if (!is_deaf && probe.kind == MBUS_PROBE_SELECT) {
            heard = select_by(&probe.selection);
        } else if (!is_deaf && probe.kind == MBUS_PROBE_READ) {
            heard = read_selected(&header);
        }
        mbus_search_heard(&search, heard, header);
        cr_assert_geq(mbus_search_progress(&search), progress);
    }
    cr_assert_eq(mbus_search_progress(&search), 1000);
}

static bool is_found(const struct mbus_selection *meter) {
    size_t times = 0;
    for (size_t i = 0; i < search.found_count; i++) {
        times += memcmp(&search.found[i], meter, sizeof *meter) == 0;
    }
    cr_assert_leq(times, 1);
    return times == 1;
}

static void all_are_found(void) {
    for (size_t i = 0; i < bus.count; i++) {
        cr_assert(is_found(&bus.meters[i]), "meter %zu, id %08x", i, bus.meters[i].id);
    }
    cr_assert_eq(search.found_count, bus.count);
    cr_assert_eq(search.alike_count, 0);
    cr_assert_not(search.is_cut_short);
}

/* C and A, then the eight bytes low byte first: 11490378, ABB (0442h), version 2, electricity
 * (PROTOCOLS 1.5). */
Test(mbus_search, a_selection_is_eight_bytes_low_byte_first) {
    static const uint8_t expected[] = {0x68, 0x0b, 0x0b, 0x68, 0x53, 0xfd, 0x52, 0x78, 0x03,
                                       0x49, 0x11, 0x42, 0x04, 0x02, 0x02, 0xc1, 0x16};
    const struct mbus_selection meter = {0x11490378, 0x0442, 2, 2, 0};
    uint8_t frame[MBUS_FRAME_MAX];
    cr_assert_eq(mbus_build_select(&meter, frame), sizeof expected);
    cr_assert_arr_eq(frame, expected, sizeof expected);
}

/* Behind them the record 0C 78 and the number 77000001 (PROTOCOLS 1.5). */
Test(mbus_search, enhanced_selection_adds_the_fabrication_number) {
    static const uint8_t expected[] = {0x68, 0x11, 0x11, 0x68, 0x53, 0xfd, 0x52, 0x78,
                                       0x03, 0x49, 0x11, 0x42, 0x04, 0x02, 0x02, 0x0c,
                                       0x78, 0x01, 0x00, 0x00, 0x77, 0xbd, 0x16};
    const struct mbus_selection meter = {0x11490378, 0x0442, 2, 2, ~(uint32_t)0x77000001};
    uint8_t frame[MBUS_FRAME_MAX];
    cr_assert_eq(mbus_build_select(&meter, frame), sizeof expected);
    cr_assert_arr_eq(frame, expected, sizeof expected);
}

Test(mbus_search, an_empty_bus_takes_three_probes) {
    run((struct mbus_search_config){0});
    cr_assert_eq(search.found_count, 0);
    cr_assert_eq(search.probes, 3); /* reset, everybody twice */
}

Test(mbus_search, one_meter_is_found_at_once_and_verified) {
    put(0x12345678, "ABB", 2, 2);
    run((struct mbus_search_config){0});
    all_are_found();
    cr_assert_eq(search.probes, 5);
}

Test(mbus_search, ids_that_differ_in_the_last_digit_alone) {
    for (uint32_t digit = 0; digit < 15; digit++) { /* A to E too */
        put(0x76543210 + digit, "KAM", 1, 4);
    }
    run((struct mbus_search_config){0});
    all_are_found();
}

Test(mbus_search, the_same_number_with_other_manufacturers_seen_elsewhere) {
    static const char makers[][4] = {"ABB", "KAM", "LUG", "SON", "EMH", "ITW"};
    for (size_t i = 0; i < 6; i++) {
        put(0x00000001, makers[i], 7, 6);
        put(0x20000000 + (uint32_t)i, makers[i], 7, 6);
    }
    run((struct mbus_search_config){0});
    all_are_found();
}

Test(mbus_search, the_same_number_and_manufacturer_with_other_versions_and_media) {
    put(0x00000001, "KAM", 1, 4);
    put(0x00000001, "KAM", 2, 4);
    put(0x00000001, "KAM", 2, 6);
    put(0x00000001, "KAM", 254, 0xfe);
    run((struct mbus_search_config){0});
    all_are_found();
}

Test(mbus_search, unknown_manufacturers_are_told_apart_by_version) {
    put(0x00000001, "QQQ", 1, 4);
    put(0x00000001, "ZZZ", 2, 4);
    run((struct mbus_search_config){0});
    all_are_found();
}

Test(mbus_search, what_differs_in_an_unknown_manufacturer_alone_is_named) {
    put(0x00000001, "QQQ", 1, 4);
    put(0x00000001, "ZZZ", 1, 4);
    put(0x00000002, "ZZY", 1, 4);
    run((struct mbus_search_config){0});
    cr_assert(is_found(&bus.meters[2]));
    cr_assert_eq(search.found_count, 1);
    cr_assert_geq(search.alike_count, 1);
    cr_assert_eq(search.alike[0].id, 0x00000001);
}

Test(mbus_search, every_manufacturer_can_be_tried) {
    put(0x00000001, "QQQ", 1, 4);
    put(0x00000001, "ZZZ", 1, 4);
    run((struct mbus_search_config){.every_maker = true});
    all_are_found();
}

Test(mbus_search, twins_are_named_and_do_not_hide_others) {
    put(0x11111111, "KAM", 1, 4);
    put(0x11111111, "KAM", 1, 4);
    put(0x11111112, "KAM", 1, 4);
    run((struct mbus_search_config){0});
    cr_assert_eq(search.found_count, 1);
    cr_assert(is_found(&bus.meters[2]));
    cr_assert_eq(search.alike_count, 1);
    cr_assert_eq(search.alike[0].id, 0x11111111);
}

static size_t count_found(uint32_t id, uint32_t fabrication) {
    size_t count = 0;
    for (size_t i = 0; i < search.found_count; i++) {
        count += search.found[i].id == id &&
                 mbus_selection_fabrication(&search.found[i]) == fabrication;
    }
    return count;
}

Test(mbus_search, meters_alike_are_told_apart_by_their_fabrication_numbers) {
    static const uint32_t numbers[] = {0x77000001, 0x77000002, 0x87000002, 0x00000000};
    for (size_t i = 0; i < 4; i++) {
        put_numbered(0x11111111, numbers[i]);
    }
    put(0x11111112, "KAM", 1, 4);
    run((struct mbus_search_config){0});
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(count_found(0x11111111, numbers[i]), 1, "%08x", numbers[i]);
    }
    cr_expect_eq(count_found(0x11111112, 0xffffffff), 1);
    cr_expect_eq(search.found_count, 5);
    cr_expect_eq(search.alike_count, 0);
}

/* Their manufacturer was never heard alone, so that it is not known when they are searched. */
Test(mbus_search, meters_alike_of_an_unknown_manufacturer_are_told_apart_too) {
    put_numbered(0x11111111, 0x12345678);
    put_numbered(0x11111111, 0x12345679);
    run((struct mbus_search_config){0});
    cr_expect_eq(count_found(0x11111111, 0x12345678), 1);
    cr_expect_eq(count_found(0x11111111, 0x12345679), 1);
    cr_expect_eq(search.found_count, 2);
}

Test(mbus_search, one_that_does_not_know_its_number_stays_named) {
    put_numbered(0x11111111, 0x77000001);
    put(0x11111111, "KAM", 1, 4);
    bus.drops_fabrication[1] = true;
    run((struct mbus_search_config){0});
    cr_expect_eq(count_found(0x11111111, 0x77000001), 1);
    cr_expect_eq(search.alike_count, 1, "the other one hides");
    cr_expect_eq(search.alike[0].not_fabrication, 0);
}

Test(mbus_search, one_that_answers_to_every_number_is_not_asked_on) {
    put_numbered(0x11111111, 0x77000001);
    put(0x11111111, "KAM", 1, 4);
    run((struct mbus_search_config){0});
    cr_expect_eq(search.found_count, 0);
    cr_expect_eq(search.alike_count, 1);
    cr_expect_lt(search.probes, 3000);
}

Test(mbus_search, sixty_adversarial_meters) {
    static const char makers[][4] = {"ABB", "KAM", "LUG", "SON", "EMH", "ITW", "REL", "NZR"};
    for (uint32_t i = 0; i < 15; i++) { /* the same first seven digits, hex digits too */
        put(0x76543210 + i, makers[i % 8], (uint8_t)i, 7);
    }
    for (uint32_t i = 0; i < 8; i++) { /* the same number, other manufacturers */
        put(0x76543210, makers[i], 0x99, 4);
    }
    for (uint32_t i = 0; i < 7; i++) { /* the first digit alone, hex digits */
        put(0x0bcdeabc + (i << 28), makers[i], 1, 3);
    }
    for (uint32_t i = 0; i < 10; i++) { /* version or medium alone */
        put(0xeeeeeeee, "KAM", (uint8_t)(i < 5 ? i : 0), (uint8_t)(i < 5 ? 4 : i));
    }
    srand(60);
    while (bus.count < 60) {
        put((uint32_t)rand() % 0x10000000 & 0x77777777, makers[rand() % 8], 1, 7);
    }
    run((struct mbus_search_config){0});
    all_are_found();
}

Test(mbus_search, a_meter_without_a_header_is_known_by_what_selects_it) {
    put(0x12345678, "ABB", 2, 2);
    bus.has_no_header[0] = true;
    put(0x12340000, "ABB", 2, 2);
    run((struct mbus_search_config){0});
    cr_assert_eq(search.found_count, 2);
    cr_assert(is_found(&bus.meters[1]));
    const struct mbus_selection by_id = {0x12345678, 0xffff, 0xff, 0xff, 0};
    cr_assert(is_found(&by_id));
}

Test(mbus_search, a_meter_that_ignores_selections_is_no_end_of_it) {
    put(0x12345678, "ABB", 2, 2);
    put(0x99999999, "KAM", 2, 2);
    bus.ignores_selection[1] = true;
    run((struct mbus_search_config){0});
    cr_assert_lt(search.probes, PROBES_MAX);
    cr_assert(search.strangers > 0 || search.alike_count > 0);
}

Test(mbus_search, a_lost_byte_now_and_then_loses_no_meter) {
    for (uint32_t i = 0; i < 9; i++) {
        put(0x10000000 * i + 77 * i, "KAM", 1, 4);
    }
    bus.deaf_every = 17;
    run((struct mbus_search_config){0});
    for (size_t i = 0; i < bus.count; i++) {
        cr_assert(is_found(&bus.meters[i]), "meter %zu", i);
    }
}

Test(mbus_search, decimal_digits_alone_take_fewer_probes) {
    for (uint32_t i = 0; i < 9; i++) {
        put(0x10000000 * i + 77 * i % 16, "KAM", 1, 4);
    }
    run((struct mbus_search_config){0});
    const uint32_t with_hex = search.probes;
    run((struct mbus_search_config){.only_decimal = true});
    cr_assert_lt(search.probes, with_hex);
}

Test(mbus_search, a_limit_of_probes_is_kept_and_said) {
    for (uint32_t i = 0; i < 15; i++) {
        put(0x76543210 + i, "KAM", 1, 4);
    }
    run((struct mbus_search_config){.probes_max = 50});
    cr_assert_eq(search.probes, 50);
    cr_assert(search.is_cut_short);
}

Test(mbus_search, on_a_line_that_is_never_silent_it_ends) {
    struct mbus_probe probe;
    const struct mbus_search_config config = {.probes_max = 500};
    mbus_search_init(&search, &config);
    while (mbus_search_next(&search, &probe)) {
        mbus_search_heard(&search, MBUS_HEARD_NOISE, NULL);
    }
    cr_assert_eq(search.probes, 500);
    cr_assert(search.is_cut_short);
    cr_assert_eq(search.found_count, 0);
}
