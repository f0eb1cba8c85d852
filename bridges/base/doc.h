/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file read by a table. Each key of a mapping is one struct field: name, type, default,
 * range and help stand in one line, so that the reader, the error messages and the printed
 * reference cannot disagree. Reading never stops at the first fault: every fault of a file
 * comes out at once as "file:line: message".
 *
 * A caller fills a plain structure:
 *
 *   static const struct field fields[] = {
 *       {"period", FIELD_DURATION, offsetof(struct s, period_ms), "60s", 1000, 86400000,
 * "..."},
 *   };
 *   doc_read(doc, doc_root(doc), &(struct schema){fields, 1}, &s);
 */
#ifndef BRIDGES_BASE_DOC_H
#define BRIDGES_BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bridges/base/fault.h"
#include "bridges/base/status.h"

enum { DOC_BYTES_MAX = 1024 * 1024 };

struct doc;
typedef struct yaml_node_s doc_node; /* libyaml's node; opaque here */

enum field_type {
    FIELD_TEXT,     /* char[max + 1]; min..max characters, printable */
    FIELD_ID,       /* char[max + 1]; as TEXT, of letters, digits, '-', '_', '.' only */
    FIELD_INT,      /* int64_t; decimal or 0x..; min..max */
    FIELD_BOOL,     /* bool; true or false */
    FIELD_DURATION, /* int64_t ms; "500ms", "60s", "5m", "1h", "60d"; min..max in ms */
    FIELD_DECIMAL,  /* int64_t micro-units; min..max in micro-units */
    FIELD_RATIO,    /* struct ratio; "1/100", "0.1", "3" */
    FIELD_CHOICE,   /* int; the index in choices, words separated by '|' */
    FIELD_HEX,      /* uint8_t[max]; exactly 2 * max hex digits */
    FIELD_MAP,      /* the structure at offset, read by sub */
    FIELD_LIST,     /* calls item for each element; min..max elements */
    FIELD_CUSTOM    /* calls item for the node itself */
};

struct schema;

struct field {
    const char *name;
    enum field_type type;
    size_t offset;        /* in the structure being filled */
    const char *fallback; /* what counts when the key is missing; NULL = the key is required */
    int64_t min;
    int64_t max;
    const char *help;
    const char *choices;      /* CHOICE */
    const struct schema *sub; /* MAP; LIST: of an element, for the printed reference */
    /* LIST, CUSTOM: out is the structure being filled; adds its own faults */
    void (*item)(struct doc *doc, const doc_node *node, void *out);
};

struct schema {
    const struct field *fields;
    size_t count;
    const struct schema *also; /* further keys of the same mapping; NULL = none */
    size_t also_offset;        /* where their structure stands in the one being filled */
};

/*
 * Reads and parses a file (at most DOC_BYTES_MAX). Faults go to *faults, which must outlive
 * the document. BRIDGE_ECONFIG: not readable or not YAML, said in *faults.
 */
MUST_CHECK enum bridge_status doc_load(const char *path, struct fault_list *faults,
                                       struct doc **out);
/* The same from memory; name stands for the file in messages. */
MUST_CHECK enum bridge_status doc_parse(const char *name, const char *text, size_t len,
                                        struct fault_list *faults, struct doc **out);
void doc_free(struct doc *doc);

const doc_node *doc_root(struct doc *doc);

/* Fills *out from a mapping. Faults are added to the document's list. */
void doc_read(struct doc *doc, const doc_node *node, const struct schema *schema, void *out);

/* The text of a scalar, NULL for anything else. Lives as long as the document. */
const char *doc_scalar(const doc_node *node);
/* The value of a key in a mapping, NULL when there is none. */
const doc_node *doc_get(struct doc *doc, const doc_node *map, const char *key);

/* Adds a fault at a node's line. node NULL = the file. */
void doc_fault(struct doc *doc, const doc_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t doc_fault_count(const struct doc *doc);
struct fault_list *doc_faults(struct doc *doc);
/* A relative path in a file is meant from where the file stands: makes it so. path holds size
 * bytes; one that gets too long is a fault. */
void doc_path(struct doc *doc, char *path, size_t size);

int doc_line(const doc_node *node);
const char *doc_name(const struct doc *doc);

/* Prints the reference of a schema, one key a line, nested keys with a path. */
void schema_print(const struct schema *schema, const char *prefix, FILE *out);

/* "500ms" -> 500. BRIDGE_EINVALID: no number with a unit. BRIDGE_ERANGE: too large. */
MUST_CHECK enum bridge_status duration_parse(const char *text, int64_t *ms);

#endif
