/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults a person will read: "file:line: message", all of a file at once. A list belongs to
 * its caller, grows on the heap up to FAULTS_MAX and counts what did not fit.
 */
#ifndef BRIDGES_BASE_FAULT_H
#define BRIDGES_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { FAULTS_MAX = 200 };

struct fault_list {
    char **lines; /* each "file:line: message", owned by the list */
    size_t count; /* of all faults, those beyond FAULTS_MAX included */
};

void faults_init(struct fault_list *list);
void faults_done(struct fault_list *list);

/* Adds one fault. line 0 = the file as a whole. */
void faults_add(struct fault_list *list, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes one fault a line. */
void faults_print(const struct fault_list *list, FILE *out);

/* Does any line hold this text? For tests. */
bool faults_mention(const struct fault_list *list, const char *text);

#endif
