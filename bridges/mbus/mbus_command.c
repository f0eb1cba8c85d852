/* SPDX-License-Identifier: Apache-2.0 */
/* The telegrams that change a meter: what stands behind A (EN 13757-3). Pure. */
#include <string.h>

#include "bridges/mbus/mbus.h"
#include "bridges/mbus/mbus_frame.h"

enum {
    CI_RESET = 0x50,
    CI_SEND = 0x51,
    CI_BAUD_FIRST = 0xb8, /* 300 */
    DIF_INT8 = 0x01,
    DIF_INT32 = 0x04,
    DIF_INT48 = 0x06,
    DIF_READOUT_ALL = 0x7f,
    VIF_ADDRESS = 0x7a,
    VIF_DATE_TIME = 0x6d,
    BYTE = 0xff
};

enum bridge_status mbus_command_address(int64_t address, struct mbus_command *out) {
    if (address < 0 || address > MBUS_ADDRESS_MAX) {
        return BRIDGE_EINVALID;
    }
    *out = (struct mbus_command){
        .ci = CI_SEND, .len = 3, .data = {DIF_INT8, VIF_ADDRESS, (uint8_t)address}};
    return BRIDGE_OK;
}

enum bridge_status mbus_command_baud(int64_t baud, struct mbus_command *out) {
    static const int64_t rates[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i] == baud) {
            *out = (struct mbus_command){.ci = (uint8_t)(CI_BAUD_FIRST + i)};
            return BRIDGE_OK;
        }
    }
    return BRIDGE_EINVALID;
}

enum bridge_status mbus_command_time(const struct mbus_date *date, struct mbus_command *out) {
    if ((date->type != 'F' && date->type != 'I') || !mbus_date_has_day(date) ||
        !mbus_date_has_time(date) || mbus_date_is_every(date)) {
        return BRIDGE_EINVALID;
    }
    *out = (struct mbus_command){
        .ci = CI_SEND, .data = {date->type == 'I' ? DIF_INT48 : DIF_INT32, VIF_DATE_TIME}};
    out->len = (uint8_t)(2 + mbus_date_encode(date, out->data + 2));
    return BRIDGE_OK;
}

enum bridge_status mbus_command_reset(int64_t subcode, struct mbus_command *out) {
    if (subcode < MBUS_ANY || subcode > BYTE) {
        return BRIDGE_EINVALID;
    }
    *out = (struct mbus_command){
        .ci = CI_RESET, .len = subcode != MBUS_ANY, .data = {(uint8_t)(subcode & BYTE)}};
    return BRIDGE_OK;
}

enum bridge_status mbus_command_readout(const uint8_t *heads, size_t len,
                                        struct mbus_command *out) {
    if (len > MBUS_COMMAND_MAX) {
        return BRIDGE_EINVALID;
    }
    *out = (struct mbus_command){.ci = CI_SEND, .len = 1, .data = {DIF_READOUT_ALL}};
    if (len > 0) {
        memcpy(out->data, heads, len);
        out->len = (uint8_t)len;
    }
    return BRIDGE_OK;
}
