/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/modbus/mbrtu_explain.h"

#include <string.h>

#include "bridges/modbus/mbrtu_frame.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    AT_FUNCTION = 1,
    AT_PDU = 2, /* what follows the function */
    AT_ADDRESS = 2,
    AT_COUNT = 4,
    AT_VALUE = 4,
    LEAST = 4,     /* unit, function, CRC */
    LONGEST = 264, /* what a byte count can declare at most: 7 + 255 + 2 */
    STRAY_MAX = 4, /* turn-around bytes looked for at each end */
    BITS_OF_A_READ = 2000,
    AT_WRITE_COUNT = 8, /* of function 17 */
    AT_WRITE_BYTES = 10,
    GROUP_BYTES = 7, /* of function 14 */
    GROUP_TYPE = 6,
    CODE_MASK = 0x7f
};

/* How long a frame declares to be. */
enum layout_kind {
    FIXED,   /* n bytes */
    COUNTED, /* as byte n says */
    WIDE,    /* as the two bytes at n say */
    OPEN     /* nobody knows; n at least */
};

enum content {
    READ_BITS,
    READ_REGISTERS,
    WRITE_COIL,
    WRITE_REGISTER,
    WRITE_BITS,
    WRITE_REGISTERS,
    READ_WRITE,
    READ_FIFO,
    READ_FILE,
    MASK_WRITE,
    IDENTIFY,
    PLAIN,
    UNKNOWN
};

struct function {
    uint8_t code;
    uint8_t content;      /* enum content */
    uint8_t request_kind; /* enum layout_kind */
    uint8_t request_n;
    uint8_t response_kind;
    uint8_t response_n;
    const char *name;
};

/* V1.1b3, 6.1-6.21. */
static const struct function functions[] = {
    {0x01, READ_BITS, FIXED, 8, COUNTED, 2, "read coils"},
    {0x02, READ_BITS, FIXED, 8, COUNTED, 2, "read discrete inputs"},
    {0x03, READ_REGISTERS, FIXED, 8, COUNTED, 2, "read holding registers"},
    {0x04, READ_REGISTERS, FIXED, 8, COUNTED, 2, "read input registers"},
    {0x05, WRITE_COIL, FIXED, 8, FIXED, 8, "write one coil"},
    {0x06, WRITE_REGISTER, FIXED, 8, FIXED, 8, "write one register"},
    {0x07, PLAIN, FIXED, 4, FIXED, 5, "read exception status"},
    {0x08, PLAIN, OPEN, 6, OPEN, 6, "diagnostics"},
    {0x0b, PLAIN, FIXED, 4, FIXED, 8, "get event counter"},
    {0x0c, PLAIN, FIXED, 4, COUNTED, 2, "get event log"},
    {0x0f, WRITE_BITS, COUNTED, 6, FIXED, 8, "write coils"},
    {0x10, WRITE_REGISTERS, COUNTED, 6, FIXED, 8, "write registers"},
    {0x11, PLAIN, FIXED, 4, COUNTED, 2, "report server id"},
    {0x14, READ_FILE, COUNTED, 2, COUNTED, 2, "read file record"},
    {0x15, PLAIN, COUNTED, 2, COUNTED, 2, "write file record"},
    {0x16, MASK_WRITE, FIXED, 10, FIXED, 10, "mask write register"},
    {0x17, READ_WRITE, COUNTED, 10, COUNTED, 2, "read and write registers"},
    {0x18, READ_FIFO, FIXED, 6, WIDE, 2, "read FIFO queue"},
    {0x2b, IDENTIFY, OPEN, 5, OPEN, 5, "encapsulated interface"},
};
static const struct function unknown_function = {
    0, UNKNOWN, OPEN, LEAST, OPEN, LEAST, "function of the maker"};

static const struct function *function_of(uint8_t code) {
    for (size_t i = 0; i < COUNT(functions); i++) {
        if (functions[i].code == code) {
            return &functions[i];
        }
    }
    return &unknown_function;
}

static bool is_public(uint8_t code) {
    return function_of(code)->content != UNKNOWN;
}

const char *mbrtu_exception_name(unsigned code) {
    static const char *const names[] = {
        "not of the standard", "illegal function",         "illegal data address",
        "illegal data value",  "device failure",           "acknowledge",
        "device busy",         "negative acknowledge",     "memory parity error",
        "not of the standard", "gateway path unavailable", "gateway target silent",
    };
    return names[code < COUNT(names) ? code : 0];
}

