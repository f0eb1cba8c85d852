/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan LINE: finds the M-Bus meters of a line, at primary addresses 0 to 250 and then by
 * secondary address. Every probe is listened to for the whole window, since several meters may
 * answer at once; an acknowledgement alone is nobody.
 */
#include "bridges/cli/scan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bridges/cli/mbus_target.h"
#include "bridges/cli/tell.h"
#include "bridges/mbus/mbus_frame.h"

enum {
    WINDOW_BITS = 330,
    WINDOW_US = 150000, /* 50 ms of EN 13757-2, and the converter */
    GAP_US = 60000,     /* 33 bits at 2400 baud and what slow meters do */
    TRIES = 2,
    PROBES_MAX = 1000000,
    ACK = 0xe5
};

/* --- one probe --------------------------------------------------------------------------- */

/* What came, and the frame in it without the bytes that a converter's turning makes. */
struct echo {
    enum mbus_heard heard;
    uint8_t bytes[BRIDGE_FRAME_MAX];
    size_t len;
    struct mbus_frame frame; /* of MBUS_HEARD_FRAME */
    bool has_header;
    struct mbus_header header;
};

static bool is_glitch(uint8_t byte) {
    return byte == 0x00 || byte == 0xff;
}

/* One whole frame of a meter and nothing else; the E5 of one, or of several at once. */
static enum mbus_heard judge(const uint8_t *bytes, size_t len, size_t *from) {
    for (*from = 0; *from < 2 && *from < len && (*from == 0 || is_glitch(bytes[0]));
         (*from)++) {
        size_t n = 0;
        const uint8_t *start = bytes + *from;
        const size_t rest = len - *from;
        const bool is_frame = mbus_frame(start, rest, FRAME_REPLY, &n) == BRIDGE_OK;
        if (is_frame && (n == rest || (n + 1 == rest && is_glitch(start[n])))) {
            return n == 1 ? MBUS_HEARD_ACK : MBUS_HEARD_FRAME;
        }
    }
    return len > 0 ? MBUS_HEARD_NOISE : MBUS_HEARD_NOTHING;
}

static void understand(struct echo *echo) {
    size_t from = 0;
    echo->heard = judge(echo->bytes, echo->len, &from);
    if (echo->heard != MBUS_HEARD_FRAME) {
        return;
    }
    if (mbus_frame_read(echo->bytes + from, echo->len - from, &echo->frame) != BRIDGE_OK) {
        echo->heard = MBUS_HEARD_NOISE;
        return;
    }
    const struct mbus_frame *frame = &echo->frame;
    echo->has_header =
        mbus_header_read(frame->ci, frame->data, frame->len, &echo->header) == BRIDGE_OK &&
        (echo->header.layout == MBUS_LONG_HEADER || echo->header.layout == MBUS_FIXED_HEADER);
}

static bool match_none(const struct exchange *exchange, const uint8_t *frame, size_t len) {
    (void)exchange;
    (void)frame;
    (void)len;
    return false;
}

static enum bridge_status probe(struct scan *scan, const uint8_t *request, size_t len,
                                struct echo *echo) {
    const int64_t timeout_ms = scan->session->options->timeout_ms;
    struct exchange exchange = {.request_len = len,
                                .reply_max = MBUS_FRAME_MAX,
                                .timeout_us = timeout_ms ? timeout_ms * 1000 : WINDOW_US,
                                .timeout_bits = timeout_ms ? 0 : WINDOW_BITS,
                                .match = match_none};
    memcpy(exchange.request, request, len);
    *echo = (struct echo){0};
    scan->probes++;
    enum bridge_status status =
        session_listen(scan->session, &exchange, GAP_US, echo->bytes, &echo->len);
    understand(echo);
    if (status == BRIDGE_EBABBLE) { /* many at once may talk for long */
        echo->heard = MBUS_HEARD_NOISE;
        status = BRIDGE_OK;
    }
    struct signalfd_siginfo stop;
    scan->is_stopped |= read(scan->stop_fd, &stop, sizeof stop) == (ssize_t)sizeof stop;
    return status;
}

