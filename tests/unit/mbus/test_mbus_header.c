/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mbus/telegram.h"

static enum bridge_status read(uint8_t ci, const char *hex, struct mbus_header *out) {
    struct bytes bytes = bytes_of(hex);
    const enum bridge_status status = mbus_header_read(ci, bytes.data, bytes.len, out);
    bytes_free(&bytes);
    return status;
}

Test(mbus_header, long_header_of_ci_72) {
    struct mbus_header header;
    char letters[MBUS_MANUFACTURER_LETTERS + 1];
    cr_assert_eq(read(0x72, "78034911 7704 0e 16 0a 5c 3412 0f", &header), BRIDGE_OK);
    cr_expect_eq(header.content, MBUS_VARIABLE);
    cr_expect_eq(header.id, 0x11490378);
    mbus_manufacturer_text(header.manufacturer, letters);
    cr_expect_str_eq(letters, "ACW");
    cr_expect_eq(header.version, 14);
    cr_expect_eq(header.medium, 0x16);
    cr_expect_eq(header.access_no, 10);
    cr_expect_eq(header.status, 0x5c);
    cr_expect_eq(header.configuration, 0x1234);
    cr_expect_eq(header.body_len, 1);
    cr_expect(!header.msb_first);
}

Test(mbus_header, ci_76_is_high_byte_first) {
    struct mbus_header header;
    cr_assert_eq(read(0x76, "11490378 0477 0e 16 0a 00 1234", &header), BRIDGE_OK);
    cr_expect_eq(header.id, 0x11490378);
    cr_expect_eq(header.manufacturer, 0x0477);
    cr_expect_eq(header.configuration, 0x1234);
    cr_expect(header.msb_first);
    cr_expect_null(header.body);
}

Test(mbus_header, the_other_headers) {
    struct mbus_header header;
    cr_assert_eq(read(0x78, "010301", &header), BRIDGE_OK);
    cr_expect_eq(header.body_len, 3);
    cr_assert_eq(read(0x7a, "2a 10 0000 010301", &header), BRIDGE_OK);
    cr_expect_eq(header.access_no, 0x2a);
    cr_expect_eq(header.status, 0x10);
    cr_expect_eq(header.body_len, 3);
    cr_assert_eq(read(0x52, "78563412 ffff ff ff", &header), BRIDGE_OK);
    cr_expect_eq(header.content, MBUS_SELECT);
    cr_expect_eq(header.id, 0x12345678);
    cr_expect_eq(header.manufacturer, 0xffff);
    cr_assert_eq(read(0x56, "f2345678 0442 ff ff", &header), BRIDGE_OK);
    cr_expect_eq(header.id, 0xf2345678);
    cr_expect_eq(header.manufacturer, 0x0442);
    cr_assert_eq(read(0x51, "017a02", &header), BRIDGE_OK);
    cr_expect_eq(header.content, MBUS_WRITE);
    cr_assert_eq(read(0x00, "00", &header), BRIDGE_OK);
    cr_expect_eq(header.content, MBUS_OTHER);
}

Test(mbus_header, ends_within_itself) {
    static const struct {
        uint8_t ci;
        size_t bytes; /* of the header */
    } rows[] = {{0x72, 12}, {0x76, 12}, {0x7a, 4}, {0x73, 8}, {0x77, 8}, {0x52, 8},
                {0x6e, 4},  {0x6f, 12}, {0x78, 0}, {0x51, 0}, {0x70, 0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t len = 0; len <= rows[i].bytes; len++) {
            uint8_t *exact = calloc(1, len ? len : 1);
            struct mbus_header header;
            cr_assert_not_null(exact);
            cr_expect_eq(mbus_header_read(rows[i].ci, exact, len, &header),
                         len < rows[i].bytes ? BRIDGE_EFRAME : BRIDGE_OK, "CI %02x, %zu bytes",
                         rows[i].ci, len);
            free(exact);
        }
    }
}

