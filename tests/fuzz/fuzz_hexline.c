/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file for metergate-bus decode: the first byte says the role, the rest are its lines. Each
 * line that has something on it gives one answer, the one our own reading of it gives; each
 * frame is explained or refused with an error.
 */
#include <string.h>

#include "bridges/cli/decode.h"
#include "bridges/cli/hexline.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 8192, ROLES = 4 };

/* What a line holds: the place of its first character that is neither digit nor blank, or how
 * many digits there are. */
struct reading_of_line {
    size_t digits;
    size_t column; /* 0 = nothing strange */
};

static struct reading_of_line look(const uint8_t *line, size_t len) {
    struct reading_of_line out = {0};
    for (size_t i = 0; i < len && line[i] != '#'; i++) {
        if (line[i] && strchr("0123456789abcdefABCDEF", line[i])) {
            out.digits++;
        } else if (!line[i] || !strchr(" \t\r\v\f", line[i])) {
            out.column = i + 1;
            break;
        }
    }
    return out;
}

static void check_frame(const struct hexline *line, enum decode_role role) {
    struct decoded decoded = {.fields = json_object(), .names = json_object()};
    uint8_t *exact = malloc(line->len ? line->len : 1);
    FUZZ_CHECK(exact);
    memcpy(exact, line->bytes, line->len);
    const bool ok = decode_modbus(exact, line->len, role, &decoded);
    FUZZ_CHECK(ok == !json_object_get(decoded.fields, "error"));
    FUZZ_CHECK(!ok ||
               (line->len >= 4 && fuzz_crc(exact, line->len - 2) ==
                                      (exact[line->len - 2] | exact[line->len - 1] << 8)));
    char *text = json_dumps(decoded.fields, 0); /* the frame cannot break its JSON */
    FUZZ_CHECK(text);
    free(text);
    free(exact);
    json_decref(decoded.fields);
    json_decref(decoded.names);
}

static void check_line(FILE *in, const uint8_t *text, size_t len, enum decode_role role) {
    static struct hexline line;
    const struct reading_of_line expected = look(text, len);
    if (expected.digits == 0 && expected.column == 0) {
        return;
    }
    const enum hexline_answer answer = hexline_next(in, &line);
    if (expected.column > 0) {
        FUZZ_CHECK(answer == HEXLINE_NO_HEX && line.column == expected.column);
        FUZZ_CHECK(line.culprit == text[line.column - 1]);
    } else if (expected.digits % 2) {
        FUZZ_CHECK(answer == HEXLINE_ODD);
    } else {
        FUZZ_CHECK(answer == HEXLINE_FRAME && line.len == expected.digits / 2);
        check_frame(&line, role);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    if (size < 2 || size > INPUT_MAX) {
        return;
    }
    const enum decode_role role = (enum decode_role)(data[0] % ROLES);
    const uint8_t *at = data + 1;
    const uint8_t *end = data + size;
    uint8_t *bytes = malloc(size - 1);
    FUZZ_CHECK(bytes);
    memcpy(bytes, at, size - 1);
    FILE *in = fmemopen(bytes, size - 1, "rb");
    FUZZ_CHECK(in);
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline ? newline : end;
        check_line(in, at, (size_t)(stop - at), role);
        at = stop + 1;
    }
    static struct hexline line;
    FUZZ_CHECK(hexline_next(in, &line) == HEXLINE_END);
    (void)fclose(in);
    free(bytes);
}
