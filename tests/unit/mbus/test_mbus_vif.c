/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first and the last code of every row of EN 13757-3's tables, with the value of one count,
 * by hand: 10^(nnn-3) Wh with nnn = 000 is 0.001 Wh.
 */
#include "tests/unit/mbus/telegram.h"

struct vif_row {
    const char *vib;
    const char *quantity;
    const char *unit;
    const char *one;
};

static const struct vif_row primary[] = {
    {"00", "energy", "Wh", "0.001"},
    {"07", "energy", "Wh", "10000"},
    {"08", "energy", "J", "1"},
    {"0f", "energy", "J", "10000000"},
    {"10", "volume", "m3", "0.000001"},
    {"13", "volume", "m3", "0.001"},
    {"17", "volume", "m3", "10"},
    {"18", "mass", "kg", "0.001"},
    {"1f", "mass", "kg", "10000"},
    {"20", "on_time", "s", "1"},
    {"21", "on_time", "min", "1"},
    {"22", "on_time", "h", "1"},
    {"23", "on_time", "d", "1"},
    {"24", "operating_time", "s", "1"},
    {"25", "operating_time", "min", "1"},
    {"26", "operating_time", "h", "1"},
    {"27", "operating_time", "d", "1"},
    {"28", "power", "W", "0.001"},
    {"2f", "power", "W", "10000"},
    {"30", "power", "J/h", "1"},
    {"37", "power", "J/h", "10000000"},
    {"38", "volume_flow", "m3/h", "0.000001"},
    {"3f", "volume_flow", "m3/h", "10"},
    {"40", "volume_flow", "m3/min", "0.0000001"},
    {"47", "volume_flow", "m3/min", "1"},
    {"48", "volume_flow", "m3/s", "0.000000001"},
    {"4f", "volume_flow", "m3/s", "0.01"},
    {"50", "mass_flow", "kg/h", "0.001"},
    {"57", "mass_flow", "kg/h", "10000"},
    {"58", "flow_temperature", "degC", "0.001"},
    {"5b", "flow_temperature", "degC", "1"},
    {"5c", "return_temperature", "degC", "0.001"},
    {"5f", "return_temperature", "degC", "1"},
    {"60", "temperature_difference", "K", "0.001"},
    {"63", "temperature_difference", "K", "1"},
    {"64", "external_temperature", "degC", "0.001"},
    {"67", "external_temperature", "degC", "1"},
    {"68", "pressure", "bar", "0.001"},
    {"6b", "pressure", "bar", "1"},
    {"6c", "date", "", "1"}, /* one byte is no date */
    {"6d", "date_time", "", "1"},
    {"6e", "hca_units", "", "1"},
    {"6f", "reserved", "", "1"},
    {"70", "averaging_duration", "s", "1"},
    {"73", "averaging_duration", "d", "1"},
    {"74", "actuality_duration", "s", "1"},
    {"77", "actuality_duration", "d", "1"},
    {"78", "fabrication_number", "", "1"},
    {"79", "identification", "", "1"},
    {"7a", "bus_address", "", "1"},
    {"7b", "reserved", "", "1"},
    {"7d", "reserved", "", "1"},
    {"7e", "any", "", "1"},
    {"7f", "manufacturer_specific", "", "1"},
    {"ff01", "manufacturer_specific", "", "1"},
    {"ffff8100", "manufacturer_specific", "", "1"},
    {"ef01", "reserved", "", "1"},
};

