/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short texts, put together piece by piece where printf has no place. Pure. A text is
 * NUL-terminated in size bytes; a piece that does not fit whole is left out.
 */
#ifndef BRIDGES_BASE_TEXT_H
#define BRIDGES_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

void text_append(char *text, size_t size, const char *piece);

/* The lowest digits nibbles of number as lower-case hex. */
void text_append_hex(char *text, size_t size, uint32_t number, unsigned digits);

/* number, decimal. */
void text_append_count(char *text, size_t size, uint32_t number);

#endif
