/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order on its way: signed, sent, and the gateway's signed result awaited.
 *
 *   state or birth of the gateway -> its site and its key
 *   order, signed -> d/o, again every few seconds: it is applied once
 *   u/c -> the result with its id, verified -> printed
 */
#ifndef GATEWAY_CTL_ORDER_H
#define GATEWAY_CTL_ORDER_H

#include "gateway/ctl/ctl.h"
#include "gateway/sync/wire_order.h"

/* Makes the envelope: a new id, or that of --order-id. What is wrong with the options is said
 * on stderr; false then. */
bool order_begin(const struct ctl_options *options, enum wire_order_kind kind,
                 struct wire_order *order);

/* Sends it and prints what became of it. */
enum gw_exit order_send(const struct ctl_options *options, struct wire_order *order);

#endif
