/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/cli/cli.h"
#include "bridges/cli/hexline.h"
#include "bridges/cli/tell.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { SENTENCE_MAX = 200 };

/* In the order that auto tries them: what declares most about itself comes first. M-Bus says
 * its length twice, DL/T 645 has a second 68 where CJ/T 188 has none, and Modbus may begin with
 * any byte. */
static const struct protocol {
    const char *name;
    bool (*decode)(const uint8_t *buf, size_t len, enum decode_role role, struct decoded *out);
} protocols[] = {
    {"mbus", decode_mbus},
    {"dlt645", decode_dlt645},
    {"cjt188", decode_cjt188},
    {"modbus", decode_modbus},
};
static const struct protocol automatic = {"auto", NULL};

static const char *const roles[] = {[DECODE_ROLE_REQUEST] = "request",
                                    [DECODE_ROLE_RESPONSE] = "response",
                                    [DECODE_ROLE_EXCEPTION] = "exception"};

void decoded_refuse(struct decoded *out, const char *error, const char *detail) {
    decoded_set(out, "error", json_string(error), NULL);
    decoded_set(out, "detail", json_string(detail), NULL);
}

void decoded_set(struct decoded *out, const char *key, json_t *value, const char *name) {
    (void)json_object_set_new(out->fields, key, value);
    if (name) {
        (void)json_object_set_new(out->names, key, json_string(name));
    }
}

void decoded_mask(struct decoded *out, const char *key, const char *text) {
    (void)json_object_set_new(out->shown, key, json_string(text));
}

json_t *decoded_value(const char *name, const char *value, const char *unit) {
    return json_pack("{ssss?ss}", "name", name, "value", value, "unit", unit);
}

/* --- printing ---------------------------------------------------------------------------- */

static void print_scalar(const json_t *value) {
    if (json_is_string(value)) {
        (void)fputs(json_string_value(value), stdout);
    } else if (json_is_integer(value)) {
        (void)printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        (void)fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", stdout);
    }
}

/* A member of an object between two pieces of text; nothing when there is none. */
static void print_member(const json_t *object, const char *key, const char *before,
                         const char *after) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text && *text) {
        (void)printf("%s%s%s", before, text, after);
    }
}

/* "voltage_a=231.9 V", "time=- (not set)"; what has no value shows its bytes. */
static void print_named(const json_t *object) {
    const json_t *value = json_object_get(object, "value");
    print_member(object, "name", "", "=");
    print_scalar(value);
    print_member(object, "unit", " ", "");
    print_member(object, "invalid", " (", ")");
    if (json_is_null(value)) {
        print_member(object, "data", " [", "]");
    }
}

static void print_object(json_t *object) {
    const char *key;
    json_t *value;
    const char *before = "";
    json_object_foreach(object, key, value) {
        (void)printf("%s%s=", before, key);
        print_scalar(value);
        before = ",";
    }
}

static void print_value(json_t *value) {
    if (json_is_object(value)) {
        print_object(value);
    } else {
        print_scalar(value);
    }
}

static void print_field(const char *key, json_t *value, const json_t *name) {
    (void)printf("  %s=", key);
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        print_value(json_array_get(value, i));
    }
    if (!json_is_array(value)) {
        print_value(value);
    }
    if (name) {
        (void)printf(" (%s)", json_string_value(name));
    }
}

/* A list of objects (the records of a frame) gets a line for each, beneath the frame's. */
static bool is_table(const json_t *value) {
    return json_is_object(json_array_get(value, 0));
}

static void print_fields(const struct decoded *decoded) {
    const char *key;
    json_t *value;
    json_object_foreach(decoded->fields, key, value) {
        json_t *shown = json_object_get(decoded->shown, key);
        if (!is_table(value)) {
            print_field(key, shown ? shown : value, json_object_get(decoded->names, key));
        }
    }
    (void)putchar('\n');
}

static void print_row(json_t *row) {
    const char *key;
    json_t *value;
    if (json_object_get(row, "name")) {
        (void)fputs("    ", stdout);
        print_named(row);
    } else {
        (void)fputs("   ", stdout);
        json_object_foreach(row, key, value) {
            print_field(key, value, NULL);
        }
    }
    (void)putchar('\n');
}

static void print_rows(const json_t *rows) {
    for (size_t i = 0; is_table(rows) && i < json_array_size(rows); i++) {
        print_row(json_array_get(rows, i));
    }
}

static void print_text(const struct protocol *protocol, bool ok,
                       const struct decoded *decoded) {
    (void)printf("%s %s", protocol->name, ok ? "ok" : "REFUSED");
    print_fields(decoded);
    const char *key;
    json_t *value;
    json_object_foreach(decoded->fields, key, value) {
        print_rows(value);
    }
}

static void print_json(const struct protocol *protocol, bool ok,
                       const struct decoded *decoded) {
    json_t *object = json_pack("{sbss}", "ok", ok, "protocol", protocol->name);
    if (object) {
        (void)json_object_update(object, decoded->fields);
    }
    tell_json(object);
}

/* --- one frame --------------------------------------------------------------------------- */

static bool decoded_init(struct decoded *out) {
    *out = (struct decoded){
        .fields = json_object(), .names = json_object(), .shown = json_object()};
    return out->fields && out->names && out->shown;
}

static void decoded_done(struct decoded *decoded) {
    json_decref(decoded->fields);
    json_decref(decoded->names);
    json_decref(decoded->shown);
}

/* The frame in the first protocol that accepts it; *protocol is then that one. Else what the
 * first one says that at least knows the frame's shape. */