/* --- what is found ----------------------------------------------------------------------- */

static bool is_same(const struct mbus_selection *a, const struct mbus_selection *b) {
    return a->id == b->id && a->manufacturer == b->manufacturer && a->version == b->version &&
           a->medium == b->medium && a->not_fabrication == b->not_fabrication;
}

/* The entry of this meter: the one with its id, else a new one; NULL when there is no room. */
static struct scan_meter *entry_of(struct scan *scan, const struct mbus_selection *id) {
    for (size_t i = 0; id && i < scan->count; i++) {
        if (scan->meters[i].has_id && is_same(&scan->meters[i].id, id)) {
            return &scan->meters[i];
        }
    }
    if (scan->count == SCAN_METERS_MAX) {
        return NULL;
    }
    struct scan_meter *meter = &scan->meters[scan->count++];
    *meter = (struct scan_meter){.has_id = id != NULL, .primary = -1};
    if (id) {
        meter->id = *id;
    }
    return meter;
}

/* selected: what was, NULL when the meter was asked by its primary address. */
static void note_answer(struct scan *scan, const struct echo *echo,
                        const struct mbus_selection *selected, int primary) {
    struct mbus_selection id =
        echo->has_header ? mbus_selection_of(&echo->header) : (struct mbus_selection){0};
    id.not_fabrication = selected ? selected->not_fabrication : 0;
    struct scan_meter *meter = entry_of(scan, echo->has_header ? &id : NULL);
    if (meter && primary >= 0) {
        meter->primary = primary;
    }
}

/* --- primary addresses ------------------------------------------------------------------- */

/* Asks until something comes, twice at most. */
static enum bridge_status ask(struct scan *scan, uint8_t c, uint8_t address,
                              struct echo *echo) {
    uint8_t request[MBUS_SHORT_BYTES];
    const size_t len = mbus_build_short(c, address, request);
    enum bridge_status status = BRIDGE_OK;
    echo->heard = MBUS_HEARD_NOTHING;
    for (int i = 0; i < TRIES && status == BRIDGE_OK && echo->heard == MBUS_HEARD_NOTHING;
         i++) {
        status = probe(scan, request, len, echo);
    }
    return status;
}

static enum bridge_status try_primary(struct scan *scan, uint8_t address) {
    struct echo echo;
    enum bridge_status status = ask(scan, MBUS_SND_NKE, address, &echo);
    if (status != BRIDGE_OK || echo.heard == MBUS_HEARD_NOTHING) {
        return status;
    }
    status = ask(scan, mbus_c_with_fcb(MBUS_REQ_UD2, true), address, &echo);
    if (status != BRIDGE_OK) {
        return status;
    }
    const bool is_one = echo.heard == MBUS_HEARD_FRAME && echo.frame.a == address;
    scan->primaries[address] = (uint8_t)(is_one                             ? SCAN_ONE
                                         : echo.heard == MBUS_HEARD_NOTHING ? SCAN_NO_DATA
                                                                            : SCAN_SEVERAL);
    if (is_one) {
        note_answer(scan, &echo, NULL, address);
    }
    return BRIDGE_OK;
}

static enum bridge_status scan_primaries(struct scan *scan) {
    enum bridge_status status = BRIDGE_OK;
    for (unsigned i = 0; i < SCAN_PRIMARIES && status == BRIDGE_OK && !scan->is_stopped; i++) {
        scan_tell_progress(scan, "primary addresses", i * 1000 / SCAN_PRIMARIES);
        status = try_primary(scan, (uint8_t)i);
    }
    return status;
}

/* --- secondary addresses ----------------------------------------------------------------- */

/* One that was selected by a part of its fabrication number is asked again by all of it. */
static bool is_numbered(const struct mbus_selection *selected) {
    uint32_t digits = mbus_selection_fabrication(selected);
    for (int i = 0; selected->not_fabrication && i < MBUS_ID_DIGITS; i++, digits >>= 4) {
        if ((digits & 0xf) == 0xf) {
            return false;
        }
    }
    return true;
}