static uint16_t word_at(const uint8_t *buf, size_t at) {
    return (uint16_t)(buf[at] << 8 | buf[at + 1]);
}

uint16_t mbrtu_explained_register(const uint8_t *buf, const struct mbrtu_explanation *frame,
                                  size_t i) {
    return word_at(buf, frame->registers_at + 2 * i);
}

bool mbrtu_explained_bit(const uint8_t *buf, const struct mbrtu_explanation *frame, size_t i) {
    return buf[frame->bits_at + i / 8] >> i % 8 & 1;
}

/* --- sentences --------------------------------------------------------------------------- */

static void say(struct mbrtu_explanation *out, const char *text) {
    const size_t have = strlen(out->detail);
    const size_t room = sizeof out->detail - 1 - have;
    const size_t len = strlen(text) < room ? strlen(text) : room;
    memcpy(out->detail + have, text, len);
    out->detail[have + len] = '\0';
}

static void say_number(struct mbrtu_explanation *out, size_t number) {
    char text[21];
    size_t at = sizeof text - 1;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    say(out, text + at);
}

static void say_bytes(struct mbrtu_explanation *out, size_t count, const char *text) {
    say_number(out, count);
    say(out, count == 1 ? " byte" : " bytes");
    say(out, text);
}

static void say_hex(struct mbrtu_explanation *out, unsigned byte) {
    static const char digits[] = "0123456789abcdef";
    const char text[] = {digits[byte >> 4 & 0xf], digits[byte & 0xf], '\0'};
    say(out, text);
}

static void refuse(struct mbrtu_explanation *out, enum mbrtu_fault fault, const char *text) {
    out->fault = fault;
    out->detail[0] = '\0';
    say(out, text);
}

/* --- lengths ----------------------------------------------------------------------------- */

static bool crc_fits(const uint8_t *buf, size_t len) {
    return len >= LEAST && mbrtu_crc(buf, len - MBRTU_CRC_BYTES) ==
                               (buf[len - 2] | (unsigned)buf[len - 1] << 8);
}

/* The whole length; one greater than len while the bytes that tell it are missing. */
static size_t declared(enum layout_kind kind, size_t n, const uint8_t *buf, size_t len) {
    switch (kind) {
    case FIXED:
        return n;
    case COUNTED:
        return n + 1 + (len > n ? buf[n] : 0U) + MBRTU_CRC_BYTES;
    case WIDE:
        return n + 2 + (len > n + 1 ? word_at(buf, n) : 0U) + MBRTU_CRC_BYTES;
    case OPEN:
        break;
    }
    return len > n ? len : n;
}

/* Two zeros behind a whole frame leave its CRC right. */
static bool has_zeros_behind(const uint8_t *buf, size_t len) {
    return len >= LEAST + 2 && buf[len - 1] == 0 && buf[len - 2] == 0 && crc_fits(buf, len - 2);
}

static size_t declared_request(const struct function *function, const uint8_t *buf,
                               size_t len) {
    return declared((enum layout_kind)function->request_kind, function->request_n, buf, len);
}

static size_t declared_response(const struct function *function, const uint8_t *buf,
                                size_t len) {
    return declared((enum layout_kind)function->response_kind, function->response_n, buf, len);
}

/* An open function's CRC alone decides: it must not hold for less as well. */
static bool is_bounded(const struct function *function, const uint8_t *buf, size_t len) {
    return len <= LONGEST && (function->request_kind != OPEN ||
                              (len <= MBRTU_FRAME_MAX && !has_zeros_behind(buf, len)));
}

static bool fits_request(const struct function *function, const uint8_t *buf, size_t len) {
    return declared_request(function, buf, len) == len && is_bounded(function, buf, len);
}

static bool fits_response(const struct function *function, const uint8_t *buf, size_t len) {
    return declared_response(function, buf, len) == len && is_bounded(function, buf, len);
}

/* A code with the exception bit is an exception, unless it is one of a maker's own functions
 * (Acrel's tools use AA): then it is longer than one and leads to no function of the table. */
