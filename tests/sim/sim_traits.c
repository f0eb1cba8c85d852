/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_traits.h"

#include <ctype.h>
#include <string.h>

#include "bridges/mbus/mbus_frame.h"

enum { TIME_MAX_MS = 3600000, CLOCK_MAX_S = 315360000, TARIFFS_MAX = 63 };

const struct sim_traits sim_traits_default = {.travel_ms = SIM_UNSET,
                                              .button_ms = SIM_UNSET,
                                              .turnaround_ms = SIM_UNSET,
                                              .version = SIM_UNSET,
                                              .medium = SIM_UNSET,
                                              .telegrams = 1,
                                              .password = "000000",
                                              .tariffs = 4};

static int nibble(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Blanks may stand between bytes. false: no hex, or too much of it. */
static bool read_hex(const char *text, struct sim_traits *traits) {
    traits->telegram_len = 0;
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        const int high = nibble(text[0]);
        const int low = high < 0 ? -1 : nibble(text[1]);
        if (low < 0 || traits->telegram_len == SIM_TELEGRAM_MAX) {
            return false;
        }
        traits->telegram[traits->telegram_len++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return true;
}

static bool is_whole(const struct sim_traits *traits) {
    struct mbus_frame frame;
    size_t n = 0;
    return mbus_frame(traits->telegram, traits->telegram_len, FRAME_REPLY, &n) == BRIDGE_OK &&
           n == traits->telegram_len &&
           mbus_frame_read(traits->telegram, n, &frame) == BRIDGE_OK && frame.kind == MBUS_LONG;
}

static void read_telegram(struct doc *doc, const doc_node *node, void *out) {
    struct sim_traits *traits = out;
    const char *text = doc_scalar(node);
    if (!text || !read_hex(text, traits) || !is_whole(traits)) {
        doc_fault(doc, node, "telegram: that is no whole long frame of an M-Bus meter in hex");
        traits->telegram_len = 0;
    }
}

static const struct field fields[] = {
    {"clock", FIELD_INT, offsetof(struct sim_traits, clock_s), "0", -CLOCK_MAX_S, CLOCK_MAX_S,
     "seconds its clock is ahead of UTC at the start", NULL, NULL, NULL},
    {"drift", FIELD_INT, offsetof(struct sim_traits, drift_ppm), "0", -1000000, 1000000,
     "ppm its clock runs too fast", NULL, NULL, NULL},
    {"travel", FIELD_DURATION, offsetof(struct sim_traits, travel_ms), "", 0, TIME_MAX_MS,
     "what relay or valve need to move", NULL, NULL, NULL},
    {"button", FIELD_DURATION, offsetof(struct sim_traits, button_ms), "", 0, TIME_MAX_MS,
     "when somebody presses it after closing was permitted", NULL, NULL, NULL},
    {"turnaround", FIELD_DURATION, offsetof(struct sim_traits, turnaround_ms), "", 0, 10000,
     "of this meter", NULL, NULL, NULL},
    {"manufacturer", FIELD_ID, offsetof(struct sim_traits, manufacturer), "", 3,
     SIM_MANUFACTURER_MAX, "M-Bus: three letters", NULL, NULL, NULL},
    {"version", FIELD_INT, offsetof(struct sim_traits, version), "", 0, 255, "M-Bus", NULL,
     NULL, NULL},
    {"medium", FIELD_INT, offsetof(struct sim_traits, medium), "", 0, 255, "M-Bus", NULL, NULL,
     NULL},
    {"fabrication", FIELD_ID, offsetof(struct sim_traits, fabrication), "", 1,
     SIM_FABRICATION_MAX, "M-Bus: the number of enhanced selection", NULL, NULL, NULL},
    {"telegrams", FIELD_INT, offsetof(struct sim_traits, telegrams), "1", 1, SIM_TELEGRAMS_MAX,
     "M-Bus: of one readout", NULL, NULL, NULL},
    {"no_fcb", FIELD_BOOL, offsetof(struct sim_traits, has_no_fcb), "false", 0, 0,
     "M-Bus: knows no frame count bit, always sends the first telegram", NULL, NULL, NULL},
    {"telegram", FIELD_CUSTOM, 0, "", 0, 0, "M-Bus: a real one in hex, readings replaced", NULL,
     NULL, read_telegram},
    {"password", FIELD_ID, offsetof(struct sim_traits, password), "000000", SIM_PASSWORD_MAX,
     SIM_PASSWORD_MAX, "DL/T 645: six digits", NULL, NULL, NULL},
    {"prepaid", FIELD_CHOICE, offsetof(struct sim_traits, prepaid), "no", 0, 0,
     "DL/T 645: the account that its status word 3 says it keeps", "no|energy|money", NULL,
     NULL},
    {"tariffs", FIELD_INT, offsetof(struct sim_traits, tariffs), "4", 0, TARIFFS_MAX,
     "DL/T 645: in a block of energies", NULL, NULL, NULL},
    {"order", FIELD_CHOICE, offsetof(struct sim_traits, order), "big", 0, 0,
     "CJ/T 188: which byte of an identifier goes first, where the model leaves it open",
     "big|little", NULL, NULL},
    {"unit", FIELD_CHOICE, offsetof(struct sim_traits, unit), "m3", 0, 0,
     "CJ/T 188: what volume is shown in", "m3|l", NULL, NULL},
    {"no_ser", FIELD_BOOL, offsetof(struct sim_traits, has_no_ser), "false", 0, 0,
     "CJ/T 188: gives 00 back as SER", NULL, NULL, NULL},
};
const struct schema sim_traits_schema = {fields, sizeof fields / sizeof *fields, NULL, 0};