static void note_selected(struct scan *scan, const struct echo *echo,
                          const struct mbus_selection *selected) {
    if (echo->heard == MBUS_HEARD_FRAME && echo->has_header &&
        echo->frame.a <= MBUS_ADDRESS_MAX && is_numbered(selected)) {
        note_answer(scan, echo, selected, echo->frame.a);
    }
}

/* What the search holds for meters, those heard alone and those it made sure of. */
static void keep_found(struct scan *scan) {
    for (size_t i = 0; i < scan->search.found_count; i++) {
        struct scan_meter *meter = entry_of(scan, &scan->search.found[i]);
        if (meter) {
            meter->is_selectable = true;
        }
    }
}

static enum bridge_status scan_secondaries(struct scan *scan) {
    const struct mbus_search_config config = {
        .probes_max = PROBES_MAX, .every_maker = scan->session->options->every_maker};
    struct mbus_probe step;
    enum bridge_status status = BRIDGE_OK;
    mbus_search_init(&scan->search, &config);
    while (status == BRIDGE_OK && !scan->is_stopped && mbus_search_next(&scan->search, &step)) {
        struct echo echo;
        scan_tell_progress(scan, "secondary addresses", mbus_search_progress(&scan->search));
        status = probe(scan, step.frame, step.len, &echo);
        if (status == BRIDGE_OK) {
            mbus_search_heard(&scan->search, echo.heard, echo.has_header ? &echo.header : NULL);
        }
        if (status == BRIDGE_OK && step.kind == MBUS_PROBE_READ) {
            note_selected(scan, &echo, &step.selection);
        }
    }
    keep_found(scan);
    return status;
}

/* --- the command ------------------------------------------------------------------------- */

static bool wants(const struct cli_options *options, const char *part) {
    return !options->only || strcmp(options->only, part) == 0;
}

static enum cli_exit run(struct scan *scan, const struct cli_options *options,
                         const char *line) {
    enum bridge_status status = BRIDGE_OK;
    scan->begun_us = session_now_us(scan->session);
    if (wants(options, "primary")) {
        status = scan_primaries(scan);
    }
    if (status == BRIDGE_OK && !scan->is_stopped && wants(options, "secondary")) {
        status = scan_secondaries(scan);
    }
    scan_tell_progress_end();
    scan_tell(scan);
    if (status != BRIDGE_OK) {
        return tell_failure(options, session_exit(status), scan->session->fault);
    }
    if (options->write_config && scan->count > 0) {
        const enum cli_exit code = scan_write_config(scan, line);
        if (code != CLI_OK) {
            return code;
        }
    }
    if (scan->is_stopped) {
        return tell_failure(options, CLI_TIMEOUT, "stopped before the end");
    }
    return scan->count > 0 ? CLI_OK : tell_failure(options, CLI_TIMEOUT, "no meter answers");
}

static enum cli_exit check_options(const struct cli_options *options) {
    if (options->protocol && strcmp(options->protocol, "mbus") != 0) {
        return tell_usage(options->protocol, "scan knows mbus");
    }
    if (options->only && strcmp(options->only, "primary") != 0 &&
        strcmp(options->only, "secondary") != 0) {
        return tell_usage("only", "is primary or secondary");
    }
    return CLI_OK;
}

/* From here on Ctrl-C is asked for between two probes, so that what was found is told. */
static int watch_stop(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

enum cli_exit cli_scan(const struct cli_options *options, int count, char **arguments) {
    struct session session;
    (void)count;
    enum cli_exit code = check_options(options);
    struct scan *scan = calloc(1, sizeof *scan);
    if (code != CLI_OK || !scan) {
        free(scan);
        return code != CLI_OK ? code : CLI_PORT;
    }
    code = session_open(&session, options, arguments[0], &mbus_target_line);
    if (code == CLI_OK) {
        scan->session = &session;
        scan->stop_fd = watch_stop();
        code = run(scan, options, arguments[0]);
        (void)close(scan->stop_fd);
        session_close(&session);
    }
    free(scan);
    return code;
}