static bool is_exception(const uint8_t *buf, size_t len, enum mbrtu_role role) {
    const uint8_t code = buf[AT_FUNCTION];
    if (!(code & MBRTU_EXCEPTION_BIT)) {
        return false;
    }
    const bool may_be_private = !is_public(code & CODE_MASK) && code != 0xff;
    return !may_be_private || (len <= MBRTU_EXCEPTION_BYTES && role != MBRTU_ROLE_REQUEST);
}

/* Is this a whole frame by CRC and length, whatever its role? */
static bool is_whole(const uint8_t *buf, size_t len) {
    if (!crc_fits(buf, len) || (buf[AT_FUNCTION] & CODE_MASK) == 0) {
        return false;
    }
    if (is_exception(buf, len, MBRTU_ROLE_ANY)) {
        return len == MBRTU_EXCEPTION_BYTES;
    }
    const struct function *function = function_of(buf[AT_FUNCTION]);
    return fits_request(function, buf, len) || fits_response(function, buf, len);
}

/* The lengths a frame may have in this role, a request's first. */
static size_t lengths_of(const uint8_t *buf, size_t len, enum mbrtu_role role, size_t *whole) {
    if (is_exception(buf, len, role) || role == MBRTU_ROLE_EXCEPTION) {
        whole[0] = MBRTU_EXCEPTION_BYTES;
        return 1;
    }
    const struct function *function = function_of(buf[AT_FUNCTION]);
    size_t count = 0;
    if (role != MBRTU_ROLE_RESPONSE) {
        whole[count++] = declared_request(function, buf, len);
    }
    if (role != MBRTU_ROLE_REQUEST) {
        whole[count++] = declared_response(function, buf, len);
    }
    return count == 2 && whole[0] == whole[1] ? 1 : count;
}

/* Of bytes as long as a request: do they make sense as one? */
static bool may_be_request(const struct function *function, const uint8_t *buf, size_t len) {
    switch ((enum content)function->content) {
    case READ_BITS:
        return word_at(buf, AT_COUNT) >= 1 && word_at(buf, AT_COUNT) <= BITS_OF_A_READ;
    case READ_REGISTERS:
        return buf[AT_PDU] % 2 == 1 ||
               (word_at(buf, AT_COUNT) >= 1 && word_at(buf, AT_COUNT) <= MBRTU_REGISTERS_MAX);
    case READ_WRITE:
        return buf[AT_WRITE_BYTES] == 2 * word_at(buf, AT_WRITE_COUNT);
    case READ_FILE:
        for (size_t at = AT_PDU + 1; at + MBRTU_CRC_BYTES < len; at += GROUP_BYTES) {
            if (buf[at] != GROUP_TYPE) {
                return false;
            }
        }
        return buf[AT_PDU] % GROUP_BYTES == 0;
    case IDENTIFY:
        return len == 7;
    case WRITE_COIL:
    case WRITE_REGISTER:
    case WRITE_BITS:
    case WRITE_REGISTERS:
    case READ_FIFO:
    case MASK_WRITE:
    case PLAIN:
    case UNKNOWN:
        break;
    }
    return true;
}

/* Of bytes as long as a response: do they make sense as one? */
static bool may_be_response(const struct function *function, const uint8_t *buf) {
    switch ((enum content)function->content) {
    case READ_BITS:
        return buf[AT_PDU] > 0;
    case READ_REGISTERS:
    case READ_WRITE:
        return buf[AT_PDU] > 0 && buf[AT_PDU] % 2 == 0;
    case WRITE_COIL:
    case WRITE_REGISTER:
    case WRITE_BITS:
    case WRITE_REGISTERS:
    case READ_FIFO:
    case READ_FILE:
    case MASK_WRITE:
    case IDENTIFY:
    case PLAIN:
    case UNKNOWN:
        break;
    }
    return true;
}

/* --- what is wrong with bytes that are no frame ------------------------------------------ */

static bool is_stray(uint8_t byte) {
    return byte == 0x00 || byte == 0xff;
}

static void say_strays(struct mbrtu_explanation *out, size_t before, size_t behind) {
    refuse(out, MBRTU_FAULT_FRAME, "");
    if (before > 0) {
        say_bytes(out, before, " of 00 or ff before");
    }
    if (behind > 0) {
        say(out, before > 0 ? " and " : "");
        say_bytes(out, behind, " of 00 or ff behind");
    }
    say(out, " a whole frame: likely the turn-around of the converter, or missing bias");
}

