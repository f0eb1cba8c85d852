/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "bridges/base/decimal.h"

enum { UNTOUCHED = 424242 };

#define ROWS(rows) (sizeof(rows) / sizeof *(rows))

struct text_row {
    const char *text;
    enum bridge_status status;
    int64_t micro;
};

Test(decimal, parse_gives_micro_units) {
    static const struct text_row rows[] = {
        {"0", BRIDGE_OK, 0},
        {"-0", BRIDGE_OK, 0},
        {"0.0", BRIDGE_OK, 0},
        {"12", BRIDGE_OK, 12000000},
        {"+12", BRIDGE_OK, 12000000},
        {"-0.05", BRIDGE_OK, -50000},
        {"1.234567", BRIDGE_OK, 1234567},
        {"0.000001", BRIDGE_OK, 1},
        {"-0.000001", BRIDGE_OK, -1},
        {"230.2", BRIDGE_OK, 230200000},
        {"0012.50", BRIDGE_OK, 12500000},
        {"00000000000000000000000000000001", BRIDGE_OK, 1000000},
        {"9223372036854.775807", BRIDGE_OK, INT64_MAX},
        {"-9223372036854.775807", BRIDGE_OK, -INT64_MAX},
        {"-9223372036854.775808", BRIDGE_OK, INT64_MIN},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(decimal_parse(rows[i].text, &micro), BRIDGE_OK, "\"%s\" is refused",
                     rows[i].text);
        cr_expect_eq(micro, rows[i].micro, "\"%s\" gives %" PRId64, rows[i].text, micro);
    }
}

