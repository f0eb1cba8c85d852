/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_protocol.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_bcd.h"
#include "tests/sim/sim_cjt188_data.h"
#include "tests/sim/sim_dlt645_data.h"
#include "tests/sim/sim_mbus_telegram.h"
#include "tests/sim/sim_registers.h"

static void mbus_serial(const struct sim_view *view, char *text) {
    (void)snprintf(text, SIM_SERIAL_TEXT_MAX, "%08X", (unsigned)sim_mbus_identity(view).id);
}

static void dlt645_serial(const struct sim_view *view, char *text) {
    uint8_t number[DLT645_ADDRESS_BYTES];
    sim_dlt645_number(view, number);
    sim_bcd_text(number, sizeof number, text);
}

static void cjt188_serial(const struct sim_view *view, char *text) {
    uint8_t address[CJT188_ADDRESS_BYTES];
    sim_cjt188_address(view->meter, address);
    sim_bcd_text(address, sizeof address, text);
}

static const struct {
    const char *name;
    bool (*show)(const struct sim_view *view, const struct model_point *point, int64_t *micro);
    void (*serial)(const struct sim_view *view, char *text);
} protocols[SIM_PROTOCOLS] = {
    [SIM_MODBUS] = {"modbus", sim_registers_show, sim_registers_serial},
    [SIM_MBUS] = {"mbus", sim_mbus_show, mbus_serial},
    [SIM_DLT645] = {"dlt645", sim_dlt645_show, dlt645_serial},
    [SIM_CJT188] = {"cjt188", sim_cjt188_show, cjt188_serial},
};

enum sim_protocol sim_protocol_of(const struct model *model) {
    for (enum sim_protocol protocol = 0; protocol < SIM_PROTOCOLS; protocol++) {
        const char *name = protocols[protocol].name;
        if (name && strcmp(name, model->bridge->name) == 0) {
            return protocol;
        }
    }
    return SIM_NO_PROTOCOL;
}

bool sim_protocol_show(const struct sim_view *view, const struct model_point *point,
                       int64_t *micro) {
    return protocols[sim_protocol_of(view->meter->site->model)].show(view, point, micro);
}

void sim_protocol_serial(const struct sim_view *view, char *text) {
    protocols[sim_protocol_of(view->meter->site->model)].serial(view, text);
}