/* Turn-around bytes at the ends of a whole frame. */
static bool find_strays(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    for (size_t before = 0; before <= STRAY_MAX && before < len; before++) {
        for (size_t behind = 0; behind <= STRAY_MAX && before + behind < len; behind++) {
            if (behind > 0 && !is_stray(buf[len - behind])) {
                break;
            }
            if (before + behind > 0 && is_whole(buf + before, len - before - behind)) {
                say_strays(out, before, behind);
                return true;
            }
        }
        if (!is_stray(buf[before])) {
            break;
        }
    }
    return false;
}

/* A whole frame at the start, and more behind it. */
static bool find_head(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    const struct function *function = function_of(buf[AT_FUNCTION]);
    const size_t lengths[] = {MBRTU_EXCEPTION_BYTES, declared_request(function, buf, len),
                              declared_response(function, buf, len)};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const size_t n = lengths[i];
        if (n >= len || !is_whole(buf, n)) {
            continue;
        }
        refuse(out, MBRTU_FAULT_FRAME, "");
        if (is_whole(buf + n, len - n)) {
            say(out, "two whole frames, of ");
            say_number(out, n);
            say(out, " and ");
            say_bytes(out, len - n,
                      ": likely the echo of the request before its answer; give one a line");
        } else {
            say_bytes(out, len - n, " too many behind a whole frame of ");
            say_bytes(out, n, "");
        }
        return true;
    }
    return false;
}

/* A whole frame at the end, and something before it. */
static bool find_tail(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    for (size_t at = 1; at + LEAST <= len; at++) {
        if (len - at <= LONGEST && is_whole(buf + at, len - at)) {
            refuse(out, MBRTU_FAULT_FRAME, "");
            say_bytes(out, at, " too many before a whole frame of ");
            say_bytes(out, len - at, ": noise, or the rest of another frame");
            return true;
        }
    }
    return false;
}

static uint8_t sum(const uint8_t *buf, size_t len) {
    unsigned total = 0;
    for (size_t i = 0; i < len; i++) {
        total += buf[i];
    }
    return (uint8_t)total;
}

/* Frames of 68 ... checksum 16. */
static const char *name_of_68(const uint8_t *buf, size_t len) {
    enum { M_BUS_FRAMING = 6, SECOND_68 = 7, CJT_HEAD = 11, TRAILER = 2 };
    if (len < M_BUS_FRAMING || buf[0] != 0x68 || buf[len - 1] != 0x16) {
        return NULL;
    }
    if (buf[1] == buf[2] && buf[3] == 0x68 && len == (size_t)buf[1] + M_BUS_FRAMING) {
        return "an M-Bus";
    }
    if (len > SECOND_68 && buf[SECOND_68] == 0x68) {
        return "a DL/T 645";
    }
    if (len >= CJT_HEAD + TRAILER && len == CJT_HEAD + TRAILER + (size_t)buf[CJT_HEAD - 1]) {
        return "a CJ/T 188";
    }
    return NULL;
}

/* NULL, or the protocol these bytes look like. */
static const char *other_protocol(const uint8_t *buf, size_t len) {
    enum { M_BUS_SHORT = 5, ASCII_LEAST = 9, MBAP = 6, MBAP_LENGTH = 4, MBAP_LEAST = 9 };
    if (len == 1 && buf[0] == 0xe5) {
        return "an M-Bus acknowledgement";
    }
    if (len == M_BUS_SHORT && buf[0] == 0x10 && buf[4] == 0x16 && buf[3] == sum(buf + 1, 2)) {
        return "an M-Bus";
    }
    if (len >= ASCII_LEAST && buf[0] == ':' && buf[len - 1] == '\n') {
        return "a Modbus ASCII";
    }
    if (len >= MBAP_LEAST && buf[2] == 0 && buf[3] == 0 &&
        (size_t)word_at(buf, MBAP_LENGTH) + MBAP == len) {
        return "a Modbus TCP";
    }
    size_t at = 0;
    while (at + 1 < len && buf[at] == 0xfe) { /* wake-up bytes */
        at++;
    }
    return len > 0 ? name_of_68(buf + at, len - at) : NULL;
}

static bool name_other_protocol(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    const char *name = other_protocol(buf, len);
    if (name) {
        refuse(out, MBRTU_FAULT_FRAME, "this looks like ");
        say(out, name);
        say(out, " frame, not Modbus RTU");
    }
    return name != NULL;
}

