/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several protocols do with runs of bytes. Pure.
 */
#ifndef BRIDGES_BASE_BYTES_H
#define BRIDGES_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* The sum modulo 256: the checksum of M-Bus (EN 13757-2), DL/T 645 and CJ/T 188. */
uint8_t bytes_sum(const uint8_t *buf, size_t len);

/* How many of the first bytes are this one. */
size_t bytes_run(const uint8_t *buf, size_t len, uint8_t byte);

/* FNV-1a, 32 bits, over one piece after the other: begin with BYTES_HASH. It tells accidents
 * apart and no ill will. */
#define BYTES_HASH UINT32_C(2166136261)
uint32_t bytes_hash(uint32_t hash, const void *bytes, size_t len);

#endif
