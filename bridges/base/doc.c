/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/doc.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "bridges/base/decimal.h"

struct doc {
    char *name;
    struct fault_list *faults;
    yaml_document_t yaml;
};

/* --- loading ----------------------------------------------------------------------------- */

/* For bytes that are no text libyaml tells the offset and no line. */
static int line_of(const yaml_parser_t *parser, const char *text, size_t len) {
    if (parser->error != YAML_READER_ERROR) {
        return (int)parser->problem_mark.line + 1;
    }
    int line = 1;
    for (size_t i = 0; i < len && i < parser->problem_offset; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static enum bridge_status parse_failed(struct doc *doc, const yaml_parser_t *parser,
                                       const char *text, size_t len) {
    faults_add(doc->faults, doc->name, line_of(parser, text, len), "not YAML: %s%s%s",
               parser->problem ? parser->problem : "cannot be read", parser->context ? " " : "",
               parser->context ? parser->context : "");
    return BRIDGE_ECONFIG;
}

/* What stands behind a second "---" must not be dropped in silence. */
static enum bridge_status expect_end(struct doc *doc, yaml_parser_t *parser, const char *text,
                                     size_t len) {
    yaml_document_t second;
    enum bridge_status status = BRIDGE_OK;
    if (!yaml_parser_load(parser, &second)) {
        status = parse_failed(doc, parser, text, len);
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&second);
        if (root) {
            faults_add(doc->faults, doc->name, (int)root->start_mark.line + 1,
                       "a second document starts here; a file holds one");
            status = BRIDGE_ECONFIG;
        }
        yaml_document_delete(&second);
    }
    if (status != BRIDGE_OK) {
        yaml_document_delete(&doc->yaml);
    }
    return status;
}

static enum bridge_status parse(struct doc *doc, const char *text, size_t len) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return BRIDGE_ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    enum bridge_status status = BRIDGE_OK;
    if (!yaml_parser_load(&parser, &doc->yaml)) {
        status = parse_failed(doc, &parser, text, len);
    } else if (!yaml_document_get_root_node(&doc->yaml)) {
        faults_add(doc->faults, doc->name, 0, "the file is empty");
        status = BRIDGE_ECONFIG;
        yaml_document_delete(&doc->yaml);
    } else {
        status = expect_end(doc, &parser, text, len);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum bridge_status doc_parse(const char *name, const char *text, size_t len,
                             struct fault_list *faults, struct doc **out) {
    struct doc *doc = calloc(1, sizeof *doc);
    if (!doc) {
        return BRIDGE_ENOMEM;
    }
    doc->name = strdup(name);
    doc->faults = faults;
    const enum bridge_status status = doc->name ? parse(doc, text, len) : BRIDGE_ENOMEM;
    if (status != BRIDGE_OK) {
        free(doc->name);
        free(doc);
        return status;
    }
    *out = doc;
    return BRIDGE_OK;
}

enum bridge_status doc_load(const char *path, struct fault_list *faults, struct doc **out) {
    FILE *file = fopen(path, "re");
    if (!file) {
        faults_add(faults, path, 0, "cannot be opened: %s", strerrordesc_np(errno));
        return BRIDGE_ECONFIG;
    }
    enum bridge_status status = BRIDGE_ENOMEM;
    char *text = malloc(DOC_BYTES_MAX + 1);
    if (text) {
        const size_t len = fread(text, 1, DOC_BYTES_MAX + 1, file);
        if (ferror(file)) {
            faults_add(faults, path, 0, "cannot be read: %s", strerrordesc_np(errno));
            status = BRIDGE_ECONFIG;
        } else if (len > DOC_BYTES_MAX) {
            faults_add(faults, path, 0, "is larger than %d bytes", DOC_BYTES_MAX);
            status = BRIDGE_ECONFIG;
        } else {
            status = doc_parse(path, text, len, faults, out);
        }
    }
    free(text);
    (void)fclose(file);
    return status;
}

void doc_free(struct doc *doc) {
    if (doc) {
        yaml_document_delete(&doc->yaml);
        free(doc->name);
        free(doc);
    }
}

/* --- nodes ------------------------------------------------------------------------------- */

const doc_node *doc_root(struct doc *doc) {
    return yaml_document_get_root_node(&doc->yaml);
}

static const doc_node *node_at(struct doc *doc, int index) {
    return yaml_document_get_node(&doc->yaml, index);
}

/* Text with a NUL inside would be cut short in silence: it is none. */
const char *doc_scalar(const doc_node *node) {
    if (!node || node->type != YAML_SCALAR_NODE) {
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

int doc_line(const doc_node *node) {
    return node ? (int)node->start_mark.line + 1 : 0;
}

const char *doc_name(const struct doc *doc) {
    return doc->name;
}

size_t doc_fault_count(const struct doc *doc) {
    return doc->faults->count;
}

struct fault_list *doc_faults(struct doc *doc) {
    return doc->faults;
}

void doc_fault(struct doc *doc, const doc_node *node, const char *format, ...) {
    char text[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    faults_add(doc->faults, doc->name, doc_line(node), "%s", text);
}

void doc_path(struct doc *doc, char *path, size_t size) {
    const char *slash = strrchr(doc->name, '/');
    if (*path == '/' || *path == '\0' || !slash) {
        return;
    }
    char whole[PATH_MAX];
    const int len =
        snprintf(whole, sizeof whole, "%.*s/%s", (int)(slash - doc->name), doc->name, path);
    if (len < 0 || (size_t)len >= size || (size_t)len >= sizeof whole) {
        doc_fault(doc, NULL, "%s: with the folder of this file the path is too long", path);
        return;
    }
    memcpy(path, whole, (size_t)len + 1);
}

static bool is_map(const doc_node *node) {
    return node && node->type == YAML_MAPPING_NODE;
}

static const yaml_node_pair_t *find(struct doc *doc, const doc_node *map, const char *key) {
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const char *name = doc_scalar(node_at(doc, pair->key));
        if (name && strcmp(name, key) == 0) {
            return pair;
        }
    }
    return NULL;
}

const doc_node *doc_get(struct doc *doc, const doc_node *map, const char *key) {
    const yaml_node_pair_t *pair = is_map(map) ? find(doc, map, key) : NULL;
    return pair ? node_at(doc, pair->value) : NULL;
}

/* --- scalars ----------------------------------------------------------------------------- */

static bool parse_int(const char *text, int64_t *out) {
    const bool negative = *text == '-';
    const char *digits = text + negative;
    const int base = strncmp(digits, "0x", 2) == 0 ? 16 : 10;
    char *end = NULL;
    errno = 0;
    if (!isxdigit((unsigned char)*digits)) {
        return false;
    }
    *out = strtoll(text, &end, base);
    return errno == 0 && *end == '\0';
}

enum bridge_status duration_parse(const char *text, int64_t *ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end = NULL;
    errno = 0;
    const int64_t value = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : 0;
    if (!end) {
        return BRIDGE_EINVALID;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            int64_t product = 0;
            if (errno || __builtin_mul_overflow(value, units[i].ms, &product)) {
                return BRIDGE_ERANGE;
            }
            *ms = product;
            return BRIDGE_OK;
        }
    }
    return BRIDGE_EINVALID;
}

static int choice_index(const char *choices, const char *text) {
    const size_t len = strlen(text);
    int index = 0;
    for (const char *word = choices; word; index++) {
        const char *bar = strchr(word, '|');
        const size_t word_len = bar ? (size_t)(bar - word) : strlen(word);
        if (word_len == len && memcmp(word, text, len) == 0) {
            return index;
        }
        word = bar ? bar + 1 : NULL;
    }
    return -1;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_hex(const char *text, uint8_t *out, size_t len) {
    if (strlen(text) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_id(const char *text) {
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-_.")] == '\0';
}

static bool is_printable(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static const char *read_text(const struct field *field, const char *text, char *out) {
    const int64_t len = (int64_t)strlen(text);
    if (field->type == FIELD_ID && !is_id(text)) {
        return "may hold letters, digits, '-', '_' and '.' only";
    }
    if (!is_printable(text)) {
        return "holds a control character";
    }
    if (len < field->min || len > field->max) {
        return len < field->min ? "is too short" : "is too long";
    }
    memcpy(out, text, (size_t)len + 1);
    return NULL;
}

static const char *read_number(const struct field *field, const char *text, int64_t *out) {
    int64_t value = 0;
    enum bridge_status status = BRIDGE_OK;
    const char *want = "must be a whole number";
    if (field->type == FIELD_INT) {
        status = parse_int(text, &value) ? BRIDGE_OK : BRIDGE_EINVALID;
    } else if (field->type == FIELD_DURATION) {
        status = duration_parse(text, &value);
        want = "must be a duration such as 500ms, 60s, 5m, 1h or 60d";
    } else {
        status = decimal_parse(text, &value);
        want = "must be a decimal of at most six places";
    }
    if (status == BRIDGE_EINVALID) {
        return want;
    }
    if (status != BRIDGE_OK || value < field->min || value > field->max) {
        return "is out of range";
    }
    *out = value;
    return NULL;
}

/* Fills one scalar; returns NULL or what is wrong with the text. */
static const char *read_scalar(const struct field *field, const char *text, void *at) {
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_ID:
        return read_text(field, text, at);
    case FIELD_INT:
    case FIELD_DURATION:
    case FIELD_DECIMAL:
        return read_number(field, text, at);
    case FIELD_BOOL:
        *(bool *)at = strcmp(text, "true") == 0;
        return *(bool *)at || strcmp(text, "false") == 0 ? NULL : "must be true or false";
    case FIELD_RATIO:
        return ratio_parse(text, at) == BRIDGE_OK ? NULL
                                                  : "must be a ratio such as 1/100 or 0.1";
    case FIELD_CHOICE:
        *(int *)at = choice_index(field->choices, text);
        return *(int *)at >= 0 ? NULL : "is none of the choices";
    case FIELD_HEX:
        return parse_hex(text, at, (size_t)field->max) ? NULL
                                                       : "must be hex digits of exact length";
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_CUSTOM:
        break;
    }
    return "cannot be a plain value";
}

/* NOLINTBEGIN(misc-no-recursion): as deep as our own schemas nest, not as the file does */
/* --- fields ------------------------------------------------------------------------------ */

static void format_limit(const struct field *field, int64_t value, char *text, size_t size) {
    if (field->type == FIELD_DECIMAL) {
        decimal_format(value, text);
    } else if (field->type == FIELD_DURATION) {
        const bool whole = value >= 1000 && value % 1000 == 0;
        (void)snprintf(text, size, "%lld%s", (long long)(whole ? value / 1000 : value),
                       whole ? "s" : "ms");
    } else {
        (void)snprintf(text, size, "%lld", (long long)value);
    }
}

/* What a value may be, in words: "1..247", "low|high". Empty where there is nothing to say. */
static void describe(const struct field *field, char *text, size_t size) {
    char low[32];
    char high[32];
    format_limit(field, field->min, low, sizeof low);
    format_limit(field, field->max, high, sizeof high);
    switch (field->type) {
    case FIELD_INT:
    case FIELD_DURATION:
    case FIELD_DECIMAL:
        (void)snprintf(text, size, "%s to %s", low, high);
        break;
    case FIELD_TEXT:
    case FIELD_ID:
        (void)snprintf(text, size, "%s to %s characters", low, high);
        break;
    case FIELD_HEX:
        (void)snprintf(text, size, "%lld hex digits", (long long)field->max * 2);
        break;
    case FIELD_CHOICE:
        (void)snprintf(text, size, "%s", field->choices);
        break;
    case FIELD_BOOL:
    case FIELD_RATIO:
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_CUSTOM:
        text[0] = '\0';
        break;
    }
}

static void scalar_fault(struct doc *doc, const doc_node *node, const struct field *field,
                         const char *text, const char *what) {
    char range[400];
    describe(field, range, sizeof range);
    doc_fault(doc, node, "%s: \"%.60s\" %s%s%s%s", field->name, text, what, *range ? " (" : "",
              range, *range ? ")" : "");
}

static void read_list(struct doc *doc, const doc_node *node, const struct field *field,
                      void *out) {
    if (node->type != YAML_SEQUENCE_NODE) {
        doc_fault(doc, node, "%s: must be a list", field->name);
        return;
    }
    const yaml_node_item_t *start = node->data.sequence.items.start;
    const yaml_node_item_t *top = node->data.sequence.items.top;
    if (top - start < field->min || top - start > field->max) {
        doc_fault(doc, node, "%s: has %td elements, may have %lld to %lld", field->name,
                  top - start, (long long)field->min, (long long)field->max);
        return;
    }
    for (const yaml_node_item_t *item = start; item < top; item++) {
        field->item(doc, node_at(doc, *item), out);
    }
}

static void read_field(struct doc *doc, const doc_node *node, const struct field *field,
                       void *out) {
    void *at = (char *)out + field->offset;
    if (field->type == FIELD_MAP) {
        doc_read(doc, node, field->sub, at);
        return;
    }
    if (field->type == FIELD_LIST) {
        read_list(doc, node, field, out);
        return;
    }
    if (field->type == FIELD_CUSTOM) {
        field->item(doc, node, out);
        return;
    }
    const char *text = doc_scalar(node);
    if (!text) {
        doc_fault(doc, node, "%s: must be a single value", field->name);
        return;
    }
    const char *what = read_scalar(field, text, at);
    if (what) {
        scalar_fault(doc, node, field, text, what);
    }
}

static void apply_missing(struct doc *doc, const doc_node *map, const struct field *field,
                          void *out);

/* An absent section: its own defaults count. */
static void apply_missing_map(struct doc *doc, const doc_node *map, const struct schema *schema,
                              char *at) {
    for (; schema; at += schema->also_offset, schema = schema->also) {
        for (size_t i = 0; i < schema->count; i++) {
            apply_missing(doc, map, &schema->fields[i], at);
        }
    }
}

static void apply_missing(struct doc *doc, const doc_node *map, const struct field *field,
                          void *out) {
    char *at = (char *)out + field->offset;
    if (!field->fallback) {
        doc_fault(doc, map, "%s: is missing (%s)", field->name, field->help);
    } else if (field->type == FIELD_MAP) {
        apply_missing_map(doc, map, field->sub, at);
    } else if (field->type != FIELD_LIST && field->type != FIELD_CUSTOM) {
        const char *what = read_scalar(field, field->fallback, at);
        if (what && *field->fallback) { /* an empty default leaves the zeroed structure */
            doc_fault(doc, map, "%s: default \"%s\" %s", field->name, field->fallback, what);
        }
    }
}

static const struct field *field_named(const struct schema *schema, const char *name) {
    for (; schema; schema = schema->also) {
        for (size_t i = 0; i < schema->count; i++) {
            if (strcmp(schema->fields[i].name, name) == 0) {
                return &schema->fields[i];
            }
        }
    }
    return NULL;
}

static void check_keys(struct doc *doc, const doc_node *map, const struct schema *schema) {
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const doc_node *key = node_at(doc, pair->key);
        const char *name = doc_scalar(key);
        if (!name || !field_named(schema, name)) {
            doc_fault(doc, key, "unknown key \"%.60s\"", name ? name : "?");
        } else if (find(doc, map, name) != pair) {
            doc_fault(doc, key, "%s: is given twice", name);
        }
    }
}

void doc_read(struct doc *doc, const doc_node *node, const struct schema *schema, void *out) {
    if (!is_map(node)) {
        doc_fault(doc, node, "must be a mapping of keys and values");
        return;
    }
    check_keys(doc, node, schema);
    char *at = out;
    for (; schema; at += schema->also_offset, schema = schema->also) {
        for (size_t i = 0; i < schema->count; i++) {
            const struct field *field = &schema->fields[i];
            const doc_node *value = doc_get(doc, node, field->name);
            if (value) {
                read_field(doc, value, field, at);
            } else {
                apply_missing(doc, node, field, at);
            }
        }
    }
}

static void print_line(const struct field *field, const char *path, FILE *out) {
    char range[400];
    describe(field, range, sizeof range);
    (void)fprintf(out, "%-28s %s%s%s%s%s%s\n", path, field->help, *range ? "; " : "", range,
                  field->fallback ? "; default " : "; required",
                  field->fallback && *field->fallback ? field->fallback : "",
                  field->fallback && !*field->fallback ? "none" : "");
}

static void print_field(const struct field *field, const char *prefix, FILE *out) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s%s", prefix, field->name);
    if (field->type == FIELD_MAP) {
        (void)strncat(path, ".", sizeof path - strlen(path) - 1);
        schema_print(field->sub, path, out);
        return;
    }
    print_line(field, path, out);
    if (field->type == FIELD_LIST && field->sub) {
        (void)strncat(path, "[].", sizeof path - strlen(path) - 1);
        schema_print(field->sub, path, out);
    }
}
void schema_print(const struct schema *schema, const char *prefix, FILE *out) {
    for (; schema; schema = schema->also) {
        for (size_t i = 0; i < schema->count; i++) {
            print_field(&schema->fields[i], prefix, out);
        }
    }
}
/* NOLINTEND(misc-no-recursion) */