Test(mbus_header, errors_have_codes_or_none) {
    static const struct {
        uint8_t ci;
        const char *hex;
        uint8_t code;
        const char *name;
    } rows[] = {
        {0x70, "", 0, "unspecified"},
        {0x70, "00", 0, "unspecified"},
        {0x70, "01", 1, "CI not implemented"},
        {0x70, "02", 2, "buffer too long"},
        {0x70, "03", 3, "too many records"},
        {0x70, "04", 4, "premature end of record"},
        {0x70, "05", 5, "more than 10 DIFE"},
        {0x70, "06", 6, "more than 10 VIFE"},
        {0x70, "07", 7, "reserved"},
        {0x70, "08", 8, "application busy"},
        {0x70, "09", 9, "too many readouts"},
        {0x70, "0a", 10, "reserved"},
        {0x6e, "01 02 0000 09", 9, "too many readouts"},
        {0x6f, "78563412 4204 01 02 0c 02 0000 08", 8, "application busy"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mbus_header header;
        cr_assert_eq(read(rows[i].ci, rows[i].hex, &header), BRIDGE_OK, "%s", rows[i].hex);
        cr_expect_eq(header.content, MBUS_APP_ERROR);
        cr_expect_eq(header.error, rows[i].code, "%s", rows[i].hex);
        cr_expect_str_eq(mbus_error_name(header.error), rows[i].name);
    }
}

/* Bits 12-8 of the configuration are the mode, bits 7-4 how many blocks of 16 bytes. */
Test(mbus_header, encrypted_records_are_not_read) {
    static const struct {
        uint16_t configuration;
        size_t body;
        uint8_t security;
    } rows[] = {
        {0x0000, 32, 0}, {0x0520, 32, 5}, /* AES-CBC, two blocks */
        {0x0510, 32, 5},                  /* one, then in clear */
        {0x0500, 32, 0},                  /* none */
        {0x0530, 32, 0},                  /* three, but there are two: a signature */
        {0x2520, 32, 5}, {0xffff, 32, 0}, /* an old meter's signature */
        {0x0720, 32, 7}, {0x0820, 32, 8}, {0x0d00, 32, 13},
        {0x0100, 32, 0}, {0x0220, 32, 2}, {0x1f00, 32, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t data[64] = {0x2a, 0, (uint8_t)(rows[i].configuration & 0xff),
                            (uint8_t)(rows[i].configuration >> 8)};
        struct mbus_header header;
        struct mbus_records records;
        struct mbus_record record;
        memset(data + 4, 0x2f, rows[i].body);
        cr_assert_eq(mbus_header_read(0x7a, data, 4 + rows[i].body, &header), BRIDGE_OK);
        cr_expect_eq(header.security, rows[i].security, "%04x: %u", rows[i].configuration,
                     header.security);
        mbus_records_init(&records, &header);
        cr_expect_eq(mbus_record_next(&records, &record),
                     rows[i].security ? BRIDGE_DONE : BRIDGE_OK, "%04x", rows[i].configuration);
    }
}

Test(mbus_header, names) {
    char letters[MBUS_MANUFACTURER_LETTERS + 1];
    mbus_manufacturer_text(0x0442, letters);
    cr_expect_str_eq(letters, "ABB");
    mbus_manufacturer_text(0x2c2d, letters);
    cr_expect_str_eq(letters, "KAM");
    mbus_manufacturer_text(0x8442, letters); /* bit 15: unique in its place only */
    cr_expect_str_eq(letters, "ABB");
    cr_expect_str_eq(mbus_medium_name(0x04), "heat (outlet)");
    cr_expect_str_eq(mbus_medium_name(0x16), "cold water");
    cr_expect_str_eq(mbus_medium_name(0x37), "radio converter (meter side)");
    cr_expect_str_eq(mbus_medium_name(0xff), "reserved");
    cr_expect_str_eq(mbus_ci_name(0xbd), "set baud rate 9600");
    cr_expect_str_eq(mbus_ci_name(0x79), "compact frame");
    cr_expect_str_eq(mbus_ci_name(0xa5), "the maker's own");
    cr_expect_str_eq(mbus_ci_name(0x00), "unknown");
}

/* --- fixed structure ---------------------------------------------------------------------- */

static void check_counter(const char *name, const struct mbus_record *record,
                          const char *quantity, const char *unit, const char *value) {
    char text[MBUS_VALUE_TEXT_MAX];
    cr_expect_str_eq(mbus_quantity_name(record->vib.quantity), quantity, "%s", name);
    mbus_unit_text(record, text);
    cr_expect_str_eq(text, unit, "%s: %s", name, text);
    (void)mbus_value_text(record, text);
    cr_expect_str_eq(text, value, "%s: %s", name, text);
}

Test(mbus_header, a_fixed_structure_has_two_counters) {
    struct telegram telegram;
    struct mbus_record record;
    telegram_open(&telegram, 0x73, "78563412 0a 00 e9 7e 01000000 35010000");
    cr_expect_eq(telegram.header.id, 0x12345678);
    cr_expect_eq(telegram.header.medium, 0x07);
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    cr_expect_eq(record.storage, 0);
    check_counter("first", &record, "volume", "m3", "0.001");
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
    cr_expect_eq(record.storage, 1);
    check_counter("second", &record, "volume", "m3", "0.135");
    cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_DONE);
    telegram_close(&telegram);
}

Test(mbus_header, fixed_units_and_codings) {
    static const struct {
        uint8_t ci;
        const char *hex;
        uint8_t medium;
        const char *quantity;
        const char *unit;
        const char *value;
    } rows[] = {
        /* id, access, status, units, counter 1, counter 2 */
        {0x73, "00000000 00 00 82 3f 78563412 00000000", 2, "energy", "Wh", "12345678"},
        {0x73, "00000000 00 01 85 3f 78563412 00000000", 2, "energy", "Wh", "305419896000"},
        {0x77, "00000000 00 01 82 3f 12345678 00000000", 2, "energy", "Wh", "305419896"},
        {0x73, "00000000 00 00 0a 7f 01000000 00000000", 4, "energy", "Wh", "100000000"},
        {0x73, "00000000 00 00 0b 7f 01000000 00000000", 4, "energy", "J", "1000"},
        {0x73, "00000000 00 00 13 7f 01000000 00000000", 4, "energy", "J", "100000000000"},
        {0x73, "00000000 00 00 14 7f 01000000 00000000", 4, "power", "W", "1"},
        {0x73, "00000000 00 00 1c 7f 01000000 00000000", 4, "power", "W", "100000000"},
        {0x73, "00000000 00 00 1d 7f 01000000 00000000", 4, "power", "J/h", "1000"},
        {0x73, "00000000 00 00 25 7f 01000000 00000000", 4, "power", "J/h", "100000000000"},
        {0x73, "00000000 00 00 e6 7f 01000000 00000000", 7, "volume", "m3", "0.000001"},
        {0x73, "00000000 00 00 ee 7f 01000000 00000000", 7, "volume", "m3", "100"},
        {0x73, "00000000 00 00 ef 7f 01000000 00000000", 7, "volume_flow", "m3/h", "0.000001"},
        {0x73, "00000000 00 00 f7 7f 01000000 00000000", 7, "volume_flow", "m3/h", "100"},
        {0x73, "00000000 00 00 38 7f 01000000 00000000", 4, "temperature", "degC", "0.001"},
        {0x73, "00000000 00 00 39 bf 01000000 00000000", 8, "hca_units", "", "1"},
        {0x73, "00000000 00 00 3f 3f 01000000 00000000", 0, "dimensionless", "", "1"},
        {0x73, "00000000 00 00 3a 3f 01000000 00000000", 0, "reserved", "", "1"},
        {0x73, "00000000 00 00 c2 3f 01000000 00000000", 3, "energy", "Wh", "1"},
        {0x77, "00000000 00 00 82 bf 00000001 00000000", 3, "energy", "Wh", "1"}, /* gas */
        {0x73, "00000000 00 00 02 3f 0a000000 00000000", 0, "energy", "Wh", ""},
        {0x73, "00000000 00 00 00 3f 00123456 00000000", 0, "date_time", "", ""}, /* h m s */
        {0x73, "00000000 00 00 01 3f 00311299 00000000", 0, "date", "", ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        telegram_open(&telegram, rows[i].ci, rows[i].hex);
        cr_expect_eq(telegram.header.medium, rows[i].medium, "%s: %u", rows[i].hex,
                     telegram.header.medium);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
        check_counter(rows[i].hex, &record, rows[i].quantity, rows[i].unit, rows[i].value);
        telegram_close(&telegram);
    }
}

Test(mbus_header, a_fixed_structure_of_another_length_is_broken) {
    static const char *const rows[] = {"78563412 0a 00 e9 7e 01000000 350100",
                                       "78563412 0a 00 e9 7e 01000000 35010000 00",
                                       "78563412 0a 00 e9 7e"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        telegram_open(&telegram, 0x73, rows[i]);
        cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_EFRAME, "%s",
                     rows[i]);
        cr_expect_eq(telegram.records.fault, MBUS_FAULT_FIXED_LENGTH);
        telegram_close(&telegram);
    }
}

Test(mbus_header, fixed_counters_may_be_stored_ones) {
    static const struct {
        const char *hex;
        uint64_t first, second;
    } rows[] = {
        {"00000000 00 00 02 02 01000000 02000000", 0, 0},
        {"00000000 00 02 02 02 01000000 02000000", 1, 1}, /* both at the fixed date */
        {"00000000 00 00 02 3e 01000000 02000000", 0, 1}, /* the second is historic */
        {"00000000 00 00 3e 02 01000000 02000000", 0, 0}, /* of the first it says nothing */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct telegram telegram;
        struct mbus_record record;
        telegram_open(&telegram, 0x73, rows[i].hex);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
        cr_expect_eq(record.storage, rows[i].first, "%s", rows[i].hex);
        cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK);
        cr_expect_eq(record.storage, rows[i].second, "%s", rows[i].hex);
        telegram_close(&telegram);
    }
}
