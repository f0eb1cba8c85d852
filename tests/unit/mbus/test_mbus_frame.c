/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/mbus/telegram.h"

enum { FRAME_BYTES = 300, HEX_BYTES = 2 * FRAME_BYTES + 1 };

struct frame_row {
    const char *name;
    enum frame_role role;
    enum mbus_frame_kind kind;
    const char *hex;
};

/* Real exchanges (PROTOCOLS.md 7 and 8, libmbus, gombus); sums by hand: C + A + ... modulo 256.
 */
static const struct frame_row frames[] = {
    {"ack", FRAME_REPLY, MBUS_ACK, "e5"},
    {"SND_NKE to 254", FRAME_REQUEST, MBUS_SHORT, "1040fe3e16"},
    {"REQ_UD2, FCB 0", FRAME_REQUEST, MBUS_SHORT, "105bfe5916"},
    {"REQ_UD2, FCB 1", FRAME_REQUEST, MBUS_SHORT, "107bfe7916"},
    {"select all", FRAME_REQUEST, MBUS_LONG, "680b0b6853fd52ffffffffffffffff9a16"},
    {"9600 baud", FRAME_REQUEST, MBUS_CONTROL, "680303685301bd1116"},
    {"an error without a code", FRAME_REPLY, MBUS_CONTROL, "680303680801707916"},
    {"application busy", FRAME_REPLY, MBUS_LONG,
     "6804046808017008"
     "8116"},
    {"fixed", FRAME_REPLY, MBUS_LONG,
     "6813136808057378563412"
     "0a00e97e01000000"
     "35010000"
     "3c16"},
    {"starts and stops within", FRAME_REPLY, MBUS_LONG,
     "68080868"
     "0801781668e51068"
     "5c"
     "16"},
};

static enum bridge_status frame_of(const uint8_t *data, size_t len, enum frame_role role,
                                   size_t *n) {
    uint8_t *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    if (len > 0) {
        memcpy(exact, data, len);
    }
    const enum bridge_status status = mbus_frame(exact, len, role, n);
    free(exact);
    return status;
}

Test(mbus_frame, finds_frames_by_their_length) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        struct bytes bytes = bytes_of(frames[i].hex);
        struct mbus_frame frame;
        size_t n = 0;
        cr_expect_eq(mbus_frame(bytes.data, bytes.len, frames[i].role, &n), BRIDGE_OK, "%s",
                     frames[i].name);
        cr_expect_eq(n, bytes.len, "%s", frames[i].name);
        cr_assert_eq(mbus_frame_read(bytes.data, bytes.len, &frame), BRIDGE_OK);
        cr_expect_eq(frame.kind, frames[i].kind, "%s", frames[i].name);
        bytes_free(&bytes);
    }
}

Test(mbus_frame, of_the_other_role_is_none) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        struct bytes bytes = bytes_of(frames[i].hex);
        size_t n;
        const enum frame_role other =
            frames[i].role == FRAME_REPLY ? FRAME_REQUEST : FRAME_REPLY;
        cr_expect_eq(mbus_frame(bytes.data, bytes.len, other, &n), BRIDGE_EFRAME, "%s",
                     frames[i].name);
        cr_expect_eq(mbus_frame_any(bytes.data, bytes.len, &n), BRIDGE_OK, "%s",
                     frames[i].name);
        bytes_free(&bytes);
    }
}

/* Every head of a frame asks for no more than is missing, and one step after another ends. */
Test(mbus_frame, says_how_many_bytes_are_missing_at_least) {
    for (size_t i = 0; i < ROWS(frames); i++) {
        struct bytes bytes = bytes_of(frames[i].hex);
        for (size_t len = 0; len < bytes.len; len++) {
            size_t n = 0;
            cr_expect_eq(frame_of(bytes.data, len, frames[i].role, &n), BRIDGE_MORE,
                         "%s cut to %zu", frames[i].name, len);
            cr_expect(n >= 1 && n <= bytes.len - len, "%s cut to %zu: %zu", frames[i].name, len,
                      n);
        }
        bytes_free(&bytes);
    }
    const uint8_t longest[] = {0x68, 0xff, 0xff, 0x68, 0x08};
    size_t n = 0;
    cr_expect_eq(frame_of(longest, sizeof longest, FRAME_REPLY, &n), BRIDGE_MORE);
    cr_expect_eq(n, 261 - 5);
    cr_expect_eq(MBUS_FRAME_MAX, 261);
}