static bool crc_is_swapped(const uint8_t *buf, size_t len) {
    return mbrtu_crc(buf, len - MBRTU_CRC_BYTES) == word_at(buf, len - MBRTU_CRC_BYTES);
}

static void say_crc(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    const unsigned want = mbrtu_crc(buf, len - MBRTU_CRC_BYTES);
    refuse(out, MBRTU_FAULT_CHECKSUM, "the CRC is ");
    say_hex(out, buf[len - 2]);
    say_hex(out, buf[len - 1]);
    say(out, " and should be ");
    say_hex(out, want & 0xff);
    say_hex(out, want >> 8);
    say(out, crc_is_swapped(buf, len)
                 ? ": its bytes are swapped, Modbus sends the low byte first"
                 : ": a disturbed line, another baud rate or framing, two devices at once, or "
                   "a CRC made of other bytes");
}

static void say_incomplete(size_t len, size_t whole, struct mbrtu_explanation *out) {
    refuse(out, MBRTU_FAULT_INCOMPLETE, "");
    say_bytes(out, len, " of at least ");
    say_number(out, whole);
    say(out, ": the end is missing; cut in a log, a gap in the frame or a timeout too short");
}

static void say_length(const uint8_t *buf, size_t len, enum mbrtu_role role,
                       struct mbrtu_explanation *out) {
    size_t whole[2];
    const size_t count = lengths_of(buf, len, role, whole);
    refuse(out, MBRTU_FAULT_FRAME, "");
    say_bytes(out, len, ", but function ");
    say_hex(out, buf[AT_FUNCTION]);
    say(out, " with these bytes has ");
    for (size_t i = 0; i < count; i++) {
        say(out, i > 0 ? " or " : "");
        say_number(out, whole[i]);
    }
    say(out, out->crc_ok ? "; the CRC is right, so that it was sent like this"
                         : "; the CRC is wrong too: likely noise or another protocol");
}

static void say_too_long(size_t len, struct mbrtu_explanation *out) {
    refuse(out, MBRTU_FAULT_FRAME, "");
    say_bytes(out, len, ": no frame is longer than 256; give one a line");
}

/* One role's length is there, the other's is longer: was the other one cut? */
static bool is_cut(const uint8_t *buf, size_t len, const size_t *whole) {
    const struct function *function = function_of(buf[AT_FUNCTION]);
    if (whole[0] == len && whole[1] > len) {
        return !may_be_request(function, buf, len);
    }
    return whole[1] == len && whole[0] > len && !may_be_response(function, buf);
}

/* The CRC is wrong and no whole frame stands within: what do the lengths say? */
static void judge_length(const uint8_t *buf, size_t len, enum mbrtu_role role,
                         struct mbrtu_explanation *out) {
    size_t whole[2];
    const size_t count = lengths_of(buf, len, role, whole);
    bool is_exact = false;
    size_t missing = 0; /* the shortest length that is longer */
    for (size_t i = 0; i < count; i++) {
        is_exact |= whole[i] == len;
        missing = whole[i] > len && (missing == 0 || whole[i] < missing) ? whole[i] : missing;
    }
    if (is_exact && !(count == 2 && is_cut(buf, len, whole))) {
        say_crc(buf, len, out);
    } else if (missing > 0) {
        say_incomplete(len, missing, out);
    } else {
        say_length(buf, len, role, out);
    }
}

static void explain_damage(const uint8_t *buf, size_t len, enum mbrtu_role role,
                           struct mbrtu_explanation *out) {
    if (name_other_protocol(buf, len, out)) {
        return;
    }
    if (len < LEAST) {
        say_incomplete(len, LEAST, out);
    } else if (len > 2 * (size_t)LONGEST) {
        say_too_long(len, out);
    } else if (find_strays(buf, len, out) || find_head(buf, len, out) ||
               find_tail(buf, len, out)) {
        return;
    } else if (crc_is_swapped(buf, len)) {
        say_crc(buf, len, out);
    } else if ((buf[AT_FUNCTION] & CODE_MASK) == 0) {
        refuse(out, MBRTU_FAULT_FRAME, "there is no function 0, and the CRC is wrong: noise");
    } else {
        judge_length(buf, len, role, out);
    }
}

/* --- a frame whose CRC holds ------------------------------------------------------------- */

