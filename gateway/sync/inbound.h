/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cap on one packet from the broker. Paho 1.3.12 has none: it makes room for whatever is
 * announced, up to 256 MiB, fills it and copies it (PA19: 396 MiB resident after one packet
 * of 200 MB), and when there is no such room it keeps a null buffer and never hears anything
 * again. It reads the body of a packet by one recv(), under TLS one SSL_read(), of all that is
 * missing. inbound.c defines both in front of the libraries' own: a read longer than the cap
 * finds the end of the stream, so the connection is dropped before the first byte of the body
 * is taken. What Paho has allocated by then is address space that nobody has touched.
 *
 * The cap is far above WIRE_MESSAGE_MAX: somebody else's long message on our topic is dropped
 * and counted, and the link stays.
 */
#ifndef GATEWAY_SYNC_INBOUND_H
#define GATEWAY_SYNC_INBOUND_H

#include "gateway/base/status.h"

enum { INBOUND_MAX = 2 * 1024 * 1024 }; /* bytes after the fixed header */

/* Is the cap in force in this program? GW_ENETWORK if the libraries would not come by it. */
MUST_CHECK enum gw_status inbound_check(void);

#endif
