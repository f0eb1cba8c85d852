/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local door: a unix socket (mode 0600; only root and the user the gateway runs as get in)
 * that answers one line of JSON with one line of JSON and closes.
 *
 *   {"query":"status"}  ->  {"ok":true, ...}
 *
 * Runs on the main loop. A request is at most LOCAL_REQUEST_MAX bytes and must be whole within
 * a few seconds; at most LOCAL_CLIENTS_MAX at once.
 */
#ifndef GATEWAY_LOCAL_LOCAL_H
#define GATEWAY_LOCAL_LOCAL_H

#include <stddef.h>
#include <uv.h>

#include "gateway/base/status.h"

enum { LOCAL_REQUEST_MAX = 4096, LOCAL_CLIENTS_MAX = 8 };

struct local;

/* Answers a request (len bytes, no newline): one line with its newline, from malloc, which
 * the door frees. NULL = out of memory. */
typedef char *local_answer(void *context, const char *request, size_t len);

/* Opens the socket; a stale one at the path is replaced, a live one is GW_EBUSY. error gets a
 * sentence (200 bytes). */
MUST_CHECK enum gw_status local_open(uv_loop_t *loop, const char *path, local_answer *answer,
                                     void *context, struct local **out, char *error);

/* Removes the socket. The rest ends with the loop. */
void local_close(struct local *local);

#endif