static void set_address(const uint8_t *buf, bool with_count, struct mbrtu_explanation *out) {
    out->has_address = true;
    out->address = word_at(buf, AT_ADDRESS);
    out->has_count = with_count;
    out->count = with_count ? word_at(buf, AT_COUNT) : 0;
}

static void set_registers(size_t at, size_t bytes, struct mbrtu_explanation *out) {
    if (bytes == 0 || bytes % 2 != 0) {
        refuse(out, MBRTU_FAULT_APPLICATION, "registers in ");
        say_bytes(out, bytes, ": each has two, and there is at least one");
        return;
    }
    out->registers_at = at;
    out->register_count = bytes / 2;
}

static void set_bits(size_t at, size_t count, struct mbrtu_explanation *out) {
    if (count == 0) {
        refuse(out, MBRTU_FAULT_APPLICATION, "no bits at all: there is at least one");
        return;
    }
    out->bits_at = at;
    out->bit_count = count;
}

static void set_data(size_t at, size_t len, struct mbrtu_explanation *out) {
    out->has_data = true;
    out->data_at = at;
    out->data_len = len - MBRTU_CRC_BYTES - at;
}

/* false: the byte count is not the one that the count needs. */
static bool agrees(size_t bytes, size_t needed, struct mbrtu_explanation *out) {
    if (bytes == needed) {
        return true;
    }
    refuse(out, MBRTU_FAULT_APPLICATION, "the byte count is ");
    say_number(out, bytes);
    say(out, ", the count needs ");
    say_number(out, needed);
    return false;
}

static void take_coil(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    const uint16_t value = word_at(buf, AT_VALUE);
    set_address(buf, false, out);
    if (value == 0xff00 || value == 0) {
        set_bits(AT_VALUE, 1, out);
    } else {
        set_data(AT_VALUE, len, out); /* relay boards have words of their own: 5500, 0100 */
    }
}

static void take_write(const struct function *function, const uint8_t *buf,
                       struct mbrtu_explanation *out) {
    enum { AT_BYTES = 6, AT_VALUES = 7 };
    set_address(buf, true, out);
    if (function->content == WRITE_BITS && agrees(buf[AT_BYTES], (out->count + 7U) / 8, out)) {
        set_bits(AT_VALUES, out->count, out);
    }
    if (function->content == WRITE_REGISTERS &&
        agrees(buf[AT_BYTES], (size_t)out->count * 2, out)) {
        set_registers(AT_VALUES, buf[AT_BYTES], out);
    }
}

static void take_request(const struct function *function, const uint8_t *buf, size_t len,
                         struct mbrtu_explanation *out) {
    switch ((enum content)function->content) {
    case READ_BITS:
    case READ_REGISTERS:
        set_address(buf, true, out);
        return;
    case WRITE_COIL:
        take_coil(buf, len, out);
        return;
    case WRITE_REGISTER:
        set_address(buf, false, out);
        set_registers(AT_VALUE, 2, out);
        return;
    case WRITE_BITS:
    case WRITE_REGISTERS:
        take_write(function, buf, out);
        return;
    case READ_WRITE:
        set_data(AT_PDU, len, out);
        if (agrees(buf[AT_WRITE_BYTES], (size_t)word_at(buf, AT_WRITE_COUNT) * 2, out)) {
            set_registers(AT_WRITE_BYTES + 1, buf[AT_WRITE_BYTES], out);
        }
        return;
    case MASK_WRITE:
    case READ_FIFO:
        set_address(buf, false, out);
        break;
    case READ_FILE:
    case IDENTIFY:
    case PLAIN:
    case UNKNOWN:
        break;
    }
    set_data(AT_PDU, len, out);
}

static void take_fifo(const uint8_t *buf, size_t len, struct mbrtu_explanation *out) {
    enum { AT_QUEUED = 4, AT_VALUES = 6 };
    set_data(AT_PDU, len, out);
    if (word_at(buf, AT_PDU) < 2) {
        refuse(out, MBRTU_FAULT_APPLICATION, "the count of queued registers is missing");
        return;
    }
    const size_t bytes = (size_t)word_at(buf, AT_QUEUED) * 2;
    if (agrees(word_at(buf, AT_PDU), bytes + 2, out) && bytes > 0) {
        set_registers(AT_VALUES, bytes, out);
    }
}