static const struct vif_row fb[] = {
    {"fb00", "energy", "Wh", "100000"}, /* 0.1 MWh */
    {"fb01", "energy", "Wh", "1000000"},
    {"fb02", "reactive_energy", "varh", "1000"}, /* 1 kvarh */
    {"fb03", "reactive_energy", "varh", "10000"},
    {"fb04", "apparent_energy", "VAh", "1000"},
    {"fb05", "apparent_energy", "VAh", "10000"},
    {"fb06", "coefficient_of_performance", "", "0.1"},
    {"fb07", "reserved", "", "1"},
    {"fb08", "energy", "J", "100000000"}, /* 0.1 GJ */
    {"fb09", "energy", "J", "1000000000"},
    {"fb0a", "reserved", "", "1"},
    {"fb0c", "energy", "cal", "100000"}, /* 0.1 Mcal */
    {"fb0f", "energy", "cal", "100000000"},
    {"fb10", "volume", "m3", "100"},
    {"fb11", "volume", "m3", "1000"},
    {"fb14", "reactive_power", "var", "1"},
    {"fb17", "reactive_power", "var", "1000"},
    {"fb18", "mass", "kg", "100000"}, /* 100 t */
    {"fb19", "mass", "kg", "1000000"},
    {"fb1a", "relative_humidity", "%", "0.1"},
    {"fb1b", "relative_humidity", "%", "1"},
    {"fb20", "volume", "ft3", "1"},
    {"fb21", "volume", "ft3", "0.1"},
    {"fb22", "volume", "gal", "0.1"},
    {"fb23", "volume", "gal", "1"},
    {"fb24", "volume_flow", "gal/min", "0.001"},
    {"fb25", "volume_flow", "gal/min", "1"},
    {"fb26", "volume_flow", "gal/h", "1"},
    {"fb28", "power", "W", "100000"}, /* 0.1 MW */
    {"fb29", "power", "W", "1000000"},
    {"fb2a", "phase_voltage_voltage", "deg", "0.1"},
    {"fb2b", "phase_voltage_current", "deg", "0.1"},
    {"fb2c", "frequency", "Hz", "0.001"},
    {"fb2f", "frequency", "Hz", "1"},
    {"fb30", "power", "J/h", "100000000"},
    {"fb31", "power", "J/h", "1000000000"},
    {"fb34", "apparent_power", "VA", "1"},
    {"fb37", "apparent_power", "VA", "1000"},
    {"fb58", "flow_temperature", "degF", "0.001"},
    {"fb5f", "return_temperature", "degF", "1"},
    {"fb60", "temperature_difference", "degF", "0.001"},
    {"fb67", "external_temperature", "degF", "1"},
    {"fb68", "hca_rating_factor", "", "1"},
    {"fb6e", "hca_display_factor", "", "1"},
    {"fb70", "temperature_limit", "degF", "0.001"},
    {"fb74", "temperature_limit", "degC", "0.001"},
    {"fb77", "temperature_limit", "degC", "1"},
    {"fb78", "cumulative_max_power", "W", "0.001"},
    {"fb7f", "cumulative_max_power", "W", "10000"},
};

static const struct vif_row fd[] = {
    {"fd00", "credit", "", "0.001"},
    {"fd03", "credit", "", "1"},
    {"fd04", "debit", "", "0.001"},
    {"fd07", "debit", "", "1"},
    {"fd08", "access_number", "", "1"},
    {"fd09", "medium", "", "1"},
    {"fd0a", "manufacturer", "", "1"},
    {"fd0b", "parameter_set", "", "1"},
    {"fd0c", "model_version", "", "1"},
    {"fd0d", "hardware_version", "", "1"},
    {"fd0e", "firmware_version", "", "1"},
    {"fd0f", "software_version", "", "1"},
    {"fd10", "customer_location", "", "1"},
    {"fd11", "customer", "", "1"},
    {"fd12", "access_code_user", "", "1"},
    {"fd16", "password", "", "1"},
    {"fd17", "error_flags", "", "1"},
    {"fd18", "error_mask", "", "1"},
    {"fd19", "security_key", "", "1"},
    {"fd1a", "digital_output", "", "1"},
    {"fd1b", "digital_input", "", "1"},
    {"fd1c", "baud_rate", "", "1"},
    {"fd1d", "response_delay", "", "1"},
    {"fd1e", "retry", "", "1"},
    {"fd1f", "remote_control", "", "1"},
    {"fd20", "first_storage", "", "1"},
    {"fd21", "last_storage", "", "1"},
    {"fd22", "storage_block_size", "", "1"},
    {"fd23", "tariff_descriptor", "", "1"},
    {"fd24", "storage_interval", "s", "1"},
    {"fd27", "storage_interval", "d", "1"},
    {"fd28", "storage_interval", "month", "1"},
    {"fd29", "storage_interval", "year", "1"},
    {"fd2a", "operator_data", "", "1"},
    {"fd2b", "time_point", "s", "1"},
    {"fd2c", "duration_since_readout", "s", "1"},
    {"fd2f", "duration_since_readout", "d", "1"},
    {"fd30", "tariff_start", "", "1"},
    {"fd31", "tariff_duration", "min", "1"},
    {"fd33", "tariff_duration", "d", "1"},
    {"fd34", "tariff_period", "s", "1"},
    {"fd37", "tariff_period", "d", "1"},
    {"fd38", "tariff_period", "month", "1"},
    {"fd39", "tariff_period", "year", "1"},
    {"fd3a", "dimensionless", "", "1"},
    {"fd3b", "wireless_container", "", "1"},
    {"fd3c", "transmission_period", "s", "1"},
    {"fd3f", "transmission_period", "d", "1"},
    {"fd40", "voltage", "V", "0.000000001"},
    {"fd49", "voltage", "V", "1"},
    {"fd4f", "voltage", "V", "1000000"},
    {"fd50", "current", "A", "0.000000000001"},
    {"fd5c", "current", "A", "1"},
    {"fd5f", "current", "A", "1000"},
    {"fd60", "reset_counter", "", "1"},
    {"fd61", "cumulation_counter", "", "1"},
    {"fd62", "control_signal", "", "1"},
    {"fd63", "day_of_week", "", "1"},
    {"fd64", "week_number", "", "1"},
    {"fd65", "time_of_day_change", "", "1"},
    {"fd66", "parameter_activation", "", "1"},
    {"fd67", "supplier_information", "", "1"},
    {"fd68", "duration_since_cumulation", "h", "1"},
    {"fd69", "duration_since_cumulation", "d", "1"},
    {"fd6a", "duration_since_cumulation", "month", "1"},
    {"fd6b", "duration_since_cumulation", "year", "1"},
    {"fd6c", "battery_operating_time", "h", "1"},
    {"fd6f", "battery_operating_time", "year", "1"},
    {"fd70", "battery_change", "", "1"},
    {"fd71", "rf_level", "dBm", "1"},
    {"fd74", "remaining_battery_life", "d", "1"},
    {"fd75", "meter_stopped_count", "", "1"},
    {"fd76", "manufacturer_container", "", "1"},
    {"fd77", "reserved", "", "1"},
    {"fdfd00", "selected_application", "", "1"},
    {"fdfd02", "remaining_battery_life", "month", "1"},
    {"fdfd03", "remaining_battery_life", "year", "1"},
    {"fdfd3e", "moisture", "%", "1"},
    {"fdfd01", "reserved", "", "1"},
};

