/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/base/fault.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void faults_init(struct fault_list *list) {
    *list = (struct fault_list){0};
}

static size_t kept(const struct fault_list *list) {
    return list->count < FAULTS_MAX ? list->count : FAULTS_MAX;
}

void faults_done(struct fault_list *list) {
    for (size_t i = 0; i < kept(list); i++) {
        free(list->lines[i]);
    }
    free(list->lines);
    faults_init(list);
}

void faults_add(struct fault_list *list, const char *file, int line, const char *format, ...) {
    if (list->count >= FAULTS_MAX) {
        list->count++;
        return;
    }
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?'; /* a file may not forge lines or steer a terminal */
        }
    }

    char *whole = NULL;
    const int len = line > 0 ? asprintf(&whole, "%s:%d: %s", file, line, text)
                             : asprintf(&whole, "%s: %s", file, text);
    char **lines = realloc(list->lines, (list->count + 1) * sizeof *lines);
    if (len < 0 || !lines) {
        abort(); /* configuration is read at start: without memory there is no going on */
    }
    list->lines = lines;
    list->lines[list->count++] = whole;
}

void faults_print(const struct fault_list *list, FILE *out) {
    for (size_t i = 0; i < kept(list); i++) {
        (void)fprintf(out, "%s\n", list->lines[i]);
    }
    if (list->count > FAULTS_MAX) {
        (void)fprintf(out, "... and %zu more\n", list->count - FAULTS_MAX);
    }
}

bool faults_mention(const struct fault_list *list, const char *text) {
    for (size_t i = 0; i < kept(list); i++) {
        if (strstr(list->lines[i], text)) {
            return true;
        }
    }
    return false;
}