Test(decimal, parse_refuses_what_is_no_decimal_and_leaves_the_result_alone) {
    static const struct text_row rows[] = {
        {"", BRIDGE_EINVALID, 0},
        {"-", BRIDGE_EINVALID, 0},
        {"+", BRIDGE_EINVALID, 0},
        {"--1", BRIDGE_EINVALID, 0},
        {"+-1", BRIDGE_EINVALID, 0},
        {".", BRIDGE_EINVALID, 0},
        {".5", BRIDGE_EINVALID, 0},
        {"5.", BRIDGE_EINVALID, 0},
        {"1.2345678", BRIDGE_EINVALID, 0}, /* a seventh digit would be lost */
        {"1.0000000", BRIDGE_EINVALID, 0},
        {"1.2.3", BRIDGE_EINVALID, 0},
        {"1,5", BRIDGE_EINVALID, 0},
        {" 1", BRIDGE_EINVALID, 0},
        {"1 ", BRIDGE_EINVALID, 0},
        {"1e3", BRIDGE_EINVALID, 0},
        {"0x10", BRIDGE_EINVALID, 0},
        {"nan", BRIDGE_EINVALID, 0},
        {"inf", BRIDGE_EINVALID, 0},
        {"12kWh", BRIDGE_EINVALID, 0},
        {"\xd9\xa3", BRIDGE_EINVALID, 0}, /* an Arabic three */
        {"9223372036854.775808", BRIDGE_ERANGE, 0},
        {"-9223372036854.775809", BRIDGE_ERANGE, 0},
        {"9223372036855", BRIDGE_ERANGE, 0},
        {"999999999999999999", BRIDGE_ERANGE, 0},
        {"99999999999999999999999999", BRIDGE_ERANGE, 0},
        {"-99999999999999999999999999", BRIDGE_ERANGE, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        const enum bridge_status status = decimal_parse(rows[i].text, &micro);
        cr_expect_eq(status, rows[i].status, "\"%s\": %s", rows[i].text,
                     bridge_status_text(status));
        cr_expect_eq(micro, UNTOUCHED, "\"%s\" wrote a result", rows[i].text);
    }
}

Test(decimal, format_is_the_shortest_exact_text) {
    static const struct {
        int64_t micro;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "0.000001"},
        {-1, "-0.000001"},
        {10, "0.00001"},
        {500000, "0.5"},
        {-500000, "-0.5"},
        {1000000, "1"},
        {1500000, "1.5"},
        {100000000, "100"},
        {230200000, "230.2"},
        {16777217000, "16777.217"},
        {1000001, "1.000001"},
        {-12345678901, "-12345.678901"},
        {INT64_MAX, "9223372036854.775807"},
        {INT64_MIN, "-9223372036854.775808"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[DECIMAL_TEXT_MAX];
        memset(text, 'x', sizeof text);
        decimal_format(rows[i].micro, text);
        cr_expect_str_eq(text, rows[i].text);
    }
}

Test(decimal, ratio_parse_gives_lowest_terms) {
    static const struct {
        const char *text;
        int64_t num;
        int64_t den;
    } rows[] = {
        {"1", 1, 1},
        {"3", 3, 1},
        {"10", 10, 1},
        {"1/100", 1, 100},
        {"0.01", 1, 100},
        {"0.1", 1, 10},
        {"2/4", 1, 2},
        {"-1/10", -1, 10},
        {"-0.5", -1, 2},
        {"1/3600", 1, 3600},
        {"0.5/0.25", 2, 1},
        {"1.5/10", 3, 20},
        {"0.000001", 1, 1000000},
        {"1000000000000", 1000000000000, 1},
        {"1/1000000000000", 1, 1000000000000},
        {"2000000000000/2", 1000000000000, 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ratio ratio = {0};
        cr_expect_eq(ratio_parse(rows[i].text, &ratio), BRIDGE_OK, "\"%s\"", rows[i].text);
        cr_expect_eq(ratio.num, rows[i].num, "\"%s\": num %" PRId64, rows[i].text, ratio.num);
        cr_expect_eq(ratio.den, rows[i].den, "\"%s\": den %" PRId64, rows[i].text, ratio.den);
    }
}

Test(decimal, ratio_parse_refuses_what_scales_nothing) {
    static const struct text_row rows[] = {
        {"", BRIDGE_EINVALID, 0},
        {"/", BRIDGE_EINVALID, 0},
        {"1/", BRIDGE_EINVALID, 0},
        {"/10", BRIDGE_EINVALID, 0},
        {"0", BRIDGE_EINVALID, 0}, /* would make every reading 0 */
        {"0/5", BRIDGE_EINVALID, 0},
        {"1/0", BRIDGE_EINVALID, 0},
        {"1/-2", BRIDGE_EINVALID, 0},
        {"1/2/3", BRIDGE_EINVALID, 0},
        {"1 / 2", BRIDGE_EINVALID, 0},
        {"1e-3", BRIDGE_EINVALID, 0},
        {"1:10", BRIDGE_EINVALID, 0},
        {"0.0000001", BRIDGE_EINVALID, 0},
        {"1000000000001", BRIDGE_ERANGE, 0},
        {"-1000000000001", BRIDGE_ERANGE, 0},
        {"1/1000000000001", BRIDGE_ERANGE, 0},
        {"9223372036855", BRIDGE_ERANGE, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ratio ratio = {UNTOUCHED, UNTOUCHED};
        const enum bridge_status status = ratio_parse(rows[i].text, &ratio);
        cr_expect_eq(status, rows[i].status, "\"%s\": %s", rows[i].text,
                     bridge_status_text(status));
        cr_expect(ratio.num == UNTOUCHED && ratio.den == UNTOUCHED, "\"%s\" wrote a result",
                  rows[i].text);
    }
}

Test(decimal, scale_rounds_half_to_even) {
    static const struct {
        int64_t raw;
        struct ratio scale;
        int64_t micro;
    } rows[] = {
        {2302, {1, 10}, 230200000},
        {-2302, {1, 10}, -230200000},
        {0, {1, 3}, 0},
        {4294967295, {1, 100}, 42949672950000},
        {1, {1, 3}, 333333},
        {2, {1, 3}, 666667},
        {-1, {1, 3}, -333333},
        {-2, {1, 3}, -666667},
        {1, {1, 2000000}, 0}, /* 0.5 -> 0 */
        {3, {1, 2000000}, 2}, /* 1.5 -> 2 */
        {5, {1, 2000000}, 2}, /* 2.5 -> 2 */
        {7, {1, 2000000}, 4}, /* 3.5 -> 4 */
        {-1, {1, 2000000}, 0},
        {-3, {1, 2000000}, -2},
        {-5, {1, 2000000}, -2},
        {1, {1, 1000000000000}, 0},
        {9223372036854775807, {1, 1000000}, INT64_MAX},
        {INT64_MIN, {1, 1000000}, INT64_MIN},
        {5, {-1, 10}, -500000},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(decimal_scale(rows[i].raw, rows[i].scale, &micro), BRIDGE_OK);
        cr_expect_eq(micro, rows[i].micro, "row %zu gives %" PRId64, i, micro);
    }
}

Test(decimal, scale_refuses_what_does_not_fit) {
    static const struct {
        int64_t raw;
        struct ratio scale;
    } rows[] = {
        {9223372036855, {1, 1}},         {-9223372036855, {1, 1}},
        {INT64_MAX, {1000000000000, 1}}, {INT64_MIN, {1000000000000, 1}},
        {INT64_MAX, {1, 999999}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(decimal_scale(rows[i].raw, rows[i].scale, &micro), BRIDGE_ERANGE);
        cr_expect_eq(micro, UNTOUCHED, "row %zu wrote a result", i);
    }
    int64_t micro = UNTOUCHED;
    const int128 huge = (int128)1 << 120;
    cr_expect_eq(decimal_scale(huge, (struct ratio){1000, 1}, &micro), BRIDGE_ERANGE);
    cr_expect_eq(decimal_scale(-huge, (struct ratio){1000, 1}, &micro), BRIDGE_ERANGE);
    cr_expect_eq(micro, UNTOUCHED);
}

struct float_row {
    uint64_t bits;
    struct ratio scale;
    int64_t resolution_micro;
    int64_t micro;
};

Test(decimal, float32_is_what_the_meter_shows) {
    static const struct float_row rows[] = {
        {0x43663334, {1, 1}, 10000, 230200000},  /* 230.2000122... at 0.01 */
        {0x43663333, {1, 1}, 10000, 230200000},  /* 230.1999969... */
        {0x43663334, {1, 1}, 1, 230200012},      /* all of it, to a millionth */
        {0x4683126f, {1, 1}, 1000, 16777217000}, /* 16777.216796875 at 0.001 */
        {0x46831270, {1, 1}, 1000, 16777219000}, /* the next float, 16777.21875: .218 is lost */
        {0x449a5000, {1, 1000}, 100, 1234500},   /* 1234.5 W -> 1.2345 kW */
        {0xbf000000, {1, 1}, 1000, -500000},     /* -0.5 */
        {0xc3663334, {1, 1}, 10000, -230200000},
        {0x4247eb85, {1, 1}, 10000, 49980000}, /* 49.98 Hz */
        {0x3f800000, {1, 1}, 1, 1000000},
        {0x3a83126f, {1, 1}, 1000, 1000}, /* 0.001 */
        {0x4b7fffff, {1, 1}, 1000, 16777215000000},
        {0x4b800000, {1, 1}, 1000, 16777216000000}, /* above: steps of 2 */
        {0x4b800001, {1, 1}, 1000, 16777218000000},
        {0x00000000, {1, 1}, 1000, 0},
        {0x80000000, {1, 1}, 1000, 0}, /* minus zero */
        {0x42c80000, {1, 3}, 1, 33333333},
        {0x42c80000, {-1, 1}, 1000, -100000000},
        {0x42c80000, {1, 1}, 1000000000, 0},          /* 100 at a step of 1000 */
        {0x44160000, {1, 1}, 1000000000, 1000000000}, /* 600 */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(decimal_from_float32((uint32_t)rows[i].bits, rows[i].scale,
                                          rows[i].resolution_micro, &micro),
                     BRIDGE_OK, "%08" PRIx64 " is refused", rows[i].bits);
        cr_expect_eq(micro, rows[i].micro, "%08" PRIx64 " gives %" PRId64, rows[i].bits, micro);
    }
}

Test(decimal, float32_rounds_a_tie_to_even_steps) {
    static const struct float_row rows[] = {
        {0x3e000000, {1, 1}, 10000, 120000},  /* 0.125 -> 0.12 */
        {0x3ec00000, {1, 1}, 10000, 380000},  /* 0.375 -> 0.38 */
        {0x3f200000, {1, 1}, 10000, 620000},  /* 0.625 -> 0.62 */
        {0x3f600000, {1, 1}, 10000, 880000},  /* 0.875 -> 0.88 */
        {0xbe000000, {1, 1}, 10000, -120000}, /* -0.125 */
        {0xbec00000, {1, 1}, 10000, -380000}, /* -0.375 */
        {0x3f000000, {1, 1}, 1000000, 0},     /* 0.5 -> 0 */
        {0x3fc00000, {1, 1}, 1000000, 2000000},
        {0x40200000, {1, 1}, 1000000, 2000000}, /* 2.5 -> 2 */
        {0x3e000001, {1, 1}, 10000, 130000},    /* a bit more than 0.125 */
        {0x3dffffff, {1, 1}, 10000, 120000},    /* a bit less */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(decimal_from_float32((uint32_t)rows[i].bits, rows[i].scale,
                                          rows[i].resolution_micro, &micro),
                     BRIDGE_OK);
        cr_expect_eq(micro, rows[i].micro, "%08" PRIx64 " gives %" PRId64, rows[i].bits, micro);
    }
}

Test(decimal, float32_that_is_far_below_a_step_is_zero) {
    static const uint32_t bits[] = {0x00000001, 0x80000001, 0x007fffff, 0x00800000,
                                    0x807fffff, 0x0d000000, 0x20000000, 0xa0000000};
    for (size_t i = 0; i < ROWS(bits); i++) {
        static const struct ratio scales[] = {{1, 1}, {1000000000000, 1}, {1, 1000000000000}};
        for (size_t s = 0; s < ROWS(scales); s++) {
            int64_t micro = UNTOUCHED;
            cr_expect_eq(decimal_from_float32(bits[i], scales[s], 1000000000, &micro),
                         BRIDGE_OK);
            cr_expect_eq(micro, 0, "%08x gives %" PRId64, bits[i], micro);
        }
    }
}

Test(decimal, float32_refuses_what_is_no_number_and_what_does_not_fit) {
    static const struct {
        uint32_t bits;
        enum bridge_status status;
    } rows[] = {
        {0x7fc00000, BRIDGE_EINVALID},                                /* quiet NaN */
        {0xffc00000, BRIDGE_EINVALID}, {0x7f800001, BRIDGE_EINVALID}, /* signalling NaN */
        {0xffffffff, BRIDGE_EINVALID}, {0x7f800000, BRIDGE_EINVALID}, /* infinity */
        {0xff800000, BRIDGE_EINVALID}, {0x7f7fffff, BRIDGE_ERANGE},   /* 3.4e38 */
        {0xff7fffff, BRIDGE_ERANGE},   {0x7f000000, BRIDGE_ERANGE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        const enum bridge_status status =
            decimal_from_float32(rows[i].bits, (struct ratio){1, 1}, 1000, &micro);
        cr_expect_eq(status, rows[i].status, "%08x: %s", rows[i].bits,
                     bridge_status_text(status));
        cr_expect_eq(micro, UNTOUCHED, "%08x wrote a result", rows[i].bits);
    }
}

/* int64_t micro-units end at 9223372036854.775807, between 2^43 and 2^44 */
Test(decimal, float32_at_the_edge_of_the_range) {
    int64_t micro = UNTOUCHED;
    /* 2^43 = 8796093022208 */
    cr_expect_eq(decimal_from_float32(0x55000000, (struct ratio){1, 1}, 1, &micro), BRIDGE_OK);
    cr_expect_eq(micro, 8796093022208000000);
    cr_expect_eq(decimal_from_float32(0xd5000000, (struct ratio){1, 1}, 1, &micro), BRIDGE_OK);
    cr_expect_eq(micro, -8796093022208000000);
    micro = UNTOUCHED;
    /* 2^44 */
    cr_expect_eq(decimal_from_float32(0x55800000, (struct ratio){1, 1}, 1, &micro),
                 BRIDGE_ERANGE);
    cr_expect_eq(decimal_from_float32(0xd5800000, (struct ratio){1, 1}, 1, &micro),
                 BRIDGE_ERANGE);
    cr_expect_eq(micro, UNTOUCHED);
    /* 3.4e38 of 1e-12 units is still 3.4e26: no scale of a model brings it back */
    cr_expect_eq(
        decimal_from_float32(0x7f7fffff, (struct ratio){1, 1000000000000}, 1000000000, &micro),
        BRIDGE_ERANGE);
    cr_expect_eq(micro, UNTOUCHED);
}

Test(decimal, float64_is_what_the_meter_shows) {
    static const struct float_row rows[] = {
        {0x406cc66666666666, {1, 1}, 10000, 230200000},       /* 230.2 */
        {0x40d0624de353f7cf, {1, 1}, 1000, 16777217000},      /* 16777.217 */
        {0x40d0624de353f7cf, {1, 1}, 1, 16777217000},         /* 52 bits hold the millionth */
        {0xbfe0000000000000, {1, 1}, 1000, -500000},          /* -0.5 */
        {0x3fc0000000000000, {1, 1}, 10000, 120000},          /* 0.125 */
        {0x3fd8000000000000, {1, 1}, 10000, 380000},          /* 0.375 */
        {0x4048fd70a3d70a3d, {1, 1}, 10000, 49980000},        /* 49.98 */
        {0x40934a0000000000, {1, 1000}, 100, 1234500},        /* 1234.5 W */
        {0x42a0000000000000, {1, 1}, 1, 8796093022208000000}, /* 2^43 */
        {0x0000000000000001, {1, 1}, 1, 0},                   /* denormal */
        {0x800fffffffffffff, {1000000000000, 1}, 1, 0},       /* the largest one, negative */
        {0x0000000000000000, {1, 1}, 1, 0},
        {0x8000000000000000, {1, 1}, 1, 0},
        {0x3ff0000000000000, {1000000000000, 1}, 1000000, 1000000000000000000},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        cr_expect_eq(
            decimal_from_float64(rows[i].bits, rows[i].scale, rows[i].resolution_micro, &micro),
            BRIDGE_OK, "%016" PRIx64 " is refused", rows[i].bits);
        cr_expect_eq(micro, rows[i].micro, "%016" PRIx64 " gives %" PRId64, rows[i].bits,
                     micro);
    }
}

Test(decimal, float64_refuses_what_is_no_number_and_what_does_not_fit) {
    static const struct {
        uint64_t bits;
        enum bridge_status status;
    } rows[] = {
        {0x7ff8000000000000, BRIDGE_EINVALID}, {0xfff8000000000000, BRIDGE_EINVALID},
        {0x7ff0000000000001, BRIDGE_EINVALID}, {0x7ff0000000000000, BRIDGE_EINVALID},
        {0xfff0000000000000, BRIDGE_EINVALID}, {0xffffffffffffffff, BRIDGE_EINVALID},
        {0x7fefffffffffffff, BRIDGE_ERANGE},   {0xffefffffffffffff, BRIDGE_ERANGE},
        {0x42b0000000000000, BRIDGE_ERANGE}, /* 2^44 */
        {0xc2b0000000000000, BRIDGE_ERANGE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t micro = UNTOUCHED;
        const enum bridge_status status =
            decimal_from_float64(rows[i].bits, (struct ratio){1, 1}, 1, &micro);
        cr_expect_eq(status, rows[i].status, "%016" PRIx64 ": %s", rows[i].bits,
                     bridge_status_text(status));
        cr_expect_eq(micro, UNTOUCHED, "%016" PRIx64 " wrote a result", rows[i].bits);
    }
}

Test(decimal, every_status_has_a_text_of_its_own) {
    cr_expect_str_eq(bridge_status_text(BRIDGE_OK), "ok");
    for (int a = BRIDGE_OK; a <= BRIDGE_ECONFIG; a++) {
        cr_expect_str_not_empty(bridge_status_text((enum bridge_status)a));
        for (int b = BRIDGE_OK; b < a; b++) {
            cr_expect_str_neq(bridge_status_text((enum bridge_status)a),
                              bridge_status_text((enum bridge_status)b));
        }
    }
    cr_expect_not_null(bridge_status_text((enum bridge_status)1000));
}
