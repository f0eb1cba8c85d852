/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/ports.h"

#include <libserialport.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(char *to, const char *from) {
    (void)snprintf(to, PORT_TEXT_MAX, "%s", from ? from : "");
}

static struct port_info describe(const struct sp_port *port) {
    struct port_info info = {0};
    copy(info.path, sp_get_port_name(port));
    copy(info.description, sp_get_port_description(port));
    if (sp_get_port_transport(port) == SP_TRANSPORT_USB) {
        (void)sp_get_port_usb_vid_pid(port, &info.usb_vid, &info.usb_pid);
        copy(info.serial, sp_get_port_usb_serial(port));
    }
    return info;
}

enum bridge_status ports_list(struct port_info *out, size_t cap, size_t *count) {
    struct sp_port **ports;
    *count = 0;
    if (sp_list_ports(&ports) != SP_OK) {
        return BRIDGE_EPORT;
    }
    for (size_t i = 0; ports[i] && *count < cap; i++) {
        out[(*count)++] = describe(ports[i]);
    }
    sp_free_port_list(ports);
    return BRIDGE_OK;
}

/* The hex number before a colon, -1 when there is none of 1 to 4 digits. */
static long take_id(const char **text) {
    char *end = NULL;
    const long id = strtol(*text, &end, 16);
    const bool good = end > *text && end <= *text + 4 && *end == ':' && id >= 0;
    *text = good ? end + 1 : *text;
    return good ? id : -1;
}

enum bridge_status ports_find_usb(const char *identity, char *path) {
    const char *at = identity;
    if (strncmp(at, "usb:", 4) != 0) {
        return BRIDGE_EINVALID;
    }
    at += 4;
    const long vid = take_id(&at);
    const long pid = vid >= 0 ? take_id(&at) : -1;
    if (pid < 0 || !*at) {
        return BRIDGE_EINVALID;
    }
    struct port_info ports[PORTS_MAX];
    size_t count;
    const enum bridge_status status = ports_list(ports, PORTS_MAX, &count);
    for (size_t i = 0; status == BRIDGE_OK && i < count; i++) {
        if (ports[i].usb_vid == vid && ports[i].usb_pid == pid &&
            strcmp(ports[i].serial, at) == 0) {
            memcpy(path, ports[i].path, sizeof ports[i].path);
            return BRIDGE_OK;
        }
    }
    return status == BRIDGE_OK ? BRIDGE_EGONE : status;
}
