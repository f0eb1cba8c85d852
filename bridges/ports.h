/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial ports of this machine and the USB identity of their adapters, by libserialport. The
 * ports themselves are opened and used by line.h.
 */
#ifndef BRIDGES_PORTS_H
#define BRIDGES_PORTS_H

#include <stddef.h>

#include "bridges/base/status.h"

enum { PORTS_MAX = 64, PORT_TEXT_MAX = 108 };

struct port_info {
    char path[PORT_TEXT_MAX];
    char description[PORT_TEXT_MAX]; /* of the adapter; empty = unknown */
    char serial[PORT_TEXT_MAX];      /* USB serial number; empty = none */
    int usb_vid;                     /* 0 = not on USB */
    int usb_pid;
};

/* Lists at most cap ports. BRIDGE_EPORT: the machine cannot be asked. */
MUST_CHECK enum bridge_status ports_list(struct port_info *out, size_t cap, size_t *count);

/*
 * "usb:0403:6001:A50285BI" -> the path of the port with that vendor, product and serial
 * number, wherever it is plugged in. path holds PORT_TEXT_MAX bytes. BRIDGE_EINVALID: not of
 * this form. BRIDGE_EGONE: not plugged in.
 */
MUST_CHECK enum bridge_status ports_find_usb(const char *identity, char *path);

#endif