static void check(const struct vif_row *row) {
    char hex[32];
    struct telegram telegram;
    struct mbus_record record;
    char text[MBUS_VALUE_TEXT_MAX];
    (void)snprintf(hex, sizeof hex, "01%s01", row->vib); /* DIF 01, one count */
    telegram_open(&telegram, 0x78, hex);
    cr_assert_eq(mbus_record_next(&telegram.records, &record), BRIDGE_OK, "%s", row->vib);
    cr_expect_str_eq(mbus_quantity_name(record.vib.quantity), row->quantity, "%s", row->vib);
    mbus_unit_text(&record, text);
    cr_expect_str_eq(text, row->unit, "%s: %s", row->vib, text);
    cr_expect(mbus_value_text(&record, text), "%s", row->vib);
    cr_expect_str_eq(text, row->one, "%s: %s", row->vib, text);
    cr_expect_eq(mbus_record_next(&telegram.records, &record), BRIDGE_DONE);
    telegram_close(&telegram);
}

Test(mbus_vif, primary_table) {
    for (size_t i = 0; i < ROWS(primary); i++) {
        check(&primary[i]);
    }
}

Test(mbus_vif, table_fb) {
    for (size_t i = 0; i < ROWS(fb); i++) {
        check(&fb[i]);
    }
}

Test(mbus_vif, table_fd) {
    for (size_t i = 0; i < ROWS(fd); i++) {
        check(&fd[i]);
    }
}

/* --- modifiers ---------------------------------------------------------------------------- */

static void decode(const char *hex, bool from_master, struct mbus_vib *out) {
    struct bytes bytes = bytes_of(hex);
    mbus_vib_decode(bytes.data, bytes.len, from_master, out);
    bytes_free(&bytes);
}

