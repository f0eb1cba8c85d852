/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each protocol does for the command decode. A new one is a file decode_x.c and a line in
 * decode.c's table.
 */
#ifndef BRIDGES_CLI_DECODE_H
#define BRIDGES_CLI_DECODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridges/cli/cli.h"

enum decode_role {
    DECODE_ROLE_ANY,
    DECODE_ROLE_REQUEST,
    DECODE_ROLE_RESPONSE,
    DECODE_ROLE_EXCEPTION
};

/* One frame's answer. fields: what is printed behind ok and protocol, in this order; a refused
 * frame has error and detail there. names: for people, key -> what its value means. shown: for
 * people, key -> what they see in its place. */
struct decoded {
    json_t *fields;
    json_t *names;
    json_t *shown;
};

/* Sets error and detail. */
void decoded_refuse(struct decoded *out, const char *error, const char *detail);

/* Sets a value of fields; names NULL = nothing to add. */
void decoded_set(struct decoded *out, const char *key, json_t *value, const char *name);

/* Without --json a field is shown as text: a password that data holds is for no screen. */
void decoded_mask(struct decoded *out, const char *key, const char *text);

/* {"name", "value", "unit"}; value NULL = null. The caller's reference. */
json_t *decoded_value(const char *name, const char *value, const char *unit);

/* false: the frame is refused. */
bool decode_cjt188(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out);
bool decode_dlt645(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out);
bool decode_mbus(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out);
bool decode_modbus(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out);

/* Prints an M-Bus telegram as the command decode does; what: its records of this dib_vib (hex)
 * or quantity alone, NULL = all. Returns how many records were shown. */
size_t decode_show_mbus(const struct cli_options *options, const uint8_t *frame, size_t len,
                        const char *what);

#endif