static void take_response(const struct function *function, const uint8_t *buf, size_t len,
                          struct mbrtu_explanation *out) {
    enum { AT_VALUES = 3 };
    switch ((enum content)function->content) {
    case READ_BITS:
        set_bits(AT_VALUES, (size_t)buf[AT_PDU] * 8, out);
        return;
    case READ_WRITE:
        set_data(AT_PDU, len, out);
        set_registers(AT_VALUES, buf[AT_PDU], out);
        return;
    case READ_REGISTERS:
        set_registers(AT_VALUES, buf[AT_PDU], out);
        return;
    case WRITE_BITS:
    case WRITE_REGISTERS:
        set_address(buf, true, out);
        return;
    case READ_FIFO:
        take_fifo(buf, len, out);
        return;
    case WRITE_COIL:
    case WRITE_REGISTER:
    case MASK_WRITE:
        take_request(function, buf, len, out); /* an echo */
        return;
    case READ_FILE:
    case IDENTIFY:
    case PLAIN:
    case UNKNOWN:
        break;
    }
    set_data(AT_PDU, len, out);
}

/* false: it cannot be what it was asked to be, or is nothing at all. */
static bool find_role(const struct function *function, const uint8_t *buf, size_t len,
                      enum mbrtu_role *role) {
    const bool request = *role != MBRTU_ROLE_RESPONSE && fits_request(function, buf, len);
    const bool response = *role != MBRTU_ROLE_REQUEST && fits_response(function, buf, len);
    if (*role == MBRTU_ROLE_EXCEPTION || (!request && !response)) {
        return false;
    }
    if (request && response && function->content == UNKNOWN) {
        return true; /* ANY */
    }
    const bool is_request = request && (!response || may_be_request(function, buf, len));
    *role = is_request ? MBRTU_ROLE_REQUEST : MBRTU_ROLE_RESPONSE;
    return true;
}

/* The CRC holds, the length or the role does not. */
static void explain_misfit(const uint8_t *buf, size_t len, enum mbrtu_role role,
                           struct mbrtu_explanation *out) {
    if (role != MBRTU_ROLE_ANY && is_whole(buf, len)) {
        refuse(out, MBRTU_FAULT_FRAME, "a whole frame, but not in the role that was asked for");
    } else if (len > LONGEST) {
        say_too_long(len, out);
    } else if (!find_strays(buf, len, out) && !find_head(buf, len, out)) {
        say_length(buf, len, role, out);
    }
}

static void explain_exception(const uint8_t *buf, size_t len, enum mbrtu_role role,
                              struct mbrtu_explanation *out) {
    out->function = buf[AT_FUNCTION] & CODE_MASK;
    out->function_name = function_of(out->function)->name;
    if (len != MBRTU_EXCEPTION_BYTES || role == MBRTU_ROLE_REQUEST) {
        explain_misfit(buf, len, role, out);
        return;
    }
    out->role = MBRTU_ROLE_EXCEPTION;
    out->has_exception = true;
    out->exception = buf[AT_PDU];
    out->exception_name = mbrtu_exception_name(out->exception);
}

static void explain_intact(const uint8_t *buf, size_t len, enum mbrtu_role role,
                           struct mbrtu_explanation *out) {
    const struct function *function = function_of(buf[AT_FUNCTION]);
    out->unit = buf[0];
    out->function = buf[AT_FUNCTION];
    out->function_name = function->name;
    if ((buf[AT_FUNCTION] & CODE_MASK) == 0) {
        refuse(out, MBRTU_FAULT_FRAME, "there is no function 0");
        return;
    }
    if (is_exception(buf, len, role)) {
        explain_exception(buf, len, role, out);
        return;
    }
    out->role = role;
    if (!find_role(function, buf, len, &out->role)) {
        out->role = MBRTU_ROLE_ANY;
        explain_misfit(buf, len, role, out);
    } else if (out->role == MBRTU_ROLE_RESPONSE) {
        take_response(function, buf, len, out);
    } else {
        take_request(function, buf, len, out);
    }
}

void mbrtu_explain(const uint8_t *buf, size_t len, enum mbrtu_role role,
                   struct mbrtu_explanation *out) {
    *out = (struct mbrtu_explanation){.crc_ok = crc_fits(buf, len)};
    if (out->crc_ok) {
        explain_intact(buf, len, role, out);
    } else {
        explain_damage(buf, len, role, out);
    }
}
