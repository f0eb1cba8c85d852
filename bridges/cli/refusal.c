/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/refusal.h"

#include <stdio.h>
#include <string.h>

#include "bridges/base/text.h"
#include "bridges/dlt645/dlt645_explain.h"
#include "bridges/mbus/mbus_data.h"
#include "bridges/modbus/mbrtu_explain.h"

static void format_modbus(int code, char *text, size_t size) {
    (void)snprintf(text, size, "the device refused: exception %d (%s)", code,
                   mbrtu_exception_name((unsigned)code));
}

static void format_dlt645(int code, char *text, size_t size) {
    struct dlt645_explanation explained;
    const struct dlt645_frame frame = {.control =
                                           DLT645_FROM_SLAVE | DLT645_ABNORMAL | DLT645_READ,
                                       .data_len = 1,
                                       .data = {(uint8_t)code}};
    dlt645_explain(&frame, &explained);
    (void)snprintf(text, size, "the device refused: error %02x", (unsigned)code);
    for (size_t i = 0; i < explained.error_count; i++) {
        text_append(text, size, i == 0 ? " (" : ", ");
        text_append(text, size, explained.errors[i]);
    }
    text_append(text, size, explained.error_count > 0 ? ")" : "");
}

static void format_cjt188(int code, char *text, size_t size) {
    (void)snprintf(text, size, "the device refused: status %04x", (unsigned)code);
}

static void format_mbus(int code, char *text, size_t size) {
    (void)snprintf(text, size, "the device refused: error %d (%s)", code,
                   mbus_error_name((uint8_t)code));
}

void refusal_format(const struct bridge *bridge, int code, char *text, size_t size) {
    static const struct {
        const char *protocol;
        void (*format)(int code, char *text, size_t size);
    } rows[] = {{"modbus", format_modbus},
                {"dlt645", format_dlt645},
                {"cjt188", format_cjt188},
                {"mbus", format_mbus}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].protocol, bridge->name) == 0) {
            rows[i].format(code, text, size);
            return;
        }
    }
    (void)snprintf(text, size, "the device refused: its own code %d", code);
}