static bool decode_auto(const struct protocol **protocol, const uint8_t *buf, size_t len,
                        enum decode_role role, struct decoded *out) {
    for (size_t i = 0; i < COUNT(protocols); i++) {
        struct decoded attempt;
        const bool ok = decoded_init(&attempt) && protocols[i].decode(buf, len, role, &attempt);
        const char *error = json_string_value(json_object_get(attempt.fields, "error"));
        const bool is_shaped = error && strcmp(error, "frame") != 0;
        if (ok || (is_shaped && *protocol == &automatic)) {
            const struct decoded before = *out;
            *out = attempt;
            attempt = before;
            *protocol = &protocols[i];
        }
        decoded_done(&attempt);
        if (ok) {
            return true;
        }
    }
    if (*protocol == &automatic) {
        decoded_refuse(out, "frame", "no protocol knows a frame like this");
    }
    return false;
}

static bool is_wanted(json_t *record, const char *what) {
    const char *head = json_string_value(json_object_get(record, "dib_vib"));
    const char *quantity = json_string_value(json_object_get(record, "quantity"));
    return !what || (head && strcmp(head, what) == 0) ||
           (quantity && strcmp(quantity, what) == 0);
}

size_t decode_show_mbus(const struct cli_options *options, const uint8_t *frame, size_t len,
                        const char *what) {
    struct decoded decoded;
    const bool ok =
        decoded_init(&decoded) && decode_mbus(frame, len, DECODE_ROLE_RESPONSE, &decoded);
    json_t *records = json_object_get(decoded.fields, "records");
    for (size_t i = json_array_size(records); i > 0; i--) {
        if (!is_wanted(json_array_get(records, i - 1), what)) {
            (void)json_array_remove(records, i - 1);
        }
    }
    const size_t count = json_array_size(records);
    const bool is_shown = !what || count > 0;
    if (is_shown && options->json) {
        print_json(&protocols[0], ok, &decoded);
    } else if (is_shown) {
        print_text(&protocols[0], ok, &decoded);
    }
    decoded_done(&decoded);
    return is_shown ? count + !what : 0;
}

/* --- reading ----------------------------------------------------------------------------- */

/* false: what stands on the line is refused. *protocol: auto is replaced by what it was. */
static bool decode_line(const struct protocol **protocol, enum decode_role role,
                        enum hexline_answer answer, const struct hexline *line,
                        struct decoded *out) {
    char text[SENTENCE_MAX];
    switch (answer) {
    case HEXLINE_FRAME:
    case HEXLINE_END:
        return *protocol == &automatic
                   ? decode_auto(protocol, line->bytes, line->len, role, out)
                   : (*protocol)->decode(line->bytes, line->len, role, out);
    case HEXLINE_ODD:
        decoded_refuse(out, "frame", "an odd number of hex digits: half a byte is missing");
        break;
    case HEXLINE_TOO_LONG:
        (void)snprintf(text, sizeof text, "the line has more than %d hex digits",
                       HEXLINE_DIGITS_MAX);
        decoded_refuse(out, "frame", text);
        break;
    case HEXLINE_NO_HEX:
        (void)snprintf(text, sizeof text,
                       "column %zu holds the character 0x%02x, which is no hex digit",
                       line->column, (unsigned)line->culprit & 0xff);
        decoded_refuse(out, "frame", text);
        break;
    }
    return false;
}

static enum cli_exit decode_file(const struct cli_options *options,
                                 const struct protocol *protocol, enum decode_role role,
                                 FILE *in) {
    struct hexline *line = malloc(sizeof *line);
    enum cli_exit code = line ? CLI_OK : CLI_USAGE;
    enum hexline_answer answer;
    while (line && !ferror(stdout) && (answer = hexline_next(in, line)) != HEXLINE_END) {
        struct decoded decoded;
        const struct protocol *found = protocol;
        const bool ok =
            decoded_init(&decoded) && decode_line(&found, role, answer, line, &decoded);
        code = ok ? code : CLI_DAMAGED;
        if (options->json) {
            print_json(found, ok, &decoded);
        } else {
            print_text(found, ok, &decoded);
        }
        decoded_done(&decoded);
    }
    free(line);
    return code;
}

static const struct protocol *find_protocol(const char *name) {
    for (size_t i = 0; i < COUNT(protocols); i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            return &protocols[i];
        }
    }
    if (strcmp(name, automatic.name) == 0) {
        return &automatic;
    }
    (void)tell_usage(
        name, "no protocol that decode knows; it knows mbus, dlt645, cjt188, modbus, auto");
    return NULL;
}

static bool find_role(const char *text, enum decode_role *role) {
    *role = DECODE_ROLE_ANY;
    for (size_t i = DECODE_ROLE_REQUEST; text && i < COUNT(roles); i++) {
        if (strcmp(roles[i], text) == 0) {
            *role = (enum decode_role)i;
        }
    }
    return !text || *role != DECODE_ROLE_ANY;
}

enum cli_exit cli_decode(const struct cli_options *options, int count, char **arguments) {
    const struct protocol *protocol = find_protocol(arguments[0]);
    enum decode_role role;
    if (!protocol) {
        return CLI_USAGE;
    }
    if (!find_role(options->role, &role)) {
        return tell_usage(options->role, "a role is request, response or exception");
    }
    const bool is_stdin = count < 2 || strcmp(arguments[1], "-") == 0;
    const char *name = is_stdin ? "standard input" : arguments[1];
    FILE *in = is_stdin ? stdin : fopen(name, "re");
    if (!in) {
        return tell_usage(name, strerrordesc_np(errno));
    }
    enum cli_exit code = decode_file(options, protocol, role, in);
    if (ferror(in)) {
        code = tell_usage(name, "cannot be read to its end");
    }
    if (!is_stdin) {
        (void)fclose(in);
    }
    return code;
}