Test(mbus_frame, rejects_every_single_bit_flip) {
    for (size_t i = 1; i < ROWS(frames); i++) {
        struct bytes bytes = bytes_of(frames[i].hex);
        for (size_t bit = 0; bit < bytes.len * 8; bit++) {
            size_t n = 0;
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            cr_expect_neq(mbus_frame(bytes.data, bytes.len, frames[i].role, &n), BRIDGE_OK,
                          "%s with bit %zu flipped", frames[i].name, bit);
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        bytes_free(&bytes);
    }
}

Test(mbus_frame, tells_a_wrong_checksum_from_what_is_no_frame) {
    static const struct {
        const char *hex;
        enum frame_role role;
        enum bridge_status status;
    } rows[] = {
        {"680b0b6853fd52ffffffffffffffff5016", FRAME_REQUEST, BRIDGE_ECHECKSUM},
        {"1040fe3f16", FRAME_REQUEST, BRIDGE_ECHECKSUM},
        {"1040fe3e17", FRAME_REQUEST, BRIDGE_EFRAME},       /* stop */
        {"680000680816", FRAME_REPLY, BRIDGE_EFRAME},       /* L = 0 */
        {"6802", FRAME_REPLY, BRIDGE_EFRAME},               /* no room for C, A, CI */
        {"680304", FRAME_REPLY, BRIDGE_EFRAME},             /* two lengths */
        {"68030310", FRAME_REPLY, BRIDGE_EFRAME},           /* no second start */
        {"680303680801707917", FRAME_REPLY, BRIDGE_EFRAME}, /* stop */
        {"6803036848017079", FRAME_REPLY, BRIDGE_EFRAME},   /* the master's direction */
        {"6803036888", FRAME_REPLY, BRIDGE_EFRAME},         /* bit 7 */
        {"00", FRAME_REPLY, BRIDGE_EFRAME},
        {"10", FRAME_REPLY, BRIDGE_EFRAME}, /* a meter sends none */
        {"e5", FRAME_REQUEST, BRIDGE_EFRAME},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bytes bytes = bytes_of(rows[i].hex);
        size_t n = 0;
        cr_expect_eq(mbus_frame(bytes.data, bytes.len, rows[i].role, &n), rows[i].status, "%s",
                     rows[i].hex);
        bytes_free(&bytes);
    }
}

/* --- streams ------------------------------------------------------------------------------ */

/* What a receiver comes out with: on noise it drops one byte and looks again, and a false
 * frame that never ends is given up with the line's silence. */
static void receive(const uint8_t *data, size_t len, char *text) {
    text[0] = '\0';
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        const enum bridge_status status = mbus_frame_any(data + at, len - at, &n);
        if (status != BRIDGE_OK) {
            at++;
            continue;
        }
        if (text[0]) {
            (void)strcat(text, " ");
        }
        (void)hex_of(data + at, n, text + strlen(text));
        at += n;
    }
}

Test(mbus_frame, is_found_among_noise_and_within_a_false_frame) {
    static const struct {
        const char *stream;
        const char *frames;
    } rows[] = {
        {"00e5", "e5"},
        {"0000001040fe3e16", "1040fe3e16"},
        {"6805076808017200007b16e5", "e5"},
        {"68040400105b015c16", "105b015c16"},
        {"e500105b015c16", "e5 105b015c16"},
        {"68680303680801707916", "680303680801707916"},
        {"6803680303680801707916ff", "680303680801707916"},
        {"680404680303680801707916", "680303680801707916"},
        {"680b0b68680303680801707916", "680303680801707916"},
        {"6803036808017078166803036808017079160000", "680303680801707916"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bytes bytes = bytes_of(rows[i].stream);
        char text[HEX_BYTES];
        receive(bytes.data, bytes.len, text);
        cr_expect_str_eq(text, rows[i].frames, "%s gives %s", rows[i].stream, text);
        bytes_free(&bytes);
    }
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(mbus_frame, never_reads_past_random_bytes) {
    uint32_t state = 1;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[64];
        const size_t len = next_random(&state) % sizeof bytes;
        const enum frame_role role = next_random(&state) % 2 ? FRAME_REPLY : FRAME_REQUEST;
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)next_random(&state);
        }
        if (len > 3 && i % 2) { /* half of them with a likely head */
            bytes[0] = bytes[3] = 0x68;
            bytes[2] = bytes[1] = (uint8_t)(next_random(&state) % 64);
        }
        size_t n = 0;
        const enum bridge_status status = frame_of(bytes, len, role, &n);
        cr_assert(status == BRIDGE_OK || status == BRIDGE_MORE || status == BRIDGE_EFRAME ||
                  status == BRIDGE_ECHECKSUM);
        cr_assert(status != BRIDGE_OK || (n >= 1 && n <= len));
        cr_assert(status != BRIDGE_MORE || (n >= 1 && len + n <= MBUS_FRAME_MAX));
    }
}