Test(mbus_vif, modifiers_are_listed_up_to_the_makers) {
    static const struct {
        const char *vib;
        const char *modifiers;
    } rows[] = {
        {"13", ""},         {"8400", "00"},         {"863b", "3b"}, {"edeb00", "6b00"},
        {"fdc8ff01", "7f"}, {"fdc8ff8100", "7f"}, /* those behind 7F are not interpreted */
        {"ff9300", ""},                           /* behind FF: all the maker's */
        {"83fc01", "7c01"}, {"93fcbb3b", "7c3b3b"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mbus_vib vib;
        char text[64];
        decode(rows[i].vib, false, &vib);
        cr_expect_str_eq(hex_of(vib.modifiers, vib.modifier_count, text), rows[i].modifiers,
                         "%s: %s", rows[i].vib, text);
    }
}

/* A value that is booked must be plain: every other modifier makes it another register. */
Test(mbus_vif, plain_is_only_what_no_modifier_changes) {
    static const struct {
        const char *vib;
        bool is_plain, is_empty, is_array;
        uint8_t error;
        int correction;
        const char *unit;
    } rows[] = {
        {"06", true, false, false, 0, 0, "Wh"},
        {"8600", true, false, false, 0, 0, "Wh"},  /* no error */
        {"861d", true, false, false, 0, 0, "Wh"},  /* standard conform */
        {"8674", true, false, false, 0, -2, "Wh"}, /* times 10^-2 */
        {"8677", true, false, false, 0, 1, "Wh"},
        {"867d", true, false, false, 0, 3, "Wh"},
        {"86fd70", true, false, false, 0, -3, "Wh"}, /* 10^3 * 10^-6 */
        {"8678", false, false, false, 0, 0, "Wh"},
        {"863b", false, false, false, 0, 0, "Wh"},
        {"863c", false, false, false, 0, 0, "Wh"},
        {"933e", false, false, false, 0, 0, "m3"},
        {"8610", false, false, false, 0, 0, "Wh"}, /* reserved */
        {"867e", false, false, false, 0, 0, "Wh"}, /* future value */
        {"86ff01", false, false, false, 0, 0, "Wh"},
        {"86fc01", false, false, false, 0, 0, "Wh"}, /* phase L1 */
        {"8615", false, true, false, 0x15, 0, "Wh"},
        {"8616", false, true, false, 0x16, 0, "Wh"},
        {"8617", false, true, false, 0x17, 0, "Wh"},
        {"8618", false, true, false, 0x18, 0, "Wh"},
        {"8604", false, false, false, 0x04, 0, "Wh"},
        {"8613", false, false, true, 0, 0, "Wh"},
        {"861e", false, false, true, 0, 0, "Wh"},
        {"861f", false, false, true, 0, 0, "Wh"},
        {"da39", false, false, false, 0, 0, ""}, /* start date of */
        {"da42", false, false, false, 0, 0, ""},
        {"da47", false, false, false, 0, 0, ""},
        {"da4a", false, false, false, 0, 0, ""},
        {"da4f", false, false, false, 0, 0, ""},
        {"da6a", false, false, false, 0, 0, ""},
        {"da6f", false, false, false, 0, 0, ""},
        {"dafc13", false, false, false, 0, 0, ""}, /* end date of */
        {"bb50", false, false, false, 0, 0, "s"},
        {"bb55", false, false, false, 0, 0, "min"},
        {"bb5a", false, false, false, 0, 0, "h"},
        {"bb5f", false, false, false, 0, 0, "d"},
        {"bb61", false, false, false, 0, 0, "min"},
        {"bb67", false, false, false, 0, 0, "d"},
        {"bb68", false, false, false, 0, 0, "m3/h"}, /* value during exceed */
        {"bb6c", false, false, false, 0, 0, "m3/h"},
        {"7f", false, false, false, 0, 0, ""},
        {"ff00", false, false, false, 0, 0, ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mbus_vib vib;
        decode(rows[i].vib, false, &vib);
        cr_expect_eq(vib.is_plain, rows[i].is_plain, "%s", rows[i].vib);
        cr_expect_eq(vib.is_empty, rows[i].is_empty, "%s", rows[i].vib);
        cr_expect_eq(vib.is_array, rows[i].is_array, "%s", rows[i].vib);
        cr_expect_eq(vib.error, rows[i].error, "%s", rows[i].vib);
        cr_expect_eq(vib.correction, rows[i].correction, "%s: %d", rows[i].vib, vib.correction);
        cr_expect_str_eq(vib.unit, rows[i].unit, "%s: %s", rows[i].vib, vib.unit);
    }
}

Test(mbus_vif, modifiers_have_names) {
    static const struct {
        const char *vib;
        size_t i;
        bool from_master;
        const char *name;
    } rows[] = {
        {"8615", 0, false, "no data available"},
        {"8604", 0, false, "tariff not implemented"},
        {"8604", 0, true, "and"}, /* of a master: an action */
        {"8600", 0, true, "write"},
        {"860b", 0, true, "freeze"},
        {"863b", 0, false, "accumulation of positive contributions only"},
        {"863b", 0, true, "accumulation of positive contributions only"},
        {"86fc02", 0, false, "the next code is of the extension table"},
        {"86fc02", 1, false, "phase L2"},
        {"8610", 0, false, "reserved"},
        {"da7e", 0, false, "future value"},
        {"93fcfc3b", 1, false, "reserved"},
        {"93fcfc3b", 2, false, "accumulation of positive contributions only"},
        {"93fcbb3b", 1, false, "reserved"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mbus_vib vib;
        decode(rows[i].vib, rows[i].from_master, &vib);
        cr_expect_str_eq(mbus_modifier_name(&vib, rows[i].i, rows[i].from_master), rows[i].name,
                         "%s", rows[i].vib);
    }
    struct mbus_vib vib;
    decode("8604", true, &vib);
    cr_expect_eq(vib.error, 0, "an action is no error");
}
