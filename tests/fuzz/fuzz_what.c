/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to read, as an installer types it, then a NUL and the registers of the answer. What is
 * accepted fits into one request of the standard, and each of its values has a text.
 */
#include <string.h>

#include "bridges/cli/what.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 400, TEXT_MAX = 24, WORDS_MAX = 4 };

/* The limits of the standard (V1.1b3, 6.1 to 6.4). */
static void check_range(const struct what *what) {
    FUZZ_CHECK(what->function >= 1 && what->function <= 4);
    FUZZ_CHECK(what->is_bits == (what->function <= 2));
    FUZZ_CHECK(what->count >= 1 && what->count <= (what->is_bits ? 2000 : 125));
    FUZZ_CHECK(what->start + what->count <= 0x10000);
    FUZZ_CHECK(what_bytes(what) <= 250);
    FUZZ_CHECK(what->words >= 1 && what->words <= WORDS_MAX);
    FUZZ_CHECK(!what->is_bits || !what->is_typed);
    FUZZ_CHECK(what->count % what->words == 0);
}

static void check_value(const struct what *what, struct fuzz_input *registers) {
    uint16_t words[WORDS_MAX];
    char text[TEXT_MAX];
    for (size_t i = 0; i < what->words; i++) {
        words[i] = (uint16_t)(fuzz_byte(registers) << 8);
        words[i] |= fuzz_byte(registers);
    }
    memset(text, 'x', sizeof text);
    if (what->is_typed && what_format(what, words, text, sizeof text)) {
        FUZZ_CHECK(memchr(text, '\0', sizeof text));
        FUZZ_CHECK(strspn(text, "-.0123456789") == strlen(text) && *text);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct what what;
    if (size > INPUT_MAX) {
        return;
    }
    char *text = fuzz_text(data, size);
    const size_t len = strlen(text);
    const char *fault = what_parse(text, &what);
    if (fault) {
        FUZZ_CHECK(*fault);
    } else {
        struct fuzz_input rest = {.data = data + len, .size = size - len};
        (void)fuzz_byte(&rest);
        check_range(&what);
        check_value(&what, &rest);
    }
    free(text);
}