/* --- building and C ----------------------------------------------------------------------- */

Test(mbus_frame, is_built_from_its_parts) {
    for (size_t i = 1; i < ROWS(frames); i++) {
        struct bytes bytes = bytes_of(frames[i].hex);
        struct mbus_frame frame;
        uint8_t built[FRAME_BYTES];
        cr_assert_eq(mbus_frame_read(bytes.data, bytes.len, &frame), BRIDGE_OK);
        const size_t len =
            frame.kind == MBUS_SHORT
                ? mbus_build_short(frame.c, frame.a, built)
                : mbus_build_long(frame.c, frame.a, frame.ci, frame.data, frame.len, built);
        cr_expect_eq(len, bytes.len, "%s", frames[i].name);
        cr_expect_arr_eq(built, bytes.data, bytes.len, "%s", frames[i].name);
        bytes_free(&bytes);
    }
}

Test(mbus_frame, that_is_none_is_not_read) {
    static const uint8_t bytes[] = {0x68, 0x03, 0x03, 0x68, 0x08, 0x01, 0x70, 0x78, 0x16};
    struct mbus_frame frame;
    cr_expect_eq(mbus_frame_read(bytes, sizeof bytes, &frame), BRIDGE_ECHECKSUM);
    cr_expect_eq(mbus_frame_read(bytes, 5, &frame), BRIDGE_MORE);
}

Test(mbus_frame, is_built_at_its_longest) {
    uint8_t data[MBUS_DATA_MAX];
    uint8_t built[MBUS_FRAME_MAX];
    memset(data, 0xff, sizeof data);
    cr_expect_eq(mbus_build_long(0x08, 1, 0x72, data, sizeof data, built), MBUS_FRAME_MAX);
    size_t n = 0;
    cr_expect_eq(mbus_frame(built, sizeof built, FRAME_REPLY, &n), BRIDGE_OK);
    cr_expect_eq(n, MBUS_FRAME_MAX);
}

Test(mbus_frame, c_says_who_sends_and_what) {
    static const struct {
        uint8_t c;
        bool is_master, fcb, fcv, acd, dfc;
        const char *name;
    } rows[] = {
        {0x40, true, false, false, false, false, "SND_NKE"},
        {0x53, true, false, true, false, false, "SND_UD"},
        {0x73, true, true, true, false, false, "SND_UD"},
        {0x43, true, false, false, false, false, "SND_UD2"},
        {0x5b, true, false, true, false, false, "REQ_UD2"},
        {0x7b, true, true, true, false, false, "REQ_UD2"},
        {0x5a, true, false, true, false, false, "REQ_UD1"},
        {0x7a, true, true, true, false, false, "REQ_UD1"},
        {0x08, false, false, false, false, false, "RSP_UD"},
        {0x18, false, false, false, false, true, "RSP_UD"},
        {0x28, false, false, false, true, false, "RSP_UD"},
        {0x38, false, false, false, true, true, "RSP_UD"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const uint8_t c = rows[i].c;
        cr_expect_eq(mbus_is_from_master(c), rows[i].is_master, "%02x", c);
        cr_expect_eq(mbus_fcb(c), rows[i].fcb, "%02x", c);
        cr_expect_eq(mbus_fcv(c), rows[i].fcv, "%02x", c);
        cr_expect_eq(mbus_acd(c), rows[i].acd, "%02x", c);
        cr_expect_eq(mbus_dfc(c), rows[i].dfc, "%02x", c);
        cr_assert_not_null(mbus_c_name(c), "%02x", c);
        cr_expect_str_eq(mbus_c_name(c), rows[i].name, "%02x", c);
    }
    cr_expect_null(mbus_c_name(0x44)); /* of the radio */
    cr_expect_null(mbus_c_name(0x00));
    cr_expect_eq(mbus_c_with_fcb(MBUS_REQ_UD2, true), 0x7b);
    cr_expect_eq(mbus_c_with_fcb(0x7b, false), 0x5b);
    cr_expect_eq(mbus_c_with_fcb(MBUS_SND_UD, true), 0x73);
}
